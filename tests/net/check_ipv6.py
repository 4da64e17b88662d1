"""IPv6: firewalls that are punched as NATs are, networks behind a NAT64, one side without IPv4 and the other without IPv6."""

import json
import os
import subprocess

import daemons
import ns
import proc
from check import ROOT, Skip, check
from lab import find_program

SCRIPT = os.path.join(ROOT, "tests/net/lib/nat64.sh")
PUB4, PUB6, TURN4, TURN6 = "203.0.113.66", "2001:db8:ff::66", "203.0.113.67", "2001:db8:ff::67"
HA6, HB6 = "2001:db8:a::2", "2001:db8:b::2"
RANDOM = ("fully-random", "fully-random")


# ---- the kernel's stateful firewall on both sides ----

def _lab(t, **kw):
    """Two homes with both families, each behind a firewall that lets in what was asked for; the public host has both, too."""
    lab = t.lab(stranger=True, ipv6=True, **kw)
    for ip in (TURN4 + "/24", PUB6 + "/64", TURN6 + "/64"):
        lab.pub.run(["ip", "addr", "add", ip, "dev", "wan"] + (["nodad"] if ":" in ip else []))
    for net, via in (("2001:db8:a::/64", "2001:db8:ff::10"), ("2001:db8:b::/64", "2001:db8:ff::20")):
        lab.pub.run(["ip", "route", "add", net, "via", via])
    return lab


def _without(lab, family, *hosts):
    for h in hosts:
        lab.spaces[h].run(["ip", f"-{family}", "addr", "flush", "dev", "lan"])


def _mediator(lab, *ips):
    words = [w for ip in ips for w in ("--listen", ip)]
    p = proc.Proc(lab, lab.pub, "mediator", [find_program("ADIT", "adit"), "mediator", *words])
    p.expect("ready", where="err")
    return p


def _meet(lab, serve_args, connect_args, within=30):
    proc.start_target(lab, lab.hb, "pump", "8000")
    b, a = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    serve = b.serve("pump=8000", args=serve_args)
    connect = a.connect(proc.serve_ticket(serve), "7100:pump", args=connect_args)
    proc.first_echo(lab.ha, 7100, within, (connect, serve)).close()
    return json.loads(a.run("status", "--json")[1]), connect, serve


def _relays(lab, *uris):
    path = lab.path("relays")
    with open(path, "w") as f:
        f.writelines(f"{uri} ann secret\n" for uri in uris)
    os.chmod(path, 0o600)
    return "--relay-file", path


def _transfer(lab, size=4 << 20):
    """Each way, every byte compared."""
    proc.get(proc.dial(lab.ha, 7100, f"get {size}"), size)
    proc.put(proc.dial(lab.ha, 7100, "put"), size)


def _relayed_family(status, family):
    """The family of the two addresses between which the relay carries."""
    where = {"4": ".", "6": "["}[family]
    return where in status["local"] and where in status["remote"]


def _remote(status):
    return status["remote"]


@check("v6 x v6, a firewall before each: both let in only what they have asked for, and the two meet through a mediator")
def firewalls(t):
    lab = _lab(t)
    _without(lab, 4, "ha", "hb")
    _mediator(lab, f"[{PUB6}]")
    status, connect, serve = _meet(lab, ("--mediator", f"[{PUB6}]"), ("--mediator", f"[{PUB6}]"))
    assert status["how"] == "ipv6" and _remote(status).startswith(f"[{HB6}]"), status
    t.note(f"{status['took_ms']:.0f} ms")


@check("both families, NATs that no search gets through: IPv6 past both firewalls is what is taken")
def ipv6_first(t):
    lab = _lab(t, nat=RANDOM)
    _mediator(lab, PUB4, f"[{PUB6}]")
    ns.name_host("med.adit.test", PUB4, PUB6)
    words = ("--mediator", "med.adit.test")
    status, connect, serve = _meet(lab, words, words)
    assert status["how"] == "ipv6", status


