"""A port mapped by a home router's own daemon (miniupnpd): PCP, NAT-PMP, renewal, restart, deletion, real packets."""

import os
import socket
import subprocess
import time

import daemons
from check import check
from lab import IP, find_program, wait_until
from proc import Proc, Unexpected

INSIDE = 4500
WAN = "11.0.0.10"  # the daemon takes the lab's documentation addresses for what they are: not of the internet
OUTSIDE = "11.0.0.66"


class Driver(Proc):
    """portmap_driver on the host behind ra."""

    def __init__(self, lab, *args, gateway="192.168.1.1", own=f"{IP['ha']}:{INSIDE}"):
        program = find_program("ADIT_PORTMAP_DRIVER", "portmap_driver")
        if not program:
            raise Unexpected("portmap_driver is not built: meson compile, or set ADIT_PORTMAP_DRIVER")
        super().__init__(lab, lab.ha, "driver", [program, gateway, own, *args], stdin=subprocess.PIPE)

    def say(self, word):
        self.popen.stdin.write(word.encode() + b"\n")
        self.popen.stdin.flush()

    def stats(self):
        before = self.out().count("STATS")
        self.say("stats")
        wait_until(lambda: self.out().count("STATS") > before and self.out().endswith("\n"), 5, "statistics")
        line = [x for x in self.out().splitlines() if x.startswith("STATS")][-1]
        return {k: int(v) for k, v in (word.split("=") for word in line.split()[1:])}

    def mapped(self, protocol, timeout=20, kind="MAPPED"):
        """(external address, port, lifetime)"""
        m = self.expect(rf"^{kind} {protocol} external=(\S+):(\d+) lifetime=(\d+)", timeout, "out")
        return m.group(1), int(m.group(2)), int(m.group(3))


def _open_lab(t, **shape):
    lab = t.lab(stranger="a", **shape)
    # From the world's side the router is WAN, on the same wire as the stranger.
    lab.ra.run(["ip", "addr", "add", WAN + "/24", "dev", "wan"])
    lab.pub.run(["ip", "addr", "add", OUTSIDE + "/24", "dev", "wan"])
    return lab, daemons.start_miniupnpd(lab, lab.ra, WAN)


def _restart(lab, daemon, **options):
    """As a router that was switched off and on: the daemon comes back with a new epoch, and its rules are gone."""
    daemon.kill()
    lab.ra.run(["nft", "-f", "-"], input="""
        flush chain inet filter miniupnpd
        flush chain inet upnp_nat prerouting_miniupnpd
        flush chain inet upnp_nat postrouting_miniupnpd""")
    lab.forget("ra")
    return daemons.start_miniupnpd(lab, lab.ra, WAN, tables=False, **options)


def _knock(lab, address, port, family=socket.AF_INET, own=IP["ha"]):
    """Does a datagram of the stranger's arrive at the host's own port?"""
    with lab.ha.socket(family, socket.SOCK_DGRAM) as inside, lab.pub.socket(family, socket.SOCK_DGRAM) as outside:
        inside.bind((own, INSIDE))
        inside.settimeout(1)
        word = os.urandom(8)
        outside.sendto(word, (address, port))
        try:
            return inside.recv(64) == word
        except TimeoutError:
            return False


def _pmp_only(lab):
    """The router drops what is not NAT-PMP: PCP's first byte is 2."""
    lab.ra.run(["nft", "-f", "-"], input="""
        table inet old {
            chain in { type filter hook input priority -10; udp dport 5351 @th,64,8 2 drop
            }
        }""")


@check("PCP: mapped within a second, a stranger's packet arrives, deleted at the end and then none arrives")
def pcp(t):
    lab, _ = _open_lab(t)
    assert not _knock(lab, WAN, INSIDE), "the router must be closed for the check to mean anything"
    d = Driver(lab)
    address, port, lifetime = d.mapped("pcp", 1)
    assert (address, lifetime) == (WAN, 7200), (address, lifetime)
    assert _knock(lab, address, port)
    d.say("end")
    assert d.wait(5) == 0
    lab.forget("ra")
    assert not _knock(lab, address, port)


@check("a wanted port that another host has: the mapping gets another one, and both work")
def conflict(t):
    lab, _ = _open_lab(t)
    first = Driver(lab, 7200, 30000)
    assert first.mapped("pcp")[1] == 30000
    lab.ha.run(["ip", "addr", "add", "192.168.1.3/24", "dev", "lan"])
    second = Driver(lab, 7200, 30000, own=f"192.168.1.3:{INSIDE}")
    address, port, _ = second.mapped("pcp")
    assert port != 30000
    assert _knock(lab, address, 30000)
    assert _knock(lab, address, port, own="192.168.1.3")
    t.note(f"port {port} instead of 30000")


