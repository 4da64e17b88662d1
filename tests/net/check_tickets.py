"""Who gets in, and who does not."""

import os
import re
import signal
import time

import proc
from check import check
from lab import wait_until

REFUSED, BAD, UNREACHED = 6, 3, 5
PEER_A, PEER_B = "203.0.113.10", "203.0.113.20"


def _works(lab, connect, port=7100, timeout=30):
    proc.first_echo(lab.ha, port, timeout, (connect,)).close()


def _stranger_is_ignored(lab, side, ticket, args=()):
    """A client with this ticket is not let in: refused (6), or not even answered (5)."""
    c = side.connect(ticket, "7199:pump", peer=PEER_B, args=("--timeout", "8", *args))
    code = c.wait(30)
    assert code in (REFUSED, UNREACHED), f"{code}\n{c.last_words()}"
    return code


@check("a damaged ticket fails at once with 3, whichever character is wrong; white space does not matter")
def damaged_ticket(t):
    lab = t.lab()
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = side.ticket()
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    for at in range(5, len(ticket), 7):
        wrong = letters[(letters.index(ticket[at]) + 1) % 32]
        c = other.connect(ticket[:at] + wrong + ticket[at + 1:], "7100:pump", peer=PEER_B)
        assert c.wait(10) == BAD, f"character {at}: {c.popen.returncode}\n{c.last_words()}"
    for bad in (ticket[:-1], ticket + "a", ticket[:40], "adit2" + ticket[5:], "adit1", "hello"):
        c = other.connect(bad, "7100:pump", peer=PEER_B)
        assert c.wait(10) in (BAD, 2), f"{bad!r}: {c.popen.returncode}\n{c.last_words()}"
    proc.start_target(lab, lab.hb, "pump", "8000")
    side.serve("pump=8000", peer=PEER_A)
    spaced = " ".join(ticket[i:i + 10] for i in range(0, len(ticket), 10)) + "\n"
    _works(lab, other.connect(spaced, "7100:pump", peer=PEER_B))


@check("a ticket of another machine or with another secret does not get in; the right one does, beside it")
def wrong_ticket(t):
    lab = t.lab()
    proc.start_target(lab, lab.hb, "pump", "8000")
    side, other, third = proc.Side(lab, "hb"), proc.Side(lab, "ha"), proc.Side(lab, "ha", "third")
    elsewhere = proc.Side(lab, "hb", "elsewhere").ticket()
    ticket = side.ticket()
    side.serve("pump=8000", peer=PEER_A)
    assert elsewhere != ticket
    _stranger_is_ignored(lab, third, elsewhere)
    _works(lab, other.connect(ticket, "7100:pump", peer=PEER_B))


@check("a revoked ticket ends its running session within 5 s and lets nobody in; other labels go on", limit=120)
def revoked_ticket(t):
    lab = t.lab()
    proc.start_target(lab, lab.hb, "pump", "8000")
    side, one, two = proc.Side(lab, "hb"), proc.Side(lab, "ha", "one"), proc.Side(lab, "ha", "two")
    first, second = side.ticket("new", "first"), side.ticket("new", "second")
    side.serve("pump=8000", peer=PEER_A)
    a = one.connect(first, "7101:pump", peer=PEER_B, args=("--linger", "3"))
    b = two.connect(second, "7102:pump", peer=PEER_B)
    s = proc.first_echo(lab.ha, 7101, 30, (a,))
    other = proc.first_echo(lab.ha, 7102, 30, (b,))
    code, out, err = side.run("ticket", "revoke", "first")
    assert code == 0, out + err
    begin = time.monotonic()
    s.settimeout(10)
    try:
        ended = s.recv(1)
        assert ended == b"" and False, "a revoked session's connection ended cleanly: it must be reset"
    except ConnectionResetError:
        pass
    took = time.monotonic() - begin
    t.note(f"ended after {took:.1f} s")
    assert took <= 5, f"{took:.1f} s"
    assert a.wait(20) == REFUSED, a.last_words()
    other.sendall(b"fine")
    assert other.recv(4) == b"fine"
    _stranger_is_ignored(lab, proc.Side(lab, "ha", "late"), first)
    code, out, err = side.run("ticket", "list")
    assert code == 0 and "second" in out and first not in out and second not in out, "list shows labels, no secrets"


@check("a label revoked and made anew between two looks of serve: the old ticket is out, the new one in", limit=120)
def reused_label(t):
    lab = t.lab()
    proc.start_target(lab, lab.hb, "pump", "8000")
    side, one, two = proc.Side(lab, "hb"), proc.Side(lab, "ha", "one"), proc.Side(lab, "ha", "two")
    old = side.ticket("new", "lap")
    serve = side.serve("pump=8000", peer=PEER_A)
    a = one.connect(old, "7101:pump", peer=PEER_B, args=("--linger", "3"))
    proc.first_echo(lab.ha, 7101, 30, (a,)).close()
    serve.signal(signal.SIGSTOP)
    code, out, err = side.run("ticket", "revoke", "lap")
    assert code == 0, out + err
    new = side.ticket("new", "lap")
    serve.signal(signal.SIGCONT)
    assert new != old and a.wait(20) == REFUSED, a.last_words()
    b = two.connect(new, "7102:pump", peer=PEER_B)
    proc.first_echo(lab.ha, 7102, 30, (b,)).close()


