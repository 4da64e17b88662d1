#!/usr/bin/env python3
"""Services that stand behind the tunnel, and the clients' half of their protocol.

    target.py pump PORT|/SOCKET     TCP (or Unix): each connection begins with one line
                                    echo          everything comes back; half-closes when the client does
                                    get N         N bytes, then the end
                                    text N        the same of compressible text
                                    put           reads to the end, answers with "BYTES SHA256" and ends
                                    take N        reads N bytes, then as put
                                    swap N        N bytes out while reading to the end; then as put
                                    hold          says "held", then neither reads nor writes
                                    reset         says "bye", reads one byte, resets the connection
                                    farewell KEY  says "bye", half-closes, reads to the end
                                    watch KEY     says "watching", reads to the end
                                    recall KEY    how farewell or watch with that KEY ended: "eof BYTES SHA256",
                                                  "reset", or "open"
    target.py udpecho PORT          every datagram comes back from where it was sent to

Bytes of get and swap: blocks of BLOCK random bytes (seeded), each beginning with its number, so that a block lost,
doubled or moved changes the sum.
"""

import hashlib
import random
import resource
import socket
import struct
import sys
import threading

BLOCK = 1 << 20
_bases = {}


def _block(text):
    if text not in _bases:
        r = random.Random(20061)
        words = ["hole", "punching", "through", "two", "routers", "is", "a", "matter", "of", "timing", "and", "patience\n"]
        _bases[text] = " ".join(r.choices(words, k=BLOCK // 4)).encode()[:BLOCK] if text else r.randbytes(BLOCK)
    return _bases[text]


def blocks(size, text=False):
    """The stream of |size| bytes, piece by piece."""
    base = bytearray(_block(text))
    number = 0
    while size > 0:
        base[:8] = b"%08x" % number if text else struct.pack(">Q", number)
        number += 1
        n = min(size, BLOCK)
        yield memoryview(base)[:n]
        size -= n


def checksum(size, text=False):
    h = hashlib.sha256()
    for b in blocks(size, text):
        h.update(b)
    return h.hexdigest()


def send_stream(sock, size, text=False):
    for b in blocks(size, text):
        sock.sendall(b)


def drain(sock, on_bytes=None, want=None):
    """Reads to the end, or |want| bytes. (bytes, SHA-256)"""
    buf = bytearray(BLOCK)
    view = memoryview(buf)
    h = hashlib.sha256()
    total = 0
    while total != want:
        n = sock.recv_into(view[:min(BLOCK, want - total)] if want else buf)
        if n == 0:
            break
        h.update(view[:n])
        total += n
        if on_bytes:
            on_bytes(n)
    return total, h.hexdigest()


def read_line(sock):
    line = b""
    while not line.endswith(b"\n"):
        c = sock.recv(1)
        if not c:
            break
        line += c
    return line.decode(errors="replace").strip()


def reset(sock):
    """Closes with RST, not FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def _echo(sock):
    while True:
        data = sock.recv(65536)
        if not data:
            break
        sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


_memory = {}


def _remember(key, sock):
    _memory[key] = "open"
    try:
        total, digest = drain(sock)
        _memory[key] = f"eof {total} {digest}"
    except ConnectionResetError:
        _memory[key] = "reset"


def _serve_one(sock):
    with sock:
        try:
            word, _, arg = read_line(sock).partition(" ")
            if word == "echo":
                _echo(sock)
            elif word in ("get", "text"):
                send_stream(sock, int(arg), word == "text")
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(4096):
                    pass
            elif word in ("put", "swap"):
                sender = threading.Thread(target=send_stream, args=(sock, int(arg or 0)))
                sender.start()
                total, digest = drain(sock)
                sender.join()
                sock.sendall(f"{total} {digest}\n".encode())
            elif word == "take":
                total, digest = drain(sock, want=int(arg))
                sock.sendall(f"{total} {digest}\n".encode())
                sock.recv(1)
            elif word == "hold":
                sock.sendall(b"held\n")
                threading.Event().wait()
            elif word == "reset":
                sock.sendall(b"bye\n")
                sock.recv(1)
                reset(sock)
            elif word == "farewell":
                sock.sendall(b"bye\n")
                sock.shutdown(socket.SHUT_WR)
                _remember(arg, sock)
            elif word == "watch":
                sock.sendall(b"watching\n")
                _remember(arg, sock)
            elif word == "recall":
                sock.sendall((_memory.get(arg, "unknown") + "\n").encode())
        except OSError:
            pass


def pump(where):
    if where.startswith("/"):
        server = socket.socket(socket.AF_UNIX)
        server.bind(where)
    else:
        server = socket.socket(socket.AF_INET6)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("::", int(where)))
    server.listen(4096)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    threading.stack_size(256 * 1024)
    _block(False)
    print("ready", flush=True)
    while True:
        sock, _ = server.accept()
        threading.Thread(target=_serve_one, args=(sock,), daemon=True).start()


def udpecho(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind(("::", int(port)))
    print("ready", flush=True)
    while True:
        data, addr = s.recvfrom(65536)
        s.sendto(data, addr)


def main(argv):
    kinds = {"pump": pump, "udpecho": udpecho}
    if len(argv) != 3 or argv[1] not in kinds:
        sys.stderr.write(__doc__)
        return 2
    kinds[argv[1]](argv[2])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
