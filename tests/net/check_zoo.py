"""The NAT of every species of the zoo, named by others' program and by ours, with others' server and with ours."""

import glob
import json
import os
import subprocess
import threading

import daemons
from check import check
from check_box import bottle, box, read
from lab import find_program


def species():
    out = subprocess.run([box(), "list", "--json"], stdout=subprocess.PIPE, check=True, text=True).stdout
    return {s["name"]: s for s in json.loads(out)}


def settings(text):
    return dict(pair.split("=") for pair in text.split(",") if pair)


def in_parallel(work, items, jobs):
    """Calls work(item) for all; what they raise, as text."""
    todo, wrong, lock = list(items), [], threading.Lock()

    def loop():
        while True:
            with lock:
                if not todo:
                    return
                item = todo.pop(0)
            try:
                work(item)
            except (AssertionError, subprocess.TimeoutExpired, OSError) as e:  # all are told, not only the first
                wrong.append(f"{item}: {e}")
    threads = [threading.Thread(target=loop) for _ in range(jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return wrong


# What STUN sees follows from the settings, but for these: who keeps the port for all destinations (until it is taken)
# looks endpoint-independent, and Linux does that.
LOOKS = {"ei": "Endpoint Independent", "ad": "Address Dependent", "apd": "Address and Port Dependent"}
# natdiscovery cannot ask through these, `adit check` can.
ONLY_CHECK = {"nat64": "the server's other address is told as IPv4", "nat64-mobile": "the server's other address is told as IPv4"}
# Its third question goes where the second answer's OTHER-ADDRESS points, not the first one's (RFC 5780 4.3). coturn's second
# address names itself there, so nobody notices; ours says what CHANGE-REQUEST would do (RFC 5780 7.4): back to the first one.
MISLED = {"address-symmetric": "Address and Port Dependent"}
# Nobody can: only port 53 is let out. `adit check` says that.
BLOCKED = ("corporate-web", "hotel")


def _expected(s):
    """(mapping, filtering, is it a firewall without a NAT?)."""
    have = dict({"mapping": "ei", "filter": "ad", "ports": "keep", "kind": "nat44"}, **settings(s["settings"]))
    if have["kind"] == "linux":
        have.update(mapping="ei" if have["ports"] == "keep" else "apd", filter="apd")
    if have["ports"] == "keep" and have.get("overload") == "remote":
        have["mapping"] = "ei"
    # Whether others' flows alone are more than that, from the start; then it is symmetric.
    if "load" in have and float(have["foreign"]) * float(have["timeout"].rstrip("s")) > float(have["load"]):
        have["mapping"] = have.get("load-mapping", "apd")
    return LOOKS[have["mapping"]], LOOKS[have["filter"]], have["kind"] == "firewall"


def _coturn(top, ips):
    return (f"{top}/usr/bin/turnserver -L {ips[0]} -L {ips[1]} -S -n --no-tls --no-dtls --no-tcp --log-file=stdout "
            "--pidfile /run/pid >/run/log 2>&1")


def _mediator(top, ips):
    return f"{find_program('ADIT', 'adit')} mediator -q --listen {ips[0]} --listen {ips[1]} >/run/log 2>&1"


def discover(name, server, top, v6):
    """Both programs behind one NAT: (natdiscovery's sentences about a NAT, `adit check`'s view or None, all of the output)."""
    env = {"LD_LIBRARY_PATH": ":".join(glob.glob(os.path.join(top, "**/lib/*-linux-gnu"), recursive=True))}
    ips = ("2001:db8:ff::66", "2001:db8:ff::67") if v6 else ("203.0.113.66", "203.0.113.67")
    own = "-L 2001:db8:a::10 -l 40000 " if v6 else ""
    asked = "64:ff9b::203.0.113.66" if name in ONLY_CHECK else ips[0]
    theirs = "true" if name in ONLY_CHECK or name in BLOCKED else f"{top}/usr/bin/turnutils_natdiscovery {own}-m -f {ips[0]}"
    asks = (f"until [ -e /run/listens ]; do sleep 0.05; done; {theirs}; echo; "
            f"{find_program('ADIT', 'adit')} check --json --stun '{asked if ':' not in asked else '[' + asked + ']'}'; true")
    waits = "until [ $(ss -Hlun sport = :3478 or sport = :3479 | wc -l) -ge 4 ]; do sleep 0.05; done; touch /run/listens"
    out, err = bottle("-", "--nat", f"nat={name}", "--", "a", "sh", "-c", asks,
                      text=read("natdiscovery.lab") + f"run stun: {server(top, ips)}\nrun stun: {waits}\n", timeout=90, env=env)
    words = [w.strip("! ") for w in out.splitlines() if "NAT with" in w or "No NAT" in w]
    answer = json.loads(out[out.index("\n{"):])
    return words, answer["ipv6" if v6 or name in ONLY_CHECK else "ipv4"], out + err


def _named_rightly(name, have, words, view, misled):
    if name in BLOCKED:
        return view["servers_answered"] == 0 and view["udp_blocked"] is not False
    mapping, filtering, firewall = _expected(have)
    # natdiscovery says "No NAT" before each of its tests, and goes on.
    no_nat = ["No NAT! (Endpoint Independent Mapping)"] if firewall else []
    theirs = [*no_nat, f"NAT with {misled.get(name, mapping)} Mapping", *no_nat, f"NAT with {filtering} Filtering"]
    ours = tuple(w.lower().replace(" ", "-") for w in (mapping, filtering))
    return (name in ONLY_CHECK or words == theirs) and (view["mapping"], view["filtering"]) == ours


def _whole_zoo(t, server, misled):
    daemons.find("coturn", "usr/bin/turnserver")
    coturn = os.path.join(t.peers, "coturn")
    zoo = species()

    def one(name):
        firewall = settings(zoo[name]["settings"]).get("kind") == "firewall"
        for _ in (0, 1):  # where ports are random in a small block, two may be one by chance; not twice
            words, view, text = discover(name, server, coturn, firewall)
            if _named_rightly(name, zoo[name], words, view, misled):
                return
        raise AssertionError(f"named {words} and {view['mapping']}, {view['filtering']}; it is {_expected(zoo[name])}\n{text}")
    wrong = in_parallel(one, zoo, 12)
    assert not wrong, "\n".join(wrong)
    t.note(f"{len(zoo)} species; natdiscovery cannot ask through {', '.join([*ONLY_CHECK, *BLOCKED])}")


@check("coturn asked: its natdiscovery and `adit check` name every NAT of the zoo alike, and rightly", limit=400)
def zoo_coturn(t):
    _whole_zoo(t, _coturn, {})


@check("adit mediator asked: natdiscovery and `adit check` name every NAT of the zoo alike, and rightly", limit=400)
def zoo_mediator(t):
    _whole_zoo(t, _mediator, MISLED)
