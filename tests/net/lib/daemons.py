"""Other people's servers, unpacked below build/peers by tests/net/peers, run in a lab with files of their own."""

import ctypes
import glob
import os
import re
import socket
import struct
import subprocess
import time

import ns as ns_module
from check import PEERS, ROOT, Skip
from lab import wait_until
from proc import Proc, Unexpected


def fetch(*names):
    """Before ns.enter(), where there still is a network. What cannot be had is said by whoever needs it."""
    subprocess.run([os.path.join(ROOT, "tests/net/peers"), *names], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   timeout=120, check=False)


def find(name, program, executable=True):
    path = os.path.join(PEERS, name, program)
    if not os.access(path, os.X_OK if executable else os.R_OK):
        raise Skip(f"{name} is not unpacked: tests/net/peers {name}")
    libraries = glob.glob(os.path.join(PEERS, name, "**/lib/*-linux-gnu"), recursive=True)
    return path, {"LD_LIBRARY_PATH": ":".join(libraries)}


def _is_listening(ns, port, udp=False):
    return ns.run(["ss", "-Hlun" if udp else "-Hltn", f"sport = {port}"]).stdout.strip()


def command(name, program):
    """A client: (its path, its environment)."""
    return find(name, program)


def start_nginx(lab, ns, port, root):
    """Serves the files below |root|."""
    program, env = find("nginx", "usr/sbin/nginx")
    top = lab.path("nginx")
    os.makedirs(top)
    with open(top + "/nginx.conf", "w") as f:
        f.write(f"""
            daemon off; worker_processes 1; pid {top}/pid; error_log {top}/error.log;
            {'user root root;' if os.geteuid() == 0 else ''}
            events {{ worker_connections 2048; }}
            http {{
                access_log {top}/access.log; sendfile on; default_type application/octet-stream;
                client_body_temp_path {top}/body; proxy_temp_path {top}/proxy; fastcgi_temp_path {top}/fastcgi;
                uwsgi_temp_path {top}/uwsgi; scgi_temp_path {top}/scgi;
                types {{ text/html html; text/plain txt; }}
                server {{ listen {port}; root {root}; index index.html; }}
            }}""")
    p = Proc(lab, ns, "nginx", [program, "-p", top, "-c", top + "/nginx.conf", "-e", top + "/error.log"], env=env)
    wait_until(lambda: _is_listening(ns, port), 10, "nginx listens")
    return p


def _own_accounts(lab):
    """sshd wants its account and a root that is not locked: in our own mount namespace, seen by nobody else."""
    libc = ctypes.CDLL(None, use_errno=True)
    files = {"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nsshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n"
                            "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
             "/etc/shadow": "root:*:19000:0:99999:7:::\nsshd:!:19000::::::\n"}
    for path, text in files.items():
        own = os.path.join(ns_module.TMP, "etc-" + os.path.basename(path))
        if os.path.exists(own):
            continue
        with open(own, "w") as f:
            f.write(text)
        os.chmod(own, 0o644 if "passwd" in path else 0o600)
        if libc.mount(own.encode(), path.encode(), None, 4096, None) < 0:  # MS_BIND
            raise OSError(ctypes.get_errno(), f"bind mount on {path}")


