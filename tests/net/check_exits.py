"""Every exit code that CLI.md promises, provoked."""

import os
import signal
import time

import proc
from check import check

DONE, INTERNAL, USAGE, BAD, LOCAL, UNREACHED, REFUSED, LOST, SERVER = range(9)
PEER_A, PEER_B = "203.0.113.10", "203.0.113.20"


@check("0: SIGTERM and SIGINT end serve and connect in order, also while they wait")
def exit_0(t):
    for number in (signal.SIGTERM, signal.SIGINT):
        lab = t.lab()
        pair = proc.Pair(lab)
        s = pair.open("echo")
        s.close()
        for p in (pair.connect, pair.serve):
            p.signal(number)
            assert p.wait(15) == DONE, p.last_words()
        waiting = pair.connect_side.connect(pair.ticket, "7100:pump", peer=PEER_B)
        waiting.expect("(?i)wait|looking", 10)
        waiting.signal(number)
        assert waiting.wait(15) == DONE, waiting.last_words()
        lab.close()


@check("130 and 143: a second signal ends at once what is still being delivered")
def exit_second_signal(t):
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        lab = t.lab()
        pair = proc.Pair(lab)
        s = pair.open("echo")
        lab.cut("ra")  # what was taken can be delivered to nobody
        s.sendall(b"x" * 100000)
        pair.connect.signal(number)
        pair.connect.expect("(?i)second signal|ending|deliver", 15, "err")
        assert pair.connect.is_running(), "it ended without having delivered what it took"
        pair.connect.signal(number)
        assert pair.connect.wait(5) == code, f"{pair.connect.popen.returncode}, wanted {code}\n{pair.connect.last_words()}"
        lab.close()


@check("2: usage errors of every command, with a word on what to do")
def exit_2(t):
    lab = t.lab()
    side = proc.Side(lab, "ha")
    ticket = side.ticket()
    path = side.ticket_file(ticket)
    cases = [
        [], ["sevre"], ["serve"], ["serve", "web=8080", "web=8081"], ["serve", "we_b=8080"], ["serve", "web=99999"],
        ["serve", "8080", "--nonsense"], ["connect"], ["connect", "--ticket-file", path, "70000:web"],
        ["connect", "--ticket-file", path, "7100:web", "7100:ssh"], ["connect", "--ticket-file"], ["pipe"],
        ["pipe", "--ticket-file", path], ["pipe", "--ticket-file", path, "a", "b"], ["ticket", "burn"],
        ["ticket", "new"], ["ticket", "new", "UPPER"], ["peer"], ["peer", "add"], ["id", "extra", "words"],
        ["status", "all"], ["check"], ["check", "here"], ["connect", "nobody"],
        ["connect", "--ticket-file", path, "7100:web", "--timeout", "soon"], ["serve", "8080", "--port", "0x10"],
        ["connect", "--ticket-file", path, "7100:web", "--peer", "203.0.113.300"],
    ]
    for words in cases:
        r = lab.ha.run([side.program, *words], check=False, env=dict(os.environ, ADIT_STATE=side.state))
        assert r.returncode == USAGE, f"{words}: {r.returncode}\n{r.stdout}{r.stderr}"
        assert r.stderr.strip() and not r.stdout.strip(), f"{words}: the reason belongs on stderr"
    r = lab.ha.run([side.program, "connect", "--ticket-file", path, "7100:web"], check=False,
                   env=dict(os.environ, ADIT_STATE=side.state, ADIT_TICKET=ticket))
    assert r.returncode == USAGE, "ticket-file and ADIT_TICKET at once"


@check("0: help, version and -h of every command, on stdout")
def help_and_version(t):
    lab = t.lab()
    side = proc.Side(lab, "ha")
    for words in (["help"], ["--version"], ["-h"], *([c, "-h"] for c in ("serve", "connect", "pipe", "ticket", "id", "peer",
                                                                         "udphp", "status", "check", "help"))):
        code, out, err = side.run(*words) if "udphp" not in words else (lambda r: (r.returncode, r.stdout, r.stderr))(
            lab.ha.run([side.program, *words], check=False))
        assert code == DONE and out.strip(), f"{words}: {code}\n{err}"
        if words[-1] == "-h":
            lines = out.splitlines()
            assert len(lines) <= 24 and max(map(len, lines)) <= 80, f"{words} does not fit 80x24"