@check("NAT-PMP alone: found though PCP is met with silence, a packet arrives, deleted at the end")
def nat_pmp(t):
    lab, _ = _open_lab(t)
    _pmp_only(lab)
    d = Driver(lab)
    address, port, lifetime = d.mapped("nat-pmp", 4)
    t.note(f"after {time.monotonic() - d.started_at:.1f} s")
    assert (address, lifetime) == (WAN, 7200), (address, lifetime)
    assert _knock(lab, address, port)
    d.say("end")
    assert d.wait(5) == 0
    lab.forget("ra")
    assert not _knock(lab, address, port)


def _renewed(t, protocol):
    lab, _ = _open_lab(t)
    if protocol == "nat-pmp":
        _pmp_only(lab)
    d = Driver(lab, 10)
    address, port, lifetime = d.mapped(protocol)
    assert lifetime <= 10, lifetime
    end = time.monotonic() + 25  # two and a half lifetimes
    while time.monotonic() < end:
        assert _knock(lab, address, port), d.last_words()
        time.sleep(1)
    stats = d.stats()
    t.note(f"{stats['renewed']} renewals, {stats['sent']} datagrams in 25 s")
    assert 3 <= stats["renewed"] <= 6 and "LOST" not in d.out(), d.out()


@check("a lease of 10 s is renewed by PCP: packets arrive for 25 s, without a gap")
def renewal_pcp(t):
    _renewed(t, "pcp")


@check("a lease of 10 s is renewed by NAT-PMP: packets arrive for 25 s, without a gap")
def renewal_pmp(t):
    _renewed(t, "nat-pmp")


def _restarted(t, protocol):
    lab, daemon = _open_lab(t)
    if protocol == "nat-pmp":
        _pmp_only(lab)
    d = Driver(lab, 7200)
    address, port, _ = d.mapped(protocol)
    assert _knock(lab, address, port)
    time.sleep(4)  # a clock that has run: its fall is seen
    daemon = _restart(lab, daemon)
    start = time.monotonic()
    # Told by the daemon's own announcement, or else by the next answer, asked for here.
    try:
        d.expect(rf"^(RESTORED|CHANGED) {protocol}", 8, "out")
        t.note(f"told by the router, made again {time.monotonic() - start:.1f} s later")
    except Unexpected:
        d.say("check")
        d.expect(rf"^(RESTORED|CHANGED) {protocol}", 8, "out")
        t.note("asked for")
    assert d.stats()["restarts"] == 1
    assert _knock(lab, address, port)
    assert daemon.is_running()


@check("the router's daemon restarts and has forgotten: noticed by its epoch, mapped again (PCP)")
def restart_pcp(t):
    _restarted(t, "pcp")


@check("the router's daemon restarts and has forgotten: noticed by its epoch, mapped again (NAT-PMP)")
def restart_pmp(t):
    _restarted(t, "nat-pmp")


@check("a mapping that forwards nothing is made anew once, then withdrawn, and none is left in the router")
def verification(t):
    lab, _ = _open_lab(t)
    d = Driver(lab)
    _, port, _ = d.mapped("pcp")
    d.say("failed")
    d.expect(r"^LOST pcp[^\n]*\n(?:.*\n)*MAPPED pcp", 5, "out")
    assert _knock(lab, WAN, port)
    d.say("failed")
    d.expect(r"^WITHDRAWN pcp", 5, "out")
    assert d.wait(5) == 0
    rules = lab.ra.run(["nft", "list", "table", "inet", "upnp_nat"]).stdout
    assert str(INSIDE) not in rules, rules


@check("a router without the service: said after ten seconds, asked on, and found when it is there")
def nobody(t):
    lab, daemon = _open_lab(t)
    daemon.kill()
    d = Driver(lab)
    d.expect(r"^NONE", 12, "out")
    daemons.start_miniupnpd(lab, lab.ra, WAN, tables=False)
    d.mapped("pcp", 25)
    d.say("end")
    assert d.wait(5) == 0


@check("an IPv6 pinhole by PCP: the router's firewall lets a packet in to the host's own address, deleted at the end")
def pinhole(t):
    lab, _ = _open_lab(t, ipv6=True)
    lab.pub.run(["ip", "addr", "add", "2001:db8:ff::66/64", "dev", "wan"])
    lab.pub.run(["ip", "route", "add", "2001:db8:a::/64", "via", "2001:db8:ff::10"])
    own = "2001:db8:a::2"

    def knock():
        return _knock(lab, own, INSIDE, socket.AF_INET6, own)
    assert not knock()
    d = Driver(lab, gateway="2001:db8:a::1", own=f"[{own}]:{INSIDE}")
    address, port, _ = d.mapped("pcp")
    assert (address, port) == (f"[{own}]", INSIDE), (address, port)
    assert knock()
    d.say("end")
    assert d.wait(5) == 0
    lab.ra.run(["ip", "-6", "route", "flush", "cache"])
    lab.forget("ra")
    assert not knock()
