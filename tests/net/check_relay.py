"""Relays end to end: adit on both sides, the kernel's NAT between them, coturn and a mediator outside.

The mediator is at 203.0.113.66, coturn at .67; what neither NAT lets through directly goes through coturn.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import time

import attack
import daemons
import ns
import proc
from check import check
from check_turn import certificate
from lab import find_program, wait_until

MEDIATOR, TURN = "203.0.113.66", "203.0.113.67"
TLS_PORT = 3478 + 1871
RANDOM = ("fully-random", "fully-random")
MB = 1 << 20


class World:
    """Two homes that cannot meet directly, a mediator, and coturn."""

    def __init__(self, t, nat=RANDOM, turn=True, tls=False, options=(), lend=None, program=None, **kw):
        self.t, self.lab = t, t.lab(stranger=True, nat=nat, **kw)
        lab = self.lab
        self.ca, pair = certificate(lab, "turn.test", TURN) if tls else (None, None)
        lab.pub.run(["ip", "addr", "add", TURN + "/24", "dev", "wan"])
        self.options, self.tls = options, pair
        self.turn = self.start_turn() if turn else None
        self.target = proc.start_target(lab, lab.hb, "pump", "8000")
        self.sides = {"serve": proc.Side(lab, "hb", program=program), "connect": proc.Side(lab, "ha", program=program)}
        self.ticket = self.sides["serve"].ticket()
        self.lend_words = ()
        if lend:
            self.lend_file = self.relay_file(lend)
            self.lend_words = ("--turn", uri("udp"), "--turn-secret-file", self.lend_file,
                               "--turn-for", self.relay_file(self.sides["serve"].run("id")[1].strip()))
        self.start_mediator()

    def start_mediator(self, address=MEDIATOR):
        self.mediator = proc.Proc(self.lab, self.lab.pub, "mediator",
                                  [find_program("ADIT", "adit"), "mediator", "--listen", address, *self.lend_words])
        self.mediator.expect("ready", where="err")

    def start_turn(self, user="ann:secret"):
        return daemons.start_turn(self.lab, self.lab.pub, [TURN], *self.options, user=user, tls=self.tls)

    def relay_file(self, *lines, mode=0o600):
        path = self.lab.path(f"relays-{len(os.listdir(self.lab.tmp))}")
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")
        os.chmod(path, mode)
        return path

    def args(self, *uris, user="ann", password="secret"):
        words = ("--relay-file", self.relay_file(*(f"{uri} {user} {password}" for uri in uris))) if uris else ()
        return (*words, "--relay-ca", self.ca) if self.ca else words

    def block_udp(self, *routers):
        """Networks that let nothing out but TCP."""
        for r in routers:
            self.lab.spaces[r].run(["nft", "-f", "-"], input="""
                table inet noudp {
                    chain f { type filter hook forward priority -10; meta l4proto udp drop; }
                }""")

    def mend_udp(self, *routers):
        for r in routers:
            self.lab.spaces[r].run(["nft", "delete", "table", "inet", "noudp"])

    def start(self, serve=(), connect=(), mediator=MEDIATOR):
        """Both sides, each with the options given."""
        base = ("--mediator", mediator, "-v")
        self.serve = self.sides["serve"].serve("pump=8000", args=(*base, *serve))
        self.serve.expect("registered with", where="err")
        self.connect = self.sides["connect"].connect(self.ticket, "7100:pump", args=(*base, *connect))

    def open(self, line="echo", timeout=30):
        s = proc.first_echo(self.lab.ha, 7100, timeout, (self.serve, self.connect))
        if line == "echo":
            return s
        s.close()
        return self.dial(line)

    def dial(self, line):
        return proc.dial(self.lab.ha, 7100, line)

    def status(self, side="connect"):
        out = self.sides[side].run("status", "--json")[1]
        st = json.loads(out)
        return st["lanes"][0] if side == "serve" else st

    def both_ways(self, size):
        down = proc.get(self.dial(f"get {size}"), size)
        up = proc.put(self.dial("put"), size)
        return size / down / 1e6, size / up / 1e6


def uri(kind):
    return {"udp": f"turn:{TURN}", "tcp": f"turn:{TURN}?transport=tcp", "tls": f"turns:{TURN}:{TLS_PORT}"}[kind]


for _name, _serve, _connect in (("both", True, True), ("serve", True, False), ("connect", False, True)):
    def _run(t, serve=_serve, connect=_connect):
        w = World(t)
        w.start(serve=w.args(uri("udp")) if serve else (), connect=w.args(uri("udp")) if connect else ())
        w.open().close()
        st = w.status()
        assert st["how"] == "relayed", st
        down, up = w.both_ways(4 * MB)
        t.note(f"{down:.0f} and {up:.0f} MB/s")
    check(f"two NATs that choose every port at random, coturn over UDP, a relay at {'either side' if _name == 'both' else _name + ' alone'}: "
          "connected, relayed, every byte right", name=f"relay_{_name}")(_run)


@check("UDP blocked at the connect side, then at the serve side, with a relay at that side alone, then at both: the mediator, the "
       "meeting and the data go through TURN over TLS, within 5 s", limit=120)
def udp_blocked(t):
    w = World(t, nat=("masquerade", "masquerade"), tls=True)
    for blocked in (("ra",), ("rb",), ("ra", "rb")):
        w.block_udp(*blocked)
        w.lab.forget()
        args = w.args(uri("tls"))
        w.start(serve=args if "rb" in blocked else (), connect=args if "ra" in blocked else ())
        w.open().close()
        took = time.monotonic() - w.connect.started_at
        st = w.status()
        assert st["how"] == "relayed", st
        assert took < 5, f"{took:.1f} s with UDP blocked at {blocked}"
        w.both_ways(MB)
        t.note(f"{'+'.join(blocked)}: {took:.1f} s")
        for p in (w.connect, w.serve):
            p.stop()
        w.mend_udp(*blocked)


@check("--relay-only: the peer sees the relay's address alone, though the two networks could meet; --direct-only: no relay at all")
def only(t):
    w = World(t, nat=("masquerade", "masquerade"))

    def foreign(packet, _out):
        """Of the connect side's network and not with the relay."""
        udp = attack.udp_of(packet)
        ends = {udp[0][0], udp[1][0]} if udp else set()
        return "203.0.113.10" in ends and TURN not in ends

    seen = [attack.Capture(w.lab.pub, "wan", foreign), attack.Capture(w.lab.rb, "wan", foreign)]
    w.start(connect=(*w.args(uri("udp")), "--relay-only"))
    w.open().close()
    assert w.status()["how"] == "relayed"
    w.both_ways(MB)
    time.sleep(2)
    for place in seen:
        packets = [attack.udp_of(data)[:2] for _, _, data in place.stop()]
        assert not packets, packets[:5]
    for p in (w.connect, w.serve):
        p.stop()
    # Nothing else than a relay could do it: without one there is no way.
    w.lab.nat = RANDOM
    for r in ("ra", "rb"):
        w.lab.firewall(r)
    w.lab.forget()
    w.start(serve=w.args(uri("udp")), connect=("--direct-only", "--timeout", "8"))
    assert w.connect.wait(20) == 5, w.connect.last_words()
    assert "relay" not in w.status("serve").get("how", "")


