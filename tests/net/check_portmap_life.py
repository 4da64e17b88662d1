"""Mapped ports in the program's life: adit serve behind a home router's own daemon (miniupnpd), a mediator, and a peer.

Both NATs choose ports at random unless told otherwise, so that without a mapped port the two never meet.
"""

import json
import subprocess
import time

import check_library
import daemons
import proc
from check import check
from check_portmap import OUTSIDE, WAN, _open_lab, _pmp_only, _restart
from check_portmap_io import rules
from check_stun import _start
from lab import wait_until

HOME = "203.0.113.66"  # the mediator that sees another address of the router's than the daemon tells


class World:
    """ha serves behind ra, where the daemon runs; hb connects. |daemon| None: there is none."""

    def __init__(self, t, daemon, nat="fully-random", mediator=OUTSIDE):
        self.lab, first = _open_lab(t, nat=(nat, nat))
        if mediator == OUTSIDE:
            self.lab.rb.run(["ip", "addr", "add", "11.0.0.20/24", "dev", "wan"])
        if daemon != {}:
            first.kill()
            first = daemons.start_miniupnpd(self.lab, self.lab.ra, WAN, tables=False, **daemon) if daemon else None
        self.daemon = first
        self.mediator = mediator
        _start(self.lab, "--listen", mediator)
        proc.start_target(self.lab, self.lab.ha, "pump", "8000")
        self.here, self.there = proc.Side(self.lab, "ha"), proc.Side(self.lab, "hb")
        self.serve = self.connect = None

    def serves(self, *args):
        self.serve = self.here.serve("pump=8000", args=("--mediator", self.mediator, "-v", *args))
        self.serve.expect("registered with", 20, "err")
        return self.serve

    def connects(self, timeout=20, *args):
        """The open connection."""
        self.connect = self.there.connect(self.here.ticket(), "7100:pump", args=("--mediator", self.mediator, "-v", *args))
        return proc.first_echo(self.lab.hb, 7100, timeout, (self.connect, self.serve))

    def mapping(self):
        found = json.loads(self.here.run("status", "--json")[1])["mappings"]
        return found[0] if found else None

    def reaches(self, state, timeout=30):
        """Waits for a state of the mapping."""
        def look():
            m = self.mapping()
            return m if m and m["state"] == state else None
        return wait_until(look, timeout, f"a mapping that is {state}, not {self.mapping()}", step=0.2)

    def ends(self):
        begin = time.monotonic()
        assert self.serve.stop() == 0, self.serve.err()
        took = time.monotonic() - begin
        assert "dnat" not in rules(self.lab), rules(self.lab)
        return took


def _echo(s, word=b"still here"):
    s.sendall(word)
    got = b""
    while len(got) < len(word):
        got += s.recv(64)
    assert got == word, got


def _lives(t, how, w):
    w.serves()
    m = w.reaches("proven")
    assert (m["how"], m["external"].split(":")[0], m["second_nat"]) == (how, WAN, False), m
    assert f"the router forwards {m['external']} ({how})" in w.serve.err(), w.serve.err()
    begin = time.monotonic()
    with w.connects() as s:
        t.note(f"{m['external']}, {time.monotonic() - begin:.2f} s")
        _echo(s)
        assert ", direct, round trip" in w.there.run("status")[1], w.there.run("status")[1]
        assert f"{m['external']} to UDP port {m['port']} ({how}): works from outside" in w.here.run("status")[1]
    took = w.ends()
    assert took < 3, f"the end took {took:.1f} s"


@check("UPnP alone: mapped, proven by the mediator, two random NATs meet through it at once, and it is gone at the end")
def life_upnp(t):
    _lives(t, "UPnP", World(t, dict(upnp=True, pmp=False)))


@check("PCP alone: the same")
def life_pcp(t):
    _lives(t, "PCP", World(t, {}))


@check("NAT-PMP alone: the same")
def life_pmp(t):
    w = World(t, {})
    _pmp_only(w.lab)
    _lives(t, "NAT-PMP", w)


@check("all three together: one mapping, by PCP")
def life_together(t):
    w = World(t, dict(upnp=True, pmp=True))
    _lives(t, "PCP", w)


