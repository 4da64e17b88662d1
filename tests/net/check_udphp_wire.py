"""adit udphp against a hand-made peer: what no honest one would send, and the wrap of the sequence."""

import hashlib
import os
import socket
import struct
import threading
import time
import zlib

import proc
import target
from check import check
from lab import wait_until

MIB = 1 << 20


def _adit():
    return [proc.adit_program(), "udphp"]


def _connect(lab, procs):
    """One TCP connection is all that the protocol has: no trying, only waiting for the listener."""
    def attempt():
        for p in procs:
            if not p.is_running():
                raise proc.Unexpected(f"{p.name} ended with {p.popen.returncode}:\n{p.last_words()}")
        try:
            s = lab.ha.socket()
            s.settimeout(60)
            s.connect(("127.0.0.1", 7000))
            return s
        except ConnectionRefusedError:
            s.close()
            return None
    return wait_until(attempt, 20, "the client side listens")


class OldPeer:
    """The other end of the wire protocol, by hand: it can send what no honest peer would."""

    def __init__(self, lab, peer="203.0.113.10"):
        self.sock = lab.hb.socket(kind=socket.SOCK_DGRAM)
        self.sock.bind(("", 5555))
        self.sock.settimeout(3)
        self.to = (peer, 5555)
        self.received = []
        self.expected = 0

    def send(self, message):
        self.sock.sendto(message, self.to)

    def heartbeat(self):
        self.send(b"HELOSRVR")

    @staticmethod
    def message(kind, seq, data):
        body = zlib.compress(data) if kind == b"C" else data
        return struct.pack("!sHH11s", kind, seq, len(data), hashlib.md5(data).digest()[:11]) + body

    def answer(self, want, seq, timeout=3):
        """Waits for an acknowledgement of |seq|; takes the data that comes meanwhile."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.sock.settimeout(max(0.01, end - time.monotonic()))
            try:
                m = self.sock.recv(65536)
            except TimeoutError:
                break
            if m[:1] == want and struct.unpack("!H", m[1:3])[0] == seq:
                return True
        return False


def damaged(message, seq):
    """The message in every way it can come to harm, its type's change to an unknown one excepted: that ends the script too."""
    for cut in (*range(1, 17), len(message) // 2, len(message) - 1):
        yield message[:cut]
    for at in (*range(1, 16), *range(16, len(message), max(1, len(message) // 60))):
        for bit in (0x01, 0x80):
            yield message[:at] + bytes([message[at] ^ bit]) + message[at + 1:]
    yield (b"C" if message[:1] == b"U" else b"U") + message[1:]
    yield message + b"x"
    yield message[:3] + b"\xff\xff" + message[5:]
    yield struct.pack("!sHH11s", b"C", seq, 40000, b"0" * 11) + zlib.compress(bytes(64 * MIB), 9)[:60000]
    yield b"A" + message[1:3]
    yield b"N" + message[1:2]
    yield b""


@check("every message damaged in every way, from the peer and from third parties: survived, the bytes are right",
       limit=120)
def damage(t):
    lab = t.lab(nat=("masquerade", "masquerade"))
    client = proc.Proc(lab, lab.ha, "adit", [*_adit(), "-l", "7000", "203.0.113.20"])
    peer = OldPeer(lab)
    peer.heartbeat()
    s = _connect(lab, (client,))
    stranger = lab.hb.socket(kind=socket.SOCK_DGRAM)
    stranger.bind(("", 5556))
    sent = b""
    count = 0
    for seq in range(12):
        data = os.urandom(700 * (seq + 1)) if seq % 2 else (b"text that shrinks %d. " % seq) * (40 + seq)
        message = peer.message(b"U" if seq % 2 else b"C", seq, data)
        for bad in damaged(message, seq):
            peer.send(bad)
            stranger.sendto(bad, peer.to)
            count += 1
        stranger.sendto(b"Z bad type from elsewhere", peer.to)
        if seq:
            peer.send(old)  # a duplicate of an acknowledged message is acknowledged again, not delivered
            assert peer.answer(b"A", seq - 1), f"the duplicate of {seq - 1} is not acknowledged"
        for _ in range(5):
            peer.send(message)
            if peer.answer(b"A", seq):
                break
        else:
            raise proc.Unexpected(f"message {seq} is not acknowledged after damaged copies:\n{client.last_words()}")
        old = message
        sent += data
    got = s.recv(len(sent), socket.MSG_WAITALL)
    assert got == sent, "what arrived is not what was sent"
    assert client.is_running(), client.last_words()
    t.note(f"{count} damaged messages")


@check("the sequence wraps at 65536 in both directions", kind="cpu", limit=240)
def sequence_wrap(t):
    lab = t.lab()
    client = proc.Proc(lab, lab.ha, "adit", [*_adit(), "-l", "7000", "203.0.113.20"])
    peer = OldPeer(lab)
    peer.heartbeat()
    s = _connect(lab, (client,))
    n = 65536 + 40
    got = []
    reader = threading.Thread(target=lambda: got.append(target.drain(s, want=n * 8)))
    reader.start()
    digest = hashlib.sha256()
    for i in range(n):
        data = struct.pack("!Q", i)
        digest.update(data)
        message = peer.message(b"U", i & 0xffff, data)
        for _ in range(10):
            peer.send(message)
            if peer.answer(b"A", i & 0xffff, timeout=1):
                break
        else:
            raise proc.Unexpected(f"message {i} is not acknowledged:\n{client.last_words()}")
    reader.join(20)
    assert got and got[0] == (n * 8, digest.hexdigest())


