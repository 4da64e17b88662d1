"""--compress: what it gains, what it costs, and that nothing else changes."""

import socket
import time

import proc
import target
from check import check
from check_transfer import MIB, ends_pass, resets_pass

ON = dict(serve_args=("--compress",))
ON_CONNECT = dict(connect_args=("--compress",))


def _seconds(pair, kind, size):
    """A download of |size| bytes, checked."""
    begin = time.monotonic()
    s = pair.dial(f"{kind} {size}")
    s.settimeout(120)
    got = target.drain(s)
    took = time.monotonic() - begin
    s.close()
    assert got == (size, target.checksum(size, text=kind == "text")), got
    return took


@check("--compress over 10 Mbit/s: text at least 3x faster, random bytes at most 3 % slower", limit=240)
def compress_gains(t):
    shape = dict(delay=5, rate=10, queue=64, offload=False)
    plain, packed = proc.Pair(t.lab(**shape)), proc.Pair(t.lab(**shape), **ON)
    for p in (plain, packed):
        p.open("echo").close()
        _seconds(p, "get", MIB)  # the rate is known now
    text = _seconds(plain, "text", 6 * MIB) / _seconds(packed, "text", 6 * MIB)
    noise = max(_seconds(plain, "get", 8 * MIB) / _seconds(packed, "get", 8 * MIB) for _ in range(2))
    t.note(f"text {text:.1f}x, random {noise:.3f}x")
    assert text >= 3, f"text only {text:.2f}x faster"
    assert noise >= 0.97, f"random bytes at {noise:.3f} of the rate without"


@check("--compress on the connect side alone: both ways at once, SHA-256 equal, 1 % loss")
def compress_both_ways(t):
    pair = proc.Pair(t.lab(delay=10, loss=1, offload=False), **ON_CONNECT)
    pair.open("echo").close()
    for kind in ("text", "get"):
        _seconds(pair, kind, 16 * MIB)
    proc.put(pair.dial("put"), 16 * MIB)
    s = pair.dial(f"swap {8 * MIB}")
    s.settimeout(60)
    import threading
    sender = threading.Thread(target=lambda: (target.send_stream(s, 8 * MIB), s.shutdown(socket.SHUT_WR)))
    sender.start()
    got = target.drain(s, want=8 * MIB)
    sender.join(60)
    assert got == (8 * MIB, target.checksum(8 * MIB)), got
    assert target.read_line(s) == f"{8 * MIB} {target.checksum(8 * MIB)}"


@check("--compress: half-close passes with the bytes that follow it")
def compress_half_close(t):
    ends_pass(proc.Pair(t.lab(delay=5), **ON))


@check("--compress: a reset arrives as a reset, both ways")
def compress_resets(t):
    resets_pass(proc.Pair(t.lab(delay=5), **ON))


@check("--compress: a typed byte is never held back")
def compress_typing(t):
    pair = proc.Pair(t.lab(delay=10), **ON)
    s = pair.open("echo")
    for n in list(range(1, 40)) + [63, 64, 65, 200, 1000, 5000]:
        begin = time.monotonic()
        s.sendall(b"a" * n)
        got = s.recv(n, socket.MSG_WAITALL)
        assert got == b"a" * n
        assert time.monotonic() - begin < 0.5, f"{n} bytes took {time.monotonic() - begin:.2f} s"


@check("--compress: a reader that takes a little at a time gets every byte, and stopped ones cost no memory")
def compress_slow_reader(t):
    program = t.need_release()
    pair = proc.Pair(t.lab(), program=program, **ON)
    pair.open("echo").close()
    stopped = []
    t.cleanups.append(lambda: [s.close() for s in stopped])
    for _ in range(200):
        with pair.lab.ha:
            s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(20)
        s.connect(("127.0.0.1", 7100))
        s.sendall(b"text 1000000000\n")
        assert s.recv(1)
        stopped.append(s)
    size = 2 * MIB
    with pair.lab.ha:
        s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(20)
    s.connect(("127.0.0.1", 7100))
    s.sendall(f"text {size}\n".encode())
    import hashlib
    h, got = hashlib.sha256(), 0
    while got < size:
        data = s.recv(3000)
        assert data, f"ended after {got}"
        h.update(data)
        got += len(data)
    assert h.hexdigest() == target.checksum(size, text=True)
    peaks = [p.status("VmHWM") / 1024 for p in (pair.connect, pair.serve)]
    t.note(f"peaks {peaks[0]:.0f} and {peaks[1]:.0f} MiB")
    assert max(peaks) < 64, peaks
