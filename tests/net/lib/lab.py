"""Topologies: two hosts behind two routers with the kernel's own NAT, and what lies between.

    ha 192.168.1.2 -- ra 203.0.113.10 -- [hops] [wire] [hops] -- 203.0.113.20 rb -- 192.168.2.2 hb
                              |
                             pub (a third public host, optional)

The wire is adit-lab (delay, loss, rate); hops are real routers that lower the TTL and answer time-exceeded.
"""

import os
import socket
import struct
import subprocess
import threading
import time

from ns import Netns, TMP

IP = {"ha": "192.168.1.2", "hb": "192.168.2.2", "ra": "203.0.113.10", "rb": "203.0.113.20"}
IP6 = {"ha": "2001:db8:a::2", "hb": "2001:db8:b::2", "ra": "2001:db8:ff::10", "rb": "2001:db8:ff::20"}

# Conntrack's time-outs in seconds as the kernel ships them; given explicitly, because a distribution may differ.
CT_DEFAULT = {"udp_timeout": 30, "udp_timeout_stream": 120}

_serial = [0]
_serial_lock = threading.Lock()


def _next_serial():
    with _serial_lock:
        _serial[0] += 1
        return _serial[0]


def find_program(variable, name):
    """A program of ours: by environment, else from the newest build directory."""
    given = os.environ.get(variable)
    if given:
        return os.path.abspath(given)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    build = os.path.join(root, "build")
    found = []
    for top in [build] + ([os.path.join(build, d) for d in os.listdir(build)] if os.path.isdir(build) else []):
        for sub in ("", "src/lab", "src/cli", "src/mediator", "tests/net", "bench"):
            p = os.path.join(top, sub, name)
            if os.path.isfile(p) and os.access(p, os.X_OK):
                found.append(p)
    return max(found, key=os.path.getmtime) if found else None


class _Links:
    """Collects what `ip` has to do, then does it with one process for the links and one per namespace."""

    def __init__(self):
        self.links = []
        self.per_ns = {}
        self.mac = 0

    def _next_mac(self):
        self.mac += 1
        return f"02:00:00:00:{self.mac >> 8:02x}:{self.mac & 255:02x}"

    def add(self, a, a_if, b, b_if):
        """A veth pair. Returns the two MACs."""
        ma, mb = self._next_mac(), self._next_mac()
        self.links.append(f"link add name {a_if} address {ma} netns {a.path} type veth "
                          f"peer name {b_if} address {mb} netns {b.path}")
        self.do(a, f"link set {a_if} up")
        self.do(b, f"link set {b_if} up")
        return ma, mb

    def do(self, ns, line):
        self.per_ns.setdefault(ns, []).append(line)

    def join(self, a, a_if, a_ip, b, b_if, b_ip, plen):
        """A veth pair with addresses; neighbours are known from the start, as they are on a line in use."""
        ma, mb = self.add(a, a_if, b, b_if)
        for ns, dev, own, other, mac in ((a, a_if, a_ip, b_ip, mb), (b, b_if, b_ip, a_ip, ma)):
            self.address(ns, dev, own, plen)
            self.neighbour(ns, dev, other, mac)

    def address(self, ns, dev, ip, plen):
        self.do(ns, f"addr add {ip}/{plen} dev {dev}" + (" nodad" if ":" in ip else ""))

    def neighbour(self, ns, dev, ip, mac):
        self.do(ns, f"neigh replace {ip} lladdr {mac} dev {dev} nud permanent")

    def commit(self, ns):
        ns.run(["ip", "-batch", "-"], input="\n".join(self.links))
        for n, lines in self.per_ns.items():
            n.run(["ip", "-batch", "-"], input="\n".join(lines))