@check("3: a bad ticket, a bad ticket file, a bad config with its line number, a bad key")
def exit_3(t):
    lab = t.lab()
    side = proc.Side(lab, "ha")
    ticket = side.ticket()
    damaged = ticket[:-2] + ("aa" if ticket[-2:] != "aa" else "bb")
    config = lab.path("config")
    with open(config, "w") as f:
        f.write("# fine\npeer 203.0.113.20\nnonsense yes\n")
    for words in (["connect", damaged, "7100:web"], ["pipe", damaged, "web"], ["connect", ticket[:20], "7100:web"],
                  ["connect", "--ticket-file", side.ticket_file("no ticket at all"), "7100:web"],
                  ["serve", "8080", "--config", config]):
        code, out, err = side.run(*words)
        assert code == BAD, f"{words[0]} {words[1:]}: {code}\n{out}{err}"
        if config in words:
            assert "3" in err and "nonsense" in err, err


@check("4: a port in use, a second serve, a state directory or file that cannot be had")
def exit_4(t):
    lab = t.lab()
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = side.ticket()
    holder = lab.ha.socket()
    holder.bind(("127.0.0.1", 7100))
    holder.listen()
    first = side.serve("pump=8000", peer=PEER_A)
    proc.serve_ticket(first)
    c = other.connect(ticket, "7100:pump", peer=PEER_B)
    assert c.wait(15) == LOCAL and "7100" in c.err(), c.last_words()
    second = side.serve("8000", peer=PEER_A)
    assert second.wait(15) == LOCAL, second.last_words()
    assert str(first.pid) in second.err(), "it says which process holds the lock:\n" + second.last_words()
    udp = lab.ha.socket(kind=2)
    udp.bind(("", 5555))
    c = other.connect(ticket, "7101:pump", peer=PEER_B, args=("--port", "5555"))
    assert c.wait(15) == LOCAL and "5555" in c.err(), c.last_words()
    with open(lab.path("file"), "w"):
        pass
    for words in (["id", "--state", lab.path("file")], ["connect", "--ticket-file", lab.path("nowhere"), "7100:web"],
                  ["serve", "8000", "--config", lab.path("nowhere")]):
        r = lab.ha.run([other.program, *words] + ([] if "--state" in words else ["--state", other.state]), check=False)
        assert r.returncode == LOCAL, f"{words}: {r.returncode}\n{r.stderr}"


@check("5: connect --timeout and pipe give up on a peer that is not there, and say what may be the reason")
def exit_5(t):
    lab = t.lab()
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = side.ticket()
    begin = time.monotonic()
    c = other.connect(ticket, "7100:pump", peer=PEER_B, args=("--timeout", "2"))
    assert c.wait(20) == UNREACHED, c.last_words()
    assert 1.8 <= time.monotonic() - begin < 6
    p = other.pipe(ticket, "pump", peer=PEER_B, args=("--timeout", "2"))
    assert p.wait(20) == UNREACHED, p.last_words()
    assert p.err().strip(), "it says why"


@check("6: the peer refuses a service that it does not offer; pipe to a dead target", limit=120)
def exit_6(t):
    lab = t.lab()
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = side.ticket()
    side.serve("pump=8000", peer=PEER_A)
    p = other.pipe(ticket, "nothing", peer=PEER_B)
    assert p.wait(40) == REFUSED and "nothing" in p.err(), p.last_words()
    c = other.connect(ticket, "7100:nothing", peer=PEER_B)
    assert c.wait(40) == REFUSED and "nothing" in c.err(), c.last_words()
    p = other.pipe(ticket, "pump", peer=PEER_B)  # nobody listens on 8000
    assert p.wait(40) == REFUSED, p.last_words()


@check("7: the session is lost for longer than --linger", limit=120)
def exit_7(t):
    pair = proc.Pair(t.lab(), connect_args=("--linger", "3"))
    s = pair.open("echo")
    pair.lab.cut("ra")
    s.sendall(b"into the void")
    begin = time.monotonic()
    code = pair.connect.wait(60)
    assert code == LOST, f"{code}\n{pair.connect.last_words()}"
    t.note(f"after {time.monotonic() - begin:.1f} s with --linger 3")
    try:
        assert s.recv(1) != b"", "a lost session must never look like a clean end"
        raise AssertionError("bytes out of nowhere")
    except ConnectionResetError:
        pass


@check("messages: 30 s without an answer list the possible reasons", limit=120)
def stuck_words(t):
    lab = t.lab()
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    c = other.connect(side.ticket(), "7100:pump", peer=PEER_B)
    c.expect("(?i)30 s|no answer|reasons?", 45, "err")
    for word in ("running", "clock", "--peer"):
        assert word in c.err(), f"{word!r} is not among the reasons:\n{c.last_words()}"
