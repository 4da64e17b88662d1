"""Network namespaces without names.

enter() puts the whole program into namespaces of its own: processes, mounts, network and, where it is not root, users.
From then on every network namespace made here is held by an open descriptor of this program only. Nothing has a name
under /run/netns, so runs never collide, and when the program ends (kill -9 included: the first process of the process
namespace dies with its parent, and all others with it) the kernel takes everything away.
"""

import ctypes
import errno
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG = 1
INSIDE = "ADIT_LAB_INSIDE"  # set in the environment of everything that runs inside
TMP = "/run/lab"  # a tmpfs of our own

_libc = ctypes.CDLL(None, use_errno=True)


class NotPermitted(Exception):
    """This machine does not let us make namespaces; the text says what was refused."""


def _check(result, what):
    if result < 0:
        err = ctypes.get_errno()
        raise OSError(err, f"{what}: {os.strerror(err)}")


def _unshare(flags, what):
    _check(_libc.unshare(flags), what)


def _setns(fd, flags):
    _check(_libc.setns(fd, flags), "setns")


def _mount(source, target, kind, flags, data=None):
    _check(_libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags),
                       data.encode() if data else None), f"mount {kind} on {target}")


def _new_namespaces():
    """The outermost process. Its own network stays: only the child lives in the new ones."""
    uid, gid = os.geteuid(), os.getegid()
    flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET
    if uid == 0:
        try:
            _unshare(flags, "unshare")
            return
        except OSError as e:
            if e.errno != errno.EPERM:
                raise NotPermitted(str(e))
    try:
        _unshare(flags | CLONE_NEWUSER, "unshare with a user namespace")
    except OSError as e:
        raise NotPermitted(str(e))
    try:
        with open("/proc/self/setgroups", "w") as f:
            f.write("deny")
        with open("/proc/self/uid_map", "w") as f:
            f.write(f"0 {uid} 1")
        with open("/proc/self/gid_map", "w") as f:
            f.write(f"0 {gid} 1")
    except OSError as e:
        raise NotPermitted(f"mapping user {uid} to root of a user namespace: {e.strerror}")
    os.environ["ADIT_LAB_USERNS"] = "1"


def _first_process(parent_pipe):
    """Process 1 of the process namespace: prepares the mounts, then reaps; ends with the exit code of the program."""
    os.close(parent_pipe)
    os.setsid()  # a terminal's Ctrl-C goes to the outermost process, which passes it on in order
    try:
        _mount("none", "/", "none", MS_REC | MS_PRIVATE)
        _mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        # Sockets, pid files and results of this run; daemons find no /run of the machine's own services.
        _mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755")
        os.mkdir(TMP)
    except OSError as e:
        sys.stderr.write(f"{e.strerror}\n")
        os._exit(125)
    for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "ADIT_STATE", "ADIT_TICKET"):
        os.environ.pop(name, None)
    os.environ[INSIDE] = "1"
    os.environ["TMPDIR"] = TMP
    program = os.fork()
    if program == 0:
        signal.signal(signal.SIGTERM, _terminated)
        Netns.base = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _loopback_up()
        return
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, lambda num, frame: os.kill(program, signal.SIGTERM if num == signal.SIGHUP else num))
    while True:
        pid, status = os.wait()
        if pid == program:
            os._exit(_exit_code(status))


def _terminated(num, frame):
    raise SystemExit(128 + num)


def _exit_code(status):
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _outermost(child):
    """Waits for the namespaces' first process; the second signal ends all at once."""
    count = [0]

    def pass_on(num, frame):
        count[0] += 1
        os.kill(child, signal.SIGKILL if count[0] > 1 else num)

    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, pass_on)
    _, status = os.waitpid(child, 0)
    os._exit(_exit_code(status))


