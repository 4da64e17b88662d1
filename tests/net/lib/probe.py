"""What a host behind a router of the box can do, asked by a plain program: run in a host of `adit-lab net`.

    probe.py serve                 UDP and TCP echo on port 7 of all addresses
    probe.py ask ADDRESS ROUTER    asks that server through the router ROUTER; prints "ok", or what went wrong
    probe.py late PORT             takes datagrams until "end"; prints how many milliseconds each was under way
    probe.py send ADDRESS PORT MBIT SECONDS    sends such ones, each with the time in it
"""

import hashlib
import ipaddress
import random
import select
import socket
import struct
import sys
import threading
import time

IP_RECVERR, IP_MTU_DISCOVER, IP_TTL, MSG_ERRQUEUE = 11, 10, 2, 0x2000
IPV6_RECVERR, IPV6_UNICAST_HOPS = 25, 16


def serve():
    tcp = socket.create_server(("::", 7), family=socket.AF_INET6, dualstack_ipv6=True)
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.bind(("::", 7))

    def echo(c):
        with c:
            while True:
                data = c.recv(1 << 16)
                if not data:
                    return
                c.sendall(data)

    def accept():
        while True:
            threading.Thread(target=echo, args=(tcp.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    print("ready", flush=True)
    while True:
        data, peer = udp.recvfrom(65535)
        udp.sendto(data, peer)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def udp_echo(server, size):
    with socket.socket(family_of(server), socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        data = random.randbytes(size)
        for _ in range(20):
            s.sendto(data, (server, 7))
            try:
                if s.recv(65535) == data:
                    return
                raise AssertionError(f"{size} bytes came back damaged")
            except TimeoutError:
                continue
    raise AssertionError(f"a datagram of {size} bytes does not come back")


def tcp_echo(server, size):
    data = random.randbytes(size)
    with socket.create_connection((server, 7), timeout=20) as s:
        threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)), daemon=True).start()
        got = hashlib.sha256()
        while True:
            piece = s.recv(1 << 16)
            if not piece:
                break
            got.update(piece)
    assert got.digest() == hashlib.sha256(data).digest(), "a stream came back damaged"


def icmp_error(server, port, ttl):
    """(type, code, who) of the error that a datagram gets."""
    v6 = ":" in server
    with socket.socket(family_of(server), socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP, IPV6_RECVERR if v6 else IP_RECVERR, 1)
        s.setsockopt(socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP, IPV6_UNICAST_HOPS if v6 else IP_TTL, ttl)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                s.sendto(b"probe", (server, port))
            except OSError:
                pass
            if select.select([], [], [s], 0.3)[2] or True:
                try:
                    _, control, _, _ = s.recvmsg(512, 512, MSG_ERRQUEUE)
                except OSError:
                    time.sleep(0.1)
                    continue
                e = control[0][2]
                who = e[16:]
                if struct.unpack_from("=H", who)[0] == socket.AF_INET:
                    return e[5], e[6], socket.inet_ntop(socket.AF_INET, who[4:8])
                return e[5], e[6], socket.inet_ntop(socket.AF_INET6, who[8:24])
    return None


def refused(server):
    with socket.socket(family_of(server)) as s:
        s.settimeout(3)
        try:
            s.connect((server, 9))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def ask(server, router):
    server = str(ipaddress.ip_address(server))  # as the kernel writes it
    v6 = ":" in server
    for size in (1, 100, 1200, 9000, 40000):
        udp_echo(server, size)
    for size in (1, 1000, 20 << 20):
        tcp_echo(server, size)
    expired = icmp_error(server, 7, 1)
    assert expired == ((3, 0, router) if v6 else (11, 0, router)), f"TTL 1: {expired}, not from {router}"
    closed = icmp_error(server, 9, 64)
    assert closed == ((1, 4, server) if v6 else (3, 3, server)), f"a closed port: {closed}"
    assert refused(server), "a closed TCP port does not refuse"
    print("ok")


def late(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        s.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS: the kernel's own receive time
        s.bind(("", port))
        print("ready", flush=True)
        delays = []
        while True:
            data, control, _, _ = s.recvmsg(2048, 256)
            if data == b"end":
                break
            sec, nsec = struct.unpack("qq", control[0][2])
            delays.append((sec * 10 ** 9 + nsec - struct.unpack_from("q", data)[0]) / 1e6)
    print(" ".join(f"{d:.4f}" for d in delays), flush=True)


def send(address, port, mbit, seconds):
    size = 1400
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        s.connect((address, port))
        for _ in range(3):  # the neighbours find each other
            s.send(struct.pack("q", time.time_ns()).ljust(size, b"x"))
            time.sleep(0.3)
        begin = time.monotonic()
        for i in range(int(mbit * 1e6 * seconds / 8 / size)):
            while time.monotonic() < begin + i * size * 8 / (mbit * 1e6):
                pass
            s.send(struct.pack("q", time.time_ns()).ljust(size, b"x"))
        time.sleep(0.2)
        s.send(b"end")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    if sys.argv[1] == "late":
        sys.exit(late(int(sys.argv[2])))
    if sys.argv[1] == "send":
        sys.exit(send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])))
    try:
        ask(sys.argv[2], sys.argv[3])
    except (AssertionError, OSError) as e:
        print(f"{type(e).__name__}: {e}")
        sys.exit(1)
