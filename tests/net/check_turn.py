"""Relays: our TURN client (src/core/turn over io_turn.c, driven by turn_driver) on real coturn servers.

    ha 192.0.2.1, 2001:db8:1::1 -- srv (.2, .3, ::2) -- hb 198.51.100.2, 2001:db8:2::2

A driver with servers is the client on ha; one without is the peer on hb, which knows nothing of relays.
"""

import base64
import hmac
import re
import subprocess

import daemons
import meet
from check import check
from lab import Lab, _Links, find_program, wait_until
from proc import Proc, Unexpected

SERVER, SERVER2, PEER = "192.0.2.2", "192.0.2.3", "198.51.100.2"
SERVER6, PEER6 = "2001:db8:1::2", "2001:db8:2::2"
PORT, TLS_PORT, PEER_PORT = 3478, 3478 + 1871, 7000
MB = 1000000


class Relays(Lab):
    def _build(self):
        links = _Links()
        ha, srv, hb = self._ns("ha"), self._router("srv"), self._ns("hb")
        links.join(ha, "lan", "192.0.2.1", srv, "left", SERVER, 24)
        links.join(hb, "lan", PEER, srv, "right", "198.51.100.1", 24)
        links.address(srv, "left", SERVER2, 24)
        for ns, dev, own in ((ha, "lan", "2001:db8:1::1"), (srv, "left", SERVER6), (hb, "lan", PEER6), (srv, "right", "2001:db8:2::1")):
            links.address(ns, dev, own, 64)
        links.do(ha, "route add default via " + SERVER)
        links.do(hb, "route add default via 198.51.100.1")
        links.do(ha, "route add default via " + SERVER6)
        links.do(hb, "route add default via 2001:db8:2::1")
        links.commit(ha)


def open_lab(t):
    lab = Relays(name=t.name, ipv6=True)
    t.labs.append(lab)
    return lab


class Driver(Proc):
    def __init__(self, lab, ns, *args):
        program = find_program("ADIT_TURN_DRIVER", "turn_driver")
        if not program:
            raise Unexpected("turn_driver is not built: meson compile, or set ADIT_TURN_DRIVER")
        super().__init__(lab, ns, "driver", [program, *args], stdin=subprocess.PIPE)

    def say(self, words):
        self.popen.stdin.write(words.encode() + b"\n")
        self.popen.stdin.flush()

    def next(self, pattern, timeout=15):
        """The first whole line after the last one found here that fits."""
        rx = re.compile(pattern, re.M)
        at = getattr(self, "at", 0)

        def look():
            out = self.out()
            return rx.search(out[:out.rfind("\n") + 1], at) or (not self.is_running() and "ended")
        try:
            m = wait_until(look, timeout, f"/{pattern}/")
        except TimeoutError as e:
            raise Unexpected(f"{e}:\n{self.last_words(20)}")
        if m == "ended":
            m = rx.search(self.out(), at)
            if not m:
                raise Unexpected(f"driver ended before /{pattern}/:\n{self.last_words(20)}")
        self.at = m.end()
        return m

    def ready(self, timeout=15, v4=r"(\S+):(\d+)"):
        m = self.next(rf"^READY server=(\S+) v4={v4} v6=(\S+) mapped=(\S+)", timeout)
        return m

    def stats(self):
        self.say("stats")
        line = self.next(r"^STATS .*$").group(0)
        return {k: int(v) for k, v in (word.split("=") for word in line.split()[1:])}

    def end(self):
        self.say("end")
        self.next("^ENDED", 15)
        assert self.wait(5) == 0


def client(lab, *servers, user="ann", password="secret", extra=()):
    return Driver(lab, lab.ha, *extra, "--user", user, "--pass", password, *servers)


def peer(lab, address=PEER):
    text = f"[{address}]:{PEER_PORT}" if ":" in address else f"{address}:{PEER_PORT}"
    p = Driver(lab, lab.hb, "--plain", text)
    p.name_on_wire = text
    return p


def block(lab, *rules):
    """Rules for what comes to the server from the client's network."""
    lab.srv.run(["nft", "-f", "-"], input="\n".join(["table inet f {", "chain i {", "type filter hook input priority 0",
                                                     *[f"iifname left {r}" for r in rules], "}", "}", ""]))


