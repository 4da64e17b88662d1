"""libadit's ICE agent (examples/ice.c) against others: itself, libnice, aioice.

Lines of RFC 8839 are carried from one's stdout to the other's stdin. An own set of packages, as no other test needs them:
./dev test ice installs it; without it these checks say what is missing.
"""

import os
import subprocess
import threading

import daemons
from check import Skip, check
from lab import Lab, _Links, find_program, wait_until
from proc import HERE, Proc, Unexpected

PYTHON = "/usr/bin/python3"  # Debian's own: python3-gi and python3-aioice are for no other
KINDS = ("adit", "aioice", "libnice")
IMPORTS = {"aioice": "import aioice", "libnice": "import gi; gi.require_version('Nice', '0.1'); from gi.repository import Nice"}
PACKAGES = {"aioice": "python3-aioice", "libnice": "python3-gi and gir1.2-nice-0.1"}
STUN = 3478


class Veth(Lab):
    """ha 192.0.2.1 -- 192.0.2.2 hb, nothing between."""

    IPS = {"ha": "192.0.2.1", "hb": "192.0.2.2"}

    def _build(self):
        links = _Links()
        ha, hb = self._ns("ha"), self._ns("hb")
        links.join(ha, "lan", self.IPS["ha"], hb, "lan", self.IPS["hb"], 24)
        links.commit(ha)


