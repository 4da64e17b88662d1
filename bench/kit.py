"""What the benchmarks share: their programs, their files, and which congestion control the kernel's TCP has where."""

import ctypes
import datetime
import json
import os
import platform
import subprocess
import time

import proc
from lab import find_program

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(ROOT, "build", "bench")
LOAD = os.path.join(OUT, "load")
MANY = os.path.join(OUT, "many")
MEDIATOR = "203.0.113.66"  # the lab's third public host
os.environ.setdefault("ADIT", os.path.join(ROOT, "build", "adit"))


def build(name):
    """bench/NAME.c, where it is newer than its program."""
    os.makedirs(OUT, exist_ok=True)
    source, target = os.path.join(ROOT, "bench", name + ".c"), os.path.join(OUT, name)
    if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(source):
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-pthread", "-o", target, source], check=True)


# ---- files ----

def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def read(name):
    """build/bench/NAME.json, or None."""
    path = os.path.join(OUT, name + ".json")
    if not os.path.exists(path):
        return None
    with open(path) as f:
        return json.load(f)


def write(name, record):
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, name + ".json"), "w") as f:
        json.dump(record, f, indent=1)


def cpu_model():
    with open("/proc/cpuinfo") as f:
        return next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.machine())


# ---- the kernel's TCP ----

def choose_tcp(lab, line, buffers=False):
    """Over the line |line| (bbr, cubic), on each host itself CUBIC, which is Linux' own choice. By route, because a namespace cannot
    choose: its net.ipv4.tcp_congestion_control may be written and changes nothing. |buffers|: as much as a long line needs."""
    for space, router in ((lab.ha, "192.168.1.1"), (lab.hb, "192.168.2.1")):
        space.run(["ip", "route", "replace", "default", "via", router, "congctl", line])
        space.run(["ip", "route", "replace", "local", "127.0.0.1", "dev", "lo", "table", "local", "proto", "kernel", "scope", "host",
                   "src", "127.0.0.1", "congctl", "cubic"])
        if buffers:
            space.sysctl("net.ipv4.tcp_wmem", "4096 65536 67108864")
            space.sysctl("net.ipv4.tcp_rmem", "4096 131072 67108864")


# ---- adit ----

def stripped_kb(program):
    stripped = os.path.join(ROOT, "build", "adit-stripped")
    subprocess.run(["strip", "-o", stripped, program], check=True)
    size = os.path.getsize(stripped) / 1024
    os.unlink(stripped)
    return size


def start_ms(program):
    begin = time.monotonic()
    subprocess.run([program, "--version"], stdout=subprocess.DEVNULL, check=True)
    return (time.monotonic() - begin) * 1000


def has_ipsec_mb():
    for name in ("libIPSec_MB.so.2", "libIPSec_MB.so.1"):
        try:
            ctypes.CDLL(name)
            return True
        except OSError:
            pass
    return False


def start_mediator(lab):
    p = proc.Proc(lab, lab.pub, "mediator", [find_program("ADIT", "adit"), "mediator", "--rate", "0", "--listen", MEDIATOR])
    p.expect("ready", where="err")