@check("without the service the same two NATs do not meet; --no-portmap asks nobody")
def life_none(t):
    w = World(t, {})
    w.lab.ra.run(["nft", "-f", "-"], input="""
        table inet ask {
            chain in { type filter hook input priority -20; iifname "lan" udp dport { 1900, 5350, 5351 } counter
            }
        }""")
    w.serves("--no-portmap")
    w.connect = w.there.connect(w.here.ticket(), "7100:pump", args=("--mediator", w.mediator, "--no-portmap"))
    w.connect.expect("the peer was not reached yet", 30, "err")
    asked = w.lab.ra.run(["nft", "list", "table", "inet", "ask"]).stdout
    assert "packets 0 " in asked and w.mapping() is None, asked


LIAR = """
    table inet liar {
        chain pre { type filter hook prerouting priority -150; iifname "wan" meta l4proto udp ct state new drop
        }
    }"""


def _lying(t, how, w):
    """The router says yes, and what comes from outside is dropped before its rules."""
    w.lab.ra.run(["nft", "-f", "-"], input=LIAR)
    w.serves()
    begin = time.monotonic()
    m = w.reaches("withdrawn", 60)
    t.note(f"{time.monotonic() - begin:.0f} s: {m['why']}")
    said = w.serve.err()
    assert f"({how})" in said and "the port mapping is not used" in said, said
    assert said.count("the router's port mapping is lost") == 2, said
    assert "dnat" not in rules(w.lab), rules(w.lab)
    w.ends()


@check("a lying router (PCP): made again once, then withdrawn with a message; nothing is left of it", limit=120)
def life_lying_pcp(t):
    _lying(t, "PCP", World(t, {}))


@check("a lying router (UPnP): the same", limit=120)
def life_lying_upnp(t):
    _lying(t, "UPnP", World(t, dict(upnp=True, pmp=False)))


@check("a router that lies in all three: PCP is withdrawn, UPnP gets its chance, and then that is it, too", limit=120)
def life_lying_together(t):
    w = World(t, dict(upnp=True, pmp=True))
    w.lab.ra.run(["nft", "-f", "-"], input=LIAR)
    w.serves()
    m = w.reaches("withdrawn", 90)
    t.note(m["why"])
    said = w.serve.err()
    assert "(PCP)" in said and "(UPnP)" in said and said.count("the port mapping is not used") == 1, said
    assert "dnat" not in rules(w.lab), rules(w.lab)
    w.ends()


@check("IPv6: a pinhole by PCP in the router's firewall, proven by the mediator, deleted at the end")
def life_pinhole(t):
    lab, _ = _open_lab(t, ipv6=True)
    server = "2001:db8:ff::66"
    lab.pub.run(["ip", "addr", "add", server + "/64", "dev", "wan"])
    lab.pub.run(["ip", "route", "add", "2001:db8:a::/64", "via", "2001:db8:ff::10"])
    _start(lab, "--listen", server)
    proc.start_target(lab, lab.ha, "pump", "8000")
    here = proc.Side(lab, "ha")
    serve = here.serve("pump=8000", args=("--mediator", f"[{server}]", "-v"))
    serve.expect("registered with", 20, "err")

    def pinhole():
        found = json.loads(here.run("status", "--json")[1])["mappings"]
        return [m for m in found if (m["external"] or "").startswith("[2001:db8:a::2]") and m["state"] == "proven"]
    m = wait_until(pinhole, 20, "a proven pinhole", step=0.2)[0]
    t.note(m["external"])
    assert m["how"] == "PCP" and m["external"] == f"[2001:db8:a::2]:{m['port']}", m
    chain = ["nft", "list", "chain", "inet", "filter", "miniupnpd"]
    assert str(m["port"]) in lab.ra.run(chain).stdout
    assert serve.stop() == 0
    assert str(m["port"]) not in lab.ra.run(chain).stdout, lab.ra.run(chain).stdout


