#!/usr/bin/env python3
"""Interactive traffic through `adit connect`, in a bottle of adit-lab: 16 bytes every 50 ms to the pump's echo and back.

    ticker.py SECONDS MEDIATOR      ADIT: the program; /run/serve.out: what `adit serve pump=8000` says

Prints as JSON which pauses were longer than 200 ms ("felt": seconds since the beginning, seconds without a byte), the
longest one, how many bytes came back, and whether they were those that went out. /run/connect.err: what connect says.
"""

import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time

TICK, FELT = 0.05, 0.2


def start(mediator):
    """connect, with serve's ticket as soon as that is said."""
    found = None
    while not found:
        time.sleep(0.05)
        if os.path.exists("/run/serve.out"):
            with open("/run/serve.out") as f:
                found = re.search(r"\badit1[a-z2-7]{40,}", f.read())
    with open(os.open("/run/ticket", os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.write(found.group(0) + "\n")
    with open("/run/connect.err", "w") as err:
        return subprocess.Popen([os.environ["ADIT"], "connect", "--ticket-file", "/run/ticket", "7100:pump", "--mediator", mediator,
                                 "--state", "/run/a", "-vv"], stdout=subprocess.DEVNULL, stderr=err)


def echo():
    """A connection through the tunnel that has proved to be alive."""
    while True:
        try:
            s = socket.create_connection(("127.0.0.1", 7100), 30)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.sendall(b"echo\n?")
            if s.recv(1) == b"?":
                return s
            s.close()
        except OSError:
            pass
        time.sleep(0.05)


def send(sock, seconds, sent):
    source, due = random.Random(1), time.monotonic()
    end = due + seconds
    while due < end:
        data = source.randbytes(16)
        sent.extend(data)
        sock.sendall(data)
        due += TICK
        time.sleep(max(0, due - time.monotonic()))
    sock.shutdown(socket.SHUT_WR)


def main():
    connect = start(sys.argv[2])
    sock, sent, got, felt, longest = echo(), bytearray(), bytearray(), [], 0
    threading.Thread(target=send, args=(sock, float(sys.argv[1]), sent), daemon=True).start()
    begin = last = time.monotonic()
    while data := sock.recv(65536):
        now = time.monotonic()
        longest = max(longest, now - last)
        if now - last > FELT:
            felt.append([round(last - begin, 2), round(now - last, 3)])
        last = now
        got += data
    connect.terminate()
    connect.wait()
    with open("/run/connect.err") as f:
        deaths = re.findall(r"link-age died_at_s=(\d+)", f.read())
    print(json.dumps({"felt": felt, "longest": round(longest, 3), "bytes": len(got), "right": got == sent, "deaths": list(map(int, deaths))}))


main()
