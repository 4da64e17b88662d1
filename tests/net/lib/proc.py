"""Processes in a lab, and adit's own two sides."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import target
from lab import find_program, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
TICKET = re.compile(r"\badit1[a-z2-7]{40,}")


class Unexpected(Exception):
    """A process did not do what it should; the text has its last words."""


class Proc:
    """A program running in a namespace of a lab; what it says goes to files."""

    def __init__(self, lab, ns, name, argv, env=None, stdin=subprocess.DEVNULL, stdout=None, limits=None):
        self.lab, self.ns, self.name, self.argv = lab, ns, name, [str(a) for a in argv]
        self.stem = lab.path(f"{len(lab.processes):02d}-{ns.name}-{name}")
        self.out_path, self.err_path = self.stem + ".out", self.stem + ".err"
        if limits:  # a shell sets them: `ulimit` words such as -Sn 1024
            self.argv = ["sh", "-c", f'ulimit {limits} && exec "$@"', "sh"] + self.argv
        self.started_at = time.monotonic()
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.popen = ns.popen(self.argv, env=dict(os.environ, **(env or {})), stdin=stdin, stdout=stdout or out,
                                  stderr=err)
        self.pid = self.popen.pid
        lab.processes.append(self)

    def out(self):
        return _read(self.out_path)

    def err(self):
        return _read(self.err_path)

    def is_running(self):
        return self.popen.poll() is None

    def expect(self, pattern, timeout=20, where="both"):
        """Waits until the output has |pattern|; Unexpected when the process ends without."""
        rx = re.compile(pattern, re.M)

        def look():
            text = {"out": self.out, "err": self.err, "both": lambda: self.out() + "\n" + self.err()}[where]()
            m = rx.search(text)
            if not m and not self.is_running():
                text = self.out() + "\n" + self.err()  # it may have been its last word
                m = rx.search(text)
                if not m:
                    raise Unexpected(f"{self.name} ended with {self.popen.returncode} before it said /{pattern}/:\n"
                                     + self.last_words())
            return m
        try:
            return wait_until(look, timeout, f"{self.name}: /{pattern}/")
        except TimeoutError as e:
            raise Unexpected(f"{e}:\n{self.last_words()}")

    def last_words(self, lines=12):
        both = self.out().splitlines()[-lines:] + self.err().splitlines()[-lines:]
        return "\n".join(f"    {self.name}| {line}" for line in both)

    def wait(self, timeout=10):
        """The exit code; Unexpected when it does not end in time."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Unexpected(f"{self.name} has not ended after {timeout} s:\n{self.last_words()}")

    def signal(self, number):
        self.popen.send_signal(number)

    def stop(self, timeout=10):
        if self.is_running():
            self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self):
        if self.is_running():
            self.popen.kill()
        self.popen.wait()

    def status(self, key):
        """A line of /proc/PID/status in KB, for instance VmRSS or VmHWM."""
        with open(f"/proc/{self.pid}/status") as f:
            for line in f:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
        raise KeyError(key)

    def cpu_seconds(self):
        return cpu_seconds(self.pid)


def cpu_seconds(pid):
    """User and system time of a process so far."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read(path):
    with open(path, "rb") as f:
        return f.read().decode(errors="replace")


def start_target(lab, ns, kind, where):
    p = Proc(lab, ns, kind, [sys.executable, os.path.join(HERE, "target.py"), kind, where])
    p.expect("^ready$")
    return p


# -- adit

def adit_program():
    p = find_program("ADIT", "adit")
    if not p:
        raise Unexpected("adit is not built: ./dev build, or set ADIT")
    return p


class Side:
    """One installation of adit: a host and a state directory of its own."""

    def __init__(self, lab, host, name=None, program=None):
        self.lab, self.ns = lab, getattr(lab, host)
        self.name = name or host
        self.state = lab.path("state-" + self.name)
        self.program = program or adit_program()

    def run(self, *args, input=None, timeout=20):
        """A short command. (exit code, stdout, stderr)"""
        r = self.ns.run([self.program, *map(str, args), "--state", self.state], input=input, timeout=timeout, check=False)
        return r.returncode, r.stdout, r.stderr

    def start(self, *args, name=None, **kw):
        return Proc(self.lab, self.ns, name or f"{self.name}-{args[0]}", [self.program, *args, "--state", self.state], **kw)

    def ticket(self, *words):
        """This machine's ticket; no serve has to run for it."""
        code, out, err = self.run("ticket", *(words or ("show",)))
        m = TICKET.search(out)
        if code or not m:
            raise Unexpected(f"adit ticket {' '.join(words)}: exit {code}\n{out}{err}")
        return m.group(0)

    def serve(self, *services, peer=None, args=(), **kw):
        peers = [peer] if isinstance(peer, str) else peer or []
        return self.start("serve", *services, *(w for p in peers for w in ("--peer", p)), *args, **kw)

    def connect(self, ticket, *services, peer=None, args=(), **kw):
        return self.start("connect", "--ticket-file", self.ticket_file(ticket), *services,
                          *(("--peer", peer) if peer else ()), *args, **kw)

    def pipe(self, ticket, service, peer=None, args=(), **kw):
        return self.start("pipe", "--ticket-file", self.ticket_file(ticket), service,
                          *(("--peer", peer) if peer else ()), *args, **kw)

    def ticket_file(self, ticket):
        path = f"{self.state}-{abs(hash(ticket)):x}.ticket"
        if not os.path.exists(path):
            with open(path, "w") as f:
                f.write(ticket + "\n")
            os.chmod(path, 0o600)
        return path