class Agent:
    """One process; what it says is kept and, where it is for the peer, carried there."""

    def __init__(self, lab, side, kind, ip, controlled=False, stun=None, extra=()):
        self.kind, self.lines, self.peer = kind, [], None
        self.lock = threading.Lock()
        role = ["--controlled"] if controlled else []
        server = ["--stun", stun] if stun else []
        if kind == "adit":
            argv = [find_example("ice"), *role, *server, *extra, f"{ip}:{5000 if side == 'ha' else 6000}"]
        else:
            need(kind)
            argv = [PYTHON, os.path.join(HERE, f"ice_{kind}.py"), *role, *server, *extra] + ([ip] if kind == "libnice" else [])
        self.proc = Proc(lab, lab.spaces[side], kind, argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.waiting = []  # for the peer, until there is one
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for raw in self.proc.popen.stdout:
            line = raw.decode(errors="replace").rstrip("\n")
            with self.lock:
                self.lines.append(line)
                if line.startswith("a="):
                    if self.peer:
                        self.peer.tell(line)
                    else:
                        self.waiting.append(line)

    def tell(self, line):
        try:
            self.proc.popen.stdin.write(line.encode() + b"\n")
            self.proc.popen.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # it has ended; whoever waits for its words will see

    def describe_to(self, peer):
        with self.lock:
            self.peer = peer
            for line in self.waiting:
                peer.tell(line)

    def find(self, start, since=0):
        return next((line for line in self.lines[since:] if line.startswith(start)), None)

    def expect(self, start, timeout=15, since=0):
        try:
            return wait_until(lambda: self.find(start, since), timeout, f"{self.kind}: '{start}'")
        except TimeoutError as e:
            raise Unexpected(f"{e}\n" + "\n".join(f"    {self.kind}| {x}" for x in self.lines[-20:]) + "\n"
                             + self.proc.err()[-2000:])

    def end(self):
        """Its last words: driver's accounts, the others' role."""
        self.proc.popen.stdin.close()
        self.proc.wait()
        wait_until(lambda: self.find("stats" if self.kind == "adit" else "ice-role"), 15, f"{self.kind}: its last words")


def find_example(name):
    """Beside the program that is tested, else the newest."""
    given = os.environ.get("ADIT")
    here = os.path.join(os.path.dirname(given), f"../../examples/example-{name}") if given else None
    if here and os.access(here, os.X_OK):
        return here
    build = os.path.join(os.path.dirname(HERE), "../../build")
    found = [os.path.join(build, d, f"examples/example-{name}") for d in os.listdir(build)]
    found = [p for p in found if os.access(p, os.X_OK)]
    if not found:
        raise Skip(f"example-{name} is not built")
    return max(found, key=os.path.getmtime)


_missing = {}


def need(kind):
    if kind not in _missing:
        _missing[kind] = subprocess.run([PYTHON, "-c", IMPORTS[kind]], capture_output=True).returncode != 0
    if _missing[kind]:
        raise Skip(f"{kind} is not installed ({PACKAGES[kind]}): ./dev test ice")


def meet(a, b):
    a.describe_to(b)
    b.describe_to(a)
    for agent in (a, b):
        agent.expect("selected")
    # Data on the selected pair, both ways: they agree on which one it is.
    for agent in (a, b):
        agent.expect("data ")


def roles_differ(a, b):
    """libnice does not tell; but one that does not nominate, and hears of no nomination, never gets to data."""
    roles = [(x.find("stats") or x.find("ice-role")).rpartition("role")[2].strip("= ") for x in (a, b)]
    assert roles[0] != roles[1], f"both are {roles[0]}"


def on_veth(t, kind, controlled, extra_a=(), extra_b=()):
    """Ours is a."""
    lab = Veth(name=t.name)
    t.labs.append(lab)
    a = Agent(lab, "ha", "adit", Veth.IPS["ha"], controlled=controlled, extra=extra_a)
    b = Agent(lab, "hb", kind, Veth.IPS["hb"], controlled=not controlled, extra=extra_b)
    meet(a, b)
    return a, b


def finish_both(t, a, b):
    a.end()
    b.end()
    roles_differ(a, b)
    assert "bad_auth=0 malformed=0" in a.find("stats"), a.find("stats")
    t.note(a.find("pair *") or "no selected pair")


for _kind in KINDS:
    for _controlled in (False, True):
        def _run(t, kind=_kind, controlled=_controlled):
            finish_both(t, *on_veth(t, kind, controlled))
        check(f"ours, {'controlled' if _controlled else 'controlling'}, meets {_kind} on one wire",
              name=f"ice_wire_{_kind}_{'controlled' if _controlled else 'controlling'}", limit=60)(_run)


@check("a libnice that nominates as RFC 5245 did is followed", limit=60)
def ice_aggressive_libnice(t):
    finish_both(t, *on_veth(t, "libnice", True, extra_b=("--aggressive",)))


for _kind in ("aioice", "libnice"):
    for _controlled in (False, True):
        def _run(t, kind=_kind, controlled=_controlled):
            lab = Veth(name=t.name)
            t.labs.append(lab)
            a = Agent(lab, "ha", "adit", Veth.IPS["ha"], controlled=controlled)
            b = Agent(lab, "hb", kind, Veth.IPS["hb"], controlled=controlled)
            meet(a, b)
            finish_both(t, a, b)
        check(f"two that both think they are {'controlled' if _controlled else 'controlling'} settle it ({_kind})",
              name=f"ice_conflict_{_kind}_{'controlled' if _controlled else 'controlling'}", limit=60)(_run)


@check("libnice restarts the session, and so do we", limit=90)
def ice_restart_libnice(t):
    a, b = on_veth(t, "libnice", False)
    before = len(a.lines)
    # The peer's new description must not reach an agent that has not restarted yet.
    with a.lock, b.lock:
        a.peer = b.peer = None
        a.waiting, b.waiting = [], []
    a.tell("restart")
    b.tell("restart")
    a.expect("a=end-of-candidates", since=before)
    wait_until(lambda: "a=end-of-candidates" in b.waiting, 10, "libnice: its new description")
    a.describe_to(b)
    b.describe_to(a)
    a.expect("selected", since=before)
    finish_both(t, a, b)


@check("consent is asked of libnice and given to it for a minute", limit=150, only_full=True)
def ice_consent_libnice(t):
    a, b = on_veth(t, "libnice", False)
    try:
        wait_until(lambda: a.find("lost") or b.find("failed"), 65, "consent")
        raise Unexpected("consent was lost")
    except TimeoutError:
        pass
    finish_both(t, a, b)


def through_nat(t, kind, controlled, nat, cone=None):
    """Both behind kernel NAT, a STUN server in public. |cone|: the router that lets everybody in whom it knows a port of."""
    lab = t.lab(nat=nat, stranger=True, hops=2, delay=10)
    if cone:
        lab.forward_port(cone, "udp", "1024-65535")
    daemons.start_turnserver(lab, lab.pub, [lab.pub_ip], STUN)
    stun = f"{lab.pub_ip}:{STUN}"
    a = Agent(lab, "ha", "adit", "192.168.1.2", controlled=controlled, stun=stun)
    b = Agent(lab, "hb", kind, "192.168.2.2", controlled=not controlled, stun=stun)
    # STUN from both before either describes itself: the candidates are complete.
    for agent in (a, b):
        agent.expect("a=end-of-candidates")
        assert any("typ srflx" in line for line in agent.lines), agent.lines
    meet(a, b)
    finish_both(t, a, b)


for _kind in KINDS:
    for _controlled in (False, True):
        def _run(t, kind=_kind, controlled=_controlled):
            through_nat(t, kind, controlled, ("masquerade", "masquerade"))
        check(f"ours, {'controlled' if _controlled else 'controlling'}, meets {_kind} through two kernel NATs and coturn's STUN",
              name=f"ice_nat_{_kind}_{'controlled' if _controlled else 'controlling'}", limit=90)(_run)


# One whose port is another for each destination, and what others see of it is of no use: it has to be learnt from its checks.
for _kind in KINDS:
    for _controlled in (False, True):
        def _run(t, kind=_kind, controlled=_controlled):
            """Ours is the one that learns as the controlling one, and the one that is learnt of as the controlled one."""
            nat, cone = (("fully-random", "masquerade"), "rb") if controlled else (("masquerade", "fully-random"), "ra")
            through_nat(t, kind, controlled, nat, cone)
        where = "behind the NAT that chooses ports at random" if _controlled else "behind the full cone"
        check(f"ours, {where}, meets {_kind} behind the other of the two",
              name=f"ice_cone_{_kind}_{'controlled' if _controlled else 'controlling'}", limit=90)(_run)