@check("without any server: two firewalls, --peer with an IPv6 address on both sides")
def serverless(t):
    lab = _lab(t)
    _without(lab, 4, "ha", "hb")
    status, connect, serve = _meet(lab, ("--peer", HA6), ("--peer", HB6))
    assert status["how"] in ("steady", "slot") and _remote(status).startswith(f"[{HB6}]"), status


@check("an address that is on its way out (deprecated, as a temporary one is at the end) is not told: what is met is the stable one", kind="cpu")
def stable(t):
    lab = _lab(t)
    _without(lab, 4, "ha", "hb")
    lab.hb.run(["ip", "addr", "add", "2001:db8:b::dead/64", "dev", "lan", "nodad", "preferred_lft", "0", "valid_lft", "3600"])
    _mediator(lab, f"[{PUB6}]")
    status, connect, serve = _meet(lab, ("--mediator", f"[{PUB6}]"), ("--mediator", f"[{PUB6}]", "-v"))
    assert status["how"] == "ipv6" and _remote(status).startswith(f"[{HB6}]"), status
    assert "b::dead" not in connect.err(), connect.err()


@check("v6-only x v4-only: no way leads directly, so it goes through the v6-only side's relay, whose name has addresses of both families")
def two_families(t):
    lab = _lab(t)
    _without(lab, 4, "ha")
    _without(lab, 6, "hb")
    _mediator(lab, PUB4, f"[{PUB6}]")
    daemons.start_turn(lab, lab.pub, [TURN4, TURN6])
    ns.name_host("med.adit.test", PUB4, PUB6)
    ns.name_host("turn.adit.test", TURN4, TURN6)
    words = ("--mediator", "med.adit.test")
    status, connect, serve = _meet(lab, words, (*words, *_relays(lab, "turn:turn.adit.test")))
    assert status["how"] == "relayed" and status["relay"]["server"].startswith(f"[{TURN6}]"), status


for _transport in ("udp", "tcp"):
    def _run(t, transport=_transport):
        lab = _lab(t)
        _without(lab, 4, "ha")
        _without(lab, 6, "hb")
        _mediator(lab, PUB4, f"[{PUB6}]")
        daemons.start_turn(lab, lab.pub, [TURN4, TURN6], "-E", TURN4, "-E", TURN6)
        ns.name_host("med.adit.test", PUB4, PUB6)
        words = ("--mediator", "med.adit.test")
        uri = f"turn:[{TURN6}]" + ("?transport=tcp" if transport == "tcp" else "")
        status, connect, serve = _meet(lab, words, (*words, *_relays(lab, uri)))
        relay = status["relay"]
        # One allocation made over IPv6 has an address of each family (RFC 8656 7.2), and the IPv4 one leads to the peer.
        assert relay["server"].startswith(f"[{TURN6}]") and relay["transport"] == transport, status
        assert relay["relayed_v4"].startswith(TURN4) and relay["relayed_v6"].startswith(f"[{TURN6}]"), status
        assert status["how"] == "relayed" and _relayed_family(status, "4"), status
        _transfer(lab)
    check(f"v6-only x v4-only through the v6-only side's relay over {_transport.upper()}: one allocation of both families, whose IPv4 "
          "address leads to the peer", name=f"dual_{_transport}")(_run)


@check("v6-only x v6-only behind firewalls that drop UDP between each other: relay to relay over IPv6, every byte right")
def relay_v6(t):
    lab = _lab(t)
    _without(lab, 4, "ha", "hb")
    _mediator(lab, f"[{PUB6}]")
    daemons.start_turn(lab, lab.pub, [TURN6], "-E", TURN6)
    for r, other in (("ra", HB6), ("rb", HA6)):
        lab.spaces[r].run(["nft", "-f", "-"], input=f"""
            table inet nodirect {{
                chain f {{ type filter hook forward priority -10; ip6 daddr {other} drop; ip6 saddr {other} drop; }}
            }}""")
    words = ("--mediator", f"[{PUB6}]", *_relays(lab, f"turn:[{TURN6}]"))
    status, connect, serve = _meet(lab, words, words)
    assert status["how"] == "relayed" and _relayed_family(status, "6"), status
    assert status["relay"]["relayed_v6"].startswith(f"[{TURN6}]"), status
    _transfer(lab)