def relayed_of(m):
    return f"{m.group(2)}:{m.group(3)}"


def both_ways(c, p, relayed, word):
    """One datagram out, and one back to where it came from."""
    c.say(f"permit {p.name_on_wire.rpartition(':')[0]}")

    def try_it():
        c.say(f"send {p.name_on_wire} {word}-out")
        return re.search(rf"^GOT {re.escape(relayed)} {word}-out$", p.out(), re.M)
    wait_until(try_it, 10, f"a datagram at the peer, from {relayed}")
    p.say(f"send {relayed} {word}-back")
    c.next(rf"^GOT {re.escape(p.name_on_wire)} {word}-back$")


def move(t, c, p, relayed, size, timeout=60):
    """|size| bytes each way at the same time, compared byte by byte."""
    c.say(f"permit {p.name_on_wire.rpartition(':')[0]}")
    for side, to in ((c, p.name_on_wire), (p, relayed)):
        side.say(f"move {to} {size}")
    for side in (c, p):
        m = side.next(r"^MOVED bytes=(\d+) wrong=(\d+) resent=(\d+) seconds=(\S+) MB/s=(\S+)", timeout)
        assert int(m.group(1)) >= size and m.group(2) == "0", m.group(0)
        t.note(f"{'in at the client' if side is c else 'in at the peer'}: {int(m.group(1)) // MB} MB, {m.group(5)} MB/s, {m.group(3)} sent again")


def certificate(lab, name, address=None):
    """A CA and a certificate of it for |name| (and |address|): (ca file, (certificate, key))."""
    top = lab.path("tls-" + name)
    ca, key, cert = top + ".ca", top + ".key", top + ".crt"
    run = dict(check=True, capture_output=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=a CA of tests", "-keyout", ca + ".key", "-out", ca], **run)
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
                    "-keyout", key, "-out", cert + ".req"], **run)
    with open(cert + ".ext", "w") as f:
        f.write(f"subjectAltName=DNS:{name}" + (f",IP:{address}" if address else "") + "\n")
    subprocess.run(["openssl", "x509", "-req", "-in", cert + ".req", "-CA", ca, "-CAkey", ca + ".key", "-CAcreateserial",
                    "-days", "2", "-extfile", cert + ".ext", "-out", cert], **run)
    return ca, (cert, key)


for _kind in ("udp", "tcp", "tls"):
    def _run(t, kind=_kind):
        lab = open_lab(t)
        ca, tls = certificate(lab, "turn.test") if kind == "tls" else (None, None)
        daemons.start_turn(lab, lab.srv, [SERVER], tls=tls)
        where = f"tls:{SERVER}:{TLS_PORT}=turn.test" if kind == "tls" else f"{kind}:{SERVER}:{PORT}"
        c, p = client(lab, where, extra=("--ca", ca) if ca else ()), peer(lab)
        m = c.ready()
        assert m.group(5).startswith("192.0.2.1:"), m.group(0)
        both_ways(c, p, relayed_of(m), "hello")
        move(t, c, p, relayed_of(m), (1024 if t.settings.full else 32) * MB, 600 if t.settings.full else 100)
        stats = c.stats()
        assert stats["strange"] == 0, stats
        c.end()
    check(f"through coturn over {_kind}: many megabytes both ways at the same time, not a byte wrong", limit=700,
          name=f"turn_{_kind}")(_run)


@check("a wrong password is told as that, once, and not as silence")
def turn_password(t):
    lab = open_lab(t)
    daemons.start_turn(lab, lab.srv, [SERVER])
    c = client(lab, f"udp:{SERVER}:{PORT}", password="wrong")
    m = c.next(r"^FAILED .*code=(\d+) why=(.*)$")
    assert m.group(1) == "401" and "user name and password" in m.group(2), m.group(0)


@check("nobody answers: told within 15 s")
def turn_silence(t):
    lab = open_lab(t)
    block(lab, "udp dport 3478 drop")
    c = client(lab, f"udp:{SERVER}:{PORT}")
    m = c.next(r"^FAILED .*why=(.*)$", 16)
    assert "does not answer" in m.group(1), m.group(0)


