"""The table of NAT pairs: real kernel NAT on both sides, no third machine, started apart."""

import contextlib
import os
import statistics
import time

import proc
from check import check

COLUMNS = {
    "0ms": ("neighbours, 0 ms", dict(hops=0, delay=0)),
    "4ms": ("neighbours, 4 ms", dict(hops=0, delay=2)),
    "20ms": ("8 hops, 20 ms", dict(hops=8, delay=10)),
    "80ms": ("8 hops, 80 ms", dict(hops=8, delay=40)),
}

_closed = [(a, b) for a in ("drop", "reject") for b in ("drop", "reject")]
_half = [pair for c in ("drop", "reject") for pair in (("accept", c), (c, "accept"))]
# name: (what the table calls it, the WAN inputs, arguments of both sides)
ROWS = {
    "closed": ("drop or reject x same", _closed, ()),
    "half": ("accept x drop/reject, both orders", _half, ()),
    "open": ("accept x accept", [("accept", "accept")], ()),
    "pinned": ("drop or reject x same, --port 5555", _closed, ("--port", "5555")),
}

# Seconds between the two starts, and who starts first: all pairs within ten tries, mixed within eight.
SKEWS = [(0, "serve"), (0.1, "connect"), (0.5, "serve"), (2, "connect"), (5, "serve"),
         (0.1, "serve"), (0.5, "connect"), (2, "serve"), (5, "connect"), (0, "connect")]

SOON = 5.0  # seconds from the later start in which 95 % must have met
LONG = 30.0  # seconds after which a try has failed

_results = {}  # (row, column): seconds, None where they did not meet


class Meeting:
    """Two machines that know each other's address and a ticket; meet() starts both sides anew."""

    def __init__(self, lab):
        self.lab = lab
        proc.start_target(lab, lab.hb, "pump", "8000")
        self.serve_side, self.connect_side = proc.Side(lab, "hb"), proc.Side(lab, "ha")
        self.ticket = self.serve_side.ticket()
        self.serve = self.connect = None

    def start(self, which, args=()):
        port = ":" + args[args.index("--port") + 1] if "--port" in args else ""
        if which == "serve":
            self.serve = self.serve_side.serve("pump=8000", peer="203.0.113.10" + port, args=args)
        else:
            self.connect = self.connect_side.connect(self.ticket, "7100:pump", peer="203.0.113.20" + port, args=args)

    def meet(self, skew, first, serve_args=(), connect_args=(), limit=LONG):
        """Seconds from the later start to the first byte through the tunnel; None: not within |limit|."""
        args = {"serve": serve_args, "connect": connect_args}
        self.lab.forget()
        self.start(first, args[first])
        time.sleep(skew)
        later = "connect" if first == "serve" else "serve"
        self.start(later, args[later])
        begin = time.monotonic()
        took = proc.till_first_echo(self.lab.ha, 7100, limit, (self.serve, self.connect), begin)
        self.end()
        return took

    def forget_clocks(self):
        """What the connect side learnt of the other's clock."""
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(self.connect_side.state, "clocks"))

    def end(self):
        """Not an orderly end: that has its own checks, and the next try comes from nowhere anyhow."""
        for p in (self.serve, self.connect):
            p.kill()


def percentile(times, share):
    """The value that |share| of all tries did not exceed; failed ones count as infinite. None where that is infinite."""
    ranked = sorted(times, key=lambda x: (x is None, x))
    return ranked[min(len(ranked) - 1, -int(-len(ranked) * share // 1) - 1)]


def enough(n, share):
    """How many of |n| tries must succeed: |share| of them; of few tries, as CI makes them, one in eight may miss."""
    misses = int(n * (1 - share) + 1e-9)
    return n - (max(misses, n // 8) if n < 20 else misses)


def _judge(t, times, share):
    """Red below 7 of 8; full runs want |share| to meet at all and 95 % to do so soon."""
    n = len(times)
    met = sum(x is not None for x in times)
    soon = sum(x is not None and x <= SOON for x in times)
    t.note(f"{met} of {n} met, {soon} within {SOON:.0f} s"
           + (f", median {statistics.median(x for x in times if x is not None):.2f} s" if met else ""))
    assert met >= enough(n, share), f"met {met} of {n}: {times}"
    assert soon >= enough(n, min(share, 0.95)), f"only {soon} of {n} met within {SOON} s: {times}"


def _cell(row, column):
    _, pairs, args = ROWS[row]
    _, shape = COLUMNS[column]

    def run(t):
        m = Meeting(t.lab(**shape))
        times = _results.setdefault((row, column), [])
        unjudged = (row, column) == ("open", "0ms")
        for i in range(t.tries // 2 if unjudged else t.tries):
            policy = pairs[i % len(pairs)]
            skew, first = SKEWS[(i + i // len(pairs)) % len(SKEWS)]
            for side, wan in zip(("ra", "rb"), policy):
                m.lab.firewall(side, wan)
            times.append(m.meet(skew, first, args, args, limit=SOON * 2 if unjudged else LONG))
        if unjudged:
            t.note("reported, not judged: %d of %d met" % (sum(x is not None for x in times), len(times)))
            return
        _judge(t, times, 0.95 if (row, column) == ("open", "4ms") else 1.0)

    run.__module__ = __name__
    check(f"{ROWS[row][0]}; {COLUMNS[column][0]}", name=f"{row}_{column}", limit=900)(run)


for _row in ROWS:
    for _column in COLUMNS:
        if _row != "pinned" or _column in ("4ms", "80ms") or os.environ.get("ADIT_FULL"):
            _cell(_row, _column)


def finish(checks):
    """The table, when the whole room ran."""
    if not _results:
        return
    print("\nmet/tries, median and p95 in seconds from the later start (starts 0 to 5 s apart, either side first)")
    print(f"  {'WAN input':36}" + "".join(f"{COLUMNS[c][0]:>22}" for c in COLUMNS))
    for row, (title, _, _) in ROWS.items():
        cells = []
        for column in COLUMNS:
            times = _results.get((row, column))
            if not times:
                cells.append("-")
                continue
            met = [x for x in times if x is not None]
            p95 = percentile(times, 0.95)
            cells.append(f"{len(met)}/{len(times)}" + (f" {statistics.median(met):.2f}" if met else " -")
                         + (f" {p95:.2f}" if p95 is not None else " never"))
        if any(c != "-" for c in cells):
            print(f"  {title:36}" + "".join(f"{c:>22}" for c in cells))
    print()
