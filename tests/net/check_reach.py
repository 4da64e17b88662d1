"""Which NATs meet through mediators: real kernel NAT on both sides, two mediators that are independent of each other.

What docs/meeting.md promises of the kernel's NAT. The serve side is registered when the connect side starts; seconds count from
there to the first byte through the tunnel. Few tries (CI) have a red line well below the promise; 60 tries a cell
(./dev test nat) have the promise itself.
"""

import json
import math
import statistics
import time

import proc
from check import check
from check_nat import percentile
from lab import find_program

COLUMNS = {
    "near": ("neighbours, 0 ms", dict(hops=0, delay=0)),
    "wire": ("neighbours, 4 ms", dict(hops=0, delay=2)),
    "far": ("8 hops, 20 ms", dict(hops=8, delay=10)),
}

_half = [(a, b) for a in ("drop", "reject", "accept") for b in ("drop", "reject", "accept") if (a, b) != ("accept", "accept")]
_M, _R, _F = "masquerade", "random", "fully-random"
# name: (what the table calls it, the NATs of connect's and serve's side, their WAN inputs, columns). Two open routers
# need both sides to send within one way of each other, so at 0 ms there is nothing to promise.
ROWS = {
    "closed": ("masquerade x masquerade, any input", [(_M, _M)], _half, ("near", "wire", "far")),
    "open": ("the same, both accept", [(_M, _M)], [("accept", "accept")], ("wire", "far")),
    "random": ("masquerade x random, both orders", [(_M, _R), (_R, _M)], [("drop", "drop")], ("near", "far")),
    "fully": ("masquerade x fully-random, both orders", [(_M, _F), (_F, _M)], [("drop", "drop")], ("near", "far")),
}

WAITS = [0.0, 1.0, 2.5]  # seconds that the serve side has been registered before the connect side starts

LONG = 30.0  # seconds after which a try has failed
GOAL = 0.95  # of all tries meet directly,
GOAL_MEDIAN = 1.5  # in so many seconds in the median,
SECOND_ROUND = 3.0  # or in these, where the first round cannot do it: two open routers that are neighbours,
GOAL_P95 = 6.0  # and at the 95th percentile
VERDICT = 20.0  # seconds in which the user knows that there is no way
FLOWS_MINUTE = 1400  # new flows a minute that the router may be asked for (docs/rules.md 2)

_results = {}  # (row, column): seconds, None where they did not meet
_verdicts = {}  # column: seconds


def wilson(k, n, z=1.96):
    """The 95 % interval of a share."""
    p = k / n
    mid = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0, mid - half), min(1, mid + half)


class World:
    """Two homes, and a public machine with two addresses, on each of which a mediator runs."""

    def __init__(self, t, **shape):
        self.lab = lab = t.lab(stranger=True, **shape)
        self.mediators = [lab.pub_ip, self._second_address()]
        for i, ip in enumerate(self.mediators):
            p = proc.Proc(lab, lab.pub, f"mediator{i}", [find_program("ADIT", "adit"), "mediator", "--listen", ip])
            p.expect("ready", where="err")
        self.args = tuple(w for ip in self.mediators for w in ("--mediator", ip))
        proc.start_target(lab, lab.hb, "pump", "8000")
        self.serve_side, self.connect_side = proc.Side(lab, "hb"), proc.Side(lab, "ha")
        self.ticket = self.serve_side.ticket()
        self.serve = self.connect = None

    def _second_address(self):
        lab = self.lab
        if not lab.hops:
            lab.pub.run(["ip", "addr", "add", "203.0.113.67/24", "dev", "wan"])
            return "203.0.113.67"
        lab.pub.run(["ip", "addr", "add", "192.0.2.66/32", "dev", "wan"])
        lab.h1.run(["ip", "route", "add", "192.0.2.66/32", "via", lab.pub_ip])
        return "192.0.2.66"

    def set_up(self, nats, inputs):
        """Other routers: as if they had just been switched on."""
        self.lab.nat = nats
        for side, wan in zip(("ra", "rb"), inputs):
            self.lab.firewall(side, wan)
        self.lab.forget()

    def start(self, wait):
        """The time at which the connect side starts."""
        self.serve = self.serve_side.serve("pump=8000", args=self.args)
        self.serve.expect("registered with", where="err")
        time.sleep(wait)
        self.connect = self.connect_side.connect(self.ticket, "7100:pump", args=self.args + ("--json",))
        return time.monotonic()

    def end(self):
        """Not an orderly end: that has its own checks, and the next try comes from nowhere anyhow."""
        for p in (self.serve, self.connect):
            p.kill()

    def meet(self, wait, limit=LONG):
        """Seconds to the first byte through the tunnel; None: not within |limit|."""
        begin = self.start(wait)
        took = proc.till_first_echo(self.lab.ha, 7100, limit, (self.serve, self.connect), begin)
        self.end()
        return took

    def flows(self, side):
        """Entries of the router's connection table. None of them ends before 30 s."""
        return int(self.lab.spaces[side].run(["cat", "/proc/sys/net/netfilter/nf_conntrack_count"]).stdout)


