"""`adit udphp`: with itself and with the original script, in both roles, through both NATs and bad networks."""

import hashlib
import os
import random
import select
import socket
import struct
import sys
import threading
import time

import proc
import target
from check import check
from lab import wait_until

PORT = 5555
SERVICE, LOCAL = 8000, 7000
IP = {"server": "203.0.113.20", "client": "203.0.113.10"}


def _adit(_):
    return [proc.adit_program(), "udphp"]


def _script(t):
    if not t.udphp:
        t.skip("ADIT_UDPHP does not name the script")
    return [sys.executable, t.udphp]


class Pair:
    """The server side on hb beside a TCP service, the client side on ha with one user connected."""

    def __init__(self, lab, server, client, server_peer=IP["client"], client_peer=IP["server"], args=()):
        self.listener = _listener(lab)
        self.server = proc.Proc(lab, lab.hb, "server", server + ["-c", *args, SERVICE, server_peer])
        self.service = self.listener.accept()[0]
        self.client = proc.Proc(lab, lab.ha, "client", client + ["-l", *args, LOCAL, client_peer])
        self.client.expect("(?i)listening")
        self.user = lab.ha.socket()
        self.user.connect(("127.0.0.1", LOCAL))

    def swap(self, up, down):
        """Sends |up| from the user to the service and |down| the other way, at once. The seconds it took."""
        begin = time.monotonic()
        got = {}
        threads = [threading.Thread(target=_pump, args=a, daemon=True) for a in (
            (self.user, up, len(down), got, "down"), (self.service, down, len(up), got, "up"))]
        for th in threads:
            th.start()
        for th in threads:
            th.join()
        took = time.monotonic() - begin
        for what, want in (("up", up), ("down", down)):
            n, digest = got[what]
            assert n == len(want), f"{what}: {n} of {len(want)} bytes\n{self.client.last_words()}\n{self.server.last_words()}"
            assert digest == hashlib.sha256(want).hexdigest(), f"{what}: other bytes than were sent"
        return took

    def close(self):
        """Both ends of the TCP connection close; each program must end as the script does."""
        self.user.close()
        self.service.close()
        self.listener.close()
        codes = self.server.wait(40), self.client.wait(40)
        assert codes == (12, 12), f"exit codes {codes}"


def _listener(lab):
    s = lab.hb.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", SERVICE))
    s.listen(1)
    s.settimeout(20)
    return s


def _pump(sock, data, want, ret, key):
    digest = hashlib.sha256()
    sent = got = 0
    view = memoryview(data)
    sock.setblocking(False)
    try:
        while sent < len(data) or got < want:
            r, w, _ = select.select([sock], [sock] if sent < len(data) else [], [], 40)
            if not r and not w:
                break
            if w:
                sent += sock.send(view[sent:sent + 262144])
            if r:
                chunk = sock.recv(262144)
                if not chunk:
                    break
                digest.update(chunk)
                got += len(chunk)
    except OSError:
        pass  # the numbers tell
    ret[key] = got, digest.hexdigest()


def _noise(size, seed):
    return random.Random(seed).randbytes(size)