def _waits_in_vain(lab, connect, port):
    """A client that is there before the peer has decided: what it says leaves with the question, and comes to nothing."""
    end = time.monotonic() + 10
    while True:
        try:
            s = proc.dial(lab.ha, port, "echo", timeout=40)
            break
        except OSError:
            assert time.monotonic() < end, connect.last_words()
            time.sleep(0.01)
    with s:
        try:
            s.sendall(b"?")
            got = s.recv(1)
        except ConnectionResetError:
            return
    raise AssertionError(f"a client of who is refused got {got!r} instead of a reset")


@check("--single: the first key that uses it stays welcome, a second one is refused with 6", limit=120)
def single_ticket(t):
    lab = t.lab()
    proc.start_target(lab, lab.hb, "pump", "8000")
    side, one, two = proc.Side(lab, "hb"), proc.Side(lab, "ha", "one"), proc.Side(lab, "ha", "two")
    ticket = side.ticket("new", "laptop", "--single")
    serve = side.serve("pump=8000", peer=PEER_A)
    a = one.connect(ticket, "7101:pump", peer=PEER_B)
    _works(lab, a, 7101)
    a.stop()
    refused = two.connect(ticket, "7102:pump", peer=PEER_B, args=("--timeout", "20"))
    _waits_in_vain(lab, refused, 7102)
    code = refused.wait(40)
    assert code == REFUSED, f"the second key got {code}"
    again = one.connect(ticket, "7101:pump", peer=PEER_B)
    _works(lab, again, 7101)
    again.stop()
    serve.stop()  # it is remembered over a restart
    side.serve("pump=8000", peer=PEER_A)
    code = two.connect(ticket, "7102:pump", peer=PEER_B, args=("--timeout", "20")).wait(40)
    assert code == REFUSED, f"after a restart the second key got {code}"


@check("serve with several labels serves several machines at once", limit=120)
def several_labels(t):
    lab = t.lab()
    proc.start_target(lab, lab.hb, "pump", "8000")
    side = proc.Side(lab, "hb")
    tickets = [side.ticket("new", f"friend-{i}") for i in range(4)]
    side.serve("pump=8000", peer=PEER_A)
    others = [proc.Side(lab, "ha", f"friend-{i}").connect(ticket, f"{7101 + i}:pump", peer=PEER_B)
              for i, ticket in enumerate(tickets)]
    open_ones = [proc.first_echo(lab.ha, 7101 + i, 40, (c,)) for i, c in enumerate(others)]
    for i, s in enumerate(open_ones):
        s.sendall(b"friend %d" % i)
        assert s.recv(8) == b"friend %d" % i


def _allow_lab(t):
    lab = t.lab()
    proc.start_target(lab, lab.hb, "pump", "8000")
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    code, line, err = other.run("id")
    assert code == 0 and re.match(r"ed25519 [a-z2-7]{40,}", line), line + err
    allow = lab.path("allow")
    with open(allow, "w") as f:
        f.write("# nobody yet\n")
    serve = side.serve("pump=8000", peer=PEER_A, args=("--allow", allow))
    return lab, other, serve, proc.serve_ticket(serve), allow, line.strip()


@check("--allow: SIGHUP re-reads the file: a key is let in, then not any more", limit=120)
def allowed_keys(t):
    lab, other, serve, ticket, allow, line = _allow_lab(t)
    with open(allow, "a") as f:
        f.write(line + "\n")
    serve.signal(signal.SIGHUP)
    c = other.connect(ticket, "7100:pump", peer=PEER_B)
    s = proc.first_echo(lab.ha, 7100, 30, (c,))
    with open(allow, "w") as f:
        f.write("# nobody any more\n")
    serve.signal(signal.SIGHUP)
    s.settimeout(10)
    try:
        assert s.recv(1) != b"", "it must be reset, not ended"
    except ConnectionResetError:
        pass
    assert c.wait(20) in (REFUSED, UNREACHED), c.last_words()


def _allow(path, *lines):
    with open(path, "w") as f:
        f.write("".join(line + "\n" for line in lines))


def _two_services(t, listed, args=()):
    """A serve with web, ssh and a UDP service, whose file has our key with |listed|."""
    lab = t.lab()
    proc.start_target(lab, lab.hb, "pump", "8000")
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    line = other.run("id")[1].split()
    line = f"{line[0]} {line[1]} friend "
    allow = lab.path("allow")
    _allow(allow, line + listed)
    serve = side.serve("web=8000", "ssh=8000", "dns=udp/8000", peer=PEER_A, args=("--allow", allow, *args))
    return lab, other, serve, proc.serve_ticket(serve), allow, line