@check("the server's nonce runs out while data flow: a new one is taken and nothing stops")
def turn_nonce(t):
    lab = open_lab(t)
    daemons.start_turn(lab, lab.srv, [SERVER], "--stale-nonce=2", "--channel-lifetime=600")
    c, p = client(lab, f"udp:{SERVER}:{PORT}"), peer(lab)
    relayed = relayed_of(c.ready())
    both_ways(c, p, relayed, "first")
    wait_until(lambda: c.say(f"permit 198.51.100.{20 + c.stats()['sent'] % 200}") or c.say(f"send {p.name_on_wire} x")
               or c.stats()["stale"] >= 2, 20, "two new nonces")
    both_ways(c, p, relayed, "later")
    assert "LOST" not in c.out(), c.out()


@check("the server dies and comes back: noticed, and there is a new allocation")
def turn_restart(t):
    lab = open_lab(t)
    first = daemons.start_turn(lab, lab.srv, [SERVER])
    c, p = client(lab, f"udp:{SERVER}:{PORT}"), peer(lab)
    both_ways(c, p, relayed_of(c.ready()), "first")
    first.kill()
    c.say(f"send {p.name_on_wire} x")
    c.next("^LOST", 15)
    daemons.start_turn(lab, lab.srv, [SERVER], name="again")
    both_ways(c, p, relayed_of(c.ready(70)), "second")


@check("the server is restarted in a moment: its forgetting is noticed while data flow")
def turn_forgetful(t):
    lab = open_lab(t)
    first = daemons.start_turn(lab, lab.srv, [SERVER])
    c, p = client(lab, f"udp:{SERVER}:{PORT}"), peer(lab)
    both_ways(c, p, relayed_of(c.ready()), "first")
    first.kill()
    daemons.start_turn(lab, lab.srv, [SERVER], name="again")
    wait_until(lambda: c.say(f"send {p.name_on_wire} x") or "LOST" in c.out(), 20, "LOST", step=0.2)
    m = c.next(r"^LOST .*why=(.*)$")
    t.note(m.group(1))
    both_ways(c, p, relayed_of(c.ready()), "second")


@check("two servers: the one in use dies, the other takes over, and the permissions with it")
def turn_failover(t):
    lab = open_lab(t)
    servers = {SERVER: daemons.start_turn(lab, lab.srv, [SERVER]), SERVER2: daemons.start_turn(lab, lab.srv, [SERVER2])}
    c, p = client(lab, f"udp:{SERVER}:{PORT}", f"udp:{SERVER2}:{PORT}"), peer(lab)
    m = c.ready()
    both_ways(c, p, relayed_of(m), "first")
    used = m.group(1).partition(":")[0]
    servers[used].kill()
    c.say(f"send {p.name_on_wire} x")
    c.next("^LOST", 15)
    m = c.ready(15)
    assert m.group(1).partition(":")[0] in servers and not m.group(1).startswith(used + ":"), m.group(0)
    # The peer sends first: it is let in because it was before.
    wait_until(lambda: p.say(f"send {relayed_of(m)} before") or "before" in c.out(), 5, "the old permission", step=0.1)
    both_ways(c, p, relayed_of(m), "second")


@check("UDP is blocked: TLS carries it, within 5 s", limit=60)
def turn_udp_blocked(t):
    lab = open_lab(t)
    ca, tls = certificate(lab, "turn.test")
    daemons.start_turn(lab, lab.srv, [SERVER], tls=tls)
    block(lab, "meta l4proto udp drop", "tcp dport 3478 drop")
    c = client(lab, f"udp:{SERVER}:{PORT}", f"tcp:{SERVER}:{PORT}", f"tls:{SERVER}:{TLS_PORT}=turn.test", extra=("--ca", ca))
    p = peer(lab)
    both_ways(c, p, relayed_of(c.ready(5)), "tls")


