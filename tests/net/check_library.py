"""libadit through kernel NAT: its examples (examples/*.c) meet each other, and the program."""

import hashlib
import os
import re
import socket
import subprocess

import daemons
import proc
from check import check
from check_turn import certificate
from check_ice import Veth, Agent, find_example, finish_both, meet
from lab import wait_until
from proc import Proc, Unexpected

PEER_A, PEER_B = "203.0.113.10", "203.0.113.20"


# -- (b) an ICE agent; others' are in check_ice.py

for _controlled in (False, True):
    def _run(t, controlled=_controlled):
        lab = Veth(name=t.name)
        t.labs.append(lab)
        a = Agent(lab, "ha", "adit", Veth.IPS["ha"], controlled=controlled)
        b = Agent(lab, "hb", "adit", Veth.IPS["hb"], controlled=not controlled)
        meet(a, b)
        finish_both(t, a, b)
    check(f"the ICE example, {'controlled' if _controlled else 'controlling'}, meets itself over lines of RFC 8839",
          name=f"lib_ice_{'controlled' if _controlled else 'controlling'}", limit=60)(_run)


# -- (a) punch only

def punch(lab, host, role, *words):
    return Proc(lab, lab.spaces[host], f"punch-{role}", [find_example("punch"), role, *words])


def punch_both(t, lab, how, peer_a=PEER_A, peer_b=PEER_B):
    """Both ends are handed a socket over which plain recv() and send() work."""
    b = punch(lab, "hb", "serve", *how, *([peer_a] if peer_a else []))
    a = punch(lab, "ha", "connect", *how, *([peer_b] if peer_b else []))
    ends = {p: p.expect(r"^open (\S+) (\S+)$", 40, "out") for p in (a, b)}
    a.expect("^data hello from serve$", 10, "out")
    b.expect("^data hello from connect$", 10, "out")
    assert a.wait(15) == 0 and b.wait(15) == 0, a.last_words() + b.last_words()
    # The connect side was told how the peer saw it: that is where the serve side sends.
    assert ends[a].group(2) == ends[b].group(1), (ends[a].group(0), ends[b].group(0))
    t.note(f"{ends[a].group(1)}, {ends[b].group(1)}")


def new(kind, *mediators):
    """A new identity and a ticket of it."""
    out = subprocess.run([find_example(kind), "new", *mediators], check=True, capture_output=True, text=True).stdout
    return re.search("^identity=(.*)$", out, re.M).group(1), re.search("^ticket=(.*)$", out, re.M).group(1)


PUNCHES = {
    "drop": ("two routers that drop what nobody asked for", dict(wan=("drop", "drop"), hops=2, delay=10)),
    "accept": ("routers of which one takes an early packet's port away", dict(wan=("accept", "drop"), hops=4, delay=10)),
    "lossy": ("a wire that loses a tenth", dict(wan=("drop", "drop"), hops=2, delay=20, loss=10)),
    "neighbours": ("two routers side by side, one of which rejects", dict(wan=("reject", "drop"))),
}
for _name, (_what, _lab) in PUNCHES.items():
    def _run(t, topology=_lab):
        punch_both(t, t.lab(**topology), ("--ticket", new("punch")[1]))
    check(f"punch only: both sides get the connected socket through {_what}", name=f"lib_punch_{_name}", limit=90)(_run)


@check("punch only: a secret of the application's own, and a public host that knows nobody's address", limit=90)
def lib_punch_public(t):
    lab = t.lab(hops=2, delay=5, stranger=True)
    how = ("--secret", "correct horse battery staple")
    b = punch(lab, "pub", "serve", *how)
    a = punch(lab, "ha", "connect", *how, lab.pub_ip)
    for p in (a, b):
        p.expect("^data hello from ", 40, "out")
        assert p.wait(15) == 0, p.last_words()


@check("punch only: another secret is not heard", limit=60)
def lib_punch_stranger(t):
    lab = t.lab(hops=2)
    b = punch(lab, "hb", "serve", "--ticket", new("punch")[1], PEER_A)
    a = punch(lab, "ha", "connect", "--ticket", new("punch")[1], PEER_B)
    try:
        a.expect("^open", 6, "out")
        raise Unexpected("strangers met")
    except (TimeoutError, Unexpected) as e:
        if "strangers" in str(e):
            raise
    assert a.is_running() and b.is_running()


