"""What the project wants of itself, line by line, and what the last run of each benchmark came to."""

import statistics
from dataclasses import dataclass

import kit
from plot import TITLES


@dataclass
class Row:
    what: str
    wanted: str
    seen: str = ""
    ok: bool | None = None  # None: not measured
    command: str = ""

    @property
    def verdict(self):
        return "not measured" if self.ok is None else "met" if self.ok else "MISSED"


# Part, who, against whom, times at least. With the plain relay the goal is 0.45 and 0.35.
RATIOS = [("lan", "adit-mb", "relay", 0.40), ("lan", "adit", "relay", 0.30), ("lan", "adit-mb", "ssh", 1.25),
          *(("lan", "adit-mb", tunnel, 8) for tunnel in ("nebula", "openvpn", "wireguard", "tinc", "n2n", "fastd", "kcptun", "udphp")),
          ("mtu", "adit-mb", "ssh", 1.0)]
FRAMES = {"lan": "super-packets", "mtu": "MTU-sized frames"}


def one_stream(run):
    """Ratios are of the pairs that ran one after the other: whatever else the machine did then, it did to both."""
    for part, name, other, least in RATIOS:
        by = {r["peer"]: [one["MB_per_s"] for one in r["runs"]] for r in run.get(part, [])}
        row = Row(f"one stream, {FRAMES[part]}: {TITLES[name]}, of {TITLES[other]}",
                  f"{least:.2f} at least" if least < 2 else f"{least} times")
        if name in by and other in by:
            ratio = statistics.median(a / b for a, b in zip(by[name], by[other]))
            row.seen, row.ok, row.command = f"{ratio:.2f}", ratio >= least, run["command"][part]
        yield row


def small(run, key, what, wanted, ok, show):
    row, found = Row(what, wanted), (kit.read("small") or {}).get(key)
    if found:
        row.seen, row.ok, row.command = show.format(found["value"]), ok(found["value"]), found["command"]
    return row


def processor(run):
    for aead, name, most in (("gnutls", "GnuTLS", 1300), ("ipsec-mb", "libipsec-mb", 950)):
        for side in ("sender", "receiver"):
            yield small(run, f"{side}_ns_{aead}", f"CPU of the engine, a full packet, {side}, {name}", f"{most} ns at most",
                        lambda v, most=most: v <= most, "{:.0f} ns")
    for aead, name in (("gnutls", "GnuTLS"), ("ipsec-mb", "libipsec-mb")):
        yield small(run, f"tcp_ratio_{aead}", f"CPU of both ends, TCP to TCP, beside the engine's with its UDP sockets, {name}", "30 % more at most",
                    lambda v: v <= 1.3, "{:.2f} times")


def packet_size(run):
    for mtu, size in ((1500, 1472), (9000, 8972)):
        yield small(run, f"packet_{mtu}", f"packet size, a path of {mtu} bytes", f"{size} bytes", lambda v, size=size: v == size, "{:.0f}")


def gigabit(run):
    found = [r for r in kit.read("line") or [] if r["rate"] == 1000 and r["peer"].startswith("adit") and "measure" in r]
    for rtt in (20, 100):
        for loss in (0, 0.1, 1):
            row = Row(f"1 Gbit/s, {rtt} ms, {loss:g} % lost", "0.93 of the line")
            for r in found:
                if (r["rtt_ms"], r["loss"], r["flows"]) == (rtt, loss, 1) and "ping_p50_ms" not in r:
                    row.seen, row.ok, row.command = f"{r['ratio']:.3f}", r["ratio"] >= 0.93, r["command"]
            yield row
    row = Row("1 Gbit/s, 20 ms: two downloads", "each 0.4 to 0.6 of them")
    for r in found:
        if (r["rtt_ms"], r["flows"]) == (20, 2):
            row.seen, row.ok, row.command = ", ".join(map(str, r["parts"])), min(r["parts"]) >= 0.4, r["command"]
    yield row
    row = Row("1 Gbit/s: a byte beside a download, p99", "RTT + 5 ms")
    for r in found:
        if "ping_p99_ms" in r:
            beyond = r["ping_p99_ms"] - r["rtt_ms"]
            row.seen, row.ok, row.command = f"{r['rtt_ms']} + {beyond:.1f} ms", beyond <= 5, r["command"]
    yield row
    row = Row("100 Mbit/s, 20 ms: a byte beside a download, p99", "RTT + 5 ms")
    for r in run.get("busy", []):
        if r["peer"].startswith("adit"):
            beyond = r["busy_us"][1] / 1000 - 20
            row.seen, row.ok, row.command = f"20 + {beyond:.1f} ms", beyond <= 5, run["command"]["busy"]
    yield row


