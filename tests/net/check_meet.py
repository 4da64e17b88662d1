"""Meeting through a mediator: the real programs behind the kernel's NAT, and the bad days of everybody involved."""

import json
import os
import re
import signal
import socket
import subprocess
import time

import proc
from check import check
from lab import find_program, wait_until

DONE, UNREACHED, REFUSED, SERVER = 0, 5, 6, 8
FIRST, SECOND = "203.0.113.66", "203.0.113.67"
PUBLIC_A, PUBLIC_B = "203.0.113.10", "203.0.113.20"


def _lab(t, **kw):
    lab = t.lab(stranger=True, **kw)
    lab.pub.run(["ip", "addr", "add", SECOND + "/24", "dev", "wan"])
    return lab


def _mediator(lab, ip=FIRST):
    p = proc.Proc(lab, lab.pub, "mediator-" + ip, [find_program("ADIT", "adit"), "mediator", "--listen", ip])
    p.expect("ready", where="err")
    return p


def _serve(lab, *mediators, args=(), target=True):
    if target:
        proc.start_target(lab, lab.hb, "pump", "8000")
    side = proc.Side(lab, "hb")
    words = [w for m in mediators or (FIRST,) for w in ("--mediator", m)]
    return side, side.serve("pump=8000", args=(*words, *args))


def _registered(serve, ip=FIRST, timeout=20):
    serve.expect(rf"registered with {re.escape(ip)} \(seen as {re.escape(PUBLIC_B)}\)", timeout, "err")


def _lane(side, label="default"):
    out = side.run("status", "--json")[1]
    return next(lane for lane in json.loads(out)["lanes"] if lane["label"] == label)


def _mediator_state(side, ip=FIRST):
    return next((m["state"] for m in _lane(side)["mediators"] if m["name"] == ip), "")


def _echo(sock, word=b"still here"):
    sock.sendall(word)
    assert sock.recv(len(word), socket.MSG_WAITALL) == word


@check("two NATs, and the ticket alone: it names the mediator, both sides say what they do, no address without -v")
def ticket_is_enough(t):
    lab = _lab(t)
    _mediator(lab)
    side, serve = _serve(lab)
    ticket = proc.serve_ticket(serve)
    _registered(serve)
    begin = time.monotonic()
    other = proc.Side(lab, "ha")
    connect = other.connect(ticket, "7100:pump")
    proc.first_echo(lab.ha, 7100, 30, (connect, serve)).close()
    t.note(f"{time.monotonic() - begin:.2f} s")
    said = connect.err()
    assert f"looking for the peer through {FIRST}; waiting for as long as it takes" in said, said
    assert f"found the peer through {FIRST}; punching" in said, said
    assert re.search(r"^a way is open after .*: punched, round trip ", said, re.M), said
    assert re.search(r"^connected to [a-z2-7]{8}$", said, re.M), said
    assert PUBLIC_B not in said and "192.168." not in said, f"addresses belong behind -v:\n{said}"
    assert PUBLIC_A not in serve.err(), serve.err()
    out = other.run("status")[1]
    assert ", punched, round trip" in out and f"mediator    {FIRST}: found the peer " in out, out
    assert "  tried " not in out and "  tried       round 1: " in other.run("status", "-v")[1]
    out = side.run("status")[1]
    assert f"mediator    {FIRST}: registered for" in out and ", punched, " in out, out
    assert other.ticket("show") != ticket and f"it leads to {FIRST}" in side.run("ticket")[2]
    assert connect.stop() == DONE and serve.stop() == DONE


