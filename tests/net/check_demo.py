"""The demo, as a stranger starts it."""

import os
import signal
import subprocess

from check import ROOT, check

DEMO = os.path.join(ROOT, "tests/net/demo")

# A shell's background jobs ignore Ctrl-C, and their children would, too. (Only the main thread may say so: not within a check.)
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _start(**env):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ADIT_LAB_")}
    return subprocess.Popen([DEMO], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env=dict(clean, PYTHONUNBUFFERED="1", **env))


@check("the demo ends well, tells its steps on one screen and without colours in a pipe", kind="cpu")
def demo(t):
    with _start() as p:
        out = p.communicate(timeout=90)[0]
    assert p.returncode == 0, out
    for word in ("hole open", "secure session", "first byte", "MB/s", "equal", "round trip"):
        assert word in out, f"{word!r} is missing:\n{out}"
    assert "\033" not in out
    lines = out.rstrip().splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 110, out


@check("Ctrl-C takes the demo's machines away", kind="cpu")
def demo_interrupted(t):
    with _start() as p:
        for line in p.stdout:
            if "adit connect" in line and " s  " in line:
                break
        p.send_signal(signal.SIGINT)
        out = p.communicate(timeout=20)[0]
    assert p.returncode == 130, f"{p.returncode}\n{out}"
    assert "taken away" in out, out