@check("what relays have to say: wrong password, no server, no certificate that is trusted, passwords that others may read; exit code 8 where nothing answers")
def faults(t):
    w = World(t, tls=True)
    ca, w.ca = w.ca, None
    w.start(connect=("--timeout", "5", *w.args(uri("udp"), password="wrong")))
    w.connect.expect("no relay: .*does not accept user name and password .401.", where="err")
    assert w.connect.wait(20) == 5
    connect = w.sides["connect"]

    def run(*words):
        return connect.connect(w.ticket, "7100:pump", args=words)

    p = run("--mediator", MEDIATOR, "--timeout", "5", *w.args(f"turn:{TURN}:9"))
    p.expect("no relay: .*(does not answer|cannot be reached)", where="err")
    assert p.wait(20) == 5
    p = run("--mediator", MEDIATOR, "--timeout", "5", *w.args(uri("tls")))
    p.expect("no relay: .*no connection to the TURN server: .*certificate", where="err")
    assert p.wait(20) == 5
    loose = w.relay_file(f"{uri('udp')} ann secret", mode=0o644)
    p = run("--mediator", MEDIATOR, "--relay-file", loose)
    p.expect(r"other users may read the passwords in .* .mode 0644.", where="err")
    p.expect("connected to", where="err")
    assert p.stop() in (0, None)
    # Neither a mediator nor a relay: it is the network.
    p = run("--mediator", "203.0.113.99", "--timeout", "4", *w.args(f"turn:{TURN}:9"))
    assert p.wait(20) == 8, p.last_words()
    p.expect("no mediator answered .* nor did a relay", where="err")
    p = run("--mediator", MEDIATOR, "--relay-only", "--timeout", "4", *w.args(f"turn:{TURN}:9"))
    assert p.wait(20) == 8, p.last_words()
    p.expect("no relay", where="err")
    for words, code, text in (
            (("--relay-only", "--direct-only"), 2, "contradict"),
            (("--relay-only",), 2, "there is no relay"),
            (("--relay", "turn:relay.example.org"), 3, "user and password are missing"),
            (("--relay", "http://relay"), 2, "no address of a TURN server"),
            (("--relay-file", w.relay_file("turn:relay.example.org ann")), 3, "user and password are expected"),
            (("--relay-file", w.relay_file("stun:relay.example.org ann secret")), 3, "no address of a TURN server"),
            (("--relay-file", "/nonexistent"), 4, "--relay-file")):
        p = run("--mediator", MEDIATOR, *words)
        assert p.wait(20) == code, (words, p.last_words())
        assert text in p.err(), (words, p.err())