@check("-v tells what was tried and how it went; --json tells it to programs")
def explained(t):
    lab = _lab(t)
    _mediator(lab)
    side, serve = _serve(lab, args=("--json",))
    ticket = json.loads(serve.expect(r'^\{"event":"ticket".*$', where="out").group(0))["ticket"]
    held = json.loads(serve.expect(r'^\{"event":"mediator".*$', where="out").group(0))
    assert held["state"] == "registered" and held["mediator"] == FIRST and held["mapped"].startswith(PUBLIC_B), held
    other = proc.Side(lab, "ha")
    connect = other.connect(ticket, "7100:pump", args=("-v", "--json"))
    proc.first_echo(lab.ha, 7100, 30, (connect, serve)).close()
    tried = re.findall(r"^\S+ tried: (.*)$", connect.err(), re.M)
    assert tried and any(PUBLIC_B in line for line in tried), connect.err()
    # One server address cannot show whether the NAT looks at addresses.
    assert re.search(r"NAT here: not known: ", connect.err(), re.M), connect.err()
    events = [json.loads(line) for line in connect.out().splitlines()]
    meeting = next(e for e in events if e["event"] == "meeting")
    assert meeting["nat_here"] == meeting["nat_there"] == "unknown" and meeting["way"] == "punch", meeting
    assert next(e for e in events if e["event"] == "hole")["how"] == "punched", events
    status = json.loads(other.run("status", "--json")[1])
    assert status["how"] == "punched" and status["mediators"][0]["state"] == "met" and status["tried"], status
    lane = _lane(side)
    assert lane["mediators"][0]["state"] == "registered" and lane["how"] == "punched", lane


@check("two mediators, the first one dead: met through the second, which the ticket names, too")
def first_is_dead(t):
    lab = _lab(t)
    _mediator(lab, SECOND)
    side, serve = _serve(lab, FIRST, SECOND)
    ticket = proc.serve_ticket(serve)
    _registered(serve, SECOND)
    begin = time.monotonic()
    connect = proc.Side(lab, "ha").connect(ticket, "7100:pump")
    proc.first_echo(lab.ha, 7100, 30, (connect, serve)).close()
    took = time.monotonic() - begin
    t.note(f"{took:.1f} s")
    assert took < 10, took
    assert f"found the peer through {SECOND}" in connect.err(), connect.err()
    serve.expect(f"the mediator {FIRST} does not answer", 30, "err")


@check("the mediator is killed and comes back while serve waits: registered again within 20 s, and then met", limit=240)
def mediator_restarts_while_waiting(t):
    lab = _lab(t)
    mediator = _mediator(lab)
    side, serve = _serve(lab)
    ticket = proc.serve_ticket(serve)
    _registered(serve)
    mediator.kill()
    time.sleep(1)
    _mediator(lab)
    begin = time.monotonic()
    connect = proc.Side(lab, "ha").connect(ticket, "7100:pump")
    proc.first_echo(lab.ha, 7100, 40, (connect, serve)).close()
    t.note(f"{time.monotonic() - begin:.1f} s")
    assert "is lost" not in serve.err(), serve.err()


@check("the mediator is away for long while a session runs: not a byte is late, serve says so, and when it is back", limit=300)
def mediator_away_during_session(t):
    lab = _lab(t)
    mediator = _mediator(lab)
    side, serve = _serve(lab)
    ticket = proc.serve_ticket(serve)
    _registered(serve)
    connect = proc.Side(lab, "ha").connect(ticket, "7100:pump")
    s = proc.first_echo(lab.ha, 7100, 30, (connect, serve))
    mediator.kill()
    end = time.monotonic() + 60
    while f"the mediator {FIRST} is lost: nobody new comes through it" not in serve.err():
        assert time.monotonic() < end, serve.err()
        begin = time.monotonic()
        _echo(s)
        assert time.monotonic() - begin < 1, "the session felt it"
        time.sleep(0.2)
    assert _mediator_state(side) != "registered"
    _mediator(lab)
    begin = time.monotonic()
    serve.expect(f"again registered with {FIRST}", 17, "err")
    t.note(f"back after {time.monotonic() - begin:.1f} s")
    _echo(s)
    assert "no answer from the peer" not in connect.err(), connect.err()


@check("serve is killed and started anew: the waiting connect meets it again by itself", limit=240)
def serve_restarts(t):
    lab = _lab(t)
    _mediator(lab)
    side, serve = _serve(lab)
    ticket = proc.serve_ticket(serve)
    connect = proc.Side(lab, "ha").connect(ticket, "7100:pump")
    proc.first_echo(lab.ha, 7100, 30, (connect, serve)).close()
    serve.kill()
    time.sleep(1)
    begin = time.monotonic()
    _, serve = _serve(lab, target=False)
    _registered(serve)
    proc.first_echo(lab.ha, 7100, 90, (connect, serve)).close()
    t.note(f"{time.monotonic() - begin:.1f} s")


