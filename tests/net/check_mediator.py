"""adit mediator under attack, and back after a crash. tests/ATTACKS.md says which attack is tested where."""

import json
import os
import random
import signal
import struct

import attack
import meet
import proc
from check import check
from lab import find_program

IP = "127.0.0.1"
FIRST = (IP, 3478)
# What an attack may move: all else in the mediator's report stays.
COUNTERS = {"binding", "classic", "changed", "errors", "limited", "malformed", "received", "sent", "too_long", "unsent", "cookies",
            "unknown", "forged", "meet_limited", "meet_malformed", "absent"}


class Mediator:
    """On loopback of a namespace of its own, where each address of 127/8 is somebody."""

    def __init__(self, lab, *words, port=3478):
        self.lab, self.ns = lab, lab.pub
        self.proc = proc.Proc(lab, lab.pub, "mediator", [find_program("ADIT", "adit"), "mediator", "--json", "--listen",
                                                         f"{IP}:{port}", *words])
        self.proc.expect("ready", where="err")
        self.reports = 0

    def counts(self):
        self.proc.signal(signal.SIGUSR1)
        self.reports += 1
        self.proc.expect(r"(^\{.*\}$\s*){%d}" % self.reports, where="out")
        return json.loads(self.proc.out().splitlines()[-1])

    def only_counters_moved(self, before):
        after = self.counts()
        moved = {k for k in after if after[k] != before[k]}
        assert moved <= COUNTERS, {k: (before[k], after[k]) for k in moved - COUNTERS}
        return after

    def rss(self):
        with open(f"/proc/{self.proc.pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def _mediator(t, *words):
    return Mediator(t.lab(stranger=True), *words)


def _still_serves(m, peer):
    assert peer.refresh().cls == meet.SUCCESS
    assert meet.Peer(m.ns, "127.77.0.1", FIRST).register().handle


@check("mediator: killed and started again under load, 2000 peers are all registered again within 20 s", limit=120)
def mediator_restart(t):
    lab = t.lab(stranger=True)
    program = find_program("ADIT_MEDIATOR", "adit-mediator")
    load = proc.Proc(lab, lab.pub, "load", [find_program("ADIT_MEET_LOAD", "meet_load"), "--peers", "2000", "--addresses", "100",
                                            "--quick", "--live", "2", "--restart", IP, "3478", "--", program, "-q", "--listen",
                                            f"{IP}:3478"])
    assert load.wait(timeout=100) == 0, load.last_words()
    said = json.loads(load.out())
    assert 0 < said["restart_all_back_s"] <= 20 and said["restart_late"] == said["live_late"] == 0, said
    t.note(f"half after {said['restart_half_back_s']} s, all after {said['restart_all_back_s']} s")


@check("mediator: a stolen, replayed or altered registration moves nothing but counters", limit=60)
def mediator_stolen(t):
    lab = t.lab(stranger=True)
    m, other = Mediator(lab), Mediator(lab, port=4478)
    victim = meet.Peer(m.ns, "127.1.0.1", FIRST).register()
    stolen = victim.sent
    before, before_other = m.counts(), other.counts()
    # From another address, another port, at another mediator: a cookie for the thief himself, and no more.
    for ip, where in (("127.2.0.1", FIRST), ("127.1.0.1", FIRST), ("127.1.0.2", (IP, 4478))):
        thief = meet.Peer(m.ns, ip, where)
        a = thief.say(stolen)
        assert a.code == 438 and len(a.data) <= len(stolen), a.code
        # With his own cookie in its place the signature does not fit; nor does another key, id or salt.
        mine = a.attributes[meet.COOKIE]
        at = stolen.index(struct.pack("!HH", meet.COOKIE, 8)) + 4
        assert thief.say(stolen[:at] + mine + stolen[at + 8:]).code == 403
        thief.salt = victim.salt
        assert thief.say(thief.registration(mine)).code == 403
        thief.id = victim.id
        assert thief.say(thief.registration(mine)).code == 403
        # A handle is good at its address alone.
        a = thief.say(meet.message(meet.REFRESH, meet.attribute(meet.ID, victim.id) + meet.attribute(meet.HANDLE, victim.handle)))
        assert a.code == 437 and len(a.data) <= len(thief.sent), a.code
    after = m.only_counters_moved(before)
    other.only_counters_moved(before_other)
    assert after["forged"] - before["forged"] == 6 and after["peers"] == 1
    _still_serves(m, victim)


@check("mediator: forged and replayed answers reach nobody; an offer is passed on to its peer alone", limit=60)
def mediator_answers(t):
    m = _mediator(t)
    serve = meet.Peer(m.ns, "127.1.0.1", FIRST).register()
    ask, thief = meet.Peer(m.ns, "127.2.0.1", FIRST), meet.Peer(m.ns, "127.3.0.1", FIRST)
    offer = meet.message(meet.INTRODUCE, meet.attribute(meet.ID, serve.id) + meet.attribute(meet.COOKIE, ask.cookie()) +
                         meet.attribute(meet.SEALED, b"o" * 200))
    assert ask.say(offer, 0.2) is None
    heard = serve.hear(2)
    assert heard.attributes[meet.SEALED] == b"o" * 200
    assert len(heard.attributes[meet.ROUTE]) <= 32
    route = heard.attributes[meet.ROUTE]

    def answer(route, tid, sealed=b"a" * 200):
        return meet.message(meet.INTRODUCE, meet.attribute(meet.ROUTE, route) + meet.attribute(meet.SEALED, sealed), meet.SUCCESS,
                            tid)
    before = m.counts()
    assert thief.say(offer, 0.2).code == 438  # replayed from elsewhere: his address is not proved
    assert thief.say(answer(route, heard.tid), 0.2) is None
    for i in range(len(route)):
        assert serve.say(answer(route[:i] + bytes([route[i] ^ 1]) + route[i + 1:], heard.tid), 0.01) is None
    assert serve.say(answer(route, os.urandom(12)), 0.2) is None
    assert serve.say(answer(route + route, heard.tid), 0.2) is None
    assert ask.hear(0.2) is None and thief.hear(0.1) is None
    after = m.only_counters_moved(before)
    assert after["forged"] - before["forged"] == len(route) + 3, after
    serve.say(answer(route, heard.tid), 0.01)
    assert ask.hear(2).attributes[meet.SEALED] == b"a" * 200
    _still_serves(m, serve)


@check("mediator: who has not proved his address gets no byte more than he sent; Binding answers have 80 at most", limit=90)
def mediator_reflected(t):
    m = _mediator(t)
    victim = meet.Peer(m.ns, "127.1.0.1", FIRST).register()
    before = m.counts()
    r = random.Random(7)
    pieces = [meet.attribute(kind, r.randbytes(n)) for kind, n in (
        (meet.ID, 16), (meet.COOKIE, 0), (meet.COOKIE, 8), (meet.KEY, 32), (meet.SALT, 16), (meet.SIGNATURE, 64), (meet.HANDLE, 8),
        (meet.SEALED, 600), (meet.ROUTE, 32), (meet.OUTCOME, 8))] + [meet.attribute(meet.ID, victim.id)]
    answers = 0
    for n in range(600):
        p = meet.Peer(m.ns, f"127.{2 + n // 200}.{n % 200}.1", FIRST)
        a = p.say(meet.message(meet.REGISTER + n % 5, b"".join(r.sample(pieces, n // 5 % 5)), n // 7 % 4 if n % 3 == 0 else 0), 0.02)
        if a:
            answers += 1
            assert len(a.data) <= len(p.sent), (a.method, a.code, len(a.data), len(p.sent))
        p.socket.close()
    assert answers > 100, answers
    # STUN: plain, of all lengths; CHANGE-REQUEST to the second port, without a cookie: a burst of 12, then one a second.
    s = meet.Peer(m.ns, "127.9.0.1", FIRST)
    for extra in (b"", meet.attribute(3, bytes(4)), meet.attribute(0x7FFE, b""), meet.attribute(meet.COOKIE, b"")):
        a = s.say(attack.stun(0x0001, extra))
        assert len(a.data) <= 80, len(a.data)
    for _ in range(60):
        s.socket.sendto(attack.stun(0x0001, meet.attribute(3, struct.pack("!I", 2))), FIRST)
    heard = 0
    while s.hear(0.3):
        heard += 1
    assert 12 <= heard <= 14, heard
    m.only_counters_moved(before)
    _still_serves(m, victim)


@check("mediator: garbage, oversized and nested attributes move nothing but counters; memory stays", limit=90)
def mediator_garbage(t):
    m = _mediator(t)
    victim = meet.Peer(m.ns, "127.1.0.1", FIRST).register()
    thief = meet.Peer(m.ns, "127.1.0.1", FIRST)
    inner = victim.registration(thief.cookie())
    cookie = meet.attribute(meet.COOKIE, thief.cookie())
    bag = attack.samples(3) + [
        # A whole registration within an attribute, of each of our methods; and in layers.
        *(meet.message(n, cookie + meet.attribute(kind, inner)) for n in range(meet.REGISTER, meet.GONE + 1)
          for kind in (meet.ID, meet.SEALED, 0x7777, 0xF777)),
        meet.message(meet.REGISTER, cookie + meet.attribute(0xF777, meet.attribute(0xF777, meet.attribute(meet.ID, victim.id)))),
        # Longer than an offer may be, than a message of ours, than what fits; an attribute that ends behind the message.
        *(meet.message(meet.INTRODUCE, cookie + meet.attribute(meet.ID, bytes(16)) + meet.attribute(meet.SEALED, bytes(n)))
          for n in (1121, 1300, 1380, 2000, 9000, 60000)),
        *(meet.message(meet.REGISTER, cookie + struct.pack("!HH", meet.KEY, n) + bytes(32)) for n in (33, 1000, 65535)),
        # Every attribute in wrong sizes; a thousand of them.
        *(meet.message(meet.REGISTER + n % 5, cookie + meet.attribute(meet.ID + n % 8, bytes(n))) for n in range(130)),
        meet.message(meet.REGISTER, meet.attribute(meet.ID, bytes(16)) * 1000)]

    def throw(rounds):
        for _ in range(rounds):
            for d in bag:
                thief.socket.sendto(d, FIRST)
            m.counts()  # it has read them, or lost them: its buffer is not ours to fill
    throw(3)
    before, memory = m.counts(), m.rss()
    throw(20)
    after = m.only_counters_moved(before)
    assert after["malformed"] > before["malformed"] and after["received"] - before["received"] > 10 * len(bag), after
    assert after["too_long"] > before["too_long"] and after["peers"] == 1
    t.note(f"{after['received'] - before['received']} datagrams, memory {(m.rss() - memory) / 1024:+.0f} KiB")
    assert m.rss() - memory < 4 << 20
    while thief.hear(0.05):
        pass
    _still_serves(m, victim)


@check("mediator: a flood from one network costs few signatures, and all others are served meanwhile", limit=90)
def mediator_flood(t):
    m = _mediator(t)
    neighbour = meet.Peer(m.ns, "127.5.0.9", FIRST).register()  # in the flood's own network
    bad = meet.Peer(m.ns, "127.5.0.1", FIRST)
    forged = bytearray(bad.registration(bad.cookie()))
    forged[-1] ^= 1
    before = m.counts()
    for n in range(4000):
        bad.socket.sendto(forged, FIRST)
        if n % 200 == 199:  # in between, somebody new from elsewhere, at the first try
            assert meet.Peer(m.ns, f"127.6.{n // 200}.1", FIRST).register().handle
    after = m.counts()
    assert after["forged"] - before["forged"] <= 400 + 20 * 30, after  # MEET_REGISTER_BURST, MEET_REGISTER_RATE
    assert after["meet_limited"] - before["meet_limited"] >= 2000, after
    assert after["peers"] == before["peers"] + 20
    assert neighbour.refresh().cls == meet.SUCCESS  # who has a handle is not limited
    # The same with offers: 100 and ten a second.
    ask = meet.Peer(m.ns, "127.5.0.3", ("127.0.0.1", 3478))
    for _ in range(1000):
        ask.socket.sendto(meet.message(meet.INTRODUCE, meet.attribute(meet.ID, bytes(16))), FIRST)
    limited = m.counts()["meet_limited"]
    assert limited - after["meet_limited"] >= 600, limited
    other = meet.Peer(m.ns, "127.8.0.1", FIRST)
    a = other.say(meet.message(meet.INTRODUCE, meet.attribute(meet.ID, neighbour.id) + meet.attribute(meet.COOKIE, other.cookie()) +
                               meet.attribute(meet.SEALED, b"o" * 64)), 0.2)
    assert a is None and neighbour.hear(2).attributes[meet.SEALED] == b"o" * 64