def _text(size, seed):
    rng = random.Random(seed)
    words = ["".join(rng.choices("etaoinshrdlu", k=rng.randrange(2, 9))) for _ in range(5000)]
    once = " ".join(rng.choices(words, k=100000))
    return (once * (size // len(once) + 1))[:size].encode()


def _transfer(t, server, client, size):
    for kind, make in (("random", _noise), ("text", _text)):
        lab = t.lab()
        pair = Pair(lab, server(t), client(t))
        took = pair.swap(make(size, 1), make(size, 2))
        pair.close()
        lab.close()
        t.note(f"{kind} {2 * size / took / 1e6:.0f} MB/s")


@check("udphp with the script as its server side: 64 MiB of random bytes and of text each way, through both NATs", kind="cpu")
def script_serves(t):
    _transfer(t, _script, _adit, 64 << 20)


@check("udphp with the script as its client side: 64 MiB of random bytes and of text each way, through both NATs", kind="cpu")
def script_connects(t):
    _transfer(t, _adit, _script, 64 << 20)


@check("udphp with itself: 64 MiB of random bytes and of text each way, through both NATs", kind="cpu")
def adit_both(t):
    _transfer(t, _adit, _adit, 64 << 20)


class BadMiddle(threading.Thread):
    """A public host that forwards between the two NATs and drops, doubles, delays and damages what it forwards."""

    def __init__(self, lab, gentle=None, seed=1):
        super().__init__(daemon=True)
        self.sock = lab.pub.socket(kind=socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.bind(("", PORT))
        self.rng = random.Random(seed)
        self.count = dict.fromkeys(("lost", "doubled", "late", "damaged"), 0)
        self.gentle = gentle  # the side where the script is: some damage ends its receiver
        self.later = []
        self.stopped = False

    def chance(self, what, probability):
        hit = self.rng.random() < probability
        self.count[what] += hit
        return hit

    def damage(self, data, to):
        data = bytearray(data)
        if to == self.gentle:
            if data[:1] == b"U":  # its length, digest or payload
                data[self.rng.randrange(3, len(data))] ^= 1 << self.rng.randrange(8)
            return bytes(data)
        how = self.rng.randrange(4)
        # Not the number: nothing in a message protects it, and a repeated message may become the next one.
        at = self.rng.choice([0] + list(range(3, min(len(data), 40))) + [len(data) - 1] * (len(data) > 3))
        if how == 0:
            data[at] ^= 1 << self.rng.randrange(8)
        elif how == 1:
            data[at] = self.rng.randrange(256)
        elif how == 2:
            del data[self.rng.randrange(len(data)):]
        else:
            data += self.rng.randbytes(self.rng.randrange(1, 30))
        return bytes(data)

    def forward(self, data, to):
        if self.chance("lost", 0.05):
            return
        if self.chance("damaged", 0.1):
            data = self.damage(data, to)
        for _ in range(1 + self.chance("doubled", 0.1)):
            wait = self.rng.uniform(0.001, 0.3) if self.chance("late", 0.1) else 0
            self.later.append((time.monotonic() + wait, data, to))

    def run(self):
        while not self.stopped:
            if select.select([self.sock], [], [], 0.002 if self.later else 0.05)[0]:
                data, (ip, _) = self.sock.recvfrom(65536)
                self.forward(data, "client" if ip == IP["server"] else "server")
            now = time.monotonic()
            for item in [x for x in self.later if x[0] <= now]:
                self.later.remove(item)
                self.sock.sendto(item[1], (IP[item[2]], PORT))

    def stop(self):
        self.stopped = True
        self.join()
        self.sock.close()


def _bad_network(t, server, client, gentle):
    lab = t.lab(stranger=True)
    middle = BadMiddle(lab, gentle)
    middle.start()
    t.cleanups.append(middle.stop)
    pair = Pair(lab, server(t), client(t), lab.pub_ip, lab.pub_ip)
    pair.swap(_noise(1 << 20, 1), _text(1 << 20, 2))
    t.note(", ".join(f"{n} {what}" for what, n in middle.count.items()))


@check("udphp over a network that loses, doubles, delays and damages: 1 MiB each way intact")
def bad_network(t):
    _bad_network(t, _adit, _adit, None)


@check("udphp over a bad network with the script as its server side")
def bad_network_script_serves(t):
    _bad_network(t, _script, _adit, "server")


@check("udphp over a bad network with the script as its client side")
def bad_network_script_connects(t):
    _bad_network(t, _adit, _script, "client")


@check("udphp: what strangers send changes nothing, and the answer to them is silence")
def udphp_strangers(t):
    lab = t.lab(nat=("none", "masquerade"), wan=("accept", "drop"), stranger=True)
    # The client side's host is public here, so that the stranger's datagrams really arrive.
    lab.forward_port("ra", "udp", PORT)
    lab.pub.run(["ip", "route", "add", "192.168.1.0/24", "via", IP["client"]])
    lab.rb.run(["ip", "route", "add", "192.168.1.0/24", "via", IP["client"]])
    pair = Pair(lab, _adit(t), _adit(t), server_peer="192.168.1.2")
    stranger = lab.pub.socket(kind=socket.SOCK_DGRAM)
    stranger.settimeout(0.5)
    evil = hashlib.md5(b"evil").digest()[:11]
    junk = [b"", b"Z", b"A", b"N\0", b"U\0\0", b"GET / HTTP/1.0\r\n\r\n", b"HELOSRVR", b"HELOCLNT"]
    junk += [struct.pack("!cH", kind, seq) for kind in (b"A", b"N") for seq in range(40)]
    junk += [struct.pack("!cHH11s4s", b"U", seq, 4, evil, b"evil") for seq in range(40)]
    stopped = threading.Event()

    def pester():
        while not stopped.is_set():
            for data in junk:
                stranger.sendto(data, ("192.168.1.2", PORT))
            time.sleep(0.01)
    th = threading.Thread(target=pester, daemon=True)
    th.start()
    try:
        for seed in range(3):
            pair.swap(_noise(1 << 20, seed), _text(1 << 20, seed))
    finally:
        stopped.set()
        th.join()
    try:
        data = stranger.recv(100)
        raise AssertionError(f"an answer to a stranger: {data!r}")
    except TimeoutError:
        pass
    pair.close()


def _lone_server(t, lab):
    """adit udphp -c on hb, its service's connection, and a socket on ha in the place of its peer."""
    listener = _listener(lab)
    p = proc.Proc(lab, lab.hb, "server", _adit(t) + ["-c", "-d", SERVICE, IP["client"]])
    service = listener.accept()[0]
    listener.close()
    peer = lab.ha.socket(kind=socket.SOCK_DGRAM)
    peer.bind(("", PORT))
    peer.settimeout(20)
    peer.sendto(b"HELOSRVR", (IP["server"], PORT))
    p.expect("the peer answers|got type=H")
    return p, service, peer


def _data(seq, body):
    return struct.pack("!cHH11s", b"U", seq, len(body), hashlib.md5(body).digest()[:11]) + body


def _read_type(peer, kind):
    while True:
        data = peer.recv(65536)
        if data[:1] == kind:
            return data


@check("udphp ends with 11, 12 and 13 when the local connection breaks, closes, or breaks while written to")
def udphp_local_ends(t):
    lab = t.lab()
    there = (IP["server"], PORT)

    p, service, peer = _lone_server(t, lab)  # 11: the service resets
    target.reset(service)
    assert p.wait() == 11, p.last_words()
    peer.close()

    p, service, peer = _lone_server(t, lab)  # 12: the service closes, after its last word has been acknowledged
    service.sendall(b"bye")
    service.close()
    data = _read_type(peer, b"U")
    assert data == _data(0, b"bye"), data
    assert p.is_running()
    peer.sendto(b"A\0\0", there)
    assert p.wait() == 12, p.last_words()
    peer.close()

    p, service, peer = _lone_server(t, lab)  # 13: the service is gone when data come for it
    service.setblocking(False)
    while select.select([], [service], [], 1)[1]:  # until nobody reads any more: so the reset is found by writing
        service.send(b"x" * 4096)
    target.reset(service)
    for seq in range(2):  # the first write may meet a reset that is still under way
        peer.sendto(_data(seq, b"y"), there)
        time.sleep(0.1)
    p.expect("state=ending .*code=13")
    peer.settimeout(0.2)
    while p.is_running():  # what it had read is still delivered
        try:
            peer.sendto(b"A" + _read_type(peer, b"U")[1:3], there)
        except TimeoutError:
            pass
    assert p.wait() == 13, p.last_words()
    peer.close()


@check("udphp ends with 15 when the peer is silent, with 16 when it speaks another language, with 0 when stopped")
def udphp_peer_ends(t):
    lab = t.lab()
    there = (IP["server"], PORT)

    p, service, peer = _lone_server(t, lab)  # 16
    peer.sendto(b"\x16\x03\x01 something else", there)
    assert p.wait() == 16, p.last_words()
    service.settimeout(5)
    try:
        assert service.recv(1) != b"", "a clean end of file, though the peer's data never ended"
    except ConnectionResetError:
        pass
    peer.close()

    p, service, peer = _lone_server(t, lab)  # 15
    service.sendall(b"x")
    begin = time.monotonic()
    assert p.wait(40) == 15, p.last_words()
    assert 28 < time.monotonic() - begin < 33
    peer.close()

    p, service, peer = _lone_server(t, lab)
    assert p.stop() == 0


@check("udphp -h fits the screen; 2 for wrong usage, 4 for a port that is busy or a service that is not there")
def udphp_usage(t):
    lab = t.lab()

    def run(*args):
        return lab.hb.run([*_adit(t), *map(str, args)], check=False)
    for words in ((), ("-c",), ("-c", "-l", 1, "192.0.2.1"), ("-c", 0, "192.0.2.1"), ("-l", 1, "192.0.2.1", 70000), ("-x",)):
        r = run(*words)
        assert r.returncode == 2 and "usage" in r.stderr, (words, r)
    r = run("-h")
    lines = r.stdout.splitlines()
    assert r.returncode == 0 and len(lines) <= 24 and max(map(len, lines)) <= 80
    r = run("-c", SERVICE, IP["client"])  # nobody listens there
    assert r.returncode == 4 and "refused" in r.stderr, r
    busy = lab.hb.socket()
    busy.bind(("127.0.0.1", LOCAL))
    busy.listen(1)
    r = run("-l", LOCAL, IP["client"])
    assert r.returncode == 4 and str(LOCAL) in r.stderr, r
    busy.close()
    busy = lab.hb.socket(kind=socket.SOCK_DGRAM)
    busy.bind(("", PORT))
    r = run("-l", LOCAL, IP["client"])
    assert r.returncode == 4 and str(PORT) in r.stderr, r
    busy.close()


@check("udphp ends with 14 after ten heartbeats without an answer (4 minutes)", limit=400, only_full=True)
def udphp_silence(t):
    lab = t.lab()
    p, service, peer = _lone_server(t, lab)
    begin = time.monotonic()
    assert p.wait(330) == 14, p.last_words()
    assert 180 < time.monotonic() - begin < 320


@check("udphp listens on loopback only, takes one connection and warns once that nothing is encrypted")
def udphp_listens(t):
    lab = t.lab()
    lab.ha.sysctl("net.ipv6.conf.all.disable_ipv6", 0)
    lab.ha.run(["ip", "addr", "add", "2001:db8:a::2/64", "dev", "lan", "nodad"])
    p = proc.Proc(lab, lab.ha, "client", _adit(t) + ["-l", LOCAL, IP["server"]])
    p.expect(r"listening on \[::1\]")
    for host, family in (("192.168.1.2", socket.AF_INET), ("2001:db8:a::2", socket.AF_INET6)):
        s = lab.ha.socket(family)
        assert s.connect_ex((host, LOCAL)) != 0, f"it listens on {host}"
        s.close()
    first = lab.ha.socket(socket.AF_INET6)
    first.connect(("::1", LOCAL))
    p.expect("has connected")
    second = lab.ha.socket()
    wait_until(lambda: second.connect_ex(("127.0.0.1", LOCAL)) != 0 or second.close(), 15, "a second connection is refused")
    assert p.err().count("no encryption") == 1
    assert p.stop() == 0


@check("udphp: a reader that stops holds back the ack, and loses nothing")
def udphp_stalled_reader(t):
    lab = t.lab()
    p, service, peer = _lone_server(t, lab)
    body = os.urandom(30000)
    seq = acked = 0
    peer.settimeout(3)
    try:
        for seq in range(1000):  # until the service's socket buffers and ours are full
            peer.sendto(_data(seq, body), (IP["server"], PORT))
            while _read_type(peer, b"A") != struct.pack("!cH", b"A", seq):
                pass  # an earlier one once more
            acked += 1
    except TimeoutError:
        pass
    assert 2 < acked < 999
    got = bytearray()
    service.settimeout(20)
    while len(got) < (acked + 1) * len(body):
        got += service.recv(1 << 20)
    peer.settimeout(20)
    while _read_type(peer, b"A") != struct.pack("!cH", b"A", acked):
        pass
    assert bytes(got) == body * (acked + 1)
    t.note(f"{acked} messages before it stopped")
    assert p.stop() == 0


@check("udphp's throughput beside the script's, 64 MiB one way", kind="alone", limit=900, only_full=True)
def udphp_rates(t):
    size = 64 << 20
    for kind, data in (("random", _noise(size, 1)), ("text", _text(size, 1))):
        for name, server, client in (("adit to adit", _adit, _adit), ("adit to script", _script, _adit),
                                     ("script to adit", _adit, _script), ("script to script", _script, _script)):
            lab = t.lab()
            pair = Pair(lab, server(t), client(t))
            t.note(f"{name}, {kind}: {size / pair.swap(data, b'') / 1e6:.0f} MB/s")
            lab.close()