@check("the peer is absent: connect says so once, waits, and meets it when it comes", limit=240)
def absent_then_present(t):
    lab = _lab(t)
    _mediator(lab)
    side = proc.Side(lab, "hb")
    proc.start_target(lab, lab.hb, "pump", "8000")
    ticket = side.ticket()
    connect = proc.Side(lab, "ha").connect(ticket, "7100:pump", args=("--mediator", FIRST))
    connect.expect(f"the mediator {FIRST} does not know the peer", 20, "err")
    time.sleep(12)
    assert connect.err().count("does not know the peer") == 1, connect.err()
    begin = time.monotonic()
    serve = side.serve("pump=8000", args=("--mediator", FIRST))
    proc.first_echo(lab.ha, 7100, 60, (connect, serve)).close()
    t.note(f"{time.monotonic() - begin:.1f} s")


@check("the path dies for good: the session goes on over a new one, met through the mediator; not a byte is lost", limit=240)
def met_again(t):
    lab = _lab(t)
    _mediator(lab)
    side, serve = _serve(lab)
    other = proc.Side(lab, "ha")
    connect = other.connect(proc.serve_ticket(serve), "7100:pump")
    s = proc.first_echo(lab.ha, 7100, 30, (connect, serve))
    port = json.loads(other.run("status", "--json")[1])["local"].rpartition(":")[2]
    lab.ra.run(["nft", "-f", "-"], input=f"""
        table inet cut {{
            chain pre {{ type filter hook prerouting priority -400; iifname "lan" udp sport {port} drop; }}
        }}""")
    begin = time.monotonic()
    s.sendall(b"on its way")
    s.settimeout(90)
    assert s.recv(10, socket.MSG_WAITALL) == b"on its way"
    t.note(f"{time.monotonic() - begin:.1f} s")
    status = json.loads(other.run("status", "--json")[1])
    assert status["local"].rpartition(":")[2] != port, status


@check("both NATs random: told within 20 s why it cannot be, both kinds, and what would help; once, and 5 in the end")
def not_crossed(t):
    lab = _lab(t, nat=("fully-random", "fully-random"))
    _mediator(lab)
    _mediator(lab, SECOND)
    side, serve = _serve(lab, FIRST, SECOND)
    ticket = proc.serve_ticket(serve)
    _registered(serve)
    other = proc.Side(lab, "ha")
    begin = time.monotonic()
    connect = other.connect(ticket, "7100:pump", args=("--timeout", "40", "--json"))
    connect.expect("the peer was not reached yet; it is tried again", 20, "err")
    t.note(f"{time.monotonic() - begin:.1f} s")
    status = json.loads(other.run("status", "--json")[1])
    assert status["verdict"] == "random" and status["nat_here"] == status["nat_there"] == "random", status
    out = side.run("status", "-v")[1]
    assert "  not reached Neither NAT's ports can be foreseen: one chooses them at random" in out and "  tried       round 1: " in out, out
    assert "  NAT here    another port for each destination, at random" in out and "  NAT there " in out, out
    assert connect.wait(60) == UNREACHED, connect.last_words()
    said = connect.err()
    assert said.count("not reached yet") == 1, said
    for here in ("here", "there"):
        assert f"      NAT {here}: another port for each destination, at random" in said, said
    assert "--port" in said, f"what would help is not said:\n{said}"
    failed = next(e for e in map(json.loads, connect.out().splitlines()) if e["event"] == "failed")
    assert failed["verdict"] == "random" and failed["took_ms"] < 20000, failed


