"""One clock is wrong; and waiting for a long time."""

import statistics
import time

import proc
from check import check
from check_nat import Meeting, enough

# What one side's clock may be wrong by, in seconds, and within what time 95 % must have met where one router is open.
WRONG = ((0.3, 8), (-0.3, 8), (3, 8), (-3, 8), (30, 60), (-30, 60))


def _note(t, times):
    met = [x for x in times if x is not None]
    t.note(f"{len(met)} of {len(times)} met" + (f", median {statistics.median(met):.2f} s, slowest {max(met):.2f} s" if met else ""))


def _wrong_clock(offset, within):
    tag = f"{'plus' if offset > 0 else 'minus'}_{abs(offset):g}".replace(".", "_")
    wrong = ("--clock-offset", f"{offset:g}")

    def closed(t):
        m = Meeting(t.lab(delay=2))
        # The connect side's clock is wrong in one half of the tries, the serve side's in the other.
        times = []
        for i in range(t.tries // 2):
            m.forget_clocks()
            times.append(m.meet((0, 0.5, 2)[i % 3], ("serve", "connect")[i % 2], wrong if i % 2 else (), () if i % 2 else wrong))
        _note(t, times)
        assert all(x is not None and x <= 5 for x in times), times

    def half(t):
        m = Meeting(t.lab(delay=2))
        times = []
        for i in range(t.tries):
            for side, wan in zip(("ra", "rb"), (("accept", "drop"), ("drop", "accept"))[i // 2 % 2]):
                m.lab.firewall(side, wan)
            m.forget_clocks()
            times.append(m.meet((0, 0.5, 2)[i % 3], ("serve", "connect")[i % 2], wrong if i % 2 else (),
                                () if i % 2 else wrong, limit=within + 5))
        _note(t, times)
        ok = sum(x is not None and x <= within for x in times)
        assert ok >= enough(len(times), 0.95), f"{ok} of {len(times)} within {within} s: {times}"

    for f, words, limit in ((closed, "drop x drop, as if it were right", 300),
                            (half, f"accept on one side, 95 % within {within} s", 900)):
        f.__module__ = __name__
        check(f"one clock wrong by {offset:+g} s: {words}", name=f"{f.__name__}_{tag}", limit=limit)(f)


for _offset, _within in WRONG:
    _wrong_clock(_offset, _within)


@check("a clock 30 s off is known the second time: accept on one side, within 8 s", limit=150)
def known_the_second_time(t):
    m = Meeting(t.lab(delay=2, wan=("accept", "drop")))
    wrong = ("--clock-offset", "30")
    times = [m.meet(2, "serve", wrong, (), limit=limit) for limit in (65, 10)]
    _note(t, times)
    assert None not in times and times[1] <= 8, times


def _after_a_wait(t, first, wait, error):
    """|first| waits alone for |wait| seconds; its clock is wrong by |error|. Conntrack forgets after
    15 s: more than a waiter's pause, and long past its loud start."""
    m = Meeting(t.lab(hops=8, delay=10, wan=("accept", "drop") if first == "connect" else ("drop", "accept"),
                      ct={"udp_timeout": 15, "udp_timeout_stream": 20}))
    args = ("--clock-offset", f"{error:g}") if error else ()
    m.start(first, args)
    time.sleep(wait)
    begin = time.monotonic()
    m.start("serve" if first == "connect" else "connect")
    proc.first_echo(m.lab.ha, 7100, 30, (m.serve, m.connect)).close()
    took = time.monotonic() - begin
    t.note(f"{took:.2f} s after the newcomer's start")
    assert took <= 5, f"{took:.1f} s"


@check("a waiter of 90 s is found at once by the connect side, its own router open", limit=450)
def serve_waits_90s(t):
    _after_a_wait(t, "serve", 90, 0)


@check("a waiter of 90 s is found at once by the serve side, its own router open", limit=450)
def connect_waits_90s(t):
    _after_a_wait(t, "connect", 90, 0)


@check("any clock error heals where one side has waited 60 s and hops lie between (here an hour)", limit=450)
def any_error_after_60s(t):
    _after_a_wait(t, "connect", 62, 3600)
