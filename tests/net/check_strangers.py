"""A stranger gets nothing: not a byte, no memory, hardly any time."""

import socket
import time

import attack
import proc
from check import check
from lab import wait_until

PORT = 5555
SERVE = ("203.0.113.20", PORT)
MIB = 1 << 20


def _open_lab(t, program=None, **shape):
    """The serve side's port is forwarded by its router, so that a stranger's datagrams arrive at the program itself."""
    lab = t.lab(stranger="b", **shape)
    lab.forward_port("rb", "udp", PORT)
    proc.start_target(lab, lab.hb, "pump", "8000")
    side, other = proc.Side(lab, "hb", program=program), proc.Side(lab, "ha", program=program)
    ticket = side.ticket()
    serve = side.serve("pump=8000", peer="203.0.113.10", args=("--port", str(PORT)))
    proc.serve_ticket(serve)
    return lab, serve, lambda *args: other.connect(ticket, "7100:pump", peer=f"203.0.113.20:{PORT}", args=args)


def _heard_by(lab):
    """A capture of everything that is sent to the stranger."""
    own = socket.inet_aton(lab.pub_ip)  # a switch also passes on what it does not know the place of
    return attack.Capture(lab.pub, "wan", lambda packet, out: not out and packet[16:20] == own)


def _probe_catcher(ns, dev, out):
    """A capture of UDP packets that pass an interface in one direction."""
    return attack.Capture(ns, dev, lambda packet, is_out: is_out == out and attack.udp_of(packet) is not None)


def _reached(serve, lab, counter_before):
    """How many UDP datagrams the host of serve has received since."""
    return _udp_in(lab) - counter_before


def _udp_in(lab):
    with lab.hb, open("/proc/thread-self/net/snmp") as f:
        rows = [line.split() for line in f if line.startswith("Udp:")]
    return int(rows[1][rows[0].index("InDatagrams")])


@check("200 000 strangers' datagrams (10 million in full): no answer, memory flat; a client still gets in", kind="cpu",
       limit=900)
def flood(t):
    lab, serve, connect = _open_lab(t)
    heard = _heard_by(lab)
    bag = attack.samples(1)
    # A first round fills what may fill: caches, buffers, the sanitizer's own quarantine.
    warm = attack.Flood(lab.pub, SERVE, bag, 20000, rate=40000)
    warm.start()
    warm.join()
    _settled(lab, serve)
    before, seen = serve.status("VmRSS"), _udp_in(lab)
    f = attack.Flood(lab.pub, SERVE, bag, t.flood, rate=60000)
    f.start()
    f.join()
    _settled(lab, serve)
    arrived = _reached(serve, lab, seen)
    grown = serve.status("VmRSS") - before
    t.note(f"{f.sent} datagrams in {f.calls} bundles sent, {arrived} read, memory {grown:+d} KB")
    # A bundle may be read as one or one by one.
    assert arrived > f.calls // 2, "the flood has to arrive for the check to mean anything"
    packets = heard.stop()
    assert not packets, f"{len(packets)} packets came back, the first: {packets[0][2][:64].hex()}"
    if _is_release(t, serve):
        assert grown < 2048, f"memory grew by {grown} KB"
    s = connect()
    proc.first_echo(lab.ha, 7100, 30, (serve, s)).close()


def _is_release(t, p):
    return t.release and p.argv[0] == t.release


def _settled(lab, serve):
    """The socket's queue is empty: what came in has been looked at."""
    def is_empty():
        with lab.hb, open("/proc/thread-self/net/udp") as f:
            lines = [line.split() for line in f.readlines()[1:]]
        return all(int(line[4].split(":")[1], 16) == 0 for line in lines if int(line[1].split(":")[1], 16) == PORT)
    wait_until(is_empty, 30, "the flood is digested", step=0.05)
    assert serve.is_running(), serve.last_words()


