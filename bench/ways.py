"""The ways from ha to the load server on hb, port 8000, that the benchmark compares.

Each is a function of a lab and returns (host, port, processes whose CPU counts). Whoever needs a port of the far router has it
forwarded, adit and the old script excepted. Daemons come from tests/net/peers.
"""

import ctypes
import os
import socket
import subprocess
import sys

import daemons
import proc
from check import Skip
from lab import wait_until

NEAR, FAR = "10.9.0.1", "10.9.0.2"  # inside a tunnel with addresses of its own
PUBLIC = "203.0.113.20"


def way_none(lab):
    lab.forward_port("rb", "tcp", 8000)
    return PUBLIC, 8000, []


def way_relay(lab):
    lab.forward_port("rb", "tcp", 9000)
    far = proc.Proc(lab, lab.hb, "socat", ["socat", "-b", "131072", "TCP-LISTEN:9000,fork,reuseaddr,nodelay",
                                           "TCP:127.0.0.1:8000,nodelay"])
    near = proc.Proc(lab, lab.ha, "socat", ["socat", "-b", "131072", "TCP-LISTEN:7000,fork,reuseaddr,nodelay,bind=127.0.0.1",
                                            "TCP:203.0.113.20:9000,nodelay"])
    return "127.0.0.1", 7000, [far, near]


def start_stream(lab, space, name, listen, to):
    """nginx as a relay of TCP."""
    program, env = daemons.find("nginx", "usr/sbin/nginx")
    module, _ = daemons.find("nginx", "usr/lib/nginx/modules/ngx_stream_module.so", executable=False)
    top = lab.path(name)
    os.makedirs(top)
    with open(top + "/nginx.conf", "w") as f:
        f.write(f"""
            load_module {module};
            daemon off; worker_processes 1; pid {top}/pid; error_log {top}/error.log;
            worker_rlimit_nofile 20000;
            {'user root root;' if os.geteuid() == 0 else ''}
            events {{ worker_connections 9000; }}
            stream {{ proxy_buffer_size 128k; server {{ listen {listen}; proxy_pass {to}; }} }}""")
    return proc.Proc(lab, space, name, [program, "-p", top, "-c", top + "/nginx.conf", "-e", top + "/error.log"], env=env)


def way_nginx(lab):
    lab.forward_port("rb", "tcp", 9000)
    return "127.0.0.1", 7000, [start_stream(lab, lab.hb, "nginx-far", "9000", "127.0.0.1:8000"),
                               start_stream(lab, lab.ha, "nginx-near", "127.0.0.1:7000", "203.0.113.20:9000")]


def way_ssh(lab):
    lab.forward_port("rb", "tcp", 22)
    sshd, options = daemons.start_sshd(lab, lab.hb, 22, address="0.0.0.0")
    near = proc.Proc(lab, lab.ha, "ssh", ["ssh", *options, "-c", "aes128-gcm@openssh.com", "-N", "-L",
                                          "127.0.0.1:7000:127.0.0.1:8000", "root@203.0.113.20"])
    return "127.0.0.1", 7000, [sshd, near]


def way_udphp(lab):
    script = os.environ.get("ADIT_UDPHP")
    if not script:
        raise Skip("ADIT_UDPHP does not name the script")
    far = proc.Proc(lab, lab.hb, "udphp", [sys.executable, script, "-c", "8000", "203.0.113.10"])
    near = proc.Proc(lab, lab.ha, "udphp", [sys.executable, script, "-l", "7000", "203.0.113.20"])
    near.expect("Listening for connection")
    return "127.0.0.1", 7000, [far, near]


# ---- tunnels with addresses of their own ----

def need_tun():
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as e:
        raise Skip(f"no TUN device here: {e.strerror}") from e


