"""Paths that come and go under data that flow: the real programs, the kernel's NAT, a mediator and coturn.

Two flows run through each check: a transfer of 2 MB/s each way, and a ticker of 16 bytes every 50 ms. What comes back must be
what went out, byte by byte. A gap is the longest time between two of the ticker's arrivals; 50 ms of it are its own pace.
"""

import hashlib
import json
import os
import random
import sys
import threading
import time

import proc
from check import ROOT, check
from check_box import bottle, read
from check_relay import RANDOM, World, uri
from lab import IP, find_program, wait_until

TICK = 0.05
TURN = 0.02  # seconds that a thread of this program may wait for its turn on a busy machine
PROMISED = 1.0  # seconds without a byte, at the 95th percentile, when a path is lost
BOUND = 3 * PROMISED  # what a check fails at: one bad moment on a machine that is busy with other things
FELT = 0.2  # a longer pause is felt where somebody types
OPEN = ("masquerade", "masquerade")  # NATs through which a direct way can be found


class Flow:
    """Sends |piece| random bytes every |every| seconds to the pump's echo, and takes what comes back."""

    def __init__(self, sock, piece, every):
        self.sock, self.piece, self.every = sock, piece, every
        self.sock.settimeout(60)
        self.sent, self.got = [0, hashlib.sha256()], [0, hashlib.sha256()]
        self.arrivals = [time.monotonic()]
        self.error = None
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self._guarded, args=(f,), daemon=True) for f in (self._send, self._take)]
        for th in self.threads:
            th.start()

    def _guarded(self, f):
        try:
            f()
        except OSError as e:
            self.error = self.error or f"{f.__name__[1:]}: {type(e).__name__}: {e}"

    def _send(self):
        source = random.Random(self.piece)
        due = time.monotonic()
        while not self.is_over.wait(max(0, due - time.monotonic())):
            due = max(due + self.every, time.monotonic())
            data = source.randbytes(self.piece)
            self.sock.sendall(data)
            self.sent[0] += len(data)
            self.sent[1].update(data)
        self.sock.shutdown(1)

    def _take(self):
        while True:
            data = self.sock.recv(1 << 18)
            if not data:
                return
            self.arrivals.append(time.monotonic())
            self.got[0] += len(data)
            self.got[1].update(data)

    def is_steady(self):
        """At least three of four ticks of the last second came."""
        now = time.monotonic()
        return sum(now - at < 1 for at in self.arrivals[-40:]) >= 0.75 / self.every

    def gap(self, begin):
        """The longest pause that had not ended at |begin|; one that lasts counts up to now."""
        times = [*self.arrivals, time.monotonic()]
        return max(b - a for a, b in zip(times, times[1:]) if b > begin)

    def finish(self):
        self.is_over.set()
        for th in self.threads:
            th.join(60)
        assert not self.error, f"after {self.got[0]} bytes: {self.error}"
        assert not any(th.is_alive() for th in self.threads), f"stuck: {self.sent[0]} bytes sent, {self.got[0]} came back"
        assert self.sent[0] == self.got[0] and self.sent[1].digest() == self.got[1].digest(), \
            f"{self.sent[0]} bytes sent, {self.got[0]} came back, or other ones"
        self.sock.close()
        return self.got[0]


class Roamer:
    """A session with both flows in it."""

    def __init__(self, w, **options):
        self.w = w
        w.start(**options)
        w.open().close()
        self.flows = [Flow(w.dial("echo"), 1 << 16, 0.0328), Flow(w.dial("echo"), 16, TICK)]
        self.ticker = self.flows[1]

    def goes(self, relayed, timeout=20):
        """Until both sides say so, and the ticker has gone its way for a second."""
        def look():
            assert not any(f.error for f in self.flows), [f.error for f in self.flows]
            return all(st["state"] == "up" and (st["how"] == "relayed") == relayed for st in (self.w.status(), self.w.status("serve")))
        wait_until(look, timeout, f"both sides are {'relayed' if relayed else 'direct'}", step=0.1)
        time.sleep(1)

    def going_again(self, begin, timeout=12):
        """Seconds without a byte, once that is over."""
        time.sleep(max(0, begin + 2 - time.monotonic()))
        wait_until(self.ticker.is_steady, timeout, "bytes come again", step=0.05)
        return self.ticker.gap(begin)

    def finish(self):
        """Every byte is there, in one and the same session."""
        total = sum(f.finish() for f in self.flows)
        for p in (self.w.connect, self.w.serve):
            assert p.is_running() and "disconnected" not in p.err(), p.last_words()
        return total

    def stop(self):
        for p in (self.w.connect, self.w.serve):
            p.stop()


