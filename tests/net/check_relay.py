"""Relays end to end: adit on both sides, the kernel's NAT between them, coturn and a mediator outside.

The mediator is at 203.0.113.66, coturn at .67; what neither NAT lets through directly goes through coturn.
"""

import json
import os
import re

import daemons
import proc
from check import check
from lab import find_program, wait_until

MEDIATOR, TURN = "203.0.113.66", "203.0.113.67"
PORT, TLS_PORT = 3478, 3478 + 1871
RANDOM = ("fully-random", "fully-random")
MB = 1 << 20


class World:
    """Two homes that cannot meet directly, a mediator, and coturn."""

    def __init__(self, t, nat=RANDOM, turn=True, tls=None, options=(), **kw):
        self.t, self.lab = t, t.lab(stranger=True, nat=nat, **kw)
        lab = self.lab
        lab.pub.run(["ip", "addr", "add", TURN + "/24", "dev", "wan"])
        self.mediator = proc.Proc(lab, lab.pub, "mediator", [find_program("ADIT", "adit"), "mediator", "--listen", MEDIATOR])
        self.mediator.expect("ready", where="err")
        self.options, self.tls = options, tls
        self.turn = self.start_turn() if turn else None
        self.target = proc.start_target(lab, lab.hb, "pump", "8000")
        self.sides = {"serve": proc.Side(lab, "hb"), "connect": proc.Side(lab, "ha")}
        self.ticket = self.sides["serve"].ticket()

    def start_turn(self, user="ann:secret"):
        return daemons.start_turn(self.lab, self.lab.pub, [TURN], *self.options, user=user, tls=self.tls)

    def relay_file(self, *lines, mode=0o600):
        path = self.lab.path(f"relays-{len(os.listdir(self.lab.tmp))}")
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")
        os.chmod(path, mode)
        return path

    def args(self, *uris, user="ann", password="secret"):
        return ("--relay-file", self.relay_file(*(f"{uri} {user} {password}" for uri in uris))) if uris else ()

    def start(self, serve=(), connect=()):
        """Both sides, each with the options given."""
        base = ("--mediator", MEDIATOR, "-v")
        self.serve = self.sides["serve"].serve("pump=8000", args=(*base, *serve))
        self.serve.expect("registered with", where="err")
        self.connect = self.sides["connect"].connect(self.ticket, "7100:pump", args=(*base, *connect))

    def open(self, line="echo", timeout=30):
        s = proc.first_echo(self.lab.ha, 7100, timeout, (self.serve, self.connect))
        if line == "echo":
            return s
        s.close()
        return self.dial(line)

    def dial(self, line):
        return proc.dial(self.lab.ha, 7100, line)

    def status(self, side="connect"):
        out = self.sides[side].run("status", "--json")[1]
        st = json.loads(out)
        return st["lanes"][0] if side == "serve" else st

    def both_ways(self, size):
        down = proc.get(self.dial(f"get {size}"), size)
        up = proc.put(self.dial("put"), size)
        return size / down / 1e6, size / up / 1e6


def uri(kind):
    return {"udp": f"turn:{TURN}", "tcp": f"turn:{TURN}?transport=tcp", "tls": f"turns:{TURN}:{TLS_PORT}"}[kind]


for _name, _serve, _connect in (("both", True, True), ("serve", True, False), ("connect", False, True)):
    def _run(t, serve=_serve, connect=_connect):
        w = World(t)
        w.start(serve=w.args(uri("udp")) if serve else (), connect=w.args(uri("udp")) if connect else ())
        w.open().close()
        st = w.status()
        assert st["how"] == "relayed", st
        down, up = w.both_ways(4 * MB)
        t.note(f"{down:.0f} and {up:.0f} MB/s")
    check(f"two NATs that choose every port at random, coturn over UDP, a relay at {'either side' if _name == 'both' else _name + ' alone'}: "
          "connected, relayed, every byte right", name=f"relay_{_name}")(_run)