MEDIATOR, SECOND = "203.0.113.66", "203.0.113.67"


def mediator(lab, ip=MEDIATOR):
    """adit mediator on the public host."""
    if ip != MEDIATOR:
        lab.pub.run(["ip", "addr", "add", ip + "/24", "dev", "wan"])
    Proc(lab, lab.pub, "mediator", [proc.adit_program(), "mediator", "--listen", ip]).expect("ready", where="err")


def punch_met(t, lab, *mediators):
    for m in mediators:
        mediator(lab, m)
    identity, ticket = new("punch", *mediators)
    b = punch(lab, "hb", "serve", "--ticket", ticket, "--identity", identity)
    b.expect(f"^meeting: registered {MEDIATOR}", 15, "err")
    a = punch(lab, "ha", "connect", "--ticket", ticket)
    for p in (a, b):
        p.expect("^data hello from ", 70, "out")
        assert p.wait(15) == 0, p.last_words()
    a.expect("^meeting: the peer is found", 1, "err")
    t.note(a.expect('^open .*', 1, 'out').group(0))


@check("punch only, through a mediator that the ticket names: nobody knows the other's address", limit=90)
def lib_punch_mediator(t):
    punch_met(t, t.lab(stranger=True, delay=10), MEDIATOR)


@check("punch only, with two mediators: a NAT that chooses its ports at random is searched, and both get the socket", limit=120)
def lib_punch_random(t):
    punch_met(t, t.lab(stranger=True, delay=10, nat=("fully-random", "masquerade")), MEDIATOR, SECOND)


# -- (c) the whole endpoint

def endpoint(lab, host, *words, name=None, **kw):
    return Proc(lab, lab.spaces[host], name or f"endpoint-{words[0]}", [find_example("endpoint"), *words], **kw)


def exactly(sock, size):
    got = b""
    while len(got) < size and (more := sock.recv(size - len(got))):
        got += more
    return got


def sent(p, data):
    p.popen.stdin.write(data)
    p.popen.stdin.flush()


@check("the endpoint example fetches 8 MB from a service of adit serve, every byte of it, and ends in order")
def lib_endpoint_serve(t):
    lab = t.lab(hops=2, delay=10)
    proc.start_target(lab, lab.hb, "pump", "8000")
    side = proc.Side(lab, "hb")
    side.serve("pump=8000", peer=PEER_A)
    p = endpoint(lab, "ha", "connect", side.ticket(), "pump", PEER_B, stdin=subprocess.PIPE)
    sent(p, b"get 8388608\n")
    p.popen.stdin.close()
    assert p.wait(60) == 0, p.last_words()
    with open(p.out_path, "rb") as f:
        got = f.read()
    assert len(got) == 8388608 and hashlib.sha256(got).hexdigest() == target_sum(8388608), len(got)
    t.note(p.expect("^up .*", 1, "err").group(0))


def target_sum(size):
    import target
    return target.checksum(size)


@check("the endpoint example asks for what is not offered, with a ticket that is not valid, and says so")
def lib_endpoint_refused(t):
    lab = t.lab(hops=2)
    side = proc.Side(lab, "hb")
    side.serve("pump=8000", peer=PEER_A)
    p = endpoint(lab, "ha", "connect", side.ticket(), "nothing", PEER_B)
    assert p.wait(30) == 2 and "no such entry" in p.err(), p.last_words()
    p = endpoint(lab, "ha", "connect", side.ticket()[:-1] + "7", "pump", PEER_B)
    assert p.wait(10) == 2 and "damaged" in p.err(), p.last_words()
    p = endpoint(lab, "ha", "connect", side.ticket(), "pump", PEER_B)  # nobody listens on 8000
    assert p.wait(30) == 1 and "reset the target" in p.err(), p.last_words()