def enter():
    """Returns inside, in a new process; NotPermitted in the old one where that cannot be. The old one never returns."""
    if os.environ.get(INSIDE):
        raise RuntimeError("inside already")
    sys.stdout.flush()
    sys.stderr.flush()
    probe()
    _new_namespaces()
    hold, parent_pipe = os.pipe()
    child = os.fork()
    if child == 0:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.close(parent_pipe)
        os.set_blocking(hold, False)
        try:
            if os.read(hold, 1) == b"":
                os._exit(1)  # the parent died before PDEATHSIG was set
        except BlockingIOError:
            pass
        _first_process(hold)
        return
    os.close(hold)
    _outermost(child)


_hosts_lock = threading.Lock()


def _edit_hosts(edit):
    with _hosts_lock:
        own = os.path.join(TMP, "hosts")
        if not os.path.exists(own):
            with open("/etc/hosts") as f, open(own, "w") as to:
                to.write(f.read())
            os.chmod(own, 0o644)
            _mount(own, "/etc/hosts", "none", MS_BIND)
        with open(own, "r+") as f:
            lines = edit(f.read().splitlines())
            f.seek(0)
            f.truncate()
            f.writelines(line + "\n" for line in lines)


def name_host(name, *addresses):
    """A name that all processes of this run know from now on, and nobody outside."""
    _edit_hosts(lambda have: have + [line for line in (f"{a} {name}" for a in addresses) if line not in have])


def rename_host(name, address):
    """The name leads to this address alone from now on, as after an update of dynamic DNS."""
    _edit_hosts(lambda have: [line for line in have if line.split()[1:] != [name]] + [f"{address} {name}"])


def probe():
    """Tries all of it in a child, so that a refusal leaves this process as it was."""
    r, w = os.pipe()
    child = os.fork()
    if child == 0:
        why = ""
        try:
            _new_namespaces()
            inner = os.fork()
            if inner == 0:
                try:
                    _mount("none", "/", "none", MS_REC | MS_PRIVATE)
                    _mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
                    _mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV)
                    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
                except OSError as e:
                    os.write(w, (e.strerror or str(e)).encode())
                os._exit(0)
            os.waitpid(inner, 0)
        except (NotPermitted, OSError) as e:
            why = str(e)
        os.write(w, why.encode())
        os._exit(0)
    os.close(w)
    with os.fdopen(r, "rb") as f:
        why = f.read().decode(errors="replace")
    os.waitpid(child, 0)
    if why:
        raise NotPermitted(why)


def is_user_namespace():
    return os.environ.get("ADIT_LAB_USERNS") == "1"


def _loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        import fcntl
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS, IFF_UP | IFF_RUNNING


class Netns:
    """One network namespace. `with ns:` moves the calling thread into it; sockets made there stay there."""

    base = -1  # the namespace that the program itself lives in
    _here = threading.local()

    def __init__(self, name):
        self.name = name
        old = self._current()
        _unshare(CLONE_NEWNET, "unshare(CLONE_NEWNET)")
        try:
            self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            _loopback_up()
        finally:
            _setns(old, CLONE_NEWNET)

    @classmethod
    def _current(cls):
        stack = getattr(cls._here, "stack", None)
        return stack[-1] if stack else cls.base

    @property
    def path(self):
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def __enter__(self):
        if not hasattr(self._here, "stack"):
            self._here.stack = []
        _setns(self.fd, CLONE_NEWNET)
        self._here.stack.append(self.fd)
        return self

    def __exit__(self, *exc):
        self._here.stack.pop()
        _setns(self._current(), CLONE_NEWNET)

    def popen(self, argv, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        with self:
            return subprocess.Popen(argv, **kw)

    def run(self, argv, input=None, timeout=20, check=True, **kw):
        with self:
            r = subprocess.run(argv, input=input, timeout=timeout, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=not isinstance(input, bytes), **kw)
        if check and r.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(argv)}: {r.stderr}\n{input or ''}")
        return r

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, proto=0):
        with self:
            return socket.socket(family, kind, proto)

    def sysctl(self, name, value):
        """False where this kernel does not have or not allow it."""
        try:
            with self, open("/proc/sys/" + name.replace(".", "/"), "w") as f:
                f.write(str(value))
            return True
        except OSError:
            return False

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
