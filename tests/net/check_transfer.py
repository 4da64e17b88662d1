"""Bytes through the tunnel: all of them, in order, in any number of connections."""

import concurrent.futures
import hashlib
import resource
import select
import socket
import threading
import time

import proc
import target
from check import check
from lab import wait_until

MIB = 1 << 20


def _both_ways(t, size, **shape):
    """|size| bytes each way at once, through one connection each; then both ways in one connection."""
    pair = proc.Pair(t.lab(**shape))
    pair.open("echo").close()
    down, up = pair.dial(f"get {size}"), pair.dial("put")
    for s in (down, up):
        s.settimeout(120)
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(proc.get, down, size), pool.submit(proc.put, up, size)]
        for j in jobs:
            j.result()
    took = time.monotonic() - begin
    t.note(f"{size // MIB} MiB each way in {took:.1f} s")
    _swap(pair, size // 8)
    for p in (pair.connect, pair.serve):
        assert p.stop() == 0, p.last_words()


def _swap(pair, size):
    """Both ways in one TCP connection."""
    s = pair.dial(f"swap {size}")
    s.settimeout(120)
    sender = threading.Thread(target=lambda: (target.send_stream(s, size), s.shutdown(socket.SHUT_WR)))
    sender.start()
    want = size
    h = hashlib.sha256()
    while want:
        chunk = s.recv(min(want, MIB))
        assert chunk, f"the stream ended {want} bytes early"
        h.update(chunk)
        want -= len(chunk)
    sender.join()
    answer = target.read_line(s)
    s.close()
    assert h.hexdigest() == target.checksum(size), "what came back is damaged"
    assert answer == f"{size} {target.checksum(size)}", answer


@check("SHA-256 equal, both ways at once, without delay", kind="cpu", limit=300)
def both_ways(t):
    _both_ways(t, t.size)


@check("SHA-256 equal, both ways at once, at 50 ms with 1 % loss each way", kind="cpu", limit=900)
def both_ways_lossy(t):
    _both_ways(t, t.size, delay=25, loss=1, offload=False)


@check("SHA-256 equal over IPv6, without NAT, both firewalls stateful", kind="cpu")
def both_ways_ipv6(t):
    lab = t.lab(ipv6=True)
    proc.start_target(lab, lab.hb, "pump", "8000")
    serve_side, connect_side = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = serve_side.ticket()
    serve = serve_side.serve("pump=8000", peer="2001:db8:a::2")
    connect = connect_side.connect(ticket, "7100:pump", peer="2001:db8:b::2")
    proc.first_echo(lab.ha, 7100, 30, (serve, connect)).close()
    proc.get(proc.dial(lab.ha, 7100, f"get {t.size // 4}"), t.size // 4)
    proc.put(proc.dial(lab.ha, 7100, "put"), t.size // 4)


def _raise_own_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@check("1000 connections at once under `ulimit -Sn 1024`: the limit is raised, each is served", kind="cpu", limit=240)
def thousand_connections(t):
    _raise_own_limit()
    pair = proc.Pair(t.lab(), limits="-Sn 1024")
    pair.open("echo").close()
    open_ones = []
    t.cleanups.append(lambda: [s.close() for s in open_ones])
    for i in range(1000):
        open_ones.append(pair.dial("echo"))
    for turn in range(2):
        for i, s in enumerate(open_ones):
            s.sendall(b"%08d" % i)
        for i, s in enumerate(open_ones):
            got = s.recv(8, socket.MSG_WAITALL)
            assert got == b"%08d" % i, f"connection {i}, turn {turn}: {got!r}"
    for s in open_ones[::2]:  # half of them end; the others live on
        s.shutdown(socket.SHUT_WR)
        assert s.recv(1) == b"", "the echo did not end"
    for s in open_ones[1::2]:
        s.sendall(b"still")
        assert s.recv(5, socket.MSG_WAITALL) == b"still"
    if t.release and pair.serve_side.program == t.release:
        _under_64_mib(pair)


def _out_of_descriptors(t, side):
    """|side| may have 100 of them, for 150 connections: all are served in the end, none is cut, one line tells."""
    lab = t.lab()
    proc.start_target(lab, lab.hb, "pump", "8000")
    serve_side, connect_side = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = serve_side.ticket()
    limits = {side: "-n 100"}
    serve = serve_side.serve("pump=8000", peer="203.0.113.10", args=("--threads", "1"), limits=limits.get("serve"))
    connect = connect_side.connect(ticket, "7100:pump", peer="203.0.113.20", limits=limits.get("connect"))
    proc.first_echo(lab.ha, 7100, 30, (serve, connect)).close()
    waiting = [proc.dial(lab.ha, 7100, "echo") for _ in range(150)]
    t.cleanups.append(lambda: [s.close() for s in waiting])
    for s in waiting:
        s.sendall(b"?")
    {"serve": serve, "connect": connect}[side].expect("new connections wait: Too many open files", 20, "err")
    n = 0
    while waiting:  # who was answered makes room
        ready = select.select(waiting, [], [], 20)[0]
        assert ready, f"{len(waiting)} of 150 were never served\n{serve.last_words()}\n{connect.last_words()}"
        for s in ready:
            assert s.recv(1) == b"?", f"cut after {n} were served"
            n += 1
            s.close()
            waiting.remove(s)
    for p in (serve, connect):
        assert p.is_running() and p.err().count("new connections wait") == (p.name.endswith(side)), p.last_words()


@check("out of descriptors, serve lets new connections wait, says so once, and serves them when there are some")
def serve_out_of_descriptors(t):
    _out_of_descriptors(t, "serve")


@check("out of descriptors, connect lets new connections wait, says so once, and serves them when there are some")
def connect_out_of_descriptors(t):
    _out_of_descriptors(t, "connect")


def _under_64_mib(pair):
    for p in (pair.connect, pair.serve):
        peak = p.status("VmHWM") / 1024
        assert peak < 64, f"{p.name} used {peak:.1f} MiB"


@check("500 stalled readers do not slow a 501st stream by more than 20 %; both sides stay under 64 MiB", kind="alone",
       limit=300)
def stalled_readers(t):
    program = t.need_release()
    _raise_own_limit()
    size = 256 * MIB

    def rate(pair):
        return size / proc.get(pair.dial(f"get {size}"), size) / 1e6

    free, pair = proc.Pair(t.lab(), program=program), proc.Pair(t.lab(), program=program)
    for p in (free, pair):
        p.open("echo").close()
    stalled = []
    t.cleanups.append(lambda: [s.close() for s in stalled])
    for _ in range(500):
        with pair.lab.ha:
            s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(60)
        s.connect(("127.0.0.1", 7100))
        s.sendall(b"get 1000000000\n")
        assert s.recv(1), "a stalled reader gets its first byte"
        stalled.append(s)
    _until_quiet(pair.serve)
    # In turns, and the best of each, until it shows: the machine's other work only ever slows one.
    before = during = 0
    for _ in range(12):
        before = max(before, rate(free))
        during = max(during, rate(pair))
        if during >= 0.8 * before:
            break
    peaks = [p.status("VmHWM") / 1024 for p in (pair.connect, pair.serve)]
    t.note(f"{before:.0f} MB/s alone, {during:.0f} MB/s beside 500; peaks {peaks[0]:.0f} and {peaks[1]:.0f} MiB")
    assert during >= 0.8 * before
    _under_64_mib(pair)
    # And they were only slow: one of them reads now.
    s = stalled[250]
    total = 1
    while total < 50 * MIB:
        total += len(s.recv(MIB))


def _until_quiet(p):
    """Waits until the process has nothing to do any more."""
    last = [p.cpu_seconds(), time.monotonic()]

    def is_quiet():
        now = p.cpu_seconds()
        if now > last[0]:
            last[:] = [now, time.monotonic()]
        return time.monotonic() - last[1] > 0.5
    wait_until(is_quiet, 60, f"{p.name} comes to rest", step=0.1)


@check("half-close passes, client first and server first, with the bytes that follow it")
def half_close(t):
    ends_pass(proc.Pair(t.lab(delay=5)))


def ends_pass(pair):
    pair.open("echo").close()
    # The client ends first: the answer that comes after its end still arrives, then the server's end.
    s = pair.dial("put")
    target.send_stream(s, 3 * MIB)
    s.shutdown(socket.SHUT_WR)
    assert target.read_line(s) == f"{3 * MIB} {target.checksum(3 * MIB)}"
    assert s.recv(1) == b"", "the server's end must arrive as an end"
    # The server ends first: the client goes on sending, and its own end arrives as an end.
    s = pair.dial("farewell one")
    assert target.read_line(s) == "bye"
    assert s.recv(1) == b"", "the server's half-close must arrive while this half is open"
    target.send_stream(s, 3 * MIB)
    s.shutdown(socket.SHUT_WR)
    wait_until(lambda: _recall(pair, "one") == f"eof {3 * MIB} {target.checksum(3 * MIB)}", 10, "the client's end arrives")


def _recall(pair, key):
    s = proc.dial(pair.lab.hb, 8000, f"recall {key}")
    try:
        return target.read_line(s)
    finally:
        s.close()


def _how_it_ends(s):
    """Reads on: "reset", or "eof" for a clean end."""
    try:
        while s.recv(65536):
            pass
        return "eof"
    except ConnectionResetError:
        return "reset"


@check("a reset arrives as a reset, both ways, and disturbs no other connection")
def resets(t):
    resets_pass(proc.Pair(t.lab(delay=5)))


def resets_pass(pair):
    bystander = pair.open("echo")
    s = pair.dial("reset")
    assert target.read_line(s) == "bye"
    s.sendall(b"!")
    assert _how_it_ends(s) == "reset", "the server's reset became a clean end"
    s = pair.dial("watch two")
    assert target.read_line(s) == "watching"
    target.reset(s)
    wait_until(lambda: _recall(pair, "two") != "open", 10, "the client's reset arrives")
    assert _recall(pair, "two") == "reset", _recall(pair, "two")
    bystander.sendall(b"fine")
    assert bystander.recv(4, socket.MSG_WAITALL) == b"fine"


@check("a dead target refuses that one connection, with a reset, and comes back when it comes back")
def dead_target(t):
    lab = t.lab()
    pair = proc.Pair(lab, services=("pump=8000", "dead=8001"), locals=("7100:pump", "7101:dead"))
    bystander = pair.open("echo")
    s = lab.ha.socket()
    s.settimeout(10)
    s.connect(("127.0.0.1", 7101))
    assert _how_it_ends(s) == "reset", "a refused connection must not look like an empty answer"
    bystander.sendall(b"fine")
    assert bystander.recv(4, socket.MSG_WAITALL) == b"fine"
    proc.start_target(lab, lab.hb, "pump", "8001")
    proc.first_echo(lab.ha, 7101, 10, (pair.serve, pair.connect)).close()


def _killed(t, restart):
    pair = proc.Pair(t.lab(delay=5), serve_args=("--linger", "3"), connect_args=("--linger", "3"))
    s = pair.open("echo")
    pair.serve.kill()
    begin = time.monotonic()
    if restart:
        pair.serve = pair.serve_side.serve("pump=8000", peer="203.0.113.10", args=("--linger", "3"))
    s.settimeout(30)
    how = _how_it_ends(s)
    t.note(f"reset after {time.monotonic() - begin:.1f} s")
    assert how == "reset", "a crash of the serve side must never be a clean end"
    return pair


@check("kill -9 of serve: the client's TCP gets a reset, never a clean end")
def killed_serve(t):
    _killed(t, restart=False)


@check("kill -9 of serve and a new start: old connections get a reset, new ones work")
def restarted_serve(t):
    pair = _killed(t, restart=True)
    if pair.connect.is_running():
        proc.first_echo(pair.lab.ha, 7100, 30, (pair.serve,)).close()
    else:
        assert pair.connect.popen.returncode == 7, pair.connect.last_words()


@check("kill -9 of connect: the server's TCP gets a reset, never a clean end")
def killed_connect(t):
    pair = proc.Pair(t.lab(delay=5), serve_args=("--linger", "3"), connect_args=("--linger", "3"))
    pair.open("echo").close()
    s = pair.dial("watch three")
    assert target.read_line(s) == "watching"
    pair.connect.kill()
    begin = time.monotonic()
    wait_until(lambda: _recall(pair, "three") != "open", 30, "the target's connection ends")
    t.note(f"{_recall(pair, 'three')} after {time.monotonic() - begin:.1f} s")
    assert _recall(pair, "three") == "reset"


@check("Unix sockets on both sides; several services in one ticket; a free port where the own is taken")
def other_places(t):
    lab = t.lab()
    there, here = lab.path("there.sock"), lab.path("here.sock")
    proc.start_target(lab, lab.hb, "pump", there)
    proc.start_target(lab, lab.hb, "pump", "8000")
    holder = lab.ha.socket()
    holder.bind(("127.0.0.1", 8000))
    holder.listen()
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = side.ticket()
    side.serve(f"deep=unix:{there}", "8000", peer="203.0.113.10")
    connect = other.connect(ticket, f"unix:{here}:deep", "8000", peer="203.0.113.20")
    port = int(connect.expect(r"(?:127\.0\.0\.1|localhost|\[::1\]):(\d+)", 30, "out").group(1))
    assert port != 8000, "that port is taken"
    proc.first_echo(lab.ha, port, 20, (connect,)).close()
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(here)
    s.sendall(b"get 1000000\n")
    proc.get(s, 1000000)


@check("a target with another host name; all services without naming one")
def all_services(t):
    lab = t.lab()
    proc.start_target(lab, lab.rb, "pump", "8002")  # a second machine of the far side's network: its router
    proc.start_target(lab, lab.hb, "pump", "8003")
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = side.ticket()
    serve = side.serve("far=192.168.2.1:8002", "near=localhost:8003", peer="203.0.113.10")
    connect = other.connect(ticket, peer="203.0.113.20")
    for port in (8002, 8003):
        proc.first_echo(lab.ha, port, 20, (serve, connect)).close()
