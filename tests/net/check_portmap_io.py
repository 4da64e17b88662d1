"""Port mappings as the program has them (src/io/io_portmap.c): UPnP, NAT-PMP and PCP, alone and together, over a home
router's own daemon (miniupnpd)."""

import subprocess
import time

import daemons
from check import check
from check_portmap import INSIDE, WAN, _knock, _open_lab, _pmp_only, _restart
from lab import IP, find_program, wait_until
from proc import Proc, Unexpected

PCP, UPNP = 1, 2


class Driver(Proc):
    def __init__(self, lab, port=INSIDE, want=0, lifetime=0, ways=0, check=0, own=None):
        program = find_program("ADIT_PORTMAP_IO_DRIVER", "portmap_io_driver")
        if not program:
            raise Unexpected("portmap_io_driver is not built: meson compile, or set ADIT_PORTMAP_IO_DRIVER")
        super().__init__(lab, lab.ha, "driver", [program, port, want, lifetime, ways, check] + [own] * bool(own), stdin=subprocess.PIPE)
        self.seen = 0

    def say(self, words):
        self.popen.stdin.write(words.encode() + b"\n")
        self.popen.stdin.flush()

    def event(self, kind, timeout=20):
        """The next event, which must be this one: its words as a dictionary."""
        def look():
            lines = self.out().splitlines()
            if len(lines) > self.seen and self.out().endswith("\n"):
                self.seen += 1
                return lines[self.seen - 1]
            return None
        try:
            text = wait_until(look, timeout, kind)
        except TimeoutError as e:
            raise Unexpected(f"{e}:\n{self.last_words(20)}")
        assert text.startswith(kind + " "), f"wanted {kind}: {text}\n{self.last_words(20)}"
        words, _, why = text.partition(" why=")
        found = dict(w.split("=", 1) for w in words.split()[1:])
        found["why"] = why
        if found["external"] != "-":
            found["address"], _, port = found["external"].rpartition(":")
            found["port"] = int(port)
        return found

    def lives(self, seconds):
        """Nothing else happens meanwhile."""
        time.sleep(seconds)
        assert self.is_running(), self.last_words()

    def end(self):
        self.say("end")
        self.event("ENDED", 10)
        assert self.wait(5) == 0, self.err()


def open_upnp(t, **daemon):
    """The router's daemon with UPnP alone, unless told otherwise."""
    lab, first = _open_lab(t)
    first.kill()
    daemon = dict({"upnp": True, "pmp": False}, **daemon)
    return lab, daemons.start_miniupnpd(lab, lab.ra, WAN, tables=False, **daemon)


def rules(lab):
    return lab.ra.run(["nft", "list", "table", "inet", "upnp_nat"]).stdout


def mapped_and_removed(t, lab, how, **args):
    assert not _knock(lab, WAN, INSIDE), "the router must be closed for the check to mean anything"
    d = Driver(lab, **args)
    e = d.event("MAPPED")
    assert (e["how"], e["address"], e["behind"]) == (how, WAN, "0"), e
    assert _knock(lab, e["address"], e["port"])
    t.note(f"lifetime {e['lifetime']} s")
    d.end()
    lab.forget("ra")
    assert not _knock(lab, WAN, e["port"])
    assert str(INSIDE) not in rules(lab), rules(lab)


@check("UPnP alone, IGD version 2: mapped, a stranger's packet arrives, deleted at the end")
def map_upnp(t):
    lab, _ = open_upnp(t)
    mapped_and_removed(t, lab, "UPnP")


@check("UPnP alone, IGD version 1")
def map_upnp_v1(t):
    lab, _ = open_upnp(t, extra="force_igd_desc_v1=yes")
    mapped_and_removed(t, lab, "UPnP", ways=UPNP)


@check("PCP alone")
def map_pcp(t):
    lab, _ = _open_lab(t)
    mapped_and_removed(t, lab, "PCP")


@check("NAT-PMP alone")
def map_pmp(t):
    lab, _ = _open_lab(t)
    _pmp_only(lab)
    mapped_and_removed(t, lab, "NAT-PMP")


@check("all three at once: PCP is taken, one mapping is made, and none is left at the end")
def map_together(t):
    lab, _ = open_upnp(t, pmp=True)
    d = Driver(lab)
    e = d.event("MAPPED")
    assert e["how"] == "PCP", e
    assert rules(lab).count("dnat") == 1, rules(lab)
    d.end()
    assert "dnat" not in rules(lab), rules(lab)


