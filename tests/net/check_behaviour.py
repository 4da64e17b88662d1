"""`adit check` behind the kernel's own NAT, asking coturn: what it says, and that turnutils_natdiscovery says the same."""

import json
import re

import daemons
from check import check
from lab import find_program

DONE, USAGE, SERVER = 0, 2, 8
FIRST, SECOND, PLAIN = "203.0.113.66", "203.0.113.67", "203.0.113.68"


def _lab(t, **kw):
    """The lab with coturn on two addresses of `pub`, and a second one, plain, on a third."""
    lab = t.lab(stranger=True, **kw)
    for address in (SECOND, PLAIN):
        lab.pub.run(["ip", "addr", "add", address + "/24", "dev", "wan"])
    daemons.start_turnserver(lab, lab.pub, [FIRST, SECOND])
    daemons.start_turnserver(lab, lab.pub, [PLAIN], port=3500)
    return lab


def run(lab, *words, check=DONE, ns=None):
    r = (ns or lab.ha).run([find_program("ADIT", "adit"), "check", *words], check=False, timeout=120)
    assert r.returncode == check, f"{words}: {r.returncode}\n{r.stdout}{r.stderr}"
    return r


def ask(lab, *words, **kw):
    servers = ("--stun", FIRST, "--stun", PLAIN + ":3500")
    return json.loads(run(lab, "--json", *servers, *words, **kw).stdout)["ipv4"]


def _agree(t, lab, view):
    """The two programs use other words for the same; natdiscovery's sentences are one per result."""
    said = daemons.natdiscovery(lab.ha, FIRST, "-m", "-f")
    t.note(", ".join(re.findall(r"(?:NAT with |No )(.*)!", said)))
    for what in ("mapping", "filtering"):
        words = re.search(rf"NAT with (.*?) {what}", said, re.I)
        assert words, f"no word about {what}:\n{said}"
        assert words.group(1).lower().replace(" ", "-") == view[what], f"{what} is {view[what]} here:\n{said}"


@check("check: masquerade is seen as natdiscovery sees it; ports are kept, nothing needs to be changed", limit=240)
def behaviour_masquerade(t):
    lab = _lab(t)
    v = ask(lab)
    assert v["kind"] == "steady" and v["ports"]["kind"] == "kept", v
    assert v["mapping"] == "endpoint-independent" and v["filtering"] == "address-and-port-dependent", v
    assert v["clash"] is False and v["hairpin"] is False and v["nats_at_least"] == 1 and v["low_ttl"] == 2, v
    assert v["public"] == [{"address": "203.0.113.10", "named_by": 2}], v
    _agree(t, lab, v)
    text = run(lab, "--stun", FIRST).stdout
    assert "Nothing needs to be changed" in text and "203.0.113.10" in text, text


@check("check: masquerade random is seen as natdiscovery sees it, and a port forward is advised", limit=240)
def behaviour_random(t):
    _symmetric(t, "random")


@check("check: masquerade fully-random is seen as natdiscovery sees it, and a port forward is advised", limit=240)
def behaviour_fully_random(t):
    _symmetric(t, "fully-random")


def _symmetric(t, kind):
    lab = _lab(t, nat=(kind, kind))
    v = ask(lab)
    assert v["kind"] == "random" and v["mapping"] == "address-and-port-dependent", v
    assert v["reaches"]["steady"] == "birthday" and v["reaches"]["random"] == "relay", v
    _agree(t, lab, v)
    assert "forward a UDP port" in run(lab, "--stun", FIRST, "--stun", PLAIN + ":3500").stdout


@check("check: a WAN side that accepts lets an early packet take the port, and that is said", limit=120)
def behaviour_clash(t):
    lab = _lab(t, wan=("accept", "drop"))
    v = ask(lab)
    assert v["clash"] is True and v["kind"] == "steady", v
    assert "WAN input to drop" in run(lab, "--stun", FIRST, "--stun", PLAIN + ":3500").stdout


@check("check: a host without a NAT is open; servers that are dead or closed are named", limit=120)
def behaviour_public(t):
    lab = _lab(t)
    lab.pub.run(["ip", "addr", "add", "203.0.113.69/24", "dev", "wan"])
    answer = json.loads(run(lab, "--json", "--stun", FIRST, "--stun", "203.0.113.69:9", "--stun", "203.0.113.99",
                            ns=lab.ra).stdout)
    v, states = answer["ipv4"], [s["state"] for s in answer["servers"]]
    assert v["translated"] is False and v["nats_at_least"] == 0, v
    assert states[0] == "good" and states[1] == "refused" and states[2] in ("dead", "refused"), states


@check("check --lifetime: the kernel's time-out for an open flow is found", limit=240)
def behaviour_lifetime(t):
    for seconds in (12, 25) if t.full else (12,):
        lab = _lab(t, ct={"udp_timeout": 5, "udp_timeout_stream": seconds})
        life = ask(lab, "--lifetime")["lifetime"]
        assert life["state"] == "between", life
        t.note(f"{seconds} s: {life['more_than_s']:.1f} to {life['less_than_s']:.1f}")
        assert seconds - 3 <= life["more_than_s"] <= seconds + 0.5 and life["less_than_s"] <= seconds + 3, life
        lab.close()


@check("check: exit code 8 where no server answers, with a word about blocked UDP; 2 where none is given", limit=120)
def behaviour_blocked(t):
    lab = _lab(t)
    lab.mute("ra")
    r = run(lab, "--stun", FIRST, check=SERVER)
    assert "UDP" in r.stderr and "blocked" in r.stderr, r.stderr
    v = json.loads(run(lab, "--json", "--stun", FIRST, check=SERVER).stdout)["ipv4"]
    assert v["kind"] == "unknown" and v["udp_blocked"] is None, v
    v = ask(lab, check=SERVER)
    assert v["kind"] == "blocked" and v["udp_blocked"] is True, v
    r = run(lab, check=USAGE)
    assert "--stun" in r.stderr and not r.stdout, r.stderr
    run(lab, "--stun", FIRST, "extra", check=USAGE)