def way_nebula(lab):
    need_tun()
    program, env = daemons.find("nebula", "usr/bin/nebula")
    cert, _ = daemons.find("nebula", "usr/bin/nebula-cert")
    top = lab.path("nebula")
    os.makedirs(top)

    def sign(*args):
        subprocess.run([cert, *args], cwd=top, check=True, stdout=subprocess.DEVNULL)
    sign("ca", "-name", "lab")
    procs = []
    for space, name, ip in ((lab.hb, "far", FAR), (lab.ha, "near", NEAR)):
        sign("sign", "-name", name, "-ip", ip + "/24")
        hosts = "" if name == "far" else f"  hosts: ['{FAR}']\n"
        with open(f"{top}/{name}.yml", "w") as f:
            f.write(f"pki: {{ca: {top}/ca.crt, cert: {top}/{name}.crt, key: {top}/{name}.key}}\n"
                    f"static_host_map: {{'{FAR}': ['{PUBLIC}:4242']}}\n"
                    f"lighthouse:\n  am_lighthouse: {'true' if name == 'far' else 'false'}\n{hosts}"
                    "listen: {host: 0.0.0.0, port: 4242, batch: 64, read_buffer: 8388608, write_buffer: 8388608}\n"
                    f"cipher: aes\ntun: {{dev: neb-{name}, mtu: 1440}}\nlogging: {{level: warning, format: text}}\n"
                    "firewall:\n  outbound: [{port: any, proto: any, host: any}]\n"
                    "  inbound: [{port: any, proto: any, host: any}]\n")
        procs.append(proc.Proc(lab, space, "nebula", [program, "-config", f"{top}/{name}.yml"], env=env))
    lab.forward_port("rb", "udp", 4242)
    return FAR, 8000, procs


def way_openvpn(lab):
    need_tun()
    program, env = daemons.find("openvpn", "usr/sbin/openvpn")
    lab.forward_port("rb", "udp", 1194)
    prints = {}
    for name in ("far", "near"):
        stem = lab.path("ovpn-" + name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                        "/CN=" + name, "-days", "30", "-keyout", stem + ".key", "-out", stem + ".crt"], check=True,
                       stderr=subprocess.DEVNULL)
        out = subprocess.run(["openssl", "x509", "-in", stem + ".crt", "-noout", "-fingerprint", "-sha256"], check=True,
                             capture_output=True, text=True).stdout
        prints[name] = out.strip().split("=")[1]
    procs = []
    for space, name, other, ips in ((lab.hb, "far", "near", (FAR, NEAR)), (lab.ha, "near", "far", (NEAR, FAR))):
        stem = lab.path("ovpn-" + name)
        role = ["--tls-server", "--dh", "none"] if name == "far" else ["--tls-client", "--remote", PUBLIC, "1194"]
        procs.append(proc.Proc(lab, space, "openvpn", [
            program, "--dev", "tun", "--proto", "udp", "--port", "1194", *role, "--ifconfig", *ips, "--cert", stem + ".crt",
            "--key", stem + ".key", "--peer-fingerprint", prints[other], "--data-ciphers", "AES-128-GCM", "--cipher",
            "AES-128-GCM", "--disable-dco", "--sndbuf", "4194304", "--rcvbuf", "4194304", "--verb", "2"], env=env))
    return FAR, 8000, procs


def x25519():
    """A new key pair in hex."""
    private = subprocess.run(["openssl", "genpkey", "-algorithm", "X25519", "-outform", "DER"], check=True,
                             capture_output=True).stdout
    public = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], input=private, check=True,
                            capture_output=True).stdout
    return private[-32:].hex(), public[-32:].hex()


def tell_wireguard(name, words):
    """wireguard-go's own socket takes lines."""
    path = f"/var/run/wireguard/{name}.sock"
    wait_until(lambda: os.path.exists(path), 10, name + " listens")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(("set=1\n" + "".join(f"{k}={v}\n" for k, v in words) + "\n").encode())
        answer = s.recv(1000).decode()
        if "errno=0" not in answer:
            raise proc.Unexpected(f"wireguard-go says {answer}")