@check("UPnP: a port that another host has: another one is taken, and both work")
def map_conflict(t):
    lab, _ = open_upnp(t)
    lab.ha.run(["ip", "addr", "add", "192.168.1.3/24", "dev", "lan"])
    other = Driver(lab, want=30000)
    assert other.event("MAPPED")["port"] == 30000
    d = Driver(lab, want=30000, own="192.168.1.3")
    e = d.event("MAPPED")
    assert e["port"] != 30000, e
    assert _knock(lab, WAN, 30000)
    assert _knock(lab, WAN, e["port"], own="192.168.1.3")
    d.end()
    assert _knock(lab, WAN, 30000), "the other's mapping must stay"


@check("UPnP: a lease of 10 s is renewed: after 25 s it still forwards")
def map_lease(t):
    lab, _ = open_upnp(t)
    d = Driver(lab, lifetime=10)
    e = d.event("MAPPED")
    assert e["lifetime"] == "10", e
    d.lives(25)
    assert _knock(lab, WAN, e["port"])
    d.end()


def _made_again(lab, port, timeout):
    wait_until(lambda: "dnat" in rules(lab), timeout, "the mapping is made again", step=0.2)
    lab.forget("ra")
    assert _knock(lab, WAN, port)


@check("the router restarts and has forgotten: made again (UPnP looks after its mapping)")
def map_reboot_upnp(t):
    lab, daemon = open_upnp(t)
    d = Driver(lab, check=2)
    port = d.event("MAPPED")["port"]
    _restart(lab, daemon, upnp=True, pmp=False)
    _made_again(lab, port, 60)


@check("the router restarts and has forgotten: made again (PCP is told)")
def map_reboot_pcp(t):
    lab, daemon = _open_lab(t)
    d = Driver(lab)
    port = d.event("MAPPED")["port"]
    d.lives(4)  # a clock that has run: its fall is seen
    _restart(lab, daemon)
    d.say("check")
    _made_again(lab, port, 20)


def lying(t, lab, how):
    """Its rule is taken away behind its back; who tries from outside says so."""
    d = Driver(lab)
    assert d.event("MAPPED")["how"] == how
    lab.ra.run(["nft", "flush", "chain", "inet", "upnp_nat", "prerouting_miniupnpd"])
    lab.forget("ra")
    d.say("suspect")
    d.event("LOST")
    e = d.event("MAPPED")
    assert _knock(lab, WAN, e["port"]), "made again, it works"
    d.say("suspect")
    d.event("LOST")
    e = d.event("WITHDRAWN", 30)
    t.note(e["why"])
    assert "dnat" not in rules(lab), rules(lab)
    d.end()


@check("a UPnP mapping that forwards nothing: deleted and made again; then withdrawn with a message, and none is left")
def map_lying_upnp(t):
    lab, _ = open_upnp(t)
    lying(t, lab, "UPnP")


@check("a PCP mapping that forwards nothing: the same, with UPnP looked for in vain")
def map_lying_pcp(t):
    lab, _ = _open_lab(t)
    lying(t, lab, "PCP")


@check("a second NAT outside the router is noticed by what others see, or told by the router itself")
def map_double(t):
    lab, first = _open_lab(t)
    d = Driver(lab)
    e = d.event("MAPPED")
    assert e["behind"] == "0", e
    d.say("seen 11.0.0.77")
    e = d.event("MAPPED")
    assert e["behind"] == "1" and "second NAT" in e["why"], e
    d.say(f"seen {WAN}")
    assert d.event("MAPPED")["behind"] == "0"
    d.end()
    first.kill()
    # This daemon maps nothing where its own address is not of the internet: the lab's documentation addresses are none.
    lab.ra.run(["ip", "addr", "del", WAN + "/24", "dev", "wan"])
    daemons.start_miniupnpd(lab, lab.ra, None, tables=False, upnp=True)
    d = Driver(lab)
    t.note(d.event("NONE", 20)["why"])
    d.end()


@check("no router that maps ports: said with a reason, and what comes later is found", limit=120)
def map_nobody(t):
    lab, daemon = _open_lab(t)
    daemon.kill()
    d = Driver(lab)
    e = d.event("NONE", 20)
    t.note(e["why"])
    daemons.start_miniupnpd(lab, lab.ra, WAN, tables=False, upnp=True)
    e = d.event("MAPPED", 60)
    assert IP["ha"] and e["address"] == WAN, e
    d.end()
