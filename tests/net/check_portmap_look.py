"""adit check tells which port mapping services a home router's daemon (miniupnpd) has, and asks for no mapping."""

import json

import daemons
from check import check
from check_portmap import OUTSIDE, WAN, _open_lab
from check_portmap_io import rules
from check_stun import _start
from lab import find_program


def _check(lab, server, *args):
    r = lab.ha.run([find_program("ADIT", "adit"), "check", *args, "--mediator", server], timeout=40)
    return r.stdout


def _looked(t, lab, server=OUTSIDE):
    """The member port_mapping; nothing may be mapped."""
    d = json.loads(_check(lab, server, "--json"))
    assert "dnat" not in rules(lab), rules(lab)
    t.note(json.dumps(d["port_mapping"]))
    return d["port_mapping"], d["advice"]


def _lab(t, nat="fully-random", server=OUTSIDE, **daemon):
    lab, first = _open_lab(t, nat=(nat, "masquerade"))
    first.kill()
    if daemon:
        daemons.start_miniupnpd(lab, lab.ra, WAN, tables=False, **daemon)
    _start(lab, "--listen", server)
    return lab


def _services(p):
    return p["pcp"], p["nat_pmp"], p["upnp"], p["upnp_igd"]


@check("UPnP alone: version 2, its external address is the one seen from outside; no advice is needed then")
def look_upnp(t):
    lab = _lab(t, upnp=True, pmp=False)
    p, advice = _looked(t, lab)
    assert _services(p) == ("no", "no", "yes", 2), p
    assert (p["router"], p["external"], p["second_nat"], p["upnp_connected"]) == ("192.168.1.1", WAN, False, True), p
    assert advice is None, advice
    text = _check(lab, OUTSIDE)
    assert "IGD version 2" in text and "as servers see it" in text and "router map by themselves" in text, text


@check("UPnP alone, of version 1")
def look_upnp_v1(t):
    p, _ = _looked(t, _lab(t, upnp=True, pmp=False, extra="force_igd_desc_v1=yes"))
    assert _services(p) == ("no", "no", "yes", 1), p


@check("PCP and NAT-PMP without UPnP")
def look_pcp(t):
    p, advice = _looked(t, _lab(t, upnp=False, pmp=True))
    assert _services(p) == ("yes", "yes", "no", None), p
    assert (p["external"], p["second_nat"], advice) == (WAN, False, None), (p, advice)


@check("no service at all: said, and the advice is to switch one on or to forward a port")
def look_none(t):
    lab = _lab(t)
    p, advice = _looked(t, lab)
    assert _services(p) == ("no", "no", "no", None), p
    assert p["external"] is None and p["second_nat"] is None and "switch PCP or UPnP on" in advice, (p, advice)
    text = _check(lab, OUTSIDE)
    assert "PCP         no" in text and "What would help: switch" in text, text


@check("a second NAT outside the router is noticed: servers see another address than the router's")
def look_second_nat(t):
    lab = _lab(t, server="203.0.113.66", upnp=True, pmp=True)
    p, advice = _looked(t, lab, "203.0.113.66")
    assert _services(p) == ("yes", "yes", "yes", 2), p
    assert (p["external"], p["second_nat"]) == (WAN, True) and "bridge mode" in advice, (p, advice)
    assert "second NAT" in _check(lab, "203.0.113.66"), p