@check("a random NAT, one mediator: no long search; with --stun as second witness it is made, and finds", limit=240)
def second_witness(t):
    lab = _lab(t, nat=("random", "masquerade"))
    _mediator(lab)
    _mediator(lab, SECOND)
    side, serve = _serve(lab, FIRST)
    other = proc.Side(lab, "ha")
    for _ in range(4):  # the 64 probes that are allowed find a way by luck once in five times
        connect = other.connect(proc.serve_ticket(serve), "7100:pump", args=("--timeout", "12"))
        wait_until(lambda: not connect.is_running() or "connected to" in connect.err(), 30, "it has ended one way or the other")
        if not connect.is_running():
            break
        connect.stop()
    assert connect.wait(1) == UNREACHED, connect.last_words()
    assert "not reached yet" in connect.err(), connect.err()
    assert serve.stop() == DONE
    _, serve = _serve(lab, FIRST, args=("--stun", SECOND), target=False)
    _registered(serve)
    begin = time.monotonic()
    connect = other.connect(proc.serve_ticket(serve), "7100:pump", args=("--stun", SECOND))
    proc.first_echo(lab.ha, 7100, 60, (connect, serve)).close()
    t.note(f"{time.monotonic() - begin:.1f} s")
    connect.expect("a way is open after .*: found among all ports", 15, "err")


@check("5 for a wrong ticket: its peer is not there; 8 where no mediator answers; a right one beside it goes on", limit=120)
def not_reached(t):
    lab = _lab(t)
    _mediator(lab)
    side, serve = _serve(lab)
    ticket = proc.serve_ticket(serve)
    _registered(serve)
    wrong = proc.Side(lab, "hb", "elsewhere").ticket()
    third = proc.Side(lab, "ha", "third")
    lost = third.connect(wrong, "7101:pump", args=("--mediator", FIRST, "--timeout", "8"))
    alone = proc.Side(lab, "ha", "fourth").connect(ticket, "7102:pump", args=("--mediator", SECOND, "--timeout", "8"))
    # Its mediator has answered, if not yet to the offer: it is the peer that was not reached, whoever else was asked.
    hasty = proc.Side(lab, "ha", "fifth").connect(wrong, "7103:pump",
                                                  args=("--mediator", FIRST, "--stun", SECOND, "--timeout", "1"))
    connect = proc.Side(lab, "ha").connect(ticket, "7100:pump")
    proc.first_echo(lab.ha, 7100, 30, (connect, serve)).close()
    assert hasty.wait(20) == UNREACHED, hasty.last_words()
    assert lost.wait(20) == UNREACHED, lost.last_words()
    assert f"the mediator {FIRST} does not know the peer" in lost.err(), lost.err()
    assert "not reached within 8.0 s\n      The mediator answers, but the peer is not registered" in lost.err(), lost.err()
    assert alone.wait(20) == SERVER, alone.last_words()
    assert f"no mediator answered within 8.0 s: {SECOND}" in alone.err(), alone.err()
    assert connect.is_running()


@check("one clock 10 minutes wrong: the mediator is not blamed, the clocks are; a mediator without an address is told as that, by status, too")
def wrong_clock(t):
    lab = _lab(t)
    _mediator(lab)
    _, serve = _serve(lab)
    other = proc.Side(lab, "ha")
    late = other.connect(proc.serve_ticket(serve), "7100:pump", args=("--clock-offset", "600", "--timeout", "25"))
    lost = proc.Side(lab, "ha", "lost").connect(proc.serve_ticket(serve), "7101:pump",
                                                args=("--mediator", "meet.invalid", "--timeout", "12"))
    lost.expect("meet.invalid: no address found", 10, "err")
    assert "  mediator    meet.invalid: no address found yet\n" in proc.Side(lab, "ha", "lost").run("status")[1]
    assert lost.wait(20) == SERVER, lost.last_words()
    assert "no mediator could be asked within 12.0 s: no address found for meet.invalid" in lost.err(), lost.err()
    assert late.wait(40) == UNREACHED, late.last_words()
    assert "does not answer" not in late.err(), late.err()
    assert late.err().count("One of the two clocks may be wrong by more than two minutes") == 2, late.err()