def start_sshd(lab, ns, port, address="127.0.0.1"):
    """Returns (process, the ssh client's options)."""
    if ns_module.is_user_namespace():
        raise Skip("sshd changes users, which a user namespace with one user does not have: run as root")
    program, env = find("sshd", "usr/sbin/sshd")
    _own_accounts(lab)
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    top = lab.path("sshd")
    os.makedirs(top)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{top}/{name}"], check=True)
    lines = [f"Port {port}", f"ListenAddress {address}", f"HostKey {top}/host", f"AuthorizedKeysFile {top}/user.pub",
             "StrictModes no", "UsePAM no", "PermitRootLogin prohibit-password", f"PidFile {top}/pid",
             "Subsystem sftp internal-sftp", "PrintMotd no"]
    for option, inner in (("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth")):  # OpenSSH 9.8, 10.0
        inner = os.path.join(PEERS, "sshd/usr/lib/openssh", inner)
        if os.path.exists(inner):
            lines.append(f"{option} {inner}")
    with open(top + "/config", "w") as f:
        f.write("\n".join(lines) + "\n")
    p = Proc(lab, ns, "sshd", [program, "-D", "-e", "-f", top + "/config"], env=env)
    wait_until(lambda: p.is_running() and _is_listening(ns, port), 10, "sshd listens: " + p.err())
    options = ["-F", "/dev/null", "-i", top + "/user", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
               "-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]
    return p, options


def start_dns(lab, ns, port):
    """A name server for example.test: www is 192.0.2.7, long.example.test has 3000 bytes of TXT."""
    program, env = find("dns", "usr/sbin/dnsmasq")
    txt = ",".join(f"{i:02d}" + "x" * 198 for i in range(15))
    p = Proc(lab, ns, "dns", [program, "--no-daemon", "-C", "/dev/null", "-p", port, "--listen-address=127.0.0.1",
                              "--bind-interfaces", "--no-resolv", "--no-hosts", "--user=root", "--group=root", "--pid-file=",
                              "--edns-packet-max=4096", "--address=/www.example.test/192.0.2.7",
                              f"--txt-record=long.example.test,{txt}"], env=env)
    wait_until(lambda: _is_listening(ns, port, udp=True), 10, "dnsmasq listens: " + p.err())
    return p


def start_miniupnpd(lab, ns, address, tables=True, upnp=False, pmp=True, extra="", lease=86400):
    """A home router's port mapping daemon (PCP, NAT-PMP; UPnP); |address| is what it says the world sees (None: what its
    own interface has). Its rules go to the table `inet filter` of the lab, whose forward chain asks them first, and to a
    NAT table of its own. |lease|: the longest it gives, in seconds; UPnP's are not limited."""
    program, env = find("miniupnpd", "usr/sbin/miniupnpd")
    if tables:
        ns.run(["nft", "-f", "-"], input="""
            table inet filter { chain miniupnpd { }
            }
            insert rule inet filter forward jump miniupnpd
            table inet upnp_nat {
                chain prerouting_miniupnpd { }
                chain postrouting_miniupnpd { }
                chain pre { type nat hook prerouting priority -100; policy accept; jump prerouting_miniupnpd
                }
                chain post { type nat hook postrouting priority 100; policy accept; jump postrouting_miniupnpd
                }
            }""")
    config = lab.path("miniupnpd.conf")
    with open(config, "w") as f:
        f.write(f"""
ext_ifname=wan
ext_ifname6=wan
{'ext_ip=' + address if address else ''}
listening_ip=lan
enable_natpmp={'yes' if pmp else 'no'}
enable_upnp={'yes' if upnp else 'no'}
{extra}
min_lifetime=1
max_lifetime={lease}
system_uptime=no
upnp_table_name=filter
upnp_nat_table_name=upnp_nat
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
uuid=00000000-0000-0000-0000-000000000001
allow 1024-65535 0.0.0.0/0 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
""")
    p = Proc(lab, ns, "miniupnpd", [program, "-d", "-f", config, "-P", lab.path("miniupnpd.pid")], env=env)
    port = 5351 if pmp else 1900
    wait_until(lambda: p.is_running() and _is_listening(ns, port, udp=True), 10, "miniupnpd listens: " + p.err())
    return p


def start_turnserver(lab, ns, addresses, port=3478):
    """coturn as a plain STUN server; with two addresses of one family it speaks RFC 5780 (and port + 1)."""
    program, env = find("coturn", "usr/bin/turnserver")
    top = lab.path("turnserver-" + addresses[0])
    os.makedirs(top)
    argv = [program, "-n", "-S", "-z", "--no-tls", "--no-dtls", "--no-cli", "-p", port, "--pidfile", top + "/pid",
            "--db", top + "/db", "--log-file", "stdout", "--simple-log"]
    for address in addresses:
        argv += ["-L", address]
    p = Proc(lab, ns, "turnserver", argv, env=env)
    wait_until(lambda: p.is_running() and _is_listening(ns, port, udp=True), 10, "turnserver listens: " + p.out())
    return p


def start_turn(lab, ns, addresses, *options, port=3478, user="ann:secret", realm="adit.test", tls=None, name="turn"):
    """coturn as a relay with long-term credentials, over UDP and TCP, and over TLS on port + 1871 where |tls| is a
    (certificate, key)."""
    program, env = find("coturn", "usr/bin/turnserver")
    top = lab.path(f"{name}-{len(lab.processes)}")
    os.makedirs(top)
    argv = [program, "-n", "--lt-cred-mech", "-u", user, "-r", realm, "--no-dtls", "--no-cli", "-p", port, "-v",
            "--tls-listening-port", port + 1871, "--pidfile", top + "/pid", "--db", top + "/db", "--log-file", "stdout",
            "--simple-log", *options]
    argv += ["--cert", tls[0], "--pkey", tls[1]] if tls else ["--no-tls"]
    for address in addresses:
        argv += ["-L", address]
    p = Proc(lab, ns, name, argv, env=env)
    # Others in this namespace may have the port on other addresses.
    where = f"[{addresses[-1]}]:{port}" if ":" in addresses[-1] else f"{addresses[-1]}:{port}"
    wait_until(lambda: p.is_running() and ns.run(["ss", "-Hlun", "src", where]).stdout.strip(), 10,
               "turnserver listens: " + p.out())
    return p


def turn_load(lab, ns, kind, server, echo_ns, echo, size, port=3478):
    """coturn's own load tool in |ns| through its server (start_turn) to an echo in |echo_ns|: |size| bytes as datagrams of
    1200 from 16 clients. MB/s that came back (the tool's clock has whole seconds), and how many % of them did not: it
    sends nothing again, and encrypts nothing for a peer."""
    tool, env = find("coturn", "usr/bin/turnutils_uclient")
    peer, _ = find("coturn", "usr/bin/turnutils_peer")
    Proc(lab, echo_ns, "echo", [peer, "-L", echo, "-p", "7100"], env=env)
    time.sleep(0.3)
    flags = {"udp": [], "tcp": ["-t"], "tls": ["-t", "-S"]}[kind]
    p = Proc(lab, ns, "uclient", [tool, *flags, "-u", "ann", "-w", "secret", "-p", port + 1871 if kind == "tls" else port, "-e", echo,
                                  "-r", 7100, "-c", "-m", 16, "-n", size // 1200 // 16, "-l", 1200, "-z", 0, server], env=env)
    p.wait(120)
    text = p.out() + p.err()
    took, lost, got = (re.findall(what, text) for what in (r"Total transmit time is (\d+)", r"Total lost packets \d+ \(([\d.]+)%\)",
                                                           r"tot_recv_msgs=(\d+)"))
    if not took or not lost or not got:
        raise Unexpected("turnutils_uclient said:\n" + text[-2000:])
    return int(got[-1]) * 1200 / 1e6 / max(int(took[-1]), 1), float(lost[-1])


def natdiscovery(ns, server, *words):
    """What turnutils_natdiscovery says about mapping and filtering."""
    program, env = find("coturn", "usr/bin/turnutils_natdiscovery")
    return ns.run([program, *words, server], env=dict(os.environ, **env), timeout=90).stdout


def take_port(ns, own, router, port):
    """Another host's mapping of the external |port|, by NAT-PMP (RFC 6886 3.3) from |own|, for an hour."""
    with ns.socket(kind=socket.SOCK_DGRAM) as s:
        s.bind((own, 0))
        s.settimeout(2)
        s.sendto(struct.pack("!BBHHHI", 0, 1, 0, 9999, port, 3600), (router, 5351))
        answer = struct.unpack("!BBHIHHI", s.recv(64))
        assert answer[2] == 0 and answer[5] == port, answer