@check("memory stays flat under strangers in the release build", kind="cpu", limit=900)
def flood_memory(t):
    program = t.need_release()
    lab, serve, connect = _open_lab(t, program)
    bag = attack.samples(2)
    readings = []
    for _ in range(4):
        f = attack.Flood(lab.pub, SERVE, bag, t.flood // 4, rate=100000)
        f.start()
        f.join()
        _settled(lab, serve)
        readings.append(serve.status("VmRSS"))
    t.note("VmRSS " + ", ".join(f"{r} KB" for r in readings))
    assert readings[-1] - readings[0] < 1024
    assert serve.status("VmHWM") < 64 * 1024


def _is_stun(payload):
    return payload[:1] != b"" and payload[0] <= 3


@check("what was captured is replayed from elsewhere and later, and from the address it came from: no answer")
def replays(t):
    lab, serve, connect = _open_lab(t)
    arrived = _probe_catcher(lab.hb, "lan", out=False)
    passed = _probe_catcher(lab.ra, "wan", out=True)
    c = connect()
    s = proc.first_echo(lab.ha, 7100, 30, (serve, c))
    arrived = [attack.udp_of(p)[2] for _, _, p in arrived.stop()]
    passed = [attack.udp_of(p) for _, _, p in passed.stop()]
    source = passed[0][0]
    t.note(f"{sum(map(_is_stun, arrived))} probes and {len(arrived) - sum(map(_is_stun, arrived))} QUIC packets replayed")
    assert any(map(_is_stun, arrived)) and not all(map(_is_stun, arrived)), "there must be something to replay"
    # From elsewhere, at once, while the session is up.
    heard = _heard_by(lab)
    _send_all(lab.pub, arrived * 3)
    s.sendall(b"alive")
    assert s.recv(5, socket.MSG_WAITALL) == b"alive"
    # Later, the session is over, serve waits again: from elsewhere, and from the very address they came from.
    s.close()
    c.stop()
    _send_all(lab.pub, arrived * 3)
    ids = {p[8:20] for p in arrived if _is_stun(p)}
    back = _probe_catcher(lab.ra, "wan", out=False)
    lab.forget("ra")
    with lab.ra.socket(kind=socket.SOCK_DGRAM) as r:
        r.bind(("203.0.113.10", source[1]))
        for p in arrived:
            r.sendto(p, SERVE)
        time.sleep(2)  # an answer would have come: there is no delay on this wire
    packets = heard.stop()
    assert not packets, f"{len(packets)} packets to a stranger, the first: {packets[0][2][:64].hex()}"
    for _, _, packet in back.stop():
        u = attack.udp_of(packet)
        if u[1][1] != source[1]:
            continue
        assert _is_stun(u[2]), f"an answer to a replayed handshake: {u[2][:40].hex()}"
        assert u[2][8:20] not in ids, f"an answer to a replayed probe: {u[2][:40].hex()}"
    assert serve.is_running()
    again = connect()
    proc.first_echo(lab.ha, 7100, 30, (serve, again)).close()


@check("probes that died on the way (low TTL) are brought from elsewhere 4 s later: no answer")
def late_probes(t):
    lab, serve, connect = _open_lab(t)
    arrived = _probe_catcher(lab.hb, "lan", out=False)
    passed = _probe_catcher(lab.ra, "wan", out=True)
    s = proc.first_echo(lab.ha, 7100, 30, (serve, connect()))
    had = {attack.udp_of(p)[2] for _, _, p in arrived.stop()}
    died = [u[2] for u in (attack.udp_of(p) for _, _, p in passed.stop()) if u[1] == SERVE and _is_stun(u[2]) and u[2] not in had]
    assert died, "the first probes have a low TTL: some must die"
    t.note(f"{len(died)} probes")
    time.sleep(4)  # beyond any reordering
    heard = _heard_by(lab)
    _send_all(lab.pub, died * 3)
    s.sendall(b"alive")
    assert s.recv(5, socket.MSG_WAITALL) == b"alive"
    packets = heard.stop()
    assert not packets, f"{len(packets)} packets to a stranger, the first: {packets[0][2][:64].hex()}"


def _send_all(ns, messages):
    with ns.socket(kind=socket.SOCK_DGRAM) as s:
        for m in messages:
            s.sendto(m, SERVE)


@check("a running transfer keeps 80 % of its rate under strangers' fire", kind="alone", limit=240)
def transfer_under_fire(t):
    program = t.need_release()
    # The wire is the narrow place, not this machine's two processors; the stranger is on serve's side of it.
    lab, serve, connect = _open_lab(t, program, rate=200, queue=1024, delay=5)
    c = connect()
    proc.first_echo(lab.ha, 7100, 30, (serve, c)).close()
    size = 48 * MIB

    def rate():
        return size / proc.get(proc.dial(lab.ha, 7100, f"get {size}"), size) / 1e6
    alone = max(rate(), rate())
    f = attack.Flood(lab.pub, SERVE, attack.samples(3), 10 ** 9, rate=30000)
    f.start()
    try:
        begin, sent = time.monotonic(), f.sent
        under = max(rate(), rate())
        fire = (f.sent - sent) / (time.monotonic() - begin)
    finally:
        f.stopped = True
        f.join()
    t.note(f"{alone:.1f} MB/s alone, {under:.1f} MB/s under {fire:.0f} datagrams/s")
    assert fire > 10000, "too little fire to say anything"
    assert under >= 0.8 * alone


@check("bad input at the connect side too: a stranger who knows its port gets nothing")
def connect_side_flood(t):
    lab = t.lab(stranger="a")
    lab.forward_port("ra", "udp", PORT)
    pair = proc.Pair(lab, connect_args=("--port", str(PORT)), peer_a=f"203.0.113.10:{PORT}")
    s = pair.open("echo")
    heard = _heard_by(lab)
    f = attack.Flood(lab.pub, ("203.0.113.10", PORT), attack.samples(4), t.flood // 4, rate=40000)
    f.start()
    f.join()
    s.sendall(b"alive")
    assert s.recv(5, socket.MSG_WAITALL) == b"alive"
    packets = heard.stop()
    assert not packets, f"{len(packets)} packets came back, the first: {packets[0][2][:64].hex()}"