@check("a ticket made later is met, too; a revoked one is not, and its session ends", limit=180)
def later_and_revoked(t):
    lab = _lab(t)
    _mediator(lab)
    side, serve = _serve(lab)
    proc.serve_ticket(serve)
    _registered(serve)
    later = side.ticket("new", "later")
    one = proc.Side(lab, "ha", "one")
    a = one.connect(later, "7101:pump", args=("--linger", "3"))
    s = proc.first_echo(lab.ha, 7101, 30, (a, serve))
    code, out, err = side.run("ticket", "revoke", "later")
    assert code == 0, out + err
    s.settimeout(10)
    try:
        assert s.recv(1) != b"", "it must be reset"
    except ConnectionResetError:
        pass
    assert a.wait(20) == REFUSED, a.last_words()
    late = proc.Side(lab, "ha", "late").connect(later, "7102:pump", args=("--timeout", "10"))
    assert late.wait(30) == UNREACHED, late.last_words()
    assert serve.stop() == DONE


@check("a key that the other side does not list: connect prints the line that is needed there, once; listed it gets in, "
       "struck off it ends with 6 and the line again", limit=240)
def key_not_listed(t):
    lab = _lab(t)
    _mediator(lab)
    keys = lab.path("keys")
    guest = proc.Side(lab, "ha", "guest")
    line = guest.run("id")[1]
    wanted = "this ticket admits known keys only; the line for the other side's --allow file: " + " ".join(line.split()[:2])
    open(keys, "w").close()
    side, serve = _serve(lab, args=("--allow", keys))
    ticket = proc.serve_ticket(serve)
    connect = guest.connect(ticket, "7103:pump")
    connect.expect(f"the mediator {FIRST} knows nobody who waits for this machine's key", 20, "err")
    connect.expect(re.escape(wanted), 5, "err")
    assert "does not know the peer" not in connect.err() and "revoked" not in connect.err(), connect.err()

    late = proc.Side(lab, "ha", "late").connect(ticket, "7104:pump", args=("--timeout", "8"))
    assert late.wait(20) == UNREACHED, late.last_words()
    assert late.err().count("it is not in the other side's --allow file") == 2 and "revoked" not in late.err(), late.err()

    with open(keys, "w") as f:
        f.write(line)
    serve.signal(signal.SIGHUP)
    proc.first_echo(lab.ha, 7103, 90, (connect, serve)).close()
    assert connect.err().count(wanted) == 1, connect.err()
    assert connect.stop() == DONE

    connect = guest.connect(ticket, "7103:pump")
    proc.first_echo(lab.ha, 7103, 60, (connect, serve)).close()
    assert wanted not in connect.err(), connect.err()
    open(keys, "w").close()
    serve.signal(signal.SIGHUP)
    assert connect.wait(20) == REFUSED, connect.last_words()
    assert connect.err().count(wanted) == 1, connect.err()


@check("30 s without an answer: the possible reasons, with this network's own address; who shares the search is told "
       "where it looks, not that it looks nowhere", limit=120)
def reasons(t):
    lab = _lab(t)
    _mediator(lab)
    ticket = proc.Side(lab, "hb").ticket()
    words = ("--mediator", FIRST, "--json")
    one = proc.Side(lab, "ha")
    connect = one.connect(ticket, "7100:pump", peer=PUBLIC_B, args=words)
    connect.expect("looking for the peer", 20, "err")
    sharer = one.connect(ticket, "7101:pump", args=words)
    sharer.expect("using the session that another command", 10, "err")
    connect.expect(r'^\{"event":"waiting","at_ms":3\d{4}[.}]', 50, "out")
    connect.expect(f"the other side's --peer is not this network's public address, which is {PUBLIC_A}$", 5, "err")
    connect.expect(f'"adit serve" is not running over there, or not at {PUBLIC_B}$', 5, "err")
    sharer.expect(r'^\{"event":"waiting",', 20, "out")
    sharer.expect(f'"adit serve" is not running over there, or not registered at {FIRST}$', 5, "err")
    for p in (connect, sharer):
        assert "neither --peer nor --mediator" not in p.err(), p.err()
        assert "that takes a mediator" not in p.err(), p.err()