@check("adit connect reaches the endpoint example: TCP with half-close, and UDP")
def lib_endpoint_connect(t):
    lab = t.lab(hops=2, delay=10)
    identity, ticket = new("endpoint")
    endpoint(lab, "hb", "serve", identity, ticket, PEER_A)
    c = proc.Side(lab, "ha").connect(ticket, "7100:echo", "7101:ping", peer=PEER_B)
    c.expect("echo", 30)
    c.expect("^connected to", 30, "err")
    blob = os.urandom(1 << 20)
    with lab.ha.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(30)
        s.connect(("127.0.0.1", 7100))
        for at in range(0, len(blob), 1 << 16):
            s.sendall(blob[at:at + (1 << 16)])
            assert exactly(s, 1 << 16) == blob[at:at + (1 << 16)]
        s.shutdown(socket.SHUT_WR)
        assert s.recv(1) == b""
    with lab.ha.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        for size in (1, 1200, 9000):
            s.sendto(blob[:size], ("127.0.0.1", 7101))
            assert s.recv(65536) == blob[:size], size


@check("two endpoint examples: the stream goes on where it was after both NATs have forgotten everything", limit=120)
def lib_endpoint_outage(t):
    lab = t.lab(hops=2, delay=10)
    identity, ticket = new("endpoint")
    b = endpoint(lab, "hb", "serve", identity, ticket, PEER_A)
    a = endpoint(lab, "ha", "connect", ticket, "echo", PEER_B, stdin=subprocess.PIPE)
    sent(a, b"before\n")
    a.expect("^before$", 30, "out")
    lab.forget("ra", "rb")
    sent(a, b"after\n")
    a.expect("^after$", 40, "out")
    a.popen.stdin.close()
    assert a.wait(20) == 0 and a.out() == "before\nafter\n", a.last_words()
    b.expect("^down the other side has ended the session$", 10, "err")


@check("the endpoint example and the program meet through a mediator, each in each role", limit=90)
def lib_endpoint_mediator(t):
    lab = t.lab(stranger=True, delay=10)
    mediator(lab)
    identity, ticket = new("endpoint", MEDIATOR)
    b = endpoint(lab, "hb", "serve", identity, ticket)
    b.expect(f"^meeting: registered {MEDIATOR}", 15, "err")
    c = proc.Side(lab, "ha").connect(ticket, "7100:echo")
    c.expect("^connected to", 30, "err")
    with lab.ha.socket() as s:
        s.settimeout(20)
        s.connect(("127.0.0.1", 7100))
        s.sendall(b"through a mediator")
        assert exactly(s, 18) == b"through a mediator"
    proc.start_target(lab, lab.hb, "pump", "8000")
    side = proc.Side(lab, "hb", "second")
    serve = side.serve("pump=8000", args=("--mediator", MEDIATOR))
    ticket = proc.serve_ticket(serve)
    serve.expect(f"registered with {MEDIATOR}", 20, "err")
    p = endpoint(lab, "ha", "connect", ticket, "pump", stdin=subprocess.PIPE)
    sent(p, b"get 100000\n")
    p.popen.stdin.close()
    assert p.wait(40) == 0 and len(p.out()) > 50000, p.last_words()
    p.expect("^meeting: the peer is found", 1, "err")


@check("a ticket of which nobody is registered: the mediator says so, and the library passes it on", limit=60)
def lib_endpoint_absent(t):
    lab = t.lab(stranger=True)
    mediator(lab)
    p = endpoint(lab, "ha", "connect", new("endpoint", MEDIATOR)[1], "echo")
    p.expect(f"^meeting: mediator {MEDIATOR} the mediator does not know the peer", 20, "err")
    assert p.is_running()


# -- relays and port mappings of the whole endpoint

TURN = "203.0.113.67"
RANDOM = ("fully-random", "fully-random")