@check("the router is switched off and on: mapped again, and the session through it goes on", limit=90)
def life_reboot(t):
    w = World(t, {})
    w.serves()
    w.reaches("proven")
    with w.connects() as s:
        _echo(s)
        time.sleep(4)  # the daemon's clock has run: its fall is seen
        begin = time.monotonic()
        w.daemon = _restart(w.lab, w.daemon)
        wait_until(lambda: "dnat" in rules(w.lab), 40, "the mapping is made again", step=0.2)
        _echo(s)
        t.note(f"going again after {time.monotonic() - begin:.1f} s")
        w.reaches("proven")
    w.ends()


@check("the same with UPnP, which tells nobody of its end: the mapping is looked after every two minutes, and made again", limit=240,
       only_full=True)
def life_reboot_upnp(t):
    w = World(t, dict(upnp=True, pmp=False))
    w.serves()
    w.reaches("proven")
    with w.connects() as s:
        _echo(s)
        begin = time.monotonic()
        w.daemon = _restart(w.lab, w.daemon, upnp=True, pmp=False)
        assert "dnat" not in rules(w.lab), rules(w.lab)
        wait_until(lambda: "dnat" in rules(w.lab), 140, "the mapping is made again", step=0.2)
        t.note(f"mapped again after {time.monotonic() - begin:.0f} s")
        s.settimeout(60)
        _echo(s)
        t.note(f"going again after {time.monotonic() - begin:.0f} s")
        w.reaches("proven")
    w.ends()


@check("a lease of 10 s is renewed: after 25 s strangers still come in by it, and the session has noticed nothing", limit=90)
def life_lease(t):
    w = World(t, dict(upnp=False, pmp=True, lease=10))
    w.serves()
    m = w.reaches("proven")
    assert m["lifetime_s"] <= 10, m
    with w.connects() as s:
        for _ in range(25):
            _echo(s)
            time.sleep(1)
        assert w.mapping()["external"] == m["external"], w.mapping()
    assert w.connect.stop() == 0
    with w.connects() as s:
        _echo(s)
    assert "is lost" not in w.serve.err(), w.serve.err()
    w.ends()


@check("a port that another host has: another one is mapped, proven, and the peer comes in by it")
def life_conflict(t):
    w = World(t, {})
    w.lab.ra.run(["ip", "addr", "add", "192.168.1.1/24", "dev", "lan"], check=False)
    w.lab.ha.run(["ip", "addr", "add", "192.168.1.3/24", "dev", "lan"])
    daemons.take_port(w.lab.ha, "192.168.1.3", "192.168.1.1", 5555)
    w.serves("--port", "5555")
    m = wait_until(lambda: (w.mapping() or {}).get("external") and w.mapping(), 20, "a mapping")
    assert m["port"] == 5555 and m["external"] != f"{WAN}:5555", m
    t.note(f"{m['external']} instead of 5555")
    with w.connects() as s:
        _echo(s)
    w.reaches("proven")


@check("a second NAT above: noticed by what the mediator sees, said, and never taken for proven")
def life_second_nat(t):
    w = World(t, {}, nat="masquerade", mediator=HOME)
    w.serves()
    m = wait_until(lambda: (w.mapping() or {}).get("second_nat") and w.mapping(), 20, "the second NAT is noticed")
    assert m["state"] == "held" and "second NAT" in m["why"], m
    w.serve.expect("a second NAT stands outside the router", 5, "err")
    with w.connects() as s:
        _echo(s)
        assert w.mapping()["state"] == "held", w.mapping()
    w.ends()


def _forward(w, port):
    """The user's rule in the router: UDP to |port| goes to port 5555 of ha."""
    w.lab.ra.run(["nft", "insert", "rule", "ip", "nat", "pre", "iifname", "wan", "udp", "dport", str(port), "dnat", "to",
                  "192.168.1.2:5555"])
    w.lab.ra.run(["nft", "insert", "rule", "inet", "filter", "forward", "iifname", "wan", "udp", "dport", "5555", "accept"])


@check("the user's own forward: --port N --mapped whose rule is missing is tried, found dead and said; with the rule it is proven, and the "
       "peer comes in by it", limit=120)
