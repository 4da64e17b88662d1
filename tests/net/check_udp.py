"""UDP services through the tunnel."""

import os
import socket
import threading
import time

import daemons
import proc
from check import check


def _udp_client(ns):
    s = ns.socket(kind=socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.connect(("127.0.0.1", 7200))
    s.settimeout(1)
    return s


def _ask(s, data, tries=10):
    """The echo of |data|; datagrams may be lost, so it asks again."""
    for _ in range(tries):
        try:
            s.send(data)
            while True:
                got = s.recv(65536)
                if got == data:
                    return got
        except TimeoutError:
            continue
        except ConnectionRefusedError:  # not open yet: it is opened when the service is known to be UDP
            time.sleep(0.1)
    raise proc.Unexpected(f"no echo of {len(data)} bytes in {tries} tries")


def _echo_lab(t, **shape):
    lab = t.lab(**shape)
    proc.start_target(lab, lab.hb, "udpecho", "9000")
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = side.ticket()
    serve = side.serve("echo=udp/9000", peer="203.0.113.10")
    connect = other.connect(ticket, "7200:echo", peer="203.0.113.20")
    s = _udp_client(lab.ha)
    _ask(s, b"are you there?", tries=100)
    return lab, s, serve, connect


@check("datagrams from none to 65 507 bytes come back whole")
def sizes(t):
    lab, s, serve, connect = _echo_lab(t)
    for size in (0, 1, 100, 1200, 1400, 1500, 9000, 30000, 65507):
        _ask(s, os.urandom(size))


@check("a 9000-byte echo over a wire of MTU-sized frames with delay and 1 % loss")
def lossy_echo(t):
    lab, s, serve, connect = _echo_lab(t, delay=10, loss=1, offload=False)
    for _ in range(20):
        _ask(s, os.urandom(9000))


@check("a hundred clients of one UDP service each get their own answers")
def flows(t):
    lab, first, serve, connect = _echo_lab(t, delay=2)
    clients = [_udp_client(lab.ha) for _ in range(100)]
    try:
        for turn in range(3):
            for i, s in enumerate(clients):
                _ask(s, b"%d of client %d" % (turn, i))
    finally:
        for s in clients:
            s.close()


@check("a flood of datagrams does not stop a TCP transfer beside it, and the echo works after it", kind="cpu")
def flood(t):
    lab = t.lab(delay=2)
    proc.start_target(lab, lab.hb, "udpecho", "9000")
    pair = proc.Pair(lab, services=("pump=8000", "echo=udp/9000"), locals=("7100:pump", "7200:echo"))
    pair.open("echo").close()
    s = _udp_client(lab.ha)
    _ask(s, b"before", tries=30)
    stop = threading.Event()

    def pour():
        while not stop.is_set():
            try:
                s.send(b"x" * 1000)
            except OSError:
                pass
    pourer = threading.Thread(target=pour)
    pourer.start()
    try:
        proc.get(pair.dial(f"get {16 << 20}"), 16 << 20)
    finally:
        stop.set()
        pourer.join()
    fresh = _udp_client(lab.ha)
    _ask(fresh, b"after", tries=30)


@check("dig asks a name server over a forwarded UDP port; long answers pass too")
def dig(t):
    lab = t.lab(delay=10)
    daemons.start_dns(lab, lab.hb, "5353")
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = side.ticket()
    side.serve("dns=udp/5353", peer="203.0.113.10")
    connect = other.connect(ticket, "5300:dns", peer="203.0.113.20")

    connect.expect(":5300 dns", 30, "out")

    def ask(*words):
        return lab.ha.run(["dig", "@127.0.0.1", "-p", "5300", "+short", "+tries=15", "+time=2", *words], timeout=60).stdout
    assert ask("www.example.test").strip() == "192.0.2.7", connect.last_words()
    answer = ask("+bufsize=4096", "+ignore", "TXT", "long.example.test")
    assert answer.count("x") == 15 * 198, f"{len(answer)} bytes: {answer[:100]}"
