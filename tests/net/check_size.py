"""The size of packets: what the path carries is found, and a path that shrinks is noticed."""

import json

import proc
from check import check
from check_outage import Download, MIB
from lab import wait_until


def _sizes(pair):
    """Bytes of UDP payload in a full packet of each side, as `adit status` tells; (0, 0) before it is known."""
    sizes = []
    for side, key in ((pair.serve_side, "serve"), (pair.connect_side, "connect")):
        text = side.run("status", "--json")[1]
        found = [v for k, v in _walk(json.loads(text)) if k == "packet_size"]
        sizes.append(max(found, default=0))
    return tuple(sizes)


def _walk(value):
    if isinstance(value, dict):
        for k, v in value.items():
            yield k, v
            yield from _walk(v)
    elif isinstance(value, list):
        for v in value:
            yield from _walk(v)


def _expect(pair, want, within=5):
    try:
        wait_until(lambda: _sizes(pair) == (want, want), within, f"packets of {want} bytes", step=0.1)
    except TimeoutError as e:
        raise AssertionError(f"{e}: {_sizes(pair)}")


def _set_mtu(lab, mtu, *spaces):
    for name in spaces:
        ns = lab.spaces[name]
        for dev in ("lan", "wan", "w0", "w1", "left", "right"):
            ns.run(["ip", "link", "set", dev, "mtu", str(mtu)], check=False)


def _drop_longer(lab, name, mtu):
    """From now on this router loses longer packets, both ways, and tells nobody."""
    lab.spaces[name].run(["nft", "-f", "-"], input=f"""
        table inet narrow
        delete table inet narrow
        table inet narrow {{
            chain pre {{ type filter hook prerouting priority -400; ip length > {mtu} drop; }}
        }}""")


@check("Ethernet: packets of 1472 bytes, with one probe a side")
def size_ethernet(t):
    pair = proc.Pair(t.lab(delay=5, offload=False))
    pair.open("echo").close()
    _expect(pair, 1472)


@check("jumbo frames all the way: packets of 8972 bytes, and data are intact")
def size_jumbo(t):
    lab = t.lab(hops=2, offload=False)
    _set_mtu(lab, 9000, *lab.spaces)
    pair = proc.Pair(lab)
    pair.open("echo").close()
    _expect(pair, 8972)
    Download(pair, 24 * MIB).finish()


@check("jumbo frames at home, Ethernet between: packets of 1472 bytes")
def size_jumbo_home(t):
    lab = t.lab(hops=2, offload=False)
    for name in ("ha", "hb", "ra", "rb"):
        lab.spaces[name].run(["ip", "link", "set", "lan", "mtu", "9000"])
    pair = proc.Pair(lab)
    pair.open("echo").close()
    _expect(pair, 1472)
    Download(pair, 24 * MIB).finish()


@check("PPPoE on the way, and its ICMP is lost: packets of 1464 bytes")
def size_pppoe(t):
    lab = t.lab(hops=2, delay=5, offload=False)
    _drop_longer(lab, "h1", 1492)
    pair = proc.Pair(lab)
    pair.open("echo").close()
    _expect(pair, 1464)


@check("loopback: packets of 16376 bytes")
def size_loopback(t):
    lab = t.lab()
    target = proc.start_target(lab, lab.ha, "pump", "8000")
    serve_side, connect_side = proc.Side(lab, "ha", name="here"), proc.Side(lab, "ha", name="there")
    serve = serve_side.serve("pump=8000", peer="127.0.0.1")
    connect = connect_side.connect(serve_side.ticket(), "7100:pump", peer="127.0.0.1")

    class Local:
        pass
    pair = Local()
    pair.serve_side, pair.connect_side = serve_side, connect_side
    pair.dial = lambda line: proc.dial(lab.ha, 7100, line)
    proc.first_echo(lab.ha, 7100, 30, (serve, connect)).close()
    _expect(pair, 16376)
    Download(pair, 64 * MIB).finish()
    assert target.is_running()


def _shrink(t, mtu, want):
    lab = t.lab(hops=2, delay=5, rate=40, queue=256, offload=False)
    pair = proc.Pair(lab)
    bystander = pair.open("echo")
    _expect(pair, 1472)
    d = Download(pair, 24 * MIB)
    d.until(0.25)
    d.longest_gap = 0.0
    _drop_longer(lab, "h1", mtu)
    d.finish()
    t.note(f"longest pause {d.longest_gap:.2f} s")
    assert d.longest_gap < 4, f"{d.longest_gap:.1f} s without a byte"
    assert _sizes(pair)[0] == want, f"{_sizes(pair)}"
    bystander.sendall(b"fine")
    assert bystander.recv(4) == b"fine"
    assert all("outage" not in p.err() for p in (pair.serve, pair.connect))


@check("the path shrinks to 1400 bytes in mid-transfer and nobody says so: a pause of seconds, then it goes on")
def size_shrinks(t):
    _shrink(t, 1400, 1352)


@check("the path shrinks to 1280 bytes in mid-transfer: it goes on")
def size_shrinks_to_least(t):
    _shrink(t, 1280, 1252)


@check("a path that shrank grows again only when it is new, and a rebinding keeps what is known")
def size_after_rebinding(t):
    lab = t.lab(delay=5, rate=40, queue=256)
    lab.forward_port("rb", "udp", 5555)
    pair = proc.Pair(lab, serve_args=("--port", "5555"), peer_b="203.0.113.20:5555")
    pair.open("echo").close()
    _expect(pair, 1472)
    lab.nat = ("random", "masquerade")
    lab.firewall("ra")
    lab.forget("ra")
    pair.open("echo").close()
    _expect(pair, 1472)
