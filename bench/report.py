#!/usr/bin/env python3
"""Writes what bench/run, bench/many and bench/line left in build/bench into docs/speed.md, and the pictures beside it.

usage: report.py          (or: ./dev bench --docs)

The text around stays: each table stands between two marks of its own, <!-- NAME --> and <!-- end of NAME -->.
"""

import json
import os
import re
import shutil
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "bench")]
sys.dont_write_bytecode = True

from plot import TITLES, draw_all  # noqa: E402

BUILD = os.path.join(ROOT, "build", "bench")
PAGE = os.path.join(ROOT, "docs", "speed.md")


def load(name):
    path = os.path.join(BUILD, name)
    if not os.path.exists(path):
        return None
    with open(path) as f:
        return json.load(f)


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


def grid(record):
    cells = sorted({(r["loss"], r["rtt_ms"]) for r in record["grid"]})
    names = list(dict.fromkeys(r["peer"] for r in record["grid"]))
    of = {(r["peer"], r["loss"], r["rtt_ms"]): r["MB_per_s"] for r in record["grid"]}
    return command(record, "grid") + rows_of(
        ["MB/s at"] + [f"{rtt} ms" + (f", {loss} %" if loss else "") for loss, rtt in cells],
        [[TITLES[n]] + [number(of.get((n, *c)), 1) for c in cells] for n in names])


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
    found = [f"`{record['command']}`", ""] if "command" in record else []
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
    return rows_of(["", "RTT, ms", "loss, %", "downloads", "of the line", "CPU", "CPU of the shaper", "parts", "a byte, ms, p50 / p99"],
                   [[TITLES[r["peer"]], str(r["rtt_ms"]), f"{r['loss']:g}", str(r["flows"]), f"{r['ratio']:.3f}", f"{r['cpu']:.2f}",
                     f"{r['box_cpu']:.2f}", ", ".join(map(str, r.get("parts", []))),
                     f"{r['ping_p50_ms']:.1f} / {r['ping_p99_ms']:.1f}" if "ping_p50_ms" in r else ""]
                    for r in sorted(rows, key=lambda r: (r["flows"], r["rtt_ms"], r["loss"], r["peer"]))])


def machine(record):
    m, loads = record["machine"], record.get("load", {})
    return [f"{m['processors']} cores, {m['cpu']}, Linux {m['kernel']}."
            + (" Load average while it ran: " + ", ".join(f"{part} {load:.1f}" for part, load in loads.items()) + "." if loads else "")]


def tables():
    run = load("run.json") or {}
    for part in ("lan", "mtu"):
        if part in run:
            yield part, throughput(run, part)
    for name, make in (("grid", grid), ("busy", busy), ("memory", memory)):
        if name in run:
            yield name, make(run)
    if "machine" in run:
        yield "machine", machine(run)
    for name, make in (("many", many), ("line", line)):
        found = load(name + ".json")
        if found:
            yield name, make(found)


def write():
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
    for path in draw_all(load("run.json") or {}, BUILD):
        shutil.copy(path, os.path.join(ROOT, "docs", "speed-" + os.path.basename(path)))


if __name__ == "__main__":
    write()