@check("a saved peer keeps the relay's options: adit connect NAME needs nothing more")
def saved(t):
    w = World(t)
    w.start(serve=w.args(uri("udp")))
    side = w.sides["connect"]
    code, out, err = side.run("peer", "add", "home", w.ticket, "--mediator", MEDIATOR, *w.args(uri("udp")), "--relay", uri("udp"), "--relay-only", "7100:pump")
    assert code == 0, err
    w.connect.stop()
    w.connect = side.start("connect", "home")
    w.open().close()
    st = w.status()
    assert st["how"] == "relayed" and st["local"].startswith(TURN), st


@check("the relay dies under data and another takes over, then the first comes back: no byte is lost, and no connection", limit=120)
def death(t):
    w = World(t)
    second = "203.0.113.68"
    w.lab.pub.run(["ip", "addr", "add", second + "/24", "dev", "wan"])
    other = None
    args = w.args(uri("udp"), f"turn:{second}")
    w.start(serve=args, connect=args)
    s = w.open()
    times = []
    for step in ("first dies", "second dies, first is back"):
        if step.startswith("first"):
            other = daemons.start_turn(w.lab, w.lab.pub, [second], name="turn2")
            w.turn.kill()
        else:
            w.turn = w.start_turn()
            other.kill()
        began = time.monotonic()
        s.settimeout(60)
        s.sendall(b"still there?")
        assert s.recv(12, 0x100) == b"still there?"
        times.append(time.monotonic() - began)
    t.note(", ".join(f"{x:.1f} s" for x in times))
    assert max(times) < 30, times
    w.both_ways(MB)


@check("the mediator lends the operator's relay to who is answered by a peer of its list: two random NATs, no --relay anywhere")
def lent(t):
    secret = "0123456789abcdef0123456789abcdef"
    w = World(t, options=("--use-auth-secret", "--static-auth-secret=" + secret), lend=secret)
    w.start()
    w.open().close()
    st = w.status()
    assert st["how"] == "relayed" and st["relay"]["state"] == "ready", st
    w.connect.expect("a mediator lends a relay: turn:" + re.escape(TURN), where="err")
    w.both_ways(MB)
    t.note(f"{st['took_ms']:.0f} ms")
    w.connect.stop()
    # Who wants none gets none.
    w.connect = w.sides["connect"].connect(w.ticket, "7100:pump", args=("--mediator", MEDIATOR, "-v", "--direct-only", "--timeout", "6"))
    assert w.connect.wait(20) == 5
    assert "lends" not in w.connect.err()