def block_direct(lab):
    """Nothing passes between the two WAN addresses; nobody is told."""
    lab.ra.run(["nft", "-f", "-"], input=f"""
        table inet nodirect {{
            chain pre {{ type filter hook prerouting priority -400; iifname "wan" ip saddr {IP["rb"]} drop; }}
            chain post {{ type filter hook postrouting priority 400; oifname "wan" ip daddr {IP["rb"]} drop; }}
        }}""")


def unblock_direct(lab):
    lab.ra.run(["nft", "delete", "table", "inet", "nodirect"])


def quantile(gaps, percent):
    return sorted(gaps)[(len(gaps) - 1) * percent // 100]


def figures(gaps):
    """Milliseconds: median, p95, longest of so many."""
    at = [quantile(gaps, percent) * 1000 for percent in (50, 95, 100)]
    return "median {:.0f} ms, p95 {:.0f}, longest {:.0f} of {}".format(*at, len(gaps))


def seeded():
    return random.Random(int(os.environ.get("ADIT_SEED") or 1))


SIDES = ({"connect"}, {"serve"}, {"connect", "serve"})  # who has a relay
ROUNDS = 2  # in one session


def _schedule(w, r, relays, rtt, ups, falls, beyond):
    """One session: relayed, then ROUNDS times direct and relayed again, then direct."""
    block_direct(w.lab)
    w.lab.forget()
    s = Roamer(w, **{side: w.args(uri("udp")) for side in relays})
    s.goes(relayed=True)
    for i in range(ROUNDS + 1):
        time.sleep(r.uniform(0, 3))
        begin = time.monotonic()
        unblock_direct(w.lab)
        s.goes(relayed=False, timeout=90)
        ups.append(s.ticker.gap(begin))
        beyond.append(ups[-1] - TICK - rtt)
        if i == ROUNDS:
            break
        time.sleep(r.uniform(0, 3))
        begin = time.monotonic()
        block_direct(w.lab)
        s.goes(relayed=True)
        falls.append(s.ticker.gap(begin))
    total = s.finish()
    for p in (w.connect, w.serve):
        assert "looking for a new way" not in p.err(), p.err()
    s.stop()
    return total


@check("relayed, direct in mid-transfer, the direct way cut, relayed, direct again: no reset, every byte right, and little time without one",
       kind="alone", limit=3000)
def roam(t):
    w, r = World(t, nat=OPEN, delay=10), seeded()
    ups, falls, total = [], [], 0
    beyond = {True: [], False: []}  # of the upgrades, what is more than a tick and a round trip; by whether packets are lost
    delay, loss = 10, 0
    for i in range(20 if t.full else 1):
        if i:
            delay, loss = r.randrange(2, 41), r.choice((0, 0, 0.1, 1))
            w.lab.set_wire("--delay", delay, "--loss", loss, "--seed", i)
        total += _schedule(w, r, SIDES[(i + 2) % 3], 2 * delay / 1000, ups, falls, beyond[loss > 0])
    t.note(f"{total / 1e6:.0f} MB; gaps: upgrade {figures(ups)}, without loss beyond a round trip {figures(beyond[False])}; "
           f"fall-back {figures(falls)}")
    assert max(falls) < BOUND, falls
    assert max(ups) < PROMISED, ups
    if t.full:
        assert quantile(falls, 95) <= PROMISED, falls
        assert quantile(beyond[False], 95) <= TURN, beyond


def _changes(t, nat, relays, change, rounds):
    """|change| makes one of several kinds, and tells when it was done; figures of how long nothing came."""
    w, r = World(t, nat=nat, delay=10), seeded()
    s = Roamer(w, **{side: w.args(uri("udp")) for side in relays})
    relayed = nat == RANDOM
    s.goes(relayed)
    gaps = []
    for i in range(rounds):
        time.sleep(r.uniform(0, 2))
        gaps.append(s.going_again(change(w.lab, i)))
        s.goes(relayed, timeout=90)
    total = s.finish()
    t.note(f"{total / 1e6:.0f} MB; gaps: {figures(gaps)}")
    assert max(gaps) < BOUND, gaps
    if t.full:
        assert quantile(gaps, 95) <= PROMISED, gaps


def _readdress(lab, space, dev, old, new):
    lab.spaces[space].run(["ip", "-batch", "-"], input=f"addr del {old}/24 dev {dev}\naddr add {new}/24 dev {dev}\n")


def _new_wan(lab, router, n):
    """A router's address outside; everybody knows at once who has it, and the mappings are gone with the one before."""
    first = 100 if router == "ra" else 150
    old, new = (f"203.0.113.{first + i}" if i else IP[router] for i in (n, n + 1))
    mac = json.loads(lab.spaces[router].run(["ip", "-j", "link", "show", "dev", "wan"]).stdout)[0]["address"]
    for other in {"ra", "rb", "pub"} - {router}:
        lab.spaces[other].run(["ip", "neigh", "replace", new, "lladdr", mac, "dev", "wan", "nud", "permanent"])
    _readdress(lab, router, "wan", old, new)
    lab.forget(router)


def move_host(lab, i):
    """Another address for a host, connect's and serve's in turn: what it had is gone at once. Each second time of either it is
    another network: its router has another address, too."""
    side, n = "ab"[i % 2], i // 2
    if n % 2:
        _new_wan(lab, "r" + side, n // 2)
    net = f"192.168.{1 + i % 2}"
    _readdress(lab, "h" + side, "lan", *(f"{net}.{100 + k if k else 2}" for k in (n, n + 1)))
    lab.spaces["h" + side].run(["ip", "route", "replace", "default", "via", net + ".1"])
    return time.monotonic()


def reboot(lab, i):
    """The router at one side, the other, or both: no connection is known any more, and ports are chosen from another range."""
    routers = (("ra",), ("rb",), ("ra", "rb"))[i % 3]
    for router in routers:
        lab.cut(router)
    for router, kind in ((r, lab.nat[r == "rb"]) for r in routers):
        lab.spaces[router].run(["nft", "-f", "-"], input=f"""
            table ip range
            delete table ip range
            table ip range {{
                chain post {{ type nat hook postrouting priority 99;
                    oifname "wan" meta l4proto udp masquerade to :{20000 + i * 1000}-{20999 + i * 1000} {"" if kind == "masquerade" else kind}
                }}
            }}""")
        lab.forget(router)
    for router in routers:
        lab.mend(router)
    return time.monotonic()


for _what, _change, _text in (("moved", move_host, "a host gets another address in mid-transfer, connect's and serve's in turn, then with its router"),
                              ("rebooted", reboot, "routers reboot in mid-transfer: at one side, the other, both")):
    for _how, _nat, _relays, _with in (("direct", OPEN, (), "no relay"), ("standby", OPEN, ("connect", "serve"), "a relay at each side standing by"),
                                       ("relayed", RANDOM, ("connect",), "relayed")):
        def _run(t, nat=_nat, relays=_relays, change=_change):
            _changes(t, nat, relays, change, 20 if t.full else 4)
        check(f"{_text}; {_with}: it goes on, every byte is right", name=f"roam_{_what}_{_how}", limit=900)(_run)


@check("mappings that end at a certain age, used or not: none is felt where somebody types", kind="alone",
       limit=400)
def roam_aged(t):
    life, seconds = 60, 300 if t.full else 100
    adit, lib = find_program("ADIT", "adit"), os.path.join(ROOT, "tests/net/lib")
    text = read("two-homes.lab") + f"""
        run pub: {adit} mediator -q --listen 203.0.113.66
        run b: {sys.executable} {lib}/target.py pump 8000 >/run/pump.out
        run b: {adit} serve pump=8000 --mediator 203.0.113.66 --state /run/b >/run/serve.out 2>/run/serve.err
        main a: {sys.executable} {lib}/ticker.py {seconds} 203.0.113.66
    """
    out, err = bottle("-", "--nat", f"ra=mobile,life={life}s,foreign=0", "--nat", "rb=linux", text=text, timeout=seconds + 60, env={"ADIT": adit})
    said = json.loads(out)
    # While a session begins it is still looking for its best path, and programs start.
    longest = max((pause for at, pause in said["felt"] if at > 10), default=0)
    t.note(f"mappings of {life} s, {seconds} s: longest pause {longest * 1000:.0f} ms (0: none above 200); seen to die at {said['deaths']} s")
    assert said["right"] and said["bytes"] >= 0.9 * seconds / TICK * 16, said
    assert said["deaths"] and all(abs(at - life) <= 6 for at in said["deaths"]), f"no mapping has ended: {said}"
    assert longest <= (FELT if t.full else 3 * FELT), said