def _tries(t):
    """./dev test nat asks for 20 of its other table: three times as many here."""
    return t.tries if t.tries < 20 else 3 * t.tries


def at_least(times, share):
    """The lower end of the 95 % interval of the value that |share| of all tries do not exceed (order statistics)."""
    n = len(times)
    ranked = sorted(times, key=lambda x: (x is None, x))
    return ranked[max(0, math.floor(n * share - 1.96 * math.sqrt(n * share * (1 - share))) - 1)]


def _judge(t, times, median):
    n = len(times)
    met = [x for x in times if x is not None]
    lo, hi = wilson(len(met), n)
    p95 = percentile(times, 0.95)
    t.note(f"{len(met)} of {n} met ({100 * lo:.0f} to {100 * hi:.0f} %)"
           + (f", median {statistics.median(met):.2f} s, p95 {p95:.2f} s" if met and p95 is not None else ""))
    if n < 20:
        assert len(met) >= n * 0.7, f"met {len(met)} of {n}: {times}"
        return
    assert len(met) >= GOAL * n, f"met {len(met)} of {n}: {times}"
    # Sixty tries of a search know their median to 0.3 s or so: red where it is beyond doubt.
    assert at_least(times, 0.5) <= median, f"median {statistics.median(met):.2f} s: {sorted(met)}"
    assert at_least(times, 0.95) <= GOAL_P95, f"p95 {p95} s: {sorted(met)}"


def _cell(row, column):
    _, nats, inputs, _ = ROWS[row]
    _, shape = COLUMNS[column]

    def run(t):
        w = World(t, **shape)
        times = _results.setdefault((row, column), [])
        for i in range(_tries(t)):
            w.set_up(nats[i % len(nats)], inputs[i % len(inputs)])
            times.append(w.meet(WAITS[i % len(WAITS)]))
        _judge(t, times, SECOND_ROUND if (row, column) == ("open", "wire") else GOAL_MEDIAN)

    run.__module__ = __name__
    # Two open routers that are neighbours: both sides send within one way of each other, or it takes another round.
    kind = "alone" if (row, column) == ("open", "wire") else "wait"
    check(f"through mediators: {ROWS[row][0]}; {COLUMNS[column][0]}", kind=kind, name=f"{row}_{column}", limit=1500)(run)


for _row in ROWS:
    for _column in ROWS[_row][3]:
        _cell(_row, _column)


def _hopeless(column):
    _, shape = COLUMNS[column]

    def run(t):
        w = World(t, **shape)
        took = _verdicts.setdefault(column, [])
        flows = []
        for i in range(max(2, _tries(t) // 8)):
            w.set_up((_F, _F), ("drop", "drop"))
            begin = w.start(WAITS[i % len(WAITS)])
            told = w.connect.expect(r'^\{"event":"failed".*$', VERDICT + 10, where="out").group(0)
            took.append(time.monotonic() - begin)
            assert json.loads(told)["verdict"] == "random", told
            flows += [w.flows(side) for side in ("ra", "rb")]
            w.end()
        t.note(f"{len(took)} verdicts after {min(took):.1f} to {max(took):.1f} s; at most {max(flows)} flows in a router")
        assert max(took) <= VERDICT, took
        assert max(flows) <= FLOWS_MINUTE, flows

    run.__module__ = __name__
    check(f"through mediators: fully-random x fully-random has a verdict, within the budget; {COLUMNS[column][0]}",
          name=f"hopeless_{column}", limit=900)(run)


for _column in ("near", "far"):
    _hopeless(_column)


def finish(checks):
    """The table, when cells ran."""
    if not _results:
        return
    print("\nmet/tries (95 % interval), median and p95 in seconds from the connect side's start; serve was there before")
    print(f"  {'through two mediators':42}" + "".join(f"{COLUMNS[c][0]:>34}" for c in COLUMNS))
    for row, (title, _, _, _) in ROWS.items():
        cells = []
        for column in COLUMNS:
            times = _results.get((row, column))
            if not times:
                cells.append("-")
                continue
            met = [x for x in times if x is not None]
            lo, hi = wilson(len(met), len(times))
            p95 = percentile(times, 0.95)
            cells.append(f"{len(met)}/{len(times)} ({100 * lo:.0f}-{100 * hi:.0f} %)"
                         + (f" {statistics.median(met):.2f}" if met else " -")
                         + (f" {p95:.2f}" if p95 is not None else " never"))
        if any(c != "-" for c in cells):
            print(f"  {title:42}" + "".join(f"{c:>34}" for c in cells))
    print()
