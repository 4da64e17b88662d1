"""The ways from ha to the load server on hb, port 8000, that the benchmark compares.

Each is a function of a lab and returns (host, port, processes whose CPU counts). Whoever needs a port of the far router has it
forwarded, adit and the old script excepted. Daemons come from tests/net/peers.
"""

import json
import os
import shutil
import socket
import subprocess
import sys

import daemons
import kit
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


def choose_inner_tcp(lab):
    """BBR for what goes through the tunnel, which is faster there than CUBIC; the outer packets have no TCP."""
    for space, own, other in ((lab.ha, NEAR, FAR), (lab.hb, FAR, NEAR)):
        dev = json.loads(space.run(["ip", "-j", "route", "get", other]).stdout)[0]["dev"]
        space.run(["ip", "route", "replace", other + "/32", "dev", dev, "src", own, "congctl", "bbr"])


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
        up(space, dev, ip, 1420)
    return FAR, 8000, procs


def up(space, dev, ip, mtu=None):
    """Gives a tunnel's device its address, as soon as it is there."""
    wait_until(lambda: space.run(["ip", "link", "show", dev], check=False).returncode == 0, 10, dev + " is there")
    space.run(["ip", "addr", "replace", ip + "/24", "dev", dev])
    space.run(["ip", "link", "set", dev, *(["mtu", str(mtu)] if mtu else []), "up"])


def way_tinc(lab):
    need_tun()
    program, env = daemons.find("tinc", "usr/sbin/tincd")
    env = dict(os.environ, **env)
    sides = ((lab.hb, "far", FAR), (lab.ha, "near", NEAR))
    for proto in ("tcp", "udp"):
        lab.forward_port("rb", proto, 655)
    for _, name, ip in sides:
        top = lab.path("tinc-" + name)
        os.makedirs(top + "/hosts")
        with open(top + "/tinc.conf", "w") as f:
            f.write(f"Name = {name}\nMode = router\nInterface = tinc-{name}\nAddressFamily = ipv4\nUDPRcvBuf = 4194304\n"
                    "UDPSndBuf = 4194304\n" + ("ConnectTo = far\n" if name == "near" else ""))
        with open(top + "/hosts/" + name, "w") as f:
            f.write(f"Subnet = {ip}/32\nCipher = aes-128-cbc\nDigest = sha256\n" + (f"Address = {PUBLIC}\n" if name == "far" else ""))
        subprocess.run([program, "-c", top, "-K2048"], env=env, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    shutil.copy(lab.path("tinc-far/hosts/far"), lab.path("tinc-near/hosts"))
    shutil.copy(lab.path("tinc-near/hosts/near"), lab.path("tinc-far/hosts"))
    procs = []
    for space, name, ip in sides:
        top = lab.path("tinc-" + name)
        procs.append(proc.Proc(lab, space, "tinc", [program, "-c", top, "-D", "--pidfile", top + "/pid"], env=env))
        up(space, "tinc-" + name, ip, 1400)
    return FAR, 8000, procs


def way_n2n(lab):
    """Its supernode is the lab's third host; the two then meet by themselves."""
    need_tun()
    edge, env = daemons.find("n2n", "usr/sbin/edge")
    supernode, _ = daemons.find("n2n", "usr/bin/supernode")
    proc.Proc(lab, lab.pub, "supernode", [supernode, "-l", "7654"], env=env)
    procs = []
    for space, name, ip in ((lab.hb, "far", FAR), (lab.ha, "near", NEAR)):
        procs.append(proc.Proc(lab, space, "n2n", [edge, "-d", "n2n-" + name, "-a", ip, "-c", "lab", "-k", "lab", "-l",
                                                   kit.MEDIATOR + ":7654"], env=env))
        up(space, "n2n-" + name, ip)
    return FAR, 8000, procs


def way_fastd(lab):
    need_tun()
    program, env = daemons.find("fastd", "usr/bin/fastd")
    lab.forward_port("rb", "udp", 10000)

    def ask(*args, given=""):
        return subprocess.run([program, *args, "--machine-readable"], input=given, env=dict(os.environ, **env), check=True,
                              capture_output=True, text=True).stdout.split()[-1]
    secret = {name: ask("--generate-key") for name in ("far", "near")}
    key = {name: ask("-c", "-", "--show-key", given=f'secret "{s}";\n') for name, s in secret.items()}
    procs = []
    for space, name, other, ip in ((lab.hb, "far", "near", FAR), (lab.ha, "near", "far", NEAR)):
        remote = f'remote ipv4 "{PUBLIC}" port 10000;' if name == "near" else ""
        with open(lab.path(f"fastd-{name}.conf"), "w") as f:
            f.write(f'mode tun; interface "fastd-{name}"; method "salsa2012+umac"; mtu 1400; bind 0.0.0.0:10000; log level warn;\n'
                    f'secret "{secret[name]}";\npeer "{other}" {{ key "{key[other]}"; {remote} }}\n')
        procs.append(proc.Proc(lab, space, "fastd", [program, "-c", lab.path(f"fastd-{name}.conf")], env=env))
        up(space, "fastd-" + name, ip)
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
    if not kit.has_ipsec_mb():
        raise Skip("libipsec-mb is not installed")
    return way_adit(lab, "ipsec-mb")


WAYS = {"none": way_none, "relay": way_relay, "nginx": way_nginx, "ssh": way_ssh, "nebula": way_nebula,
        "openvpn": way_openvpn, "wireguard": way_wireguard, "tinc": way_tinc, "n2n": way_n2n, "fastd": way_fastd,
        "kcptun": way_kcptun, "udphp": way_udphp, "adit": way_adit, "adit-mb": way_adit_mb}
LABS = {"n2n": {"stranger": True}}  # what a way needs beyond the two homes
DAEMONS = {"nginx": "nginx", "ssh": "sshd", "nebula": "nebula", "openvpn": "openvpn", "wireguard": "wireguard", "tinc": "tinc",
           "n2n": "n2n", "fastd": "fastd", "kcptun": "kcptun"}
ONE_CONNECTION = ("udphp",)  # carries one TCP connection, then ends


def fetch(names):
    """Before ns.enter(), where there still is a network."""
    daemons.fetch(*(DAEMONS[n] for n in names if n in DAEMONS))