@check("--allow: a key with a list of services is offered these alone, and no other can be had", limit=120)
def allowed_services(t):
    lab, other, serve, ticket, allow, line = _two_services(t, "[web]")
    c = other.connect(ticket, "7100:web", "7101:ssh", peer=PEER_B)
    assert c.wait(60) == REFUSED, c.last_words()
    assert 'does not offer "ssh"' in c.err() and "it offers web" in c.err(), c.last_words()
    c = other.connect(ticket, peer=PEER_B)
    where = c.expect(r"^127\.0\.0\.1:(\d+) web$", 40, "out").group(1)
    _works(lab, c, int(where))
    assert "ssh" not in c.out() and "dns" not in c.out(), c.out()


@check("--allow: SIGHUP with a narrower list closes what is not allowed any more, on every thread", limit=120)
def narrowed_services(t):
    lab, other, serve, ticket, allow, line = _two_services(t, "[web,ssh]", ("--threads", "4"))
    c = other.connect(ticket, "7100:web", "7101:ssh", peer=PEER_B, args=("--threads", "4"))
    proc.first_echo(lab.ha, 7100, 40, (c,)).close()
    open_ones = [proc.first_echo(lab.ha, 7101, 30, (c,)) for _ in range(6)]
    serve.signal(signal.SIGHUP)  # nothing changed: nobody notices
    serve.expect("reading .* again")
    time.sleep(2)
    for s in open_ones:
        s.sendall(b"still")
        assert s.recv(5) == b"still"
    _allow(allow, line + "[web,dsn]", line + "[ssh]")
    serve.signal(signal.SIGHUP)
    serve.expect("may use other services now")
    serve.expect('may use "dsn", which is not offered')
    serve.expect("is listed twice: its first line counts")
    for s in open_ones:
        s.settimeout(10)
        try:
            assert s.recv(1) != b"", "it must be reset, not ended"
            raise AssertionError("it goes on")
        except ConnectionResetError:
            pass
    _works(lab, c, 7100)  # a session of its own accord, with the new list
    try:
        s = proc.dial(lab.ha, 7101, "echo", 5)
        s.sendall(b"?")
        assert s.recv(1) == b"", "ssh can still be had"
    except OSError:
        pass
    assert c.is_running() and serve.is_running()


@check("SIGHUP does not end a serve without --allow", limit=60)
def hup_is_no_end(t):
    lab = t.lab()
    proc.start_target(lab, lab.hb, "pump", "8000")
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    serve = side.serve("pump=8000", peer=PEER_A)
    ticket = proc.serve_ticket(serve)
    c = other.connect(ticket, "7100:pump", peer=PEER_B)
    s = proc.first_echo(lab.ha, 7100, 30, (c,))
    serve.signal(signal.SIGHUP)
    serve.expect("tickets are read whenever they change")
    s.sendall(b"hello")
    assert s.recv(5) == b"hello" and serve.is_running()


@check("--allow: the side that is not let in prints the line to send", limit=120)
def line_to_send(t):
    lab, other, serve, ticket, allow, line = _allow_lab(t)
    c = other.connect(ticket, "7100:pump", peer=PEER_B, args=("--timeout", "8"))
    assert c.wait(30) in (REFUSED, UNREACHED), c.last_words()
    assert line.split()[1] in c.err(), c.last_words()


@check("a secret in argv is overwritten there; state and tickets are for this user only")
def secrets_stay_secret(t):
    lab = t.lab()
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = side.ticket()
    p = other.start("connect", ticket, "7100:pump", "--peer", PEER_B)

    def argv():
        with open(f"/proc/{p.pid}/cmdline", "rb") as f:
            return f.read().decode()
    wait_until(lambda: ticket not in argv(), 15, "the ticket leaves argv")
    assert ticket[10:30] not in argv()
    for top in (side.state, other.state):
        for d, names, files in os.walk(top):
            for path in [d] + [os.path.join(d, n) for n in files]:
                assert os.lstat(path).st_mode & 0o077 == 0, f"{path} is open to others"
    assert ticket not in p.out() + p.err()


@check("saved peers: add, list without secrets, connect by name, a misspelled name gets a suggestion")
def saved_peers(t):
    lab = t.lab()
    proc.start_target(lab, lab.hb, "pump", "8000")
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = side.ticket()
    side.serve("pump=8000", peer=PEER_A)
    code, out, err = other.run("peer", "add", "home", "--peer", PEER_B, "7100:pump", input=ticket + "\n")
    assert code == 0, out + err
    code, out, err = other.run("peer", "list")
    assert code == 0 and "home" in out and ticket not in out, out + err
    wrong = other.start("connect", "hmoe")
    assert wrong.wait(10) in (2, 3, 4) and "home" in wrong.err(), wrong.last_words()
    _works(lab, other.start("connect", "home"))
    code, out, err = other.run("peer", "remove", "home")
    assert code == 0, out + err
    assert other.run("peer", "list")[1].count("home") == 0
