"""adit mediator as a STUN server: other people's clients, behind the kernel's NAT."""

import json
import os
import re
import signal
import socket
import struct

import daemons
import proc
from check import check
from lab import find_program

FIRST, SECOND = "203.0.113.66", "203.0.113.67"


def _start(lab, *args):
    p = proc.Proc(lab, lab.pub, "mediator", [find_program("ADIT", "adit"), "mediator", *args])
    p.expect("ready", where="err")
    return p


def _lab(t, nat="masquerade", wan="drop", second=True):
    """`pub` has two addresses and a mediator on both."""
    lab = t.lab(nat=(nat, "masquerade"), wan=(wan, "drop"), stranger=True)
    listen = ["--listen", FIRST]
    if second:
        lab.pub.run(["ip", "addr", "add", SECOND + "/24", "dev", "wan"])
        listen += ["--listen", SECOND]
    return lab, _start(lab, *listen, "--json")


def _natdiscovery(lab, *args):
    program, env = daemons.find("coturn", "usr/bin/turnutils_natdiscovery")
    r = lab.ha.run([program, *args, FIRST], env=dict(os.environ, **env), timeout=60, check=False)
    return r.stdout


def _stun(lab, ns):
    program, env = daemons.find("stun", "usr/bin/stun")
    r = ns.run([program, FIRST], env=dict(os.environ, **env), timeout=60, check=False)
    m = re.search(r"^Primary: (.*)$", r.stdout, re.M)
    assert m, r.stdout + r.stderr
    return m.group(1)