@check("a certificate for another name, or of a CA that nobody knows: refused, and the reason is told")
def turn_certificate(t):
    lab = open_lab(t)
    ca, tls = certificate(lab, "turn.test")
    daemons.start_turn(lab, lab.srv, [SERVER], tls=tls)
    c = client(lab, f"tls:{SERVER}:{TLS_PORT}=other.test", extra=("--ca", ca))
    m = c.next(r"^STREAM \S+ (.*)$")
    assert "not good for other.test" in m.group(1) and "name" in m.group(1), m.group(0)
    c = client(lab, f"tls:{SERVER}:{TLS_PORT}=turn.test")
    m = c.next(r"^STREAM \S+ (.*)$")
    assert "not good for turn.test" in m.group(1) and "trusted" in m.group(1), m.group(0)
    t.note(m.group(1))


@check("a server that redirects is followed; a circle is not")
def turn_redirect(t):
    lab = open_lab(t)
    daemons.start_turn(lab, lab.srv, [SERVER], "--alternate-server", f"{SERVER2}:{PORT}")
    second = daemons.start_turn(lab, lab.srv, [SERVER2])
    c, p = client(lab, f"udp:{SERVER}:{PORT}"), peer(lab)
    m = c.ready()
    assert m.group(1) == f"{SERVER2}:{PORT}", m.group(0)
    both_ways(c, p, relayed_of(m), "there")
    c.end()
    second.kill()
    daemons.start_turn(lab, lab.srv, [SERVER2], "--alternate-server", f"{SERVER}:{PORT}", name="back")
    c = client(lab, f"udp:{SERVER}:{PORT}")
    m = c.next(r"^FAILED .*why=(.*)$")
    assert "circle" in m.group(1), m.group(0)


@check("a quota that is used up (486) is told as that, and when there is room again it is taken", limit=120)
def turn_quota(t):
    lab = open_lab(t)
    daemons.start_turn(lab, lab.srv, [SERVER], "--user-quota=1")
    first = client(lab, f"udp:{SERVER}:{PORT}")
    first.ready()
    second = client(lab, f"udp:{SERVER}:{PORT}")
    m = second.next(r"^FAILED .*code=(\d+) why=(.*)$")
    assert m.group(1) == "486" and "quota" in m.group(2), m.group(0)
    first.end()
    second.ready(70)


@check("a peer that the server does not relay to is named")
def turn_denied(t):
    lab = open_lab(t)
    daemons.start_turn(lab, lab.srv, [SERVER], "--denied-peer-ip=198.18.0.0-198.19.255.255")
    c = client(lab, f"udp:{SERVER}:{PORT}")
    c.ready()
    c.say("permit 198.18.2.3")
    m = c.next(r"^REFUSED .*peer=(\S+) code=(\d+)")
    assert m.groups() == ("198.18.2.3", "403"), m.group(0)


@check("IPv6: a relayed address of each family from one allocation, over IPv4, and an IPv6 server")
def turn_ipv6(t):
    lab = open_lab(t)
    daemons.start_turn(lab, lab.srv, [SERVER, SERVER6], "-E", SERVER, "-E", SERVER6)
    c, p, p6 = client(lab, f"udp:{SERVER}:{PORT}", extra=("--families", "3")), peer(lab), peer(lab, PEER6)
    m = c.ready()
    both_ways(c, p, relayed_of(m), "four")
    assert m.group(4) != "-", "no relayed IPv6 address: " + m.group(0)
    both_ways(c, p6, m.group(4), "six")
    c.end()
    c = client(lab, f"udp:[{SERVER6}]:{PORT}", extra=("--families", "2"))
    m = c.ready(v4="((-))")
    both_ways(c, p6, m.group(4), "six again")


SHARED = "0123456789abcdef0123456789abcdef"  # coturn's static-auth-secret, and the mediator's


def _identity_line(seed):
    return "ed25519 " + base64.b32encode(meet.sign(seed, b"")[0]).decode().lower().rstrip("=") + " host\n"


def _answered(ask, host):
    """|ask| has put its offer to |host|, and that has answered: what the mediator makes of it."""
    offer = meet.message(meet.INTRODUCE, meet.attribute(meet.ID, host.id) + meet.attribute(meet.COOKIE, ask.cookie()) +
                         meet.attribute(meet.SEALED, b"o" * 200))
    assert ask.say(offer, 0.2) is None
    heard = host.hear(2)
    host.say(meet.message(meet.INTRODUCE, meet.attribute(meet.ROUTE, heard.attributes[meet.ROUTE]) +
                          meet.attribute(meet.SEALED, b"a" * 200), meet.SUCCESS, heard.tid), 0.01)
    return ask.hear(2)