def serve_ticket(proc, timeout=20):
    return proc.expect(TICKET.pattern, timeout, "out").group(0)


class Pair:
    """The usual case: a pump behind rb on port 8000, adit serve beside it on hb, adit connect on ha at port 7100."""

    def __init__(self, lab, services=("pump=8000",), locals=("7100:pump",), serve_args=(), connect_args=(), program=None,
                 peer_a="203.0.113.10", peer_b="203.0.113.20", **kw):
        self.lab = lab
        self.target = start_target(lab, lab.hb, "pump", "8000")
        self.serve_side, self.connect_side = Side(lab, "hb", program=program), Side(lab, "ha", program=program)
        self.ticket = self.serve_side.ticket()
        self.serve = self.serve_side.serve(*services, peer=peer_a, args=serve_args, **kw)
        self.connect = self.connect_side.connect(self.ticket, *locals, peer=peer_b, args=connect_args, **kw)

    def open(self, line=None, timeout=30, port=7100):
        """A connection through the tunnel that has proved to be alive, then been told |line|."""
        s = first_echo(self.lab.ha, port, timeout, (self.serve, self.connect))
        if line == "echo":
            return s
        s.close()
        return None if line is None else dial(self.lab.ha, port, line)

    def dial(self, line, port=7100):
        return dial(self.lab.ha, port, line)


def dial(ns, port, line, timeout=30, host="127.0.0.1"):
    s = ns.socket()
    s.settimeout(timeout)
    s.connect((host, port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.sendall(line.encode() + b"\n")
    return s


def first_echo(ns, port, timeout, procs=(), host="127.0.0.1"):
    """Tries until a byte has come back from the pump's echo; the open connection."""
    end = time.monotonic() + timeout
    while True:
        for p in procs:
            if not p.is_running():
                raise Unexpected(f"{p.name} ended with {p.popen.returncode}:\n{p.last_words()}")
        left = end - time.monotonic()
        if left <= 0:
            raise Unexpected(f"no answer through the tunnel after {timeout} s:\n" + "\n".join(p.last_words() for p in procs))
        try:
            s = dial(ns, port, "echo", timeout=left, host=host)
            s.sendall(b"?")
            if s.recv(1) == b"?":
                s.settimeout(60)
                return s
            s.close()
        except OSError:
            pass
        time.sleep(0.02)


def till_first_echo(ns, port, limit, procs, begin):
    """Seconds since |begin| to the first byte through the tunnel; None: not within |limit|. Raises when one has ended."""
    try:
        first_echo(ns, port, limit, procs).close()
        return time.monotonic() - begin
    except Unexpected:
        if not all(p.is_running() for p in procs):
            raise
        return None


def sleepers(word):
    """How many processes `sleep WORD` there are on this machine."""
    n = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                n += f.read().split(b"\0")[:2] == [b"sleep", word.encode()]
        except OSError:
            pass
    return n


def get(sock, size):
    """After dial(..., f"get {size}"): reads it all, checks the sum; the seconds it took."""
    start = time.monotonic()
    total, digest = target.drain(sock)
    took = time.monotonic() - start
    sock.close()
    if total != size or digest != target.checksum(size):
        raise Unexpected(f"asked for {size} bytes, {total} came with SHA-256 {digest}")
    return took


def put(sock, size):
    """After dial(..., "put"): sends, half-closes, checks what the target counted; the seconds it took."""
    start = time.monotonic()
    target.send_stream(sock, size)
    sock.shutdown(socket.SHUT_WR)
    answer = target.read_line(sock)
    took = time.monotonic() - start
    sock.close()
    if answer != f"{size} {target.checksum(size)}":
        raise Unexpected(f"sent {size} bytes, the target counted: {answer!r}")
    return took
