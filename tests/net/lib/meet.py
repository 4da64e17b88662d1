"""The mediator's protocol (docs/mediator.md), spoken by hand: peers, and what an attacker makes of what they say."""

import ctypes
import hashlib
import hmac
import os
import socket
import struct

REGISTER, REFRESH, INTRODUCE, REPORT, GONE, LEND, LEAVE = 0x0C1, 0x0C2, 0x0C3, 0x0C4, 0x0C5, 0x0C6, 0x0C7
ID, KEY, SALT, SIGNATURE, HANDLE, SEALED, ROUTE, OUTCOME, COOKIE = (0x5AD1, 0x5AD2, 0x5AD3, 0x5AD4, 0x5AD5, 0x5AD6, 0x5AD7,
                                                                    0x5AD8, 0xFAD0)
EPHEMERAL, LOAN, PERMIT = 0x5AD9, 0x5ADA, 0xFAD1
SUCCESS, ERROR = 2, 3  # classes, RFC 8489 5

_sodium = ctypes.CDLL("libsodium.so.23")


def sign(seed, text):
    public, secret, signature = (ctypes.create_string_buffer(n) for n in (32, 64, 64))
    _sodium.crypto_sign_seed_keypair(public, secret, seed)
    _sodium.crypto_sign_detached(signature, None, text, ctypes.c_ulonglong(len(text)), secret)
    return public.raw, signature.raw


class Loan:
    """A key to borrow with, and what is lent for it: uris, user, password, life."""

    def __init__(self, permit):
        self.secret, self.key = os.urandom(32), ctypes.create_string_buffer(32)
        _sodium.crypto_scalarmult_base(self.key, self.secret)
        self.tid = os.urandom(12)
        self.request = message(LEND, attribute(PERMIT, permit) + attribute(EPHEMERAL, self.key.raw), tid=self.tid)

    def open(self, loan):
        shared, plain, n = ctypes.create_string_buffer(32), ctypes.create_string_buffer(1024), ctypes.c_ulonglong()
        assert _sodium.crypto_scalarmult(shared, self.secret, loan[:32]) == 0
        extracted = hmac.digest(bytes(32), shared.raw, "sha256")
        key = hmac.digest(extracted, b"adit meet loan" + self.key.raw + loan[:32] + b"\x01", "sha256")
        sealed = loan[56:]
        if _sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(plain, ctypes.byref(n), None, sealed, ctypes.c_ulonglong(len(sealed)),
                                                              self.tid, ctypes.c_ulonglong(12), loan[32:56], key) != 0:
            return None
        at, texts = 5, []

        data = plain.raw[:n.value]
        self.life = struct.unpack_from("!I", data, 1)[0]
        while at < len(data):
            if len(texts) == 2:  # how many URIs follow
                texts.append(data[at])
                at += 1
                continue
            texts.append(data[at + 1:at + 1 + data[at]].decode())
            at += 1 + data[at]
        self.user, self.password, _, *self.uris = texts
        return self


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def message(method, attributes=b"", cls=0, tid=None):
    kind = method & 0xF | (method & 0x70) << 1 | (method & 0xF80) << 2 | (cls & 1) << 4 | (cls & 2) << 7
    return struct.pack("!HHI", kind, len(attributes), 0x2112A442) + (tid or os.urandom(12)) + attributes


class Answer:
    def __init__(self, data):
        kind, length = struct.unpack_from("!HH", data)
        self.data, self.tid = data, data[8:20]
        self.cls = kind >> 4 & 1 | kind >> 7 & 2
        self.method = kind & 0xF | kind >> 1 & 0x70 | kind >> 2 & 0xF80
        self.attributes, at = {}, 20
        assert length + 20 == len(data)
        while at < len(data):
            kind, n = struct.unpack_from("!HH", data, at)
            self.attributes.setdefault(kind, data[at + 4:at + 4 + n])
            at += 4 + n + -n % 4
        error = self.attributes.get(0x0009)
        self.code = error[2] * 100 + error[3] if error else None


class Peer:
    """At an address of its own, |ip|; what it has sent is kept in |sent|."""

    def __init__(self, ns, ip, mediator, port=0):
        self.socket = ns.socket(kind=socket.SOCK_DGRAM)
        self.socket.bind((ip, port))
        self.socket.settimeout(2)
        self.mediator, self.sent = mediator, b""
        self.seed, self.salt = os.urandom(32), os.urandom(16)
        self.id = hashlib.blake2b(sign(self.seed, b"")[0] + self.salt, digest_size=16).digest()
        self.handle = None

    def say(self, data, wait=2.0):
        """The answer, or None."""
        self.sent = data
        self.socket.sendto(data, self.mediator)
        return self.hear(wait)

    def hear(self, wait):
        self.socket.settimeout(wait)
        try:
            return Answer(self.socket.recv(4096))
        except TimeoutError:
            return None

    def cookie(self):
        a = self.say(message(REGISTER, attribute(ID, self.id) + attribute(COOKIE, b"")))
        assert a.code == 438, a.code
        return a.attributes[COOKIE]

    def registration(self, cookie):
        key, signature = sign(self.seed, b"adit meet register 1" + self.id + self.salt + cookie)
        return message(REGISTER, attribute(ID, self.id) + attribute(COOKIE, cookie) + attribute(KEY, key) +
                       attribute(SALT, self.salt) + attribute(SIGNATURE, signature))

    def register(self):
        a = self.say(self.registration(self.cookie()))
        assert a.cls == SUCCESS, a.code
        self.handle = a.attributes[HANDLE]
        return self

    def refresh(self, wait=2.0):
        return self.say(message(REFRESH, attribute(ID, self.id) + attribute(HANDLE, self.handle)), wait)
