"""ssh over adit pipe; pipe itself."""

import hashlib
import os
import shlex
import signal
import subprocess
import threading

import daemons
import proc
import target
from check import check
from lab import wait_until


def _ssh_lab(t):
    lab = t.lab(delay=10)
    sshd, options = daemons.start_sshd(lab, lab.hb, 22)
    side, other = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = other.ticket_file(side.ticket())
    side.serve("ssh=22", peer="203.0.113.10")
    pipe = [other.program, "pipe", "--ticket-file", ticket, "--peer", "203.0.113.20", "--state", other.state, "ssh"]
    return lab, options + ["-o", "ProxyCommand=" + shlex.join(pipe)]


def _ssh(lab, options, *words, **kw):
    kw.setdefault("timeout", 90)
    r = lab.ha.run(["ssh", *options, "root@home", *words], check=False, **kw)
    if r.returncode:
        raise proc.Unexpected(f"ssh ended with {r.returncode}: {r.stderr}")
    return r.stdout


@check("ssh -o ProxyCommand='adit pipe ...': a command, and a shell that is typed into", limit=120)
def ssh_shell(t):
    lab, options = _ssh_lab(t)
    assert _ssh(lab, options, "echo over the tunnel") == "over the tunnel\n"
    out = _ssh(lab, options + ["-tt"], input="stty -echo; echo 6 times 7 is $((6 * 7))\nexit 0\n")
    assert "6 times 7 is 42" in out.replace("\r", ""), out


@check("three ssh sessions and an scp of 100 MB at once", kind="cpu", limit=240)
def ssh_many(t):
    lab, options = _ssh_lab(t)
    size = 100_000_000
    source, copy = lab.path("source"), lab.path("copy")
    digest = hashlib.sha256()
    with open(source, "wb") as f:
        for b in target.blocks(size):
            f.write(b)
            digest.update(b)
    sessions = [proc.Proc(lab, lab.ha, "ssh", ["ssh", *options, "root@home", "cat"], stdin=subprocess.PIPE)
                for _ in range(3)]
    results = []
    scp = threading.Thread(target=lambda: results.append(
        lab.ha.run(["scp", *options, "root@home:" + source, copy], timeout=200, check=False)))
    scp.start()
    turns = 0
    while scp.is_alive() or turns < 3:
        turns += 1
        for i, s in enumerate(sessions):
            s.popen.stdin.write(b"turn %d of session %d\n" % (turns, i))
            s.popen.stdin.flush()
            s.expect(f"^turn {turns} of session {i}$", 60, "out")
    scp.join()
    assert results[0].returncode == 0, results[0].stderr
    for s in sessions:
        s.popen.stdin.close()
        assert s.wait() == 0, s.last_words()
    t.note(f"{turns} turns in each session meanwhile")
    with open(copy, "rb") as f:
        assert hashlib.sha256(f.read()).hexdigest() == digest.hexdigest(), "the copy is not the file"
    os.unlink(copy)