def _ask(ns, to, attrs=b"", cookie=b"\x21\x12\xa4\x42", timeout=1):
    """A Binding request: (answer, where from), or (None, None)."""
    with ns.socket(kind=socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.sendto(struct.pack(">HH", 1, len(attrs)) + cookie + os.urandom(12) + attrs, to)
        try:
            return s.recvfrom(4096)
        except TimeoutError:
            return None, None


@check("turnutils_natdiscovery: mapping and filtering of Linux' masquerade, and of its random ports")
def natdiscovery(t):
    daemons.find("coturn", "usr/bin/turnutils_natdiscovery")
    for nat, mapping in (("masquerade", "Endpoint Independent Mapping"),
                         ("fully-random", "Address and Port Dependent Mapping")):
        lab, _ = _lab(t, nat)
        out = _natdiscovery(lab, "-m", "-f")
        assert f"NAT with {mapping}!" in out, f"{nat}: {out}"
        assert "NAT with Address and Port Dependent Filtering!" in out, f"{nat}: {out}"
        assert "No ALG: Mapped == XOR-Mapped" in out, out
        lab.close()


@check("turnutils_natdiscovery: a public host has no NAT and an endpoint-independent filter; padding comes back")
def natdiscovery_public(t):
    program, env = daemons.find("coturn", "usr/bin/turnutils_natdiscovery")
    lab, _ = _lab(t)
    # From the router itself: it has a public address, and here nothing stands in front of it.
    lab.ra.run(["nft", "flush", "ruleset"])
    r = lab.ra.run([program, "-m", "-f", "-P", "-L", "203.0.113.10", FIRST], env=dict(os.environ, **env), timeout=60,
                   check=False)
    assert "No NAT!" in r.stdout or "Endpoint Independent Mapping" in r.stdout, r.stdout
    assert "Endpoint Independent Filtering!" in r.stdout, r.stdout


@check("Debian's stun (RFC 3489): port-preserving NAT, random NAT, no NAT")
def stun_client(t):
    daemons.find("stun", "usr/bin/stun")
    lab, _ = _lab(t)
    kind = _stun(lab, lab.ha)
    assert "Independent Mapping, Port Dependent Filter" in kind, kind
    lab.close()
    lab, _ = _lab(t)  # with another mediator: what this one answers from elsewhere was used up by unheard repetitions
    lab.ra.run(["nft", "flush", "ruleset"])
    kind = _stun(lab, lab.ra)
    assert kind.startswith("Open"), kind
    lab.close()
    lab, _ = _lab(t, "fully-random")
    kind = _stun(lab, lab.ha)
    assert "Dependent Mapping" in kind, kind


@check("one address: answers Binding, changes the port alone, and says that it has no second address")
def one_address(t):
    lab, _ = _lab(t, second=False)
    d, a = _ask(lab.ra, (FIRST, 3478))
    assert a == (FIRST, 3478) and b"\x80\x2c" not in d[20:], d
    d, a = _ask(lab.ra, (FIRST, 3478), struct.pack(">HHI", 3, 4, 6))
    assert a == (FIRST, 3478) and d[:2] == b"\x01\x11", d
    lab.ra.run(["nft", "flush", "ruleset"])
    d, a = _ask(lab.ra, (FIRST, 3478), struct.pack(">HHI", 3, 4, 2))
    assert a == (FIRST, 3479) and d[:2] == b"\x01\x01", d


@check("adit check proves its address: a neighbour who used up all answers from elsewhere is in nobody's way", limit=60)
def check_proves(t):
    def view(lab):
        r = lab.ha.run([find_program("ADIT", "adit"), "check", "--json", "--mediator", FIRST], timeout=40)
        return json.loads(r.stdout)["ipv4"]

    def use_up(lab):
        with lab.ra.socket(kind=socket.SOCK_DGRAM) as s:  # of the same public address as ha
            for _ in range(40):
                s.sendto(struct.pack(">HHI12sHHI", 1, 8, 0x2112a442, os.urandom(12), 3, 4, 2), (FIRST, 3478))
    lab, mediator = _lab(t)
    lab.ra.run(["nft", "add", "rule", "ip", "nat", "pre", "iifname", "wan", "udp", "dport", "1024-65535", "dnat", "to",
                "192.168.1.2"])
    lab.ra.run(["nft", "insert", "rule", "inet", "filter", "forward", "iifname", "wan", "accept"])
    use_up(lab)
    mediator.signal(signal.SIGUSR1)
    mediator.expect('"binding":', where="out")
    v = view(lab)
    assert v["kind"] == "open" and v["filtering"] == "endpoint-independent", v
    mediator.signal(signal.SIGTERM)
    assert mediator.wait() == 0
    before, after = (json.loads(line)["limited"] for line in mediator.out().splitlines())
    assert 20 <= before == after, (before, after)  # nothing that the check asked for was held back
    lab.close()
    lab, _ = _lab(t, "fully-random", second=False)
    use_up(lab)
    v = view(lab)  # one address: its second port tells what depends on ports
    assert v["kind"] == "random" and v["mapping"] == v["filtering"] == "address-and-port-dependent", v


@check("without --listen: answers come from the address that was asked, whichever it is")
def all_addresses(t):
    lab = t.lab(stranger=True, ipv6=True)
    lab.pub.run(["ip", "addr", "add", SECOND + "/24", "dev", "wan"])
    _start(lab)
    for ip in (FIRST, SECOND):
        for port in (3478, 3479):
            d, a = _ask(lab.ra, (ip, port))
            assert a == (ip, port), a
    d, a = _ask(lab.ha, (SECOND, 3478))
    assert a == (SECOND, 3478), a


@check("a flood from one network gets its burst and ten answers a second; counters tell; SIGTERM ends it with 0")
def stun_flood(t):
    lab, mediator = _lab(t)
    with lab.ra.socket(kind=socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        n = 0
        for _ in range(20):
            for _ in range(100):
                s.sendto(struct.pack(">HHI12s", 1, 0, 0x2112a442, os.urandom(12)), (FIRST, 3478))
            try:
                while n < 2000:
                    s.settimeout(0.02)
                    s.recv(2048)
                    n += 1
            except TimeoutError:
                pass
    assert 200 <= n <= 260, n
    mediator.signal(signal.SIGUSR1)
    mediator.expect('"binding":', where="out")
    mediator.signal(signal.SIGTERM)
    assert mediator.wait() == 0
    lines = mediator.out().splitlines()
    counts = json.loads(lines[-1])
    assert len(lines) == 2 and counts["binding"] == n and counts["limited"] == 2000 - n, counts


@check("mediator: 2 for wrong usage, 4 for an address that is not to be had, -h fits the screen")
def mediator_usage(t):
    lab = t.lab(stranger=True)
    program = find_program("ADIT", "adit")

    def run(*args):
        return lab.pub.run([program, "mediator", *args], check=False, timeout=10)
    for words in (["--listen", "here"], ["--listen", "1.2.3.4", "--listen", "1.2.3.4"], ["--rate", "-1"], ["--nonsense"],
                  ["word"], ["--listen", "1.2.3.4:5", "--listen", "1.2.3.5:6"], ["--public", "1.2.3.4:5"],
                  ["--listen", "1.2.3.4", "--alt-port", "3478"], ["--listen"]):
        r = run(*words)
        assert r.returncode == 2 and r.stderr.startswith("adit mediator: ") and r.stdout == "", (words, r)
    r = run("--listen", "192.0.2.200")
    assert r.returncode == 4 and "192.0.2.200:3478" in r.stderr, r.stderr
    _start(lab, "--listen", FIRST)
    r = run("--listen", FIRST)
    assert r.returncode == 4 and "ss -lunp" in r.stderr, r.stderr
    r = run("-h")
    lines = r.stdout.splitlines()
    assert r.returncode == 0 and len(lines) <= 23 and max(map(len, lines)) <= 80, lines
