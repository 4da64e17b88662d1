"""adit-lab itself: routers of the zoo in front of real programs, and networks in a bottle."""

import os
import signal
import subprocess
import sys
import time

import proc
from check import ROOT, Skip, check
from lab import find_program, wait_until

TOPOLOGIES = os.path.join(ROOT, "tests/net/topologies")
PROBE = os.path.join(ROOT, "tests/net/lib/probe.py")


def box():
    program = find_program("ADIT_LAB", "adit-lab")
    if not program:
        raise Skip("adit-lab is not built")
    return program


def bottle(*args, text=None, timeout=120, check_code=0, env=None):
    """`adit-lab net` with |args|; |text| is the topology where args have "-"."""
    r = subprocess.run([box(), "net", *args], input=text, timeout=timeout, text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, env=dict(os.environ, **(env or {})))
    assert r.returncode == check_code, f"exit code {r.returncode}, not {check_code}:\n{r.stdout}{r.stderr}"
    return r.stdout, r.stderr


def read(name):
    with open(os.path.join(TOPOLOGIES, name)) as f:
        return f.read()


# ---- packets through the box, asked by the kernel's own stack ----

def _ask(router, addresses, server, gate, wire=""):
    text = f"""
        net internet 203.0.113.0/24 2001:db8:ff::/64
        net lan {addresses}
        host a on lan
        host server on internet 203.0.113.66 2001:db8:ff::66
        {router} inside lan outside internet 203.0.113.10 2001:db8:ff::10
        {wire}
        run server: {sys.executable} {PROBE} serve
        main a: {sys.executable} {PROBE} ask {server} {gate}"""
    out, err = bottle("-", text=text)
    assert out.split() == ["ready", "ok"], out + err


@check("datagrams, fragments, streams, expired and refused packets pass a router of the box as they should", kind="cpu")
def packets(t):
    lan4, lan6 = "192.168.1.0/24", "2001:db8:a::/64"
    for kind in ("rfc", "symmetric-random", "home", "linux-fully-random"):
        _ask(f"router r nat {kind}", lan4, "203.0.113.66", "192.168.1.1")
    _ask("router r nat ipv6-firewall", lan6, "2001:db8:ff::66", "2001:db8:a::1")
    _ask("router r kernel masquerade", lan4, "203.0.113.66", "192.168.1.1")


@check("a NAT64 joins the families: streams, datagrams, fragments and errors are translated", kind="cpu")
def nat64(t):
    _ask("router r nat nat64", "2001:db8:a::/64", "64:ff9b::203.0.113.66", "2001:db8:a::1")


@check("a narrow link behind the box is found by path MTU discovery", kind="cpu")
def path_mtu(t):
    _ask("router r nat rfc", "192.168.1.0/24", "203.0.113.66", "192.168.1.1", "link internet mtu 1280")


@check("the demo runs between hosts behind pairs of the zoo's NATs", kind="cpu", limit=240)
def demo_pairs(t):
    pairs = [("home", "home"), ("symmetric-random", "full-cone"), ("linux", "port-restricted-cone"), ("home-clash", "rfc")]
    env = dict(os.environ, ADIT=find_program("ADIT", "adit"), ADIT_LAB=box())
    for a, b in pairs:
        r = subprocess.run([os.path.join(TOPOLOGIES, "two-homes-demo"), a, b], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, env=env, timeout=100)
        assert r.returncode == 0 and "4194304 bytes have arrived" in r.stdout, f"{a} x {b}: {r.returncode}\n{r.stdout}"


# ---- the bottle ----

@check("a topology is up in under a second and down in another", kind="alone")
def up_and_down(t):
    begin = time.time()
    out, _ = bottle(os.path.join(TOPOLOGIES, "two-homes.lab"), "--", "a", "date", "+%s.%N")
    end = time.time()
    up, down = float(out) - begin, end - float(out)
    t.note(f"up {up:.2f} s, down {down:.2f} s")
    assert 0 < up < 1 and down < 1


@check("commands end with their own code; a signal, a missing program and a broken file are told")
def codes(t):
    two = os.path.join(TOPOLOGIES, "two-homes.lab")
    bottle(two, "--", "a", "sh", "-c", "exit 7", check_code=7)
    bottle(two, "--", "a", "sh", "-c", "kill -9 $$", check_code=137)
    bottle(two, "--", "a", "/no/such/program", check_code=127)
    _, err = bottle("-", text="net n 10.0.0.0/24\nhost a on m\n", check_code=3)
    assert err.startswith("adit-lab: -:2:11: expected a net declared above (n)"), err
    _, err = bottle(two, "--", "ra", "true", check_code=2)
    out, _ = bottle("-", text="net n 10.0.0.0/24\nhost a on n\nhost b on n\nrun b: echo b\nrun a: exit 5\n", check_code=5)
    assert out == "b\n", out
    out, _ = bottle("-", text="net n 10.0.0.0/24\nhost a on n\nhost b on n\nmain a: ping -c 1 -W 5 b >/dev/null && echo yes\n")
    assert out == "yes\n", out


@check("kill -9 of `adit-lab net` leaves no process, no network, no file")
def killed(t):
    before = set(os.listdir("/run"))
    word = "7359"
    with subprocess.Popen([box(), "net", os.path.join(TOPOLOGIES, "two-homes.lab"), "--", "b", "sleep", word],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as p:
        wait_until(lambda: proc.sleepers(word) == 1, 10, "the command runs")
        tree = _tree(p.pid)
        assert len(tree) >= 5, tree  # itself, the first process, two routers, a wire
        p.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in tree), 15, "all its processes end")
    assert proc.sleepers(word) == 0
    assert set(os.listdir("/run")) == before


def _tree(root):
    """The pids below |root|, itself too."""
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                parents[int(pid)] = int(f.read().rpartition(")")[2].split()[1])
        except OSError:
            pass
    tree, grown = {root}, True
    while grown:
        more = {p for p, parent in parents.items() if parent in tree} - tree
        tree |= more
        grown = bool(more)
    return tree


@check("a reboot of a router takes its mappings away, and SIGUSR1 tells what it has done")
def reboot(t):
    text = read("two-homes.lab").replace("link internet delay 10ms", "") + f"run pub: {sys.executable} {PROBE} serve\n"
    script = f"""
import os, signal, socket, sys, time
sys.path.insert(0, {os.path.dirname(PROBE)!r})
import probe
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 5000))
s.settimeout(1)
def ask():
    for _ in range(10):
        s.sendto(b"x", ("203.0.113.66", 7))
        try:
            return s.recvfrom(9)
        except TimeoutError:
            pass
assert ask()
os.kill(int(os.environ["ADIT_LAB_PID_ra"]), signal.SIGUSR1)
time.sleep(0.2)
os.kill(int(os.environ["ADIT_LAB_PID_ra"]), signal.SIGHUP)
time.sleep(0.2)
os.kill(int(os.environ["ADIT_LAB_PID_ra"]), signal.SIGUSR1)
time.sleep(0.2)
"""
    out, err = bottle("-", "--", "a", sys.executable, "-c", script, text=text)
    reports = [line for line in err.splitlines() if line.startswith("adit-lab: ra:")]
    assert len(reports) == 2 and "mappings_live=1 " in reports[0] and "mappings_live" not in reports[1], err