@check("pipe: bytes in and out, the far end's end ends it with 0; the near end's end passes as half-close")
def pipe_plain(t):
    pair = proc.Pair(t.lab(delay=5))
    pair.connect.kill()
    p = pair.connect_side.pipe(pair.ticket, "pump", peer="203.0.113.20", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    size = 4 << 20
    reader = []
    th = threading.Thread(target=lambda: reader.append(p.popen.stdout.read()))
    th.start()
    p.popen.stdin.write(b"put\n")
    for b in target.blocks(size):
        p.popen.stdin.write(b)
    p.popen.stdin.close()
    assert p.wait(30) == 0, p.last_words()
    th.join()
    p.popen.stdout.close()
    assert reader[0].decode() == f"{size} {target.checksum(size)}\n", reader[0][:200]


@check("commands to the same peer on one machine share one session")
def shared_session(t):
    pair = proc.Pair(t.lab(delay=5))
    pair.open("echo").close()
    pipes = [pair.connect_side.pipe(pair.ticket, "pump", peer="203.0.113.20", stdin=subprocess.PIPE) for _ in range(3)]
    for i, p in enumerate(pipes):
        p.popen.stdin.write(b"echo\nhello %d\n" % i)
        p.popen.stdin.flush()
    for i, p in enumerate(pipes):
        p.expect(f"^hello {i}$", 20, "out")
    second = pair.connect_side.connect(pair.ticket, "7101:pump", peer="203.0.113.20")
    proc.first_echo(pair.lab.ha, 7101, 20, (second,)).close()
    assert _udp_sockets(pair.connect.pid), "the first one holds the way"
    for p in pipes:  # none of the later commands has a UDP socket of its own
        assert not _udp_sockets(p.pid), "a later command has opened a way of its own"
    assert not _udp_sockets(second.pid), "a later connect has opened a way of its own"
    for p in pipes:
        p.popen.stdin.close()
        assert p.wait() == 0, p.last_words()


def _say(p, text):
    p.popen.stdin.write(text)
    p.popen.stdin.flush()


@check("eight pipes started in one instant: one opens the way, all work; the opener may end, by itself or by a signal")
def opener_ends(t):
    for how in (None, signal.SIGHUP, signal.SIGTERM):
        pair = proc.Pair(t.lab(delay=5))
        pair.connect.kill()
        pipes = [pair.connect_side.pipe(pair.ticket, "pump", peer="203.0.113.20", stdin=subprocess.PIPE) for _ in range(8)]
        for i, p in enumerate(pipes):
            _say(p, b"echo\nhello %d\n" % i)
        for i, p in enumerate(pipes):
            p.expect(f"^hello {i}$", 20, "out")
        openers = [p for p in pipes if _udp_sockets(p.pid)]
        assert len(openers) == 1, f"{len(openers)} of them have opened a way"
        opener, others = openers[0], [p for p in pipes if p is not openers[0]]
        if how:
            opener.signal(how)
        else:
            opener.popen.stdin.close()
        assert opener.wait() == 0, opener.last_words()
        for p in others:
            _say(p, b"still here\n")
        for p in others:
            p.expect("^still here$", 10, "out")
        for p in others:
            p.popen.stdin.close()
            assert p.wait() == 0, p.last_words()
        wait_until(lambda: not _holders(pair.connect_side), 10, "nobody holds the session any more")
        if how:
            opener.popen.stdin.close()
        pair.lab.close()


@check("connect has the session that others share: Ctrl-C ends it and closes its ports, the others do not notice")
def connect_opener_ends(t):
    pair = proc.Pair(t.lab(delay=5))
    own = pair.open("echo")
    second = pair.connect_side.connect(pair.ticket, "7101:pump", peer="203.0.113.20")
    lent = proc.first_echo(pair.lab.ha, 7101, 20, (second,))
    pipe = pair.connect_side.pipe(pair.ticket, "pump", peer="203.0.113.20", stdin=subprocess.PIPE)
    _say(pipe, b"echo\nhello\n")
    pipe.expect("^hello$", 20, "out")
    pair.connect.signal(signal.SIGINT)
    assert pair.connect.wait() == 0, pair.connect.last_words()
    pair.connect.expect("2 other commands use this session", 15)
    for s in (own, lent):  # what is open goes on, whoever opened it
        s.sendall(b"!")
        assert s.recv(1) == b"!", "a connection has been cut"
        s.close()
    _say(pipe, b"still here\n")
    pipe.expect("^still here$", 10, "out")
    proc.first_echo(pair.lab.ha, 7101, 20, (second,)).close()
    try:
        pair.dial("echo").close()
        raise AssertionError("the port of the one that has ended is open")
    except ConnectionRefusedError:
        pass
    pipe.popen.stdin.close()
    assert pipe.wait() == 0, pipe.last_words()
    assert not _udp_sockets(second.pid), "the borrower has opened a way of its own"
    second.signal(signal.SIGTERM)
    assert second.wait() == 0, second.last_words()
    wait_until(lambda: not _holders(pair.connect_side), 10, "nobody holds the session any more")


def _holders(side):
    """Processes of connect and pipe that are left, of this installation."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if words[1:2] in ([b"pipe"], [b"connect"]) and side.state.encode() in words:
            found.append(pid)
    return found


def _udp_sockets(pid):
    """Inodes of the UDP sockets that a process holds."""
    known = set()
    for table in ("udp", "udp6"):
        with open(f"/proc/{pid}/net/{table}") as f:
            known |= {line.split()[9] for line in f.readlines()[1:]}
    held = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            name = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if name.startswith("socket:["):
            held.add(name[8:-1])
    return held & known