class Lab:
    """
    wan      what each router's WAN input does with what it did not ask for: drop, reject, accept (a's, b's)
    nat      masquerade, random, fully-random, none (a public host behind a stateful firewall is none)
    hops     routers between the two
    delay    milliseconds each way; loss: per cent each way; rate: Mbit/s; queue: KB
    stranger a third public host `pub`, before the wire as seen from "a" or "b" (True: "a")
    offload  False: MTU-sized frames on the WAN, as a real wire carries them; a host's own card still segments
    ct       conntrack time-outs, for instance {"udp_timeout": 5}
    """

    def __init__(self, wan=("drop", "drop"), nat=("masquerade", "masquerade"), hops=0, delay=0, loss=0, rate=0, queue=0,
                 seed=1, wire=None, stranger=False, offload=True, ipv6=False, ct=None, name=None):
        self.serial = _next_serial()
        self.name = name or f"lab{self.serial}"
        self.wan, self.nat, self.hops, self.ipv6 = list(wan), nat, hops, ipv6
        self.wire_args = [str(x) for x in ["--delay", delay, "--loss", loss, "--seed", seed]]
        if rate:
            self.wire_args += ["--rate", str(rate)] + (["--queue", str(queue)] if queue else [])
        self.has_wire = wire if wire is not None else bool(delay or loss or rate)
        self.stranger, self.offload = stranger, offload
        self.ct = dict(CT_DEFAULT, **(ct or {}))
        self.tmp = os.path.join(TMP, f"{self.name}-{self.serial}")
        self.processes = []
        self.spaces = {}
        self.wire_process = None
        self.forwards = {"ra": [], "rb": []}
        os.makedirs(self.tmp)
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    # -- building

    def _ns(self, name):
        ns = self.spaces[name] = Netns(name)
        for key, value in (("net.ipv6.conf.all.disable_ipv6", 0 if self.ipv6 else 1),
                           ("net.ipv6.conf.default.disable_ipv6", 0 if self.ipv6 else 1),
                           ("net.ipv6.conf.default.accept_dad", 0),
                           ("net.ipv4.conf.all.rp_filter", 0), ("net.ipv4.conf.default.rp_filter", 0),
                           # A real path is not one machine: its limits on ICMP are not shared by all labs.
                           ("net.ipv4.icmp_ratelimit", 0), ("net.ipv4.icmp_msgs_per_sec", 1000000),
                           ("net.ipv4.icmp_msgs_burst", 100000), ("net.ipv6.icmp.ratelimit", 0)):
            ns.sysctl(key, value)
        return ns

    def _router(self, name):
        ns = self._ns(name)
        ns.sysctl("net.ipv4.ip_forward", 1)
        if self.ipv6:
            ns.sysctl("net.ipv6.conf.all.forwarding", 1)
        return ns

    def __getattr__(self, name):
        try:
            return self.__dict__["spaces"][name]
        except KeyError:
            raise AttributeError(name)

    def _build(self):
        links = _Links()
        ha, hb = self._ns("ha"), self._ns("hb")
        ra, rb = self._router("ra"), self._router("rb")
        links.join(ha, "lan", IP["ha"], ra, "lan", "192.168.1.1", 24)
        links.join(hb, "lan", IP["hb"], rb, "lan", "192.168.2.1", 24)
        links.do(ha, "route add default via 192.168.1.1")
        links.do(hb, "route add default via 192.168.2.1")
        if self.hops:
            self._build_chain(links)
        else:
            self._build_neighbours(links)
        if self.ipv6:
            self._build_ipv6(links)
        links.commit(ha)
        if not self.offload:
            self._offload_off()
        for side in ("ra", "rb"):
            self.firewall(side)
            for key, value in self.ct.items():
                if not self.spaces[side].sysctl("net.netfilter.nf_conntrack_" + key, value):
                    raise RuntimeError(f"conntrack's {key} cannot be set here")
        if self.has_wire:
            self.start_wire()

    def _wire(self, links, a, a_if, b, b_if):
        """Joins two interfaces through the wire box. Returns their MACs."""
        if not self.has_wire:
            return links.add(a, a_if, b, b_if)
        box = self.spaces.get("box") or self._ns("box")
        ma, _ = links.add(a, a_if, box, "w0")
        mb, _ = links.add(b, b_if, box, "w1")
        return ma, mb

    def _build_neighbours(self, links):
        ra, rb = self.ra, self.rb
        self.pub_ip = "203.0.113.66"
        links.address(ra, "wan", IP["ra"], 24)
        links.address(rb, "wan", IP["rb"], 24)
        macs = {}
        if self.stranger:
            switch, pub = self._ns("switch"), self._ns("pub")
            links.do(switch, "link add name br0 type bridge")
            links.do(switch, "link set br0 up")
            near, far = ("rb", "ra") if self.stranger == "b" else ("ra", "rb")
            macs[near], _ = links.add(self.spaces[near], "wan", switch, "p0")
            macs["pub"], _ = links.add(pub, "wan", switch, "p1")
            _, macs[far] = self._wire(links, switch, "p2", self.spaces[far], "wan")
            for port in ("p0", "p1", "p2"):
                links.do(switch, f"link set {port} master br0")
            links.address(pub, "wan", self.pub_ip, 24)
        else:
            macs["ra"], macs["rb"] = self._wire(links, ra, "wan", rb, "wan")
        ips = {"ra": IP["ra"], "rb": IP["rb"], "pub": self.pub_ip}
        for own in macs:
            for other in macs:
                if own != other:
                    links.neighbour(self.spaces[own], "wan", ips[other], macs[other])
        # The addresses come first in the batch but need the link: move them behind it.
        for ns in (ra, rb):
            links.per_ns[ns].sort(key=lambda line: line.startswith(("addr", "neigh", "route")))

    def _build_chain(self, links):
        nodes = [self.ra] + [self._router(f"h{i}") for i in range(1, self.hops + 1)] + [self.rb]
        middle = self.hops // 2  # the wire lies behind this one: probes that die early never pay for it
        for i in range(len(nodes) - 1):
            left, right = nodes[i], nodes[i + 1]
            left_if = "wan" if i == 0 else "right"
            right_if = "wan" if i == self.hops else "left"
            left_ip = IP["ra"] if i == 0 else f"198.51.100.{2 * i}"
            right_ip = IP["rb"] if i == self.hops else f"198.51.100.{2 * i + 1}"
            if i == 0:
                right_ip = "203.0.113.11"
            if i == self.hops:
                left_ip = "203.0.113.21"
            if i == middle:
                ml, mr = self._wire(links, left, left_if, right, right_if)
            else:
                ml, mr = links.add(left, left_if, right, right_if)
            for ns, dev, own, other, mac in ((left, left_if, left_ip, right_ip, mr), (right, right_if, right_ip, left_ip, ml)):
                links.address(ns, dev, own, 31)
                links.neighbour(ns, dev, other, mac)
            # Toward b to the right, toward a to the left; everything else (answers to hops) to the left too.
            links.do(left, f"route add {'default' if i == 0 else '203.0.113.20/31'} via {right_ip} dev {left_if}"
                     if i < self.hops else "route list")
            links.do(right, f"route add default via {left_ip} dev {right_if}" if i > 0 else "route list")
        self.pub_ip = "198.51.100.201"
        if self.stranger:
            pub = self._ns("pub")
            links.join(nodes[-2 if self.stranger == "b" else 1], "pub", "198.51.100.200", pub, "wan", self.pub_ip, 31)
            links.do(pub, "route add default via 198.51.100.200")

    def _build_ipv6(self, links):
        if self.hops:
            raise ValueError("the chain of hops has IPv4 only")
        for host, router, lan in (("ha", "ra", "2001:db8:a::"), ("hb", "rb", "2001:db8:b::")):
            links.address(self.spaces[host], "lan", lan + "2", 64)
            links.address(self.spaces[router], "lan", lan + "1", 64)
            links.address(self.spaces[router], "wan", IP6[router], 64)
            links.do(self.spaces[host], f"route add default via {lan}1")
        links.do(self.ra, f"route add 2001:db8:b::/64 via {IP6['rb']}")
        links.do(self.rb, f"route add 2001:db8:a::/64 via {IP6['ra']}")

    def _offload_off(self):
        for ns in self.spaces.values():
            with ns:
                devices = [n for _, n in socket.if_nameindex() if n not in ("lo", "br0", "lan")]
            for dev in devices:
                ns.run(["ethtool", "-K", dev, "tso", "off", "gso", "off", "gro", "off", "tx-udp-segmentation", "off"])

    # -- what routers do

    def firewall(self, side, wan=None):
        """(Re)loads a router's rules; |wan| changes the policy of its WAN input."""
        index = 0 if side == "ra" else 1
        if wan:
            self.wan[index] = wan
        kind = self.nat[index]
        masquerade = "" if kind == "none" else 'oifname "wan" masquerade ' + ("" if kind == "masquerade" else kind)
        dnat = "\n".join(f'iifname "wan" {proto} dport {port} dnat to {host}' for proto, port, host in self.forwards[side])
        allow = "\n".join(f'iifname "wan" {proto} dport {port} accept' for proto, port, host in self.forwards[side])
        # One transaction: at no instant is the router without its rules.
        self.spaces[side].run(["nft", "-f", "-"], input=f"""
            table inet filter
            delete table inet filter
            table inet filter {{
                chain input {{
                    type filter hook input priority 0; policy accept;
                    ct state established,related accept
                    meta l4proto ipv6-icmp accept
                    iifname "wan" {self.wan[index]}
                }}
                chain forward {{
                    type filter hook forward priority 0; policy accept;
                    ct state established,related accept
                    {allow}
                    iifname "wan" drop
                }}
            }}
            table ip nat
            delete table ip nat
            table ip nat {{
                chain pre {{ type nat hook prerouting priority -100; {dnat}
                }}
                chain post {{ type nat hook postrouting priority 100; {masquerade}
                }}
            }}""")

    def forward_port(self, side, proto, port):
        """A port forward, as a user would set it in the router: for what cannot punch."""
        self.forwards[side].append((proto, port, IP["h" + side[1]]))
        self.firewall(side)

    def forget(self, *sides):
        """The routers' connection tables are empty from now on."""
        for side in sides or ("ra", "rb"):
            flush_conntrack(self.spaces[side])

    def cut(self, side="ra"):
        """The line is dead at this router's WAN, both ways; nobody is told."""
        self.spaces[side].run(["nft", "-f", "-"], input="""
            table inet cut {
                chain pre { type filter hook prerouting priority -400; iifname "wan" drop; }
                chain post { type filter hook postrouting priority 400; oifname "wan" drop; }
            }""")

    def mute(self, side):
        """Nothing that comes from behind this router gets out; what comes in does."""
        self.spaces[side].run(["nft", "-f", "-"], input="""
            table inet cut {
                chain pre { type filter hook prerouting priority -400; iifname "lan" drop; }
            }""")

    def mend(self, side="ra"):
        self.spaces[side].run(["nft", "delete", "table", "inet", "cut"])

    # -- processes

    def start_wire(self):
        program = find_program("ADIT_LAB", "adit-lab")
        if not program:
            raise RuntimeError("adit-lab is not built: meson compile, or set ADIT_LAB")
        self.wire_process = self.box.popen([program, "link", "w0", "w1", "-v"] + self.wire_args,
                                           stdout=subprocess.PIPE, stderr=open(self.path("wire.log"), "w"))
        if self.wire_process.stdout.readline() != b"ready\n":
            with open(self.path("wire.log")) as f:
                raise RuntimeError("adit-lab does not start: " + f.read())

    def stop_wire(self):
        if self.wire_process:
            self.wire_process.terminate()
            self.wire_process.wait(5)
            self.wire_process.stdout.close()
            self.wire_process = None

    def set_wire(self, *args):
        """Another wire in place of the present one; what is under way is lost."""
        self.stop_wire()
        self.wire_args = [str(a) for a in args]
        self.start_wire()

    def path(self, name):
        return os.path.join(self.tmp, name)

    def close(self):
        for p in reversed(self.processes):
            p.kill()
        if self.wire_process:
            self.wire_process.kill()
            self.wire_process.wait()
            self.wire_process.stdout.close()
            self.wire_process = None
        for ns in self.spaces.values():
            ns.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def flush_conntrack(ns):
    """IPCTNL_MSG_CT_DELETE without a filter (linux/netfilter/nfnetlink_conntrack.h): all entries."""
    with ns, socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as s:  # NETLINK_NETFILTER
        body = struct.pack("=BBH", socket.AF_UNSPEC, 0, 0)  # nfgenmsg
        s.send(struct.pack("=IHHII", 16 + len(body), 1 << 8 | 2, 1 | 4, 1, 0) + body)  # NLM_F_REQUEST | NLM_F_ACK
        answer = s.recv(4096)
        err = struct.unpack_from("=i", answer, 16)[0]
        if err:
            raise OSError(-err, "flushing conntrack")


def wait_until(condition, timeout, what, step=0.01):
    """Polls; returns the first true value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(step)