# ---- NAT64: the zoo's, in a bottle ----

BOTTLE = """
    net internet 203.0.113.0/24
    net a-lan 2001:db8:a::/64
    host pub on internet 203.0.113.66
    host a on a-lan
    router ra nat nat64{prefix} inside a-lan outside internet 203.0.113.10
    {far}
    link internet delay 10ms
    run pub: exec "$ADIT" mediator --listen 203.0.113.66 >/run/mediator.log 2>&1
    run b: exec {script} serve {serve}
    main a: exec {script} fetch {connect}
"""
HOME = """net b-lan 192.168.2.0/24
    host b on b-lan
    router rb nat {species} inside b-lan outside internet 203.0.113.20"""
PUBLIC = "host b on internet 203.0.113.20"


KNOWN = ("64:ff9b::192.0.0.170", "64:ff9b::192.0.0.171")


def _run(text, known):
    program = find_program("ADIT_LAB", "adit-lab")
    if not program:
        raise Skip("adit-lab is not built")
    env = dict(os.environ, ADIT=find_program("ADIT", "adit"), IPV4ONLY=" ".join(known))
    r = subprocess.run([program, "net", "-"], input=text, env=env, timeout=100, text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE)
    assert r.returncode == 0, f"exit code {r.returncode}\n{r.stdout}{r.stderr}"
    return json.loads(r.stdout), r.stderr


def _bottle(far, serve, connect, prefix="64:ff9b::/96", known=KNOWN):
    status, said = _run(BOTTLE.format(far=far, script=SCRIPT, serve=serve, connect=connect,
                                      prefix="" if prefix == "64:ff9b::/96" else ",prefix=" + prefix), known)
    assert status["nat64"] == prefix, status
    assert f"{prefix} leads to IPv4 here" in said, said
    assert "2001:db8:" not in status["remote"], status  # the peer is an IPv4 address to all but the socket
    return status


@check("NAT64 x a home's NAT: a mediator named by its IPv4 address, and a direct way to the peer's", kind="cpu")
def nat64_home(t):
    for species in ("home", "linux-accept"):
        status = _bottle(HOME.format(species=species), "--mediator 203.0.113.66", "--mediator 203.0.113.66")
        assert status["how"] == "punched" and status["remote"].startswith("203.0.113.20:"), status


@check("NAT64 with the network's own prefix of 56 bits x a public host: direct", kind="cpu")
def nat64_public(t):
    status = _bottle(PUBLIC, "--mediator 203.0.113.66", "--mediator 203.0.113.66", prefix="2001:db8:122:300::/56",
                     known=("2001:db8:122:3c0:0:aa::", "2001:db8:122:3c0:0:ab::"))
    assert status["how"] == "direct" and status["remote"].startswith("203.0.113.20:"), status


@check("NAT64 without any server: --peer with an IPv4 address", kind="cpu")
def nat64_serverless(t):
    status = _bottle(PUBLIC, "--peer 203.0.113.10", "--peer 203.0.113.20")
    assert status["remote"].startswith("203.0.113.20:"), status


@check("adit check on a network with NAT64 alone asks an IPv4 server through it, and says so", kind="cpu")
def nat64_check(t):
    report, said = _run(BOTTLE.format(far=PUBLIC, script=SCRIPT, serve="", connect="", prefix="").replace(
        "fetch", "check --stun 203.0.113.66").replace(f"run b: exec {SCRIPT} serve", "run b: true"), KNOWN)
    assert report["nat64"] == "64:ff9b::/96" and report["servers"][0]["mapped"].startswith("203.0.113.10:"), report
    assert "NAT64       64:ff9b::/96" in said, said
