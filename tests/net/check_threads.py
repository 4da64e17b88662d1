"""Several connections of one session, each on a thread: the real programs, the kernel's NAT."""

import concurrent.futures
import json
import os
import signal
import time

import check_roam
import proc
from check import check
from check_relay import World, uri
from lab import wait_until

MIB = 1 << 20


def lane(side):
    """What status tells of the session."""
    code, out, err = side.run("status", "--json")
    assert code == 0, err
    whole = json.loads(out)
    endpoint = whole[0] if isinstance(whole, list) else whole
    endpoint = endpoint["endpoints"][0] if "endpoints" in endpoint else endpoint
    return endpoint["lanes"][0] if "lanes" in endpoint else endpoint


def are_up(pair, n):
    def look():
        return all(lane(s).get("threads") == n for s in (pair.connect_side, pair.serve_side))
    wait_until(look, 15, f"both sides have {n} threads", step=0.1)


def tasks(pid):
    """CPU seconds of each thread that carries streams, by its name."""
    found = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{tid}/stat") as f:
                head, _, rest = f.read().rpartition(")")
        except OSError:
            continue
        name = head.partition("(")[2]
        if name.startswith("adit-"):
            fields = rest.split()
            found[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def transfers(pair, n, size):
    """|n| at once, every other one upward."""
    socks = [pair.dial(f"get {size}" if i % 2 else "put") for i in range(n)]
    for s in socks:
        s.settimeout(120)
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        jobs = [pool.submit(proc.get if i % 2 else proc.put, s, size) for i, s in enumerate(socks)]
        for j in jobs:
            j.result()


def threaded(t, connect=4, serve=4, **shape):
    return proc.Pair(t.lab(**shape), connect_args=("--threads", str(connect)), serve_args=("--threads", str(serve)))


def stop(pair):
    for p in (pair.connect, pair.serve):
        assert p.stop() == 0, p.last_words()


@check("eight transfers over four connections: SHA-256 equal, each thread had its share, and no thread outlives the session",
       kind="cpu", limit=300)
def threads_spread(t):
    pair = threaded(t)
    pair.open("echo").close()
    are_up(pair, 4)
    transfers(pair, 8, t.size // 4)
    for p in (pair.connect, pair.serve):
        spent = tasks(p.pid)
        assert sorted(spent) == ["adit-2", "adit-3", "adit-4"], spent
        assert min(spent.values()) > 0, f"{p.name}: {spent}"
        t.note(f"{p.name}: {spent}")
    assert pair.connect.stop() == 0, pair.connect.last_words()
    wait_until(lambda: not tasks(pair.serve.pid), 5, "the serve side's threads have ended")
    assert pair.serve.stop() == 0, pair.serve.last_words()


@check("each of two connections carries more than its connection window ever was", kind="cpu", limit=300)
def threads_long(t):
    pair = threaded(t, connect=2, serve=2)
    pair.open("echo").close()
    are_up(pair, 2)
    transfers(pair, 4, 120 * MIB)  # two each way; a window is 96 MiB at most
    stop(pair)


@check("the fewer of both sides' threads are had; with one the session is as it always was", kind="cpu")
def threads_agreed(t):
    for connect, serve, n in ((4, 2, 2), (2, 4, 2), (4, 1, 1), (1, 4, 1)):
        pair = threaded(t, connect, serve)
        pair.open("echo").close()
        are_up(pair, n)
        transfers(pair, 4, MIB)
        assert len(tasks(pair.connect.pid)) == len(tasks(pair.serve.pid)) == n - 1
        stop(pair)


@check("the serve side is killed: connections of all threads are reset, and its successor gets as many threads")
def threads_peer_killed(t):
    pair = threaded(t, 3, 3)
    pair.open("echo").close()
    are_up(pair, 3)
    held = [pair.open("echo") for _ in range(6)]
    pair.serve.kill()
    pair.serve = pair.serve_side.serve("pump=8000", peer="203.0.113.10", args=("--threads", "3"))
    for s in held:
        s.settimeout(60)
        try:
            assert s.recv(1) == b"?", "a lost connection looks like one that ended"
        except ConnectionError:
            pass
    pair.open("echo").close()
    are_up(pair, 3)
    transfers(pair, 4, MIB)
    stop(pair)


@check("a second signal ends both sides at once, with streams on all threads")
def threads_ended_at_once(t):
    pair = threaded(t, 3, 3)
    pair.open("echo").close()
    are_up(pair, 3)
    held = [pair.open("echo") for _ in range(6)]
    for p in (pair.connect, pair.serve):
        p.signal(signal.SIGTERM)
        p.signal(signal.SIGTERM)
        # The last: it had ended already, and the signal came when nobody was left to take it.
        assert p.wait() in (0, 128 + signal.SIGTERM, -signal.SIGTERM), f"{p.popen.returncode}: {p.last_words()}"
    for s in held:
        s.close()


@check("who has a session with threads, and lends it, stays until the borrower has gone: no connection is cut")
def threads_lent(t):
    pair = threaded(t, 2, 2)
    pair.open("echo").close()
    are_up(pair, 2)
    held = [pair.open("echo") for _ in range(2)]
    second = pair.connect_side.connect(pair.ticket, "7101:pump", peer="203.0.113.20")
    held += [proc.first_echo(pair.lab.ha, 7101, 20, (second,)) for _ in range(4)]
    pair.connect.signal(signal.SIGTERM)
    pair.connect.expect("1 other command uses this session: it goes on until", 15)
    for s in held:
        s.sendall(b"!")
        assert s.recv(1) == b"!", "a connection has been cut"
        s.close()
    assert pair.connect.is_running() and len(tasks(pair.connect.pid)) == 1
    assert second.stop() == 0, second.last_words()
    assert pair.connect.wait() == 0, pair.connect.last_words()
    assert pair.serve.stop() == 0, pair.serve.last_words()


@check("relayed, direct in mid-transfer, relayed again, with flows on three threads: no reset, every byte right", limit=600)
def threads_roam(t):
    w = World(t, nat=check_roam.OPEN, delay=10)
    check_roam.block_direct(w.lab)
    w.lab.forget()
    s = check_roam.Roamer(w, connect=(*w.args(uri("udp")), "--threads", "3"), serve=("--threads", "3"))
    wait_until(lambda: w.status()["threads"] == w.status("serve")["threads"] == 3, 20, "three threads", step=0.1)
    s.flows += [check_roam.Flow(w.dial("echo"), 1 << 12, 0.02) for _ in range(6)]
    s.goes(relayed=True)
    check_roam.unblock_direct(w.lab)
    s.goes(relayed=False, timeout=90)
    up = max(f.gap(time.monotonic() - 3) for f in s.flows)  # it was a second ago
    begin = time.monotonic()
    check_roam.block_direct(w.lab)
    s.goes(relayed=True)
    down = max(f.gap(begin) for f in s.flows)
    pauses = [f.gap(time.monotonic() - 1) for f in s.flows]
    assert max(pauses) < check_roam.BOUND, f"a flow stands still: {pauses}"
    total = s.finish()
    t.note(f"{total / 1e6:.0f} MB; gaps: upgrade {up * 1000:.0f} ms, fall-back {down * 1000:.0f} ms")
    assert up < check_roam.PROMISED and down < check_roam.BOUND, (up, down)
    s.stop()
