#!/usr/bin/env python3
"""End-to-end test of `adit udphp`: real programs in two network namespaces, joined directly or by a bad network.

    udphp_e2e.py PROGRAM...            the test, e.g.  udphp_e2e.py build/dbg/tests/net/adit-udphp
    udphp_e2e.py --bench MIB PROGRAM...   throughput of every pairing

The original script takes part where ADIT_UDPHP names it. Exit status 77: it may not make namespaces here.
Both programs bind UDP port 5555 on every address, so one namespace cannot hold two of them.
"""
import ctypes
import hashlib
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

CLONE_NEWNET = 0x40000000
UDP_PORT = 5555
TCP_PORT = 7100
SCRIPT = os.environ.get("ADIT_UDPHP")
TYPES = b"ANHUC"
libc = ctypes.CDLL(None, use_errno=True)


class Skip(Exception):
    pass


class Failure(Exception):
    pass


class Namespace:
    """A network namespace, kept by a process that does nothing."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo ready; exec cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if self.holder.stdout.readline() != b"ready\n":
            raise Skip("no permission to make a network namespace")
        self.run("ip", "link", "set", "lo", "up")

    def command(self, args):
        return ["nsenter", "-t", str(self.holder.pid), "-n", "--"] + list(args)

    def run(self, *args):
        subprocess.run(self.command(args), check=True)

    def call(self, fn):
        """Runs |fn| in a thread that lives in this namespace: sockets it makes belong here for ever."""
        result = []

        def body():
            with open("/proc/%d/ns/net" % self.holder.pid) as f:
                if libc.setns(f.fileno(), CLONE_NEWNET) != 0:
                    result.append(OSError(ctypes.get_errno(), "setns"))
                    return
            try:
                result.append(fn())
            except OSError as e:
                result.append(e)

        t = threading.Thread(target=body)
        t.start()
        t.join()
        if isinstance(result[0], Exception):
            raise result[0]
        return result[0]

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()


def join(a, b, addr_a, addr_b, dev):
    a.run("ip", "link", "add", dev, "type", "veth", "peer", "name", dev, "netns", str(b.holder.pid))
    for ns, addr in ((a, addr_a), (b, addr_b)):
        ns.run("ip", "addr", "add", addr + "/24", "dev", dev)
        ns.run("ip", "link", "set", dev, "up")


class BadNetwork(threading.Thread):
    """Forwards datagrams between two sockets, and drops, doubles, delays and damages some of them."""

    def __init__(self, ns, seed, loss, double, late, damage, gentle):
        super().__init__(daemon=True)
        self.rng = random.Random(seed)
        self.p = dict(loss=loss, double=double, late=late, damage=damage)
        self.count = dict(forwarded=0, loss=0, double=0, late=0, damage=0)
        self.gentle = gentle  # per side: the receiver is the script, which some damage kills
        self.side = [ns.call(lambda a=a: self.socket(a)) for a in ("10.78.1.2", "10.78.2.2")]
        self.to = [("10.78.1.1", UDP_PORT), ("10.78.2.1", UDP_PORT)]
        self.waiting = []
        self.stop = False

    @staticmethod
    def socket(addr):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s.bind((addr, UDP_PORT))
        return s

    def chance(self, what):
        if self.rng.random() >= self.p[what]:
            return False
        self.count[what] += 1
        return True

    def damaged(self, data, out):
        data = bytearray(data)
        if self.gentle[out]:
            # An inflate error, a short datagram or an unknown type ends the script's receiver.
            if data[:1] == b"U":
                data[self.rng.randrange(3, len(data))] ^= 1 << self.rng.randrange(8)
            return bytes(data)
        how = self.rng.randrange(4)
        at = self.rng.randrange(len(data))
        if how == 0:
            data[at] ^= 1 << self.rng.randrange(8)
        elif how == 1:
            data[at] = self.rng.randrange(256)
        elif how == 2:
            del data[at:]
        else:
            data += bytes(self.rng.randrange(256) for _ in range(self.rng.randrange(1, 30)))
        return bytes(data)

    def forward(self, data, out):
        if self.chance("loss"):
            return
        if self.chance("damage"):
            data = self.damaged(data, out)
        copies = 2 if self.chance("double") else 1
        for _ in range(copies):
            delay = self.rng.uniform(0.001, 0.3) if self.chance("late") else 0
            self.waiting.append((time.monotonic() + delay, data, out))

    def run(self):
        while not self.stop:
            ready, _, _ = select.select(self.side, [], [], 0.002 if self.waiting else 0.1)
            for s in ready:
                data, _ = s.recvfrom(65536)
                self.count["forwarded"] += 1
                self.forward(data, 1 - self.side.index(s))
            now = time.monotonic()
            for item in [w for w in self.waiting if w[0] <= now]:
                self.waiting.remove(item)
                self.side[item[2]].sendto(item[1], self.to[item[2]])


def pump(sock, data, want, ret):
    """Sends |data| while it reads |want| bytes; leaves the hash of what came in |ret|."""
    digest = hashlib.sha256()
    sent = got = 0
    sock.setblocking(False)
    while sent < len(data) or got < want:
        r, w, _ = select.select([sock], [sock] if sent < len(data) else [], [], 60)
        if not r and not w:
            break
        if w:
            sent += sock.send(data[sent:sent + 65536])
        if r:
            chunk = sock.recv(65536)
            if not chunk:
                break
            digest.update(chunk)
            got += len(chunk)
    ret.append((got, digest.hexdigest()))


def wait_for(what, fn, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        r = fn()
        if r is not None:
            return r
        time.sleep(0.02)
    raise Failure("waited %d s for %s" % (seconds, what))


class Pair:
    """A server side in one namespace and a client side in the other, with a TCP service and its user."""

    def __init__(self, lab, server, client, via=None):
        self.lab = lab
        a, b = lab.a, lab.b
        peer_of_a, peer_of_b = ("10.77.0.2", "10.77.0.1") if not via else ("10.78.1.2", "10.78.2.2")
        self.listener = b.call(lambda: socket.create_server(("127.0.0.1", TCP_PORT)))
        self.server = self.start(b, server, ["-c", str(TCP_PORT), peer_of_b])
        self.listener.settimeout(10)
        self.service, _ = self.listener.accept()
        self.client = self.start(a, client, ["-l", str(TCP_PORT), peer_of_a])
        self.user = wait_for("the client side to listen", lambda: self.connect(a), 10)

    def start(self, ns, program, args):
        log = open(os.path.join(self.lab.tmp, "%d.log" % len(self.lab.logs)), "w+b")
        self.lab.logs.append(log)
        return subprocess.Popen(ns.command(program + args), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @staticmethod
    def connect(ns):
        try:
            return ns.call(lambda: socket.create_connection(("127.0.0.1", TCP_PORT)))
        except OSError:
            return None

    def transfer(self, up, down):
        here, there = [], []
        t = threading.Thread(target=pump, args=(self.service, down, len(up), there), daemon=True)
        start = time.monotonic()
        t.start()
        pump(self.user, up, len(down), here)
        t.join()
        self.seconds = time.monotonic() - start
        for what, got, want in (("up", there[0], up), ("down", here[0], down)):
            if got != (len(want), hashlib.sha256(want).hexdigest()):
                raise Failure("%s: %d of %d bytes, or other ones" % (what, got[0], len(want)))

    def end(self, want):
        """Closes both ends of the TCP connection; the programs must notice."""
        self.user.close()
        self.service.close()
        codes = [wait_for("the end", p.poll, 40) for p in (self.server, self.client)]
        if any(c not in want for c in codes):
            raise Failure("exit codes %s, expected %s" % (codes, want))

    def close(self):
        for p in (self.server, getattr(self, "client", None)):
            if p and p.poll() is None:
                p.kill()
                p.wait()
        for s in ("listener", "service", "user"):
            if hasattr(self, s):
                getattr(self, s).close()


class Lab:
    def __init__(self, tmp):
        self.tmp = tmp
        self.logs = []
        self.a, self.m, self.b = Namespace(), Namespace(), Namespace()
        join(self.a, self.b, "10.77.0.1", "10.77.0.2", "direct")
        join(self.a, self.m, "10.78.1.1", "10.78.1.2", "left")
        join(self.b, self.m, "10.78.2.1", "10.78.2.2", "right")

    def close(self):
        for ns in (self.a, self.m, self.b):
            ns.close()

    def dump_logs(self):
        for log in self.logs[-2:]:
            log.seek(0)
            sys.stderr.write("--- %s\n%s" % (log.name, log.read().decode(errors="replace")[-4000:]))


def binary(n, seed):
    return random.Random(seed).randbytes(n)


def text(n, seed):
    rng = random.Random(seed)
    words = ["".join(rng.choices("etaoinshrdlu", k=rng.randrange(2, 9))) for _ in range(300)]
    out = " ".join(rng.choices(words, k=n // 5))
    return (out + "\n" * n)[:n].encode()


def run_pair(lab, server, client, up, down, bad=None):
    pair = None
    net = None
    try:
        if bad:
            net = BadNetwork(lab.m, 1, gentle=(client == [SCRIPT], server == [SCRIPT]), **bad)
            net.start()
        pair = Pair(lab, server, client, via=bad)
        pair.transfer(up, down)
        pair.end((12,) if not bad else (12, 15))
        return pair.seconds, net.count if net else {}
    finally:
        if pair:
            pair.close()
        if net:
            net.stop = True
            net.join()
            for s in net.side:
                s.close()


def pairings(adit):
    yield "adit -c, adit -l", adit, adit
    if SCRIPT:
        yield "script -c, adit -l", [SCRIPT], adit
        yield "adit -c, script -l", adit, [SCRIPT]


BAD = dict(loss=0.04, double=0.1, late=0.1, damage=0.05)


def cases(adit):
    size = 1 << 20
    for name, server, client in pairings(adit):
        yield name + ": 1 MiB of random bytes each way", server, client, binary(size, 1), binary(size, 2), None
        yield name + ": 1 MiB of text each way", server, client, text(size, 3), text(size, 4), None
        yield name + ": bad network", server, client, binary(size // 4, 5), text(size // 4, 6), BAD


def test(lab, adit):
    failed = 0
    todo = list(cases(adit))
    print("1..%d" % len(todo))
    if not SCRIPT:
        print("# without the original script: ADIT_UDPHP does not name it")
    for n, (name, server, client, up, down, bad) in enumerate(todo, 1):
        try:
            seconds, count = run_pair(lab, server, client, up, down, bad)
            print("ok %d - %s # %.1f s %s" % (n, name, seconds, count or ""), flush=True)
        except (Failure, OSError) as e:
            failed += 1
            print("not ok %d - %s: %s" % (n, name, e), flush=True)
            lab.dump_logs()
    return 1 if failed else 0


def bench(lab, adit, mib):
    todo = list(pairings(adit))
    if SCRIPT:
        todo.append(("script -c, script -l", [SCRIPT], [SCRIPT]))
    for name, server, client in todo:
        for what, make in (("random", binary), ("text", text)):
            data = make(mib << 20, 7)
            for way, up, down in (("up", data, b""), ("down", b"", data)):
                seconds, _ = run_pair_any_end(lab, server, client, up, down)
                print("%-22s %-6s %-4s %7.1f MB/s" % (name, what, way, len(data) / seconds / 1e6), flush=True)
    return 0


def run_pair_any_end(lab, server, client, up, down):
    pair = Pair(lab, server, client)
    try:
        pair.transfer(up, down)
        return pair.seconds, {}
    finally:
        pair.close()


def main(args):
    import tempfile
    mib = 0
    if args[:1] == ["--bench"]:
        mib = int(args[1])
        args = args[2:]
    if not args:
        sys.exit(__doc__)
    if os.environ.get("UDPHP_E2E_INSIDE") != "1":
        os.environ["UDPHP_E2E_INSIDE"] = "1"
        wrap = ["unshare", "-n"] if os.getuid() == 0 else ["unshare", "-rn"]
        if subprocess.run(wrap + ["true"], stderr=subprocess.DEVNULL).returncode != 0:
            print("1..0 # SKIP no permission to make a network namespace here")
            return 77
        os.execvp("unshare", wrap + [sys.executable, os.path.abspath(__file__)] + sys.argv[1:])
    with tempfile.TemporaryDirectory() as tmp:
        lab = None
        try:
            lab = Lab(tmp)
            return bench(lab, args, mib) if mib else test(lab, args)
        except Skip as e:
            print("1..0 # SKIP %s" % e)
            return 77
        finally:
            if lab:
                lab.close()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
