#!/usr/bin/env python3
"""Writes what the benchmarks left in build/bench into docs/speed.md, and the pictures beside it.

usage: report.py          (or: ./dev bench --docs)

The text around stays: each table stands between two marks of its own, <!-- NAME --> and <!-- end of NAME -->.
"""

import os
import re
import shutil
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tests/net/lib"), os.path.join(ROOT, "bench")]
sys.dont_write_bytecode = True

import kit  # noqa: E402
import wanted  # noqa: E402
from plot import TITLES, draw_all  # noqa: E402

PAGE = os.path.join(ROOT, "docs", "speed.md")


def number(x, digits):
    return "" if x is None else f"{x:.{digits}f}"


def rows_of(head, rows):
    return ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)] + ["| " + " | ".join(r) + " |" for r in rows]


def command(record, part):
    return [f"`{record['command'][part]}`, {record['when'][part]}", ""]


def throughput(record, part):
    by = {r["peer"]: r for r in record[part]}
    found = []
    for r in record[part]:
        ratios = [number(r["MB_per_s"] / by[o]["MB_per_s"] if o in by else None, 3) for o in ("none", "relay", "ssh")]
        found.append([TITLES[r["peer"]], number(r["MB_per_s"], 1), *ratios, number(r["cpu_s_per_GB"], 2),
                      f"{r['ping_p50_us']:.0f} / {r['ping_p99_us']:.0f}"])
    return command(record, part) + rows_of(
        ["", "MB/s", "of no tunnel", "of the relay", "of ssh -L", "CPU s per GB", "a byte there and back, us, p50 / p99"], found)


def sample(row):
    """With the least and the most where they are far apart."""
    runs = row.get("runs", [row["MB_per_s"]])
    return number(row["MB_per_s"], 1) + (f" ({min(runs):.1f}-{max(runs):.1f})" if min(runs) * 1.5 < max(runs) else "")


def grid(record):
    cells = sorted({(r["loss"], r["rtt_ms"]) for r in record["grid"]})
    names = list(dict.fromkeys(r["peer"] for r in record["grid"]))
    of = {(r["peer"], r["loss"], r["rtt_ms"]): sample(r) for r in record["grid"]}
    return command(record, "grid") + rows_of(
        ["MB/s at"] + [f"{rtt} ms" + (f", {loss} %" if loss else "") for loss, rtt in cells],
        [[TITLES[n]] + [of.get((n, *c), "") for c in cells] for n in names])


def busy(record):
    return command(record, "busy") + rows_of(
        ["", "idle, ms", "beside a download, ms, p50 / p99", "download, MB/s"],
        [[TITLES[r["peer"]], f"{r['idle_us'][0] / 1000:.1f}", f"{r['busy_us'][0] / 1000:.1f} / {r['busy_us'][1] / 1000:.1f}",
          f"{r['MB_per_s']:.1f}"] for r in record["busy"]])


def memory(record):
    return command(record, "memory") + rows_of(
        ["", "sessions", "both ends, MB (PSS)", "KB for each more"],
        [[TITLES[r["peer"]], str(r["sessions"]), f"{r['pss_MB']:.1f}", f"{r['KB_per_session']:.2f}"] for r in record["memory"]])


def many(record):
    found = [f"`{record['command']}`" + (f", {record['when']}" if "when" in record else ""), ""]
    if record["sessions"]:
        found += rows_of(["sessions", "KB each: serve", "connect", "us CPU to open one", "opened per s", "idle CPU, s per s"],
                         [[str(r["sessions"]), f"{r['serve_KB']:.2f}", f"{r['connect_KB']:.2f}", f"{r['us_per_session']:.0f}",
                           f"{r['open_per_s']:.0f}", f"{r['idle_cpu_s']:.2f}"] for r in record["sessions"]]) + [""]
    if record["peers"]:
        found += rows_of(["peers", "waiting, MB", "connected", "then, MB", "KB per peer", "CPU while idle"],
                         [[str(r["peers"]), f"{r['waiting_rss_MB']:.1f}", str(r["connected"]), f"{r['connected_rss_MB']:.1f}",
                           number(r.get("KB_per_peer"), 0), f"{r['connected_cpu']:.3f}"] for r in record["peers"]])
    return found


