"""What a stranger may send to an endpoint, and a look at what comes back."""

import hashlib
import hmac
import os
import random
import socket
import struct
import threading
import time
import zlib

COOKIE = 0x2112A442
UDP_SEGMENT = 103  # linux/udp.h: one send, many datagrams of one size


def stun(kind=0x0001, attributes=b"", tid=None, key=None, fingerprint=True, sha256=True, cookie=COOKIE):
    """A STUN message (RFC 8489 5); with |key|, integrity under it."""
    tid = tid or os.urandom(12)
    body = attributes

    def header(length):
        return struct.pack("!HHI", kind, length, cookie) + tid
    if key is not None:
        size = 32 if sha256 else 20
        mac = hmac.new(key, header(len(body) + 4 + size) + body, hashlib.sha256 if sha256 else hashlib.sha1).digest()
        body += struct.pack("!HH", 0x001C if sha256 else 0x0008, size) + mac
    if fingerprint:
        crc = zlib.crc32(header(len(body) + 8) + body) ^ 0x5354554E
        body += struct.pack("!HHI", 0x8028, 4, crc)
    return header(len(body)) + body


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def stun_samples(r):
    """Valid messages without or with wrong integrity, of every class and many methods."""
    user = attribute(0x0006, b"%08x:%08x" % (r.getrandbits(32), r.getrandbits(32)))
    prio = attribute(0x0024, r.randbytes(4))
    role = attribute(r.choice((0x8029, 0x802A)), r.randbytes(8))
    for cls in (0x0000, 0x0010, 0x0100, 0x0110):
        for method in (0x001, 0x003, 0x080, 0x0FF):
            kind = method & 0xF | (method & 0x70) << 1 | (method & 0xF80) << 2 | cls
            yield stun(kind)
            yield stun(kind, user + prio + role)
            yield stun(kind, user + prio + role, key=r.randbytes(22))
            yield stun(kind, user + prio + role, key=r.randbytes(22), sha256=False)
            yield stun(kind, key=b"", fingerprint=False)
    yield stun(0x0001, attribute(0x7FFE, b"comprehension required"))  # a server would answer 420
    yield stun(0x0001, cookie=r.getrandbits(32), fingerprint=False)  # RFC 3489


def quic_samples(r):
    """Initials of every version, and what else begins like QUIC (RFC 8999, 9000 17)."""
    versions = [1, 0x6B3343CF, 0xFF00001D, 0, 0x0A0A0A0A, 0x1A2A3A4A, 0xFACEB002, 0x51303433, r.getrandbits(32)]
    for version in versions:
        for first in (0xC0, 0xC3, 0xD0, 0xE0, 0xF0, 0x80):
            dcid, scid = r.randbytes(r.choice((8, 12, 18, 20))), r.randbytes(r.choice((0, 8, 20)))
            head = (bytes([first]) + struct.pack("!I", version) + bytes([len(dcid)]) + dcid + bytes([len(scid)]) + scid
                    + b"\0" + struct.pack("!H", 0x4000 | 1150))
            yield (head + r.randbytes(1200))[:1200]
    for first in (0x40, 0x43, 0x60, 0x7F):
        yield bytes([first]) + r.randbytes(r.choice((20, 40, 1199)))


def samples(seed, probes=()):
    """A mixed bag; |probes| are captured datagrams to be replayed."""
    r = random.Random(seed)
    bag = list(stun_samples(r)) + list(quic_samples(r)) + list(probes)
    for size in (0, 1, 2, 19, 20, 21, 28, 100, 500, 1200, 1452):
        bag += [r.randbytes(size) for _ in range(4)]
    bag += [bytes([first]) + r.randbytes(60) for first in range(256)]
    for m in list(bag[:40]) + list(probes):  # right at the beginning, harmed later
        if len(m) > 8:
            at = r.randrange(4, len(m))
            bag.append(m[:at] + bytes([m[at] ^ 1 << r.randrange(8)]) + m[at + 1:])
            bag.append(m[:at])
    return bag


class Flood(threading.Thread):
    """Sends |count| datagrams of the bag from |ns| to |to|, |rate| a second at most."""

    def __init__(self, ns, to, bag, count, rate=None, sources=8):
        super().__init__(daemon=True)
        self.to, self.bag, self.count, self.rate = to, bag, count, rate
        self.sockets = [ns.socket(kind=socket.SOCK_DGRAM) for _ in range(sources)]
        for s in self.sockets:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        self.sent = self.calls = 0
        self.stopped = False

    def run(self):
        begin = time.monotonic()
        n = 0
        try:
            while self.sent < self.count and not self.stopped:
                m = self.bag[n % len(self.bag)]
                s = self.sockets[n // 7 % len(self.sockets)]
                n += 1
                times = max(1, min(40, 60000 // max(1, len(m)), self.count - self.sent)) if m else 1
                try:
                    if times > 1:
                        s.sendmsg([m * times], [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("=H", len(m)))], 0, self.to)
                    else:
                        s.sendto(m, self.to)
                except OSError:
                    continue
                self.sent += times
                self.calls += 1
                if self.rate:
                    ahead = self.sent / self.rate - (time.monotonic() - begin)
                    if ahead > 0.002:
                        time.sleep(ahead)
        finally:
            for s in self.sockets:
                s.close()


class Capture(threading.Thread):
    """All IP packets that an interface sees; |keep|(packet, is_outgoing) chooses. Ends with stop()."""

    def __init__(self, ns, dev, keep=lambda packet, out: True):
        super().__init__(daemon=True)
        self.sock = ns.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # ETH_P_ALL
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        except OSError:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self.sock.bind((dev, 3))
        self.sock.settimeout(0.1)
        self.keep, self.packets, self.stopped = keep, [], False
        self.start()

    def run(self):
        while not self.stopped:
            try:
                data, addr = self.sock.recvfrom(65536)
            except TimeoutError:
                continue
            except OSError:  # the lab is being taken down
                return
            if addr[1] in (0x0800, 0x86DD) and self.keep(data, addr[2] == 4):  # PACKET_OUTGOING
                self.packets.append((time.monotonic(), addr[2] == 4, data))

    def stop(self):
        self.stopped = True
        self.join(2)
        self.sock.close()
        return self.packets


def udp_of(packet):
    """((source, port), (destination, port), payload) of an IPv4 UDP packet; None for anything else."""
    if len(packet) < 28 or packet[0] >> 4 != 4 or packet[9] != 17:
        return None
    at = (packet[0] & 15) * 4
    sport, dport, length = struct.unpack_from("!HHH", packet, at)
    return ((socket.inet_ntoa(packet[12:16]), sport), (socket.inet_ntoa(packet[16:20]), dport), packet[at + 8:at + length])