def latency(run):
    row, by = Row("a byte there and back, beyond the plain relay (socat)", "120 us at most"), {r["peer"]: r for r in run.get("lan", [])}
    if "adit-mb" in by and "relay" in by:
        beyond = by["adit-mb"]["ping_p50_us"] - by["relay"]["ping_p50_us"]
        row.seen, row.ok, row.command = f"{beyond:.0f} us", beyond <= 120, run["command"]["lan"]
    yield row
    found = kit.read("first") or {"rows": []}
    by = {r["kind"]: r for r in found["rows"]}
    for kind, what, wanted in (("mediator", "by the mediator", "6 RTT + 50 ms"), ("address", "address known", "3 RTT + 350 ms"),
                               ("remembered", "a remembered peer", "less than by the mediator")):
        row = Row(f"first byte, {what}", wanted)
        if kind in by:
            r = by[kind]
            most = r["wanted_ms"] or by["mediator"]["median_ms"]
            row.seen, row.ok, row.command = f"{r['median_ms']:.0f} ms (of {most:.0f})", r["median_ms"] <= most, found["command"]
        yield row


def many(run):
    found = kit.read("many") or {"sessions": [], "peers": [], "command": ""}
    last = max(found["sessions"], key=lambda r: r["sessions"], default=None)
    first = min((r for r in found["sessions"] if r["sessions"] >= 1000), key=lambda r: r["sessions"], default=None)
    last = last if last and last["sessions"] >= 10000 else None
    rows = [Row("10 000 sessions, memory of an idle one, either side", "2 KB"),
            Row("new sessions per second, until there are 10 000", "2000"),
            Row("CPU to open one, with 10 000 open, of that with 1000", "flat: 1.2 at most"), Row("memory of a peer of serve", "160 KB")]
    if last:
        kb = max(last["serve_KB"], last["connect_KB"])
        rows[0].seen, rows[0].ok = f"{kb:.2f} KB", kb < 2
        rows[1].seen, rows[1].ok = f"{last['open_per_s']:.0f}", last["open_per_s"] >= 1990
        if first and first is not last:
            ratio = last["us_per_session"] / first["us_per_session"]
            rows[2].seen, rows[2].ok = f"{ratio:.2f}", ratio <= 1.2
    for r in found["peers"]:
        if r.get("KB_per_peer"):
            rows[3].seen, rows[3].ok = f"{r['KB_per_peer']:.0f} KB ({r['peers']} peers)", r["KB_per_peer"] < 160
    for row in rows:
        row.command = found["command"] if row.seen else ""
    yield from rows
    found = kit.read("many-mediator") or {"peers": [], "command": ""}
    there, memory = Row("1000 peers on one serve, met through a mediator", "all there"), Row("the same: memory of each", "160 KB")
    for r in found["peers"]:
        if r["peers"] >= 1000:
            there.seen = f"{r['connected']} connected, {r['connected_cpu']:.2f} of a processor while idle"
            there.ok, there.command = r["connected"] == r["peers"], found["command"]
            if r.get("KB_per_peer"):
                memory.seen, memory.ok, memory.command = f"{r['KB_per_peer']:.0f} KB", r["KB_per_peer"] < 160, found["command"]
    yield from (there, memory)


def cores(run):
    row, found = Row("several threads: the busiest one's share, of that of a single one", "0.75 at most"), kit.read("threads")
    free = {r["threads"]: max(x for end in r["cpu"].values() for x in end)
            for r in (found or {"results": []})["results"] if not r["pinned"]}
    if 1 in free and 2 in free:
        row.seen = f"{free[2] / free[1]:.2f} ({100 * free[1]:.0f} %, {100 * free[2]:.0f} % of a processor)"
        row.ok = free[2] <= 0.75 * free[1]
        row.command = found["command"]
    yield row


def rest(run):
    yield small(run, "stripped_KB", "the program, stripped", "1024 KB", lambda v: v < 1024, "{:.0f} KB")
    yield small(run, "idle_rss_KB", "idle, resident", "12 288 KB", lambda v: v < 12288, "{:.0f} KB")
    yield small(run, "start_ms", "start", "20 ms", lambda v: v < 20, "{:.1f} ms")
    yield small(run, "idle_cpu_s_per_s", "CPU while idle", "nothing", lambda v: v < 0.002, "{:.3f} s per s")
    yield small(run, "compress_text", "--compress, 10 Mbit/s: text", "3 times as fast", lambda v: v >= 3, "{:.1f}")
    yield small(run, "compress_random", "--compress, 10 Mbit/s: random bytes", "0.97 as fast", lambda v: v >= 0.97, "{:.3f}")


def rows(run):
    """|run|: of bench/run; the others' are read from their files."""
    return [row for part in (one_stream, processor, packet_size, gigabit, latency, many, cores, rest) for row in part(run)]
