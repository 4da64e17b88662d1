"""Nothing to say: what a session costs that nobody uses."""

import json
import time

import proc
from check import check
from check_relay import World, uri
from check_roam import OPEN
from lab import wait_until

SETTLED = 20  # seconds: the finders rest, and what is measured at the start has been
CPU = 0.001  # of one processor; /proc counts in ticks of 10 ms, so that one may fall into any span
WAKES = 1.25  # a second: no timer is faster than 1 s, and what comes from the peer wakes, too
WAKES_SERVED = 2  # with a mediator and a relay: each question to them has an answer, which wakes as well
BUDGET = 4 / 15  # packets a second of both ends together on the path in use
SUCCEEDED = 42  # seconds of age at which the first direct path of a session has its successor (LINK_AGE_FIRST) for certain


def _wakes(p):
    return p.status("voluntary_ctxt_switches")


def _rest(t, ends, span, most):
    """Nobody does anything for so long; what the two ends cost meanwhile."""
    before = {name: (_wakes(p), p.cpu_seconds()) for name, p in ends.items()}
    begin = time.monotonic()
    time.sleep(span)
    took = time.monotonic() - begin
    wakes = {name: (_wakes(p) - before[name][0]) / took for name, p in ends.items()}
    cpu = {name: p.cpu_seconds() - before[name][1] for name, p in ends.items()}
    t.note("; ".join(f"{name}: {wakes[name]:.2f} wake-ups a second, {cpu[name] / took:.2%} of a processor" for name in ends))
    for name in ends:
        assert wakes[name] < most, f"{name} woke up {wakes[name]:.1f} times a second"
        assert cpu[name] <= max(CPU * took, 0.01), f"{name} took {cpu[name]:.2f} s of {took:.0f}"
    return took


def _is_alive(held):
    held.sendall(b"?")
    assert held.recv(1) == b"?", "the session is not there any more"


@check("an idle session: no timer of either end is faster than a second, and they take less than 0.1 % of a processor", limit=200)
def idle(t):
    lab = t.lab(delay=10)
    pair = proc.Pair(lab, program=t.need_release())
    held = pair.open("echo")
    time.sleep(SETTLED)
    _rest(t, {"serve": pair.serve, "connect": pair.connect}, 60 if t.full else 20, WAKES)
    _is_alive(held)


class Counter:
    """Packets at a router's WAN, both ways, that fit |out| as they leave and |back| as they come."""

    def __init__(self, space, out, back):
        self.space = space
        # Behind the NAT's own work on the way out, before it on the way in: as the Internet sees them.
        space.run(["nft", "-f", "-"], input=f"""
            table inet count {{
                chain post {{ type filter hook postrouting priority 400; oifname "wan" {out} counter; }}
                chain pre {{ type filter hook prerouting priority -400; iifname "wan" {back} counter; }}
            }}""")

    def read(self):
        """(sent, received)"""
        rules = [r["rule"] for r in json.loads(self.space.run(["nft", "-j", "list", "table", "inet", "count"]).stdout)["nftables"] if "rule" in r]
        found = {r["chain"]: e["counter"]["packets"] for r in rules for e in r["expr"] if "counter" in e}
        return found["post"], found["pre"]


def _flow(own, other):
    """Counters for the packets between two ports, of which status tells the one that the peer sees."""
    mine, theirs = (address.rpartition(":")[2] for address in (own, other))
    return f"udp sport {mine} udp dport {theirs}", f"udp sport {theirs} udp dport {mine}"


@check("an idle session that met through a mediator and has a relay standing by: four packets in 15 s at most on the path in use", limit=240)
def idle_direct(t):
    w = World(t, nat=OPEN, delay=10, program=t.need_release())
    w.start(connect=w.args(uri("udp")))
    held = w.open()

    def has_settled():
        st = w.status()
        return st["how"] != "relayed" and st["switches"] >= 1 and w.connect.started_at + SUCCEEDED + 3 < time.monotonic()
    wait_until(has_settled, SUCCEEDED + 30, "the first path has its successor", step=0.5)
    switches, ours, theirs = w.status()["switches"], w.status("serve")["remote"], w.status()["remote"]
    counters = [Counter(w.lab.ra, *_flow(ours, theirs)), Counter(w.lab.rb, *_flow(theirs, ours))]
    before = [c.read() for c in counters]
    took = _rest(t, {"serve": w.serve, "connect": w.connect}, 60 if t.full else 30, WAKES_SERVED)
    sent, received = (sum(c.read()[way] - b[way] for c, b in zip(counters, before)) for way in (0, 1))
    t.note(f"{sent / took * 15:.2f} packets in 15 s on the path in use, both ends together")
    # One more question and its answer fit into a span that is no multiple of theirs.
    assert 0 < sent <= BUDGET * took + 2 and abs(sent - received) <= 1, f"{sent} packets sent and {received} come in {took:.0f} s"
    assert w.status()["switches"] == switches, "another path is in use"
    _is_alive(held)