@check("--peer and --mediator at once: whichever way opens is taken, also where the mediator is dead", limit=120)
def both_ways(t):
    lab = _lab(t)
    proc.start_target(lab, lab.hb, "pump", "8000")
    side = proc.Side(lab, "hb")
    words = ("--mediator", FIRST)
    serve = side.serve("pump=8000", peer=PUBLIC_A, args=words)
    connect = proc.Side(lab, "ha").connect(proc.serve_ticket(serve), "7100:pump", peer=PUBLIC_B)
    proc.first_echo(lab.ha, 7100, 30, (connect, serve)).close()
    assert f"looking for the peer at {PUBLIC_B} and through {FIRST}" in connect.err(), connect.err()
    assert re.search("punched without a server, .*round trip", connect.err()), connect.err()
    assert connect.stop() == DONE
    _mediator(lab)
    _registered(serve, timeout=60)


@check("pipe over a mediator, from a saved name, as ssh would call it")
def pipe_by_name(t):
    lab = _lab(t)
    _mediator(lab)
    side, serve = _serve(lab)
    ticket = proc.serve_ticket(serve)
    _registered(serve)
    other = proc.Side(lab, "ha")
    code, out, err = other.run("peer", "add", "home", ticket, "--mediator", FIRST)
    assert code == 0, err
    code, out, err = other.run("pipe", "home", "pump", input="echo\nhello", timeout=60)
    assert code == 0 and out == "hello", (code, out, err)


@check("two machines with one ticket: the second takes over, and the first is told why it ended", limit=120)
def replaced(t):
    lab = _lab(t)
    _mediator(lab)
    side, serve = _serve(lab, args=("-v",))
    ticket = proc.serve_ticket(serve)
    one = proc.Side(lab, "ha", "one").connect(ticket, "7101:pump")
    proc.first_echo(lab.ha, 7101, 30, (one, serve)).close()
    began = time.monotonic()
    two = proc.Side(lab, "ha", "two").connect(ticket, "7102:pump", args=("-v",))
    proc.first_echo(lab.ha, 7102, 60, (two, serve)).close()
    assert time.monotonic() - began < 15
    assert one.wait(20) == REFUSED and "another client" in one.err(), one.last_words()
    assert "adit ticket new LABEL" in one.err(), one.err()


@check("SIGTERM ends serve and connect in order while they are in the middle of meeting")
def ended_in_the_middle(t):
    lab = _lab(t)
    _mediator(lab)
    side, serve = _serve(lab, args=("-v",))
    ticket = proc.serve_ticket(serve)
    _registered(serve)
    connect = proc.Side(lab, "ha").connect(ticket, "7100:pump")
    connect.expect("looking for the peer", where="err")
    for p in (connect, serve):
        p.signal(signal.SIGTERM)
        assert p.wait(15) == DONE, p.last_words()
    wait_until(lambda: True, 1, "nothing")


@check("serve ends in order: the mediator has nobody, connect is told so at once; what a listed host's guest borrows is counted")
def left_in_order(t):
    lab = _lab(t)
    side = proc.Side(lab, "hb")
    files = lab.path("secret"), lab.path("hosts")
    for name, text in zip(files, ("0123456789abcdef\n", side.run("id")[1])):
        with open(name, "w") as f:
            f.write(text)
    mediator = proc.Proc(lab, lab.pub, "mediator", [find_program("ADIT", "adit"), "mediator", "--json", "--listen", FIRST, "--turn",
                                                    "turn:192.0.2.99", "--turn-secret-file", files[0], "--turn-for", files[1]])
    mediator.expect("ready", where="err")

    asked = []

    def counts(*prefixes):
        mediator.signal(signal.SIGUSR1)
        asked.append(prefixes)
        mediator.expect(r"(^\{.*\}$\s*){%d}" % len(asked), where="out")
        said = json.loads(mediator.out().splitlines()[-1])
        return [{k: n for k, n in said.items() if k.startswith(p) and n} for p in prefixes] if prefixes else said
    proc.start_target(lab, lab.hb, "pump", "8000")
    serve = side.serve("pump=8000", args=("--mediator", FIRST))
    ticket = proc.serve_ticket(serve)
    _registered(serve)
    connect = proc.Side(lab, "ha").connect(ticket, "7100:pump")
    proc.first_echo(lab.ha, 7100, 30, (connect, serve)).close()
    said = counts()
    assert said["peers"] == 1 and said["lent"] == 1 and said["left"] == 0, said
    # How the meeting ended, and how long it took; nothing of who met.
    wait_until(lambda: any(counts("path_")), 15, "how it ended is reported", step=0.5)
    ways, took = counts("path_", "took_")
    assert list(ways.values()) == list(took.values()) == [1] and not ways.keys() & {"path_none", "path_relay"}, (ways, took)
    serve.signal(signal.SIGTERM)
    assert serve.wait(15) == DONE, serve.last_words()
    said = counts()
    assert said["peers"] == 0 and said["left"] == 1 and said["expired"] == 0, said
    begin = time.monotonic()
    late = proc.Side(lab, "ha", "late").connect(ticket, "7101:pump")
    late.expect(f"the mediator {FIRST} does not know the peer", 5, "err")
    t.note(f"told after {time.monotonic() - begin:.2f} s")