def life_user_missing(t):
    w = World(t, None)
    w.serves("--port", "5555", "--mapped")
    begin = time.monotonic()
    m = w.reaches("dead", 40)
    t.note(f"dead after {time.monotonic() - begin:.0f} s")
    assert (m["how"], m["port"], m["external"]) == ("user", 5555, "0.0.0.0:5555"), m
    w.serve.expect("nothing that is sent to port 5555 from outside arrives at UDP port 5555", 5, "err")
    assert w.serve.stop() == 0
    _forward(w, 5555)
    w.serves("--port", "5555", "--mapped")
    w.reaches("proven")
    with w.connects() as s:
        _echo(s)
    assert "nothing that is sent" not in w.serve.err(), w.serve.err()


@check("the user's own forward: --mapped=PORT where the router's port is another, with a mediator and without one")
def life_user(t):
    w = World(t, None)
    _forward(w, 4500)
    w.serves("--port", "5555", "--mapped=4500")
    with w.connects() as s:
        _echo(s)
        m = w.reaches("proven")
        assert (m["how"], m["port"], m["external"]) == ("user", 5555, "0.0.0.0:4500"), m
    assert w.connect.stop() == 0 and w.serve.stop() == 0
    w.serve = w.here.serve("pump=8000", args=("--port", "5555", "--mapped=4500", "-v"))
    w.serve.expect("the router forwards port 4500", 10, "err")
    w.connect = w.there.connect(w.here.ticket(), "7100:pump", peer=f"{WAN}:4500")
    with proc.first_echo(w.lab.hb, 7100, 20, (w.connect, w.serve)) as s:
        _echo(s)
    code, _, err = w.here.run("serve", "8000", "--mapped")
    assert code == 2 and "--mapped needs --port" in err, err


def _library(w, words):
    """The endpoint example serves in ha, and connects from hb; its line about the mapping, and where connect went."""
    identity, ticket = check_library.new("endpoint", w.mediator)
    b = check_library.endpoint(w.lab, "ha", *words, "serve", identity, ticket)
    b.expect("^meeting: registered", 20, "err")
    b.expect(r"^mapped \S+ works$", 30, "err")  # the mediator tries it at once
    a = check_library.endpoint(w.lab, "hb", "connect", ticket, "echo", stdin=subprocess.PIPE)
    check_library.sent(a, b"through the router's port\n")
    a.popen.stdin.close()
    assert a.wait(40) == 0 and a.out() == "through the router's port\n", a.last_words()
    m = b.expect(r"^mapped (\S+) works$", 30, "err")
    return b, m.group(1), a.expect(r"^up (\S+)", 1, "err").group(1)


@check("libadit: the endpoint example has its router map a port (PCP; NAT-PMP alone), proven by the mediator, and the peer comes in by it", limit=90)
def life_library(t):
    w = World(t, {})
    b, external, up = _library(w, ("--portmap",))
    assert external.startswith(WAN + ":") and up == external, (external, up)
    assert "dnat" in rules(w.lab), rules(w.lab)
    b.stop()
    _pmp_only(w.lab)
    b, external, up = _library(w, ("--portmap",))
    assert up == external, (external, up)
    t.note(external)


@check("libadit: a lying router's mapping is withdrawn", limit=120)
def life_library_user(t):
    w = World(t, {})
    w.lab.ra.run(["nft", "-f", "-"], input=LIAR)
    identity, ticket = check_library.new("endpoint", w.mediator)
    b = check_library.endpoint(w.lab, "ha", "--portmap", "serve", identity, ticket)
    b.expect("^mapped .* nothing that is sent to it from outside arrives", 40, "err")
    wait_until(lambda: "dnat" not in rules(w.lab), 60, "the mapping is deleted")
    time.sleep(3)
    assert "dnat" not in rules(w.lab), rules(w.lab)


@check("libadit: --port N --mapped M is a port that the user has the router forward", limit=60)
def life_library_forward(t):
    w = World(t, None)
    _forward(w, 4500)
    b, external, up = _library(w, ("--port", "5555", "--mapped", "4500"))
    assert up == f"{WAN}:4500", (external, up)