@check("a mediator and a relay whose names lead elsewhere: the loss of each has its name looked up again at once, registered and relayed as "
       "before, and no byte is lost", limit=300)
def names(t):
    w = World(t)
    new_mediator, new_turn = "203.0.113.68", "203.0.113.69"
    for ip in (new_mediator, new_turn):
        w.lab.pub.run(["ip", "addr", "add", ip + "/24", "dev", "wan"])
    ns.rename_host("med.adit.test", MEDIATOR)
    ns.rename_host("turn.adit.test", TURN)
    w.start(connect=w.args("turn:turn.adit.test"), mediator="med.adit.test")
    s = w.open()
    assert w.status()["relay"]["server"].startswith(TURN), w.status()
    if t.full:
        time.sleep(130)  # beyond the two minutes in which new names are looked up every ten seconds

    ns.rename_host("turn.adit.test", new_turn)
    daemons.start_turn(w.lab, w.lab.pub, [new_turn], name="turn2")
    w.turn.kill()
    began, times = time.monotonic(), []
    _still_there(s, times, began)
    assert w.status()["relay"]["server"].startswith(new_turn), w.status()

    ns.rename_host("med.adit.test", new_mediator)
    w.mediator.stop()
    began = time.monotonic()
    w.start_mediator(new_mediator)
    w.serve.expect(r"^(\S+ )?again registered with med\.adit\.test", 60, "err")
    times.append(time.monotonic() - began)
    w.connect.stop()
    w.connect = w.sides["connect"].connect(w.ticket, "7100:pump", args=("--mediator", "med.adit.test", *w.args("turn:turn.adit.test")))
    w.open().close()
    t.note(f"the relay {times[0]:.1f} s, the mediator {times[1]:.1f} s")
    assert max(times) < 20, times


def _still_there(s, times, began):
    s.settimeout(60)
    s.sendall(b"still there?")
    assert s.recv(12, 0x100) == b"still there?"
    times.append(time.monotonic() - began)


for _name in ("udp", "tcp", "tls"):
    def _run(t, kind=_name):
        w = World(t, tls=True)
        second = "203.0.113.68"
        w.lab.pub.run(["ip", "addr", "add", second + "/24", "dev", "wan"])
        w.start(connect=w.args(uri(kind), f"turn:{second}"))
        s, times = w.open(), []
        for i in range(3):
            other = daemons.start_turn(w.lab, w.lab.pub, [second], name=f"turn2-{i}")
            w.turn.kill()
            began = time.monotonic()
            _still_there(s, times, began)
            w.connect.expect(f"the relay {re.escape(TURN)}:[0-9]+.* is lost", where="err")
            w.turn = w.start_turn()
            other.kill()
            _still_there(s, [], began)
            # Back to the first one, which has to be the nearer: it alone runs.
            wait_until(lambda: w.status()["relay"].get("server", "").startswith(TURN), 30, "the first relay again")
        t.note(", ".join(f"{x:.2f} s" for x in times))
        assert sorted(times)[1] < 1.5, times
    check(f"the only relay in use dies, over {_name.upper()}, and nothing else leads to the peer: its death is known the same moment, "
          "and another relay carries the stream", name=f"cut_{_name}", limit=120)(_run)


SECRET = "0123456789abcdef0123456789abcdef"
SECRETS = ("--use-auth-secret", "--static-auth-secret=" + SECRET)


def timed(seconds, secret=SECRET):
    """User and password for so long (draft-uberti-behave-turn-rest-00)."""
    user = f"{int(time.time()) + seconds}:ann"
    return user, base64.b64encode(hmac.new(secret.encode(), user.encode(), hashlib.sha1).digest()).decode()