@check("what was learnt about the way is kept for the next start, on both sides; a damaged line does no harm")
def remembered(t):
    lab = _lab(t)
    _mediator(lab)
    side, serve = _serve(lab)
    ticket = proc.serve_ticket(serve)
    _registered(serve)
    other = proc.Side(lab, "ha")
    for damage in (False, True):
        connect = other.connect(ticket, "7100:pump")
        proc.first_echo(lab.ha, 7100, 30, (connect, serve)).close()
        key = re.search(r"^connected to ([a-z2-7]{8})$", connect.err(), re.M).group(1)
        path = os.path.join(other.state, "ways")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        assert re.search(rf"^key={key} value=\S*{re.escape(PUBLIC_A)}\S*{re.escape(PUBLIC_B)}", text, re.M), text
        assert connect.stop() == DONE
        if not damage:
            with open(path, "a", encoding="utf-8") as f:
                f.write("key=other value=what%20is%20this\n")
    with open(os.path.join(side.state, "ways"), encoding="utf-8") as f:
        assert "key=serve/default value=" in f.read()


@check("the connect side moves to another address in mid-session: met again from there, the connection lives", limit=120)
def roaming(t):
    lab = _lab(t)
    _mediator(lab)
    side, serve = _serve(lab)
    other = proc.Side(lab, "ha")
    connect = other.connect(proc.serve_ticket(serve), "7100:pump")
    s = proc.first_echo(lab.ha, 7100, 30, (connect, serve))
    lab.ha.run(["ip", "addr", "del", "192.168.1.2/24", "dev", "lan"])
    lab.ha.run(["ip", "addr", "add", "192.168.1.77/24", "dev", "lan"])
    lab.ha.run(["ip", "route", "replace", "default", "via", "192.168.1.1"])
    begin = time.monotonic()
    s.sendall(b"on its way")
    s.settimeout(60)
    assert s.recv(10, socket.MSG_WAITALL) == b"on its way"
    took = time.monotonic() - begin
    t.note(f"{took:.1f} s")
    assert took < 30, took
    status = json.loads(other.run("status", "--json")[1])
    assert status["local"].startswith("192.168.1.77:"), status


@check("the line that lives on a terminal says what is going on")
def living_line(t):
    lab = _lab(t)
    side = proc.Side(lab, "hb")
    ticket = side.ticket()
    other = proc.Side(lab, "ha")
    master, slave = os.openpty()
    argv = [other.program, "connect", "--ticket-file", other.ticket_file(ticket), "7100:pump", "--mediator", FIRST,
            "--timeout", "6", "--state", other.state]
    p = lab.ha.popen(argv, env=dict(os.environ, TERM="xterm"), stderr=slave, stdout=subprocess.DEVNULL)
    os.close(slave)
    seen = b""
    try:
        while True:
            seen += os.read(master, 4096)
    except OSError:
        pass
    assert p.wait(20) == SERVER, seen
    os.close(master)
    assert f"asking {FIRST}; looking for the peer since".encode() in seen, seen