def line(rows):
    def told(r):
        return [TITLES[r["peer"]], str(r["rtt_ms"]), f"{r['loss']:g}", str(r["flows"]), f"{r['ratio']:.3f}", f"{r['cpu']:.2f}",
                f"{r['box_cpu']:.2f}", ", ".join(map(str, r.get("parts", []))),
                f"{r['ping_p50_ms']:.1f} / {r['ping_p99_ms']:.1f}" if "ping_p50_ms" in r else "", f"{r['warm']:g} + {r['measure']:g}"]
    rows = sorted((r for r in rows if r["rate"] == 1000 and "measure" in r),
                  key=lambda r: ("ping_p50_ms" in r, r["flows"], r["rtt_ms"], r["loss"], r["peer"]))
    return rows_of(["", "RTT, ms", "loss, %", "downloads", "of the line", "CPU", "CPU of the shaper", "parts", "a byte, ms, p50 / p99",
                    "seconds: before + measured"], [told(r) for r in rows])


def threads(record):
    return [f"`{record['command']}`, {record['when']}", ""] + rows_of(
        ["", "threads", "MB/s", "CPU s per GB, both ends", "connect: main, second", "serve: main, second"],
        [["each end has a processor" if r["pinned"] else "free", str(r["threads"]), f"{r['MB_per_s']:.0f}", f"{r['cpu_s_per_GB']:.2f}"]
         + [", ".join(f"{100 * x:.0f} %" for x in r["cpu"][end]) for end in ("connect", "serve")] for r in record["results"]])


def first(record):
    return [f"`{record['command']}`, {record['when']}", ""] + rows_of(
        ["", "RTT, ms", "median, ms", "least, most", "wanted, ms"],
        [[r["kind"], f"{r['rtt_ms']:g}", f"{r['median_ms']:.0f}", f"{min(r['ms']):.0f}, {max(r['ms']):.0f}",
          f"{r['wanted_ms']:.0f}" if r["wanted_ms"] else "less than by the mediator"] for r in record["rows"]])


def wanted_table(run):
    return ["| | wanted | seen | | command |", "|---|---|---|---|---|"] + [
        f"| {r.what} | {r.wanted} | {r.seen} | {r.verdict} | {'`' + r.command + '`' if r.command else ''} |" for r in wanted.rows(run)]


def wanted_text(run):
    rows = wanted.rows(run)
    return [f"{r.verdict:13}{r.what}: {r.seen or '-'} (wanted: {r.wanted})" for r in rows]


def machine(record):
    m, loads = record["machine"], record.get("load", {})
    return [f"{m['processors']} cores, {m['cpu']}, Linux {m['kernel']}."
            + (" Load average while it ran: " + ", ".join(f"{part} {load:.1f}" for part, load in loads.items()) + "." if loads else "")]


def tables():
    run = kit.read("run") or {}
    for part, make in (("lan", throughput), ("mtu", throughput)):
        if part in run:
            yield part, make(run, part)
    for name, make in (("grid", grid), ("busy", busy), ("memory", memory), ("machine", machine)):
        if name in run:
            yield name, make(run)
    for name, make in (("many", many), ("line", line), ("threads", threads), ("first", first)):
        found = kit.read(name)
        if found:
            yield name, make(found)
    yield "wanted", wanted_table(run)


def put():
    with open(PAGE) as f:
        text = f.read()
    for name, lines in tables():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.S)
        if not marks.search(text):
            sys.exit(f"docs/speed.md has no place for {name}")
        body = "\n".join(lines)
        at = marks.search(text)
        text = text[:at.start()] + at.group(1) + "\n" + body + "\n\n" + at.group(2) + text[at.end():]
    with open(PAGE, "w") as f:
        f.write(text)
    for path in draw_all(kit.read("run") or {}, kit.OUT):
        shutil.copy(path, os.path.join(ROOT, "docs", "speed-" + os.path.basename(path)))


if __name__ == "__main__":
    put()