@check("a mediator lends coturn (use-auth-secret) to whom a host of its list answers, and to nobody else", limit=90)
def turn_lent(t):
    lab = open_lab(t)
    where, listed = (SERVER, 4478), meet.Peer(lab.hb, PEER, (SERVER, 4478))
    files = lab.path("secret"), lab.path("hosts")
    for name, text in zip(files, (SHARED + "\n", "# ours\n" + _identity_line(listed.seed))):
        with open(name, "w") as f:
            f.write(text)
    daemons.start_turn(lab, lab.srv, [SERVER], "--use-auth-secret", "--static-auth-secret", SHARED)
    m = Proc(lab, lab.srv, "mediator", [find_program("ADIT", "adit"), "mediator", "--listen", f"{SERVER}:4478", "--turn",
                                        f"turn:{SERVER}:{PORT}", "--turn-secret-file", files[0], "--turn-for", files[1]])
    m.expect("ready", where="err")
    assert f"lending turn:{SERVER}:{PORT} to who is answered by one of 1 hosts" in m.err(), m.err()
    stranger, ask = meet.Peer(lab.hb, PEER, where).register(), meet.Peer(lab.ha, "192.0.2.1", where)
    listed.register()
    assert meet.PERMIT not in _answered(ask, stranger).attributes
    permit = _answered(ask, listed).attributes[meet.PERMIT]
    loan = meet.Loan(permit)
    thief = meet.Peer(lab.ha, "192.0.2.1", where)  # behind the same address, from another port
    a = thief.say(loan.request)
    assert a.code == 403 and len(a.data) <= len(loan.request), a.code
    a = ask.say(loan.request)
    assert a.tid == loan.tid and loan.open(a.attributes[meet.LOAN]).life == 600
    assert meet.Loan(permit).open(a.attributes[meet.LOAN]) is None  # who only listens has no key
    assert loan.uris == [f"turn:{SERVER}:{PORT}"]
    p = peer(lab)
    c = client(lab, f"udp:{SERVER}:{PORT}", user=loan.user, password=loan.password)
    both_ways(c, p, relayed_of(c.ready()), "lent")
    c.end()
    # What was lengthened, and what has ended, coturn refuses.
    end, _, source = loan.user.partition(":")
    ended = f"{int(end) - 601}:{source}"
    for user, password in ((f"{int(end) + 600}:{source}", loan.password),
                           (ended, base64.b64encode(hmac.digest(SHARED.encode(), ended.encode(), "sha1")).decode())):
        c = client(lab, f"udp:{SERVER}:{PORT}", user=user, password=password)
        assert c.next(r"^FAILED .*code=(\d+)").group(1) == "401"


@check("adit mediator: what is wrong with --turn is told, and with which exit code", limit=60)
def turn_lent_usage(t):
    lab = open_lab(t)
    files = {name: lab.path(name) for name in ("short", "good", "bad", "hosts")}
    for name, text in (("short", "tooshort"), ("good", SHARED), ("bad", "no key at all\n"), ("hosts", _identity_line(b"7" * 32))):
        with open(files[name], "w") as f:
            f.write(text)
    uri = ("--turn", f"turn:{SERVER}")
    for words, code, said in (
            (uri, 2, "go together"), (("--turn", "http://a"), 2, "takes a URI"),
            (("--turn", f"turn:{SERVER}?transport=sctp"), 2, "takes a URI"), (("--turn-for", files["hosts"]), 2, "go together"),
            ((*uri, "--turn-secret-file", files["short"], "--turn-for", files["hosts"]), 3, "a secret of 8 bytes"),
            ((*uri, "--turn-secret-file", files["good"], "--turn-for", files["bad"]), 3, "bad:1: "),
            ((*uri, "--turn-secret-file", "/nowhere", "--turn-for", files["hosts"]), 4, "/nowhere")):
        p = Proc(lab, lab.srv, "mediator", [find_program("ADIT", "adit"), "mediator", "--listen", f"{SERVER}:4478", *words])
        assert p.wait(5) == code and said in p.err(), (words, code, p.err())