@check("a line with the secret of one's own coturn: credentials are made on the fly, and the secret is in no log")
def secret(t):
    w = World(t, options=SECRETS)
    w.start(connect=(*w.args(uri("udp"), user="secret", password=SECRET), "-vv"))
    w.open().close()
    st = w.status()
    assert st["how"] == "relayed" and st["relay"]["state"] == "ready", st
    w.both_ways(MB)
    said = w.connect.err() + w.connect.out() + w.serve.err() + json.dumps(st)
    assert SECRET not in said and ":adit" not in said
    # coturn knows the user, who is good for a day.
    until = int(re.search(r"(\d{10}):adit", w.turn.out()).group(1))
    assert abs(until - time.time() - 86400) < 60, until


@check("time-limited credentials run out in mid-session: data go on through the allocation; when that is lost, the message says what has "
       "happened, another relay carries the stream, and the secret's line gets new ones by itself", limit=150)
def expired(t):
    w = World(t, options=(*SECRETS, "--stale-nonce=10"))
    second = "203.0.113.68"
    w.lab.pub.run(["ip", "addr", "add", second + "/24", "dev", "wan"])
    life = 12
    user, password = timed(life)
    ends = time.time() + life
    path = w.relay_file(f"{uri('udp')} {user} {password}", f"turn:{second} secret {SECRET}")
    w.start(connect=("--relay-file", path, "-vv"))
    s = w.open()
    assert w.status()["relay"]["server"].startswith(TURN), w.status()
    while time.time() < ends + 15:  # beyond a nonce's life, too
        _still_there(s, [], 0)
        time.sleep(0.5)
    assert w.connect.is_running() and "run out" not in w.connect.err(), w.connect.last_words()
    # The allocation goes, and its credentials are good for no other.
    w.turn.kill()
    w.turn = w.start_turn()
    began, times = time.monotonic(), []
    w.connect.expect("no relay: .*: its time-limited user name and password have run out .401.", 20, where="err")
    w.connect.expect("put new ones into the file of --relay-file", where="err")
    daemons.start_turn(w.lab, w.lab.pub, [second], *SECRETS, name="turn2")
    _still_there(s, times, began)
    assert w.status()["relay"]["server"].startswith(second), w.status()
    t.note(f"{times[0]:.1f} s")


@check("lent credentials that are good no more: the relay is lost with the operator's secret, the next meeting lends new ones, and the "
       "stream goes on", limit=120)
def lent_again(t):
    w = World(t, options=SECRETS, lend=SECRET)
    w.start()
    s = w.open()
    assert w.status()["how"] == "relayed", w.status()
    # Another secret at coturn and at the mediator: what was lent is worth nothing, as if its ten minutes were over.
    other = SECRET[::-1]
    w.options = ("--use-auth-secret", "--static-auth-secret=" + other)
    with open(w.lend_file, "w") as f:
        f.write(other + "\n")
    w.mediator.stop()
    w.start_mediator()
    w.turn.kill()
    w.turn = w.start_turn()
    began, times = time.monotonic(), []
    _still_there(s, times, began)
    st = w.status()
    assert st["how"] == "relayed" and st["relay"]["state"] == "ready", st
    t.note(f"{times[0]:.1f} s")


for _kind in ("udp", "tcp", "tls"):
    def _run(t, kind=_kind):
        size = (1 << 30) if t.full else 16 * MB
        w = World(t, tls=True, program=t.need_release() if t.full else None)
        w.start(connect=w.args(uri(kind)))
        w.open().close()
        st = w.status()
        assert st["how"] == "relayed" and st["relay"]["transport"] == kind, st
        down, up = w.both_ways(size)
        rate, lost = daemons.turn_load(w.lab, w.lab.ha, kind, TURN, w.lab.pub, MEDIATOR, 200 * MB)
        t.note(f"{size // MB} MiB each way: {down:.0f} MB/s in, {up:.0f} MB/s out; turnutils_uclient {rate:.0f} MB/s, {lost:.1f} % of it lost")
        st = w.status()
        assert st["how"] == "relayed" and st["relay"]["since_s"] > size / 1e9, st
    check(f"coturn over {_kind.upper()}: a large transfer each way, every byte right, beside turnutils_uclient's rate", kind="cpu",
          name=f"volume_{_kind}", limit=400)(_run)