def fetch(t, lab, connect_words=(), serve_words=(), size=1 << 20, stop=True):
    """Both are the example; 1 MiB through "echo", every byte compared. The two processes."""
    identity, ticket = new("endpoint", MEDIATOR)
    b = endpoint(lab, "hb", *serve_words, "serve", identity, ticket, name="endpoint-serve")
    b.expect(f"^meeting: registered {MEDIATOR}", 15, "err")
    a = endpoint(lab, "ha", *connect_words, "connect", ticket, "echo", name="endpoint-connect", stdin=subprocess.PIPE)
    blob = os.urandom(size // 2).hex().encode()
    sent(a, blob)
    a.popen.stdin.close()
    assert a.wait(60) == 0, a.last_words()
    with open(a.out_path, "rb") as f:
        assert f.read() == blob
    return a, b


def relay_file(lab, *lines):
    path = lab.path("relays")
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    return path


def turn_world(t, *options, tls=False, nat=RANDOM):
    lab = t.lab(stranger=True, delay=5, nat=nat)
    mediator(lab)
    lab.pub.run(["ip", "addr", "add", TURN + "/24", "dev", "wan"])
    ca, pair = certificate(lab, "turn.test", TURN) if tls else (None, None)
    return lab, daemons.start_turn(lab, lab.pub, [TURN], *options, tls=pair), ca


for _kind, _uri in (("udp", f"turn:{TURN}"), ("tcp", f"turn:{TURN}?transport=tcp"), ("tls", f"turns:{TURN}:{3478 + 1871}")):
    def _run(t, kind=_kind, uri=_uri):
        lab, _, ca = turn_world(t, tls=kind == "tls")
        words = ("--relay-file", relay_file(lab, f"{uri} ann secret"), *(("--relay-ca", ca) if ca else ()))
        a, _ = fetch(t, lab, words)
        a.expect(f"^relay ready {TURN}", 1, "err")
        a.expect("^up .* relayed$", 1, "err")
    check(f"two endpoint examples behind NATs that choose every port at random: the stream goes through coturn over {_kind.upper()}",
          name=f"lib_relay_{_kind}", limit=90)(_run)


@check("the endpoint example with the secret of one's own coturn, and relay-only though the networks could meet; a lent relay", limit=120)
def lib_relay_ways(t):
    secret = "0123456789abcdef0123456789abcdef"
    lab, turn, _ = turn_world(t, "--use-auth-secret", "--static-auth-secret=" + secret, nat=("masquerade", "masquerade"))
    a, b = fetch(t, lab, ("--relay-only", "--relay-file", relay_file(lab, f"turn:{TURN} secret {secret}")))
    a.expect("^up .* relayed$", 1, "err")
    assert re.search(r"\d{10}:adit", turn.out()), "coturn has seen no time-limited user"
    b.stop()
    a, b = fetch(t, lab, ("--direct-only",))
    assert "relay" not in a.err(), a.err()


@check("a mediator lends the endpoint example a relay, by UDP and by TCP, and it adds both by itself", limit=90)
def lib_relay_lent(t):
    secret = "0123456789abcdef0123456789abcdef"
    lab = t.lab(stranger=True, delay=5, nat=RANDOM)
    lab.pub.run(["ip", "addr", "add", TURN + "/24", "dev", "wan"])
    daemons.start_turn(lab, lab.pub, [TURN], "--use-auth-secret", "--static-auth-secret=" + secret)
    identity, ticket = new("endpoint", MEDIATOR)
    side = proc.Side(lab, "hb")
    proc.start_target(lab, lab.hb, "pump", "8000")
    files = {name: lab.path(name) for name in ("secret", "for")}
    for name, text in (("secret", secret), ("for", side.run("id")[1].strip())):
        with open(files[name], "w") as f:
            f.write(text + "\n")
    Proc(lab, lab.pub, "mediator", [proc.adit_program(), "mediator", "--listen", MEDIATOR, "--turn", f"turn:{TURN}",
                                    "--turn", f"turn:{TURN}?transport=tcp", "--turn-secret-file", files["secret"], "--turn-for", files["for"]]).expect("ready", where="err")
    serve = side.serve("pump=8000", args=("--mediator", MEDIATOR))
    ticket = proc.serve_ticket(serve)
    serve.expect(f"registered with {MEDIATOR}", 20, "err")
    a = endpoint(lab, "ha", "--borrow", "connect", ticket, "pump", stdin=subprocess.PIPE)
    sent(a, b"get 100000\n")
    a.popen.stdin.close()
    assert a.wait(60) == 0 and len(a.out()) > 50000, a.last_words()
    for lent in (f"turn:{TURN}", f"turn:{TURN}?transport=tcp"):
        a.expect(f"^loan {re.escape(lent)}$", 1, "err")
    a.expect(f"^relay ready {TURN}", 1, "err")
    a.expect("^up .* relayed$", 1, "err")