def way_wireguard(lab):
    need_tun()
    program, env = daemons.find("wireguard", "usr/bin/wireguard-go")
    os.makedirs("/var/run/wireguard", mode=0o700, exist_ok=True)
    lab.forward_port("rb", "udp", 51820)
    keys = {name: x25519() for name in ("far", "near")}
    procs = []
    for space, name, other, ip, their in ((lab.hb, "far", "near", FAR, NEAR), (lab.ha, "near", "far", NEAR, FAR)):
        dev = f"wg{lab.serial}{name}"
        procs.append(proc.Proc(lab, space, "wireguard", [program, "-f", dev], env=env))
        tell_wireguard(dev, [("private_key", keys[name][0]), ("listen_port", 51820), ("public_key", keys[other][1])]
                       + ([("endpoint", PUBLIC + ":51820")] if name == "near" else []) + [("allowed_ip", their + "/32")])
        space.run(["ip", "addr", "add", ip + "/24", "dev", dev])
        space.run(["ip", "link", "set", dev, "mtu", "1420", "up"])
    return FAR, 8000, procs


def way_kcptun(lab):
    server, env = daemons.find("kcptun", "usr/bin/kcptun-server")
    client, _ = daemons.find("kcptun", "usr/bin/kcptun-client")
    lab.forward_port("rb", "udp", 29900)
    common = ["--key", "lab", "--crypt", "aes-128", "--mode", "fast", "--nocomp", "--quiet"]
    far = proc.Proc(lab, lab.hb, "kcptun", [server, "-t", "127.0.0.1:8000", "-l", ":29900", *common], env=env)
    near = proc.Proc(lab, lab.ha, "kcptun", [client, "-r", PUBLIC + ":29900", "-l", "127.0.0.1:7000", *common], env=env)
    return "127.0.0.1", 7000, [far, near]


# ---- adit ----

def way_adit(lab, aead="gnutls"):
    far, near = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = far.ticket()
    env = {"ADIT_AEAD": aead}
    serve = far.serve("load=8000", peer="203.0.113.10", args=("-v",), env=env)
    connect = near.connect(ticket, "7000:load", peer="203.0.113.20", args=("-v",), env=env)
    for p in (serve, connect):
        p.expect(f"AES-128-GCM by {aead};")
    return "127.0.0.1", 7000, [serve, connect]


def way_adit_mb(lab):
    for name in ("libIPSec_MB.so.2", "libIPSec_MB.so.1"):
        try:
            ctypes.CDLL(name)
            return way_adit(lab, "ipsec-mb")
        except OSError:
            pass
    raise Skip("libipsec-mb is not installed")


WAYS = {"none": way_none, "relay": way_relay, "nginx": way_nginx, "ssh": way_ssh, "nebula": way_nebula,
        "openvpn": way_openvpn, "wireguard": way_wireguard, "kcptun": way_kcptun, "udphp": way_udphp, "adit": way_adit,
        "adit-mb": way_adit_mb}
TITLES = {"none": "no tunnel", "relay": "plain relay (socat)", "nginx": "plain relay (nginx)", "ssh": "ssh -L",
          "nebula": "nebula", "openvpn": "OpenVPN", "wireguard": "wireguard-go", "kcptun": "kcptun", "udphp": "udphp.py",
          "adit": "adit (GnuTLS)", "adit-mb": "adit (libipsec-mb)"}
DAEMONS = {"nginx": "nginx", "ssh": "sshd", "nebula": "nebula", "openvpn": "openvpn", "wireguard": "wireguard",
           "kcptun": "kcptun"}
PLAIN = ("none", "relay", "nginx")  # without encryption
ONE_CONNECTION = ("udphp",)  # carries one TCP connection, then ends


def fetch(names):
    """Before ns.enter(), where there still is a network."""
    daemons.fetch(*(DAEMONS[n] for n in names if n in DAEMONS))
