"""adit status: what runs here, for people and for programs."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

import proc
from check import check
from check_relay import World, uri
from check_roam import OPEN, block_direct, unblock_direct


@check("status tells of a serve that waits, of one in use, and of the connect, as lines and as JSON")
def status(t):
    lab = t.lab()
    proc.start_target(lab, lab.hb, "pump", "8000")
    here, there = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = here.ticket()
    assert here.run("status")[1] == "", "nothing runs yet"
    here.serve("pump=8000", peer="203.0.113.10", env={"ADIT_AEAD": "gnutls"}).expect("waiting for", 20)
    code, out, err = here.run("status")
    assert code == 0 and out.startswith("serve default (") and ": waiting for the other side for " in out, (code, out, err)

    connect = there.connect(ticket, "7100:pump", peer="203.0.113.20")
    proc.first_echo(lab.ha, 7100, 30, (connect,)).close()
    for side, first in ((here, "serve default ("), (there, "connect (")):
        code, out, err = side.run("status")
        assert code == 0 and out.startswith(first) and ": connected to " in out and ", direct\n" in out, (code, out, err)
        assert "  path  " in out and "round trip " in out and " connection" in out and "; sent " in out, out
        whole = json.loads(side.run("status", "--json")[1])
        one = whole["lanes"][0] if side is here else whole
        assert one["state"] == "up" and one["tx_bytes"] > 0 and one["remote"].startswith("203.0.113."), whole
        assert one["aead"] in (("gnutls",) if side is here else ("gnutls", "ipsec-mb")), whole


class Screen:
    """A terminal of so many rows and columns with `adit status --watch` in it."""

    def __init__(self, side, rows, columns):
        self.own, self.other = pty.openpty()
        self.resize(rows, columns)
        self.popen = side.ns.popen([side.program, "status", "--watch", "--state", side.state], stdin=subprocess.DEVNULL,
                                   stdout=self.other, stderr=self.other, env=dict(os.environ, TERM="xterm"))
        self.data = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.other, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()

    def picture(self, pattern, timeout=15):
        """The first whole picture from now on that has |pattern|, as rows."""
        end = time.monotonic() + timeout
        self.data = b""
        while time.monotonic() < end:
            if select.select([self.own], [], [], 0.1)[0]:
                self.data += os.read(self.own, 65536)
            for one in self.data.decode(errors="replace").split("\033[H")[1:]:
                if "\033[J" in one and re.search(pattern, one):
                    return one.partition("\033[J")[0].replace("\033[K", "").split("\r\n")[:-1]
        raise AssertionError(f"no picture with /{pattern}/:\n{self.data.decode(errors='replace')[-2000:]}")


def _drain(sock):
    try:
        while sock.recv(1 << 16):
            pass
    except OSError:
        pass


@check("status --watch draws over the picture before, with rates; folds lines to the window, also a new one; ends on SIGINT")
def watch(t):
    lab = t.lab()
    pair = proc.Pair(lab)
    screen = Screen(pair.connect_side, 24, 80)
    t.cleanups.append(screen.kill)
    bulk = pair.open("get 100000000000")
    threading.Thread(target=_drain, args=(bulk,), daemon=True).start()
    rows = screen.picture(r"received [0-9.]+ .?B, [0-9.]+ MB/s")
    assert re.match(r"\d\d:\d\d:\d\d UTC, every second", rows[0]) and rows[1].startswith("connect ("), rows
    assert max(map(len, rows)) <= 80, rows
    screen.resize(6, 40)
    screen.popen.send_signal(signal.SIGWINCH)
    rows = screen.picture("more rows: they want a larger window")
    assert len(rows) <= 5 and max(map(len, rows)) <= 40, rows
    bulk.shutdown(socket.SHUT_RDWR)
    screen.popen.send_signal(signal.SIGINT)
    assert screen.popen.wait(10) == 0
    # Who reads the lines elsewhere and goes away ends it, too.
    p = proc.Proc(lab, pair.connect_side.ns, "watch-pipe",
                  ["sh", "-c", '"$@" | head -n 1', "sh", pair.connect_side.program, "status", "--watch", "--state",
                   pair.connect_side.state])
    assert p.wait(15) == 0 and p.out().startswith("connect ("), p.last_words()


@check("status --watch shows live how the session goes over to the direct way, and back through the relay when that is cut", limit=120)
def watch_ways(t):
    w = World(t, nat=OPEN, delay=10)
    block_direct(w.lab)
    w.start(connect=w.args(uri("udp")))
    held = w.open()
    screen = Screen(w.sides["connect"], 24, 100)
    t.cleanups.append(screen.kill)
    screen.picture("connected to .*, through a relay")
    unblock_direct(w.lab)
    rows = screen.picture("connected to .*, direct", 60)
    assert any("path number 2 of this session" in row for row in rows), rows
    block_direct(w.lab)
    rows = screen.picture("connected to .*, through a relay", 60)
    assert any("path number 3 of this session" in row for row in rows), rows
    held.sendall(b"?")
    assert held.recv(1) == b"?", "the session is not there any more"
