#!/usr/bin/env python3
"""Draws what bench/run and bench/many measured.

usage: plot.py RUN.json DIRECTORY      writes throughput, paths, busy and memory as .svg, and .png where rsvg-convert is
"""

import json
import math
import os
import shutil
import subprocess
import sys
from xml.sax.saxutils import escape

INK, SOFT, GRID = "#1b1b1b", "#5a5a5a", "#d9d9d9"
COLOURS = {"none": "#7a7a7a", "relay": "#a0a0a0", "nginx": "#b9b9b9", "ssh": "#111111", "nebula": "#8a5a9e", "openvpn": "#c96518",
           "wireguard": "#3d8f5f", "tinc": "#7b9a3c", "n2n": "#a0566b", "fastd": "#4f8f93", "kcptun": "#b8a12c",
           "udphp": "#8f6b4a", "adit": "#5c94c4", "adit-mb": "#2765a6"}
TITLES = {"none": "no tunnel", "relay": "relay, no crypto (socat)", "nginx": "relay, no crypto (nginx)", "ssh": "ssh -L",
          "nebula": "nebula", "openvpn": "OpenVPN", "wireguard": "wireguard-go", "tinc": "tinc", "n2n": "n2n", "fastd": "fastd",
          "kcptun": "kcptun", "udphp": "udphp.py", "adit": "adit", "adit-mb": "adit, libipsec-mb"}


class Svg:
    def __init__(self, width, height):
        self.width, self.height, self.parts = width, height, []

    def text(self, x, y, what, size=12, anchor="start", fill=INK, bold=False):
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}"{weight}>'
                          f'{escape(what)}</text>')

    def rect(self, x, y, w, h, fill):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="{fill}"/>')

    def line(self, x1, y1, x2, y2, stroke=GRID, width=1.0):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" '
                          f'stroke-width="{width}"/>')

    def curve(self, points, stroke):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{stroke}" stroke-width="2.2"/>')
        for x, y in points:
            self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{stroke}"/>')

    def write(self, path):
        with open(path, "w") as f:
            f.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
                    f'viewBox="0 0 {self.width} {self.height}" font-family="DejaVu Sans, sans-serif">\n'
                    f'<rect width="{self.width}" height="{self.height}" fill="white"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def ticks(low, high):
    """Of a logarithmic axis: powers of ten and what lies at 2 and 5 between them."""
    found = []
    for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        found += [m * 10 ** e for m in (1, 2, 5) if low <= m * 10 ** e * 1.0001 and m * 10 ** e <= high * 1.0001]
    return found


def short(x):
    return f"{x:g}" if x < 10000 else f"{x / 1000:g}k"


# ---- bars ----

def bars(svg, x, y, width, rows, unit):
    """|rows|: (name, value, remark), from the longest; returns where the next line would stand."""
    most = max(v for _, v, _ in rows)
    for i, (name, value, remark) in enumerate(rows):
        top = y + i * 24
        ours = name.startswith("adit")
        svg.text(x + 168, top + 13, TITLES[name], 12, anchor="end", bold=ours)
        length = max(1.0, (width - 168 - 190) * value / most)
        svg.rect(x + 176, top + 1, length, 16, COLOURS[name])
        svg.text(x + 176 + length + 6, top + 13, f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}", 12, bold=ours)
        svg.text(x + width, top + 13, remark, 11, anchor="end", fill=SOFT)
    return y + len(rows) * 24


def draw_throughput(record):
    parts = [(p, title) for p, title in (("lan", "super-packets (a virtual network)"), ("mtu", "MTU-sized frames (a real wire)"))
             if record.get(p)]
    if not parts:
        return None
    height = 70 + sum(52 + 24 * len(record[p]) for p, _ in parts)
    svg = Svg(760, height)
    svg.text(24, 32, "One TCP stream through two NATs", 17, bold=True)
    rounds = min(len(r["runs"]) for r in record[parts[0][0]] if r["peer"] != "udphp")
    svg.text(24, 50, f"no delay; all processes on the same {record['machine']['processors']} cores; "
             + (f"medians of {rounds} rounds" if rounds > 1 else "one round") + "; CPU of both ends", 12, fill=SOFT)
    y = 80
    for part, title in parts:
        svg.text(24, y, title, 13, bold=True)
        rows = sorted(((r["peer"], r["MB_per_s"], "" if r["cpu_s_per_GB"] is None else f"{r['cpu_s_per_GB']:.2f} CPU s/GB")
                       for r in record[part]), key=lambda r: -r[1])
        y = bars(svg, 24, y + 12, 712, rows, "MB/s") + 38
    return svg


# ---- curves ----

class Axes:
    """A panel with logarithmic axes; |xs| may hold a 0, which stands left of the others."""

    def __init__(self, svg, x, y, w, h, xs, lows, title, x_title, y_title):
        self.svg, self.x, self.y, self.w, self.h = svg, x, y, w, h
        self.xs, (self.low, self.high) = xs, lows
        svg.text(x, y - 26, title, 13, bold=True)
        svg.text(x, y - 9, y_title, 11, fill=SOFT)
        svg.text(x + w, y + h + 36, x_title, 11, anchor="end", fill=SOFT)
        for v in ticks(self.low, self.high):
            svg.line(x, self.at_y(v), x + w, self.at_y(v))
            svg.text(x - 6, self.at_y(v) + 4, short(v), 11, anchor="end", fill=SOFT)
        for v in xs:
            svg.text(self.at_x(v), y + h + 18, short(v), 11, anchor="middle", fill=SOFT)

    def at_x(self, v):
        place = self.xs.index(v)
        return self.x + 14 + (self.w - 28) * place / max(1, len(self.xs) - 1)

    def at_y(self, v):
        part = math.log(max(v, self.low) / self.low) / math.log(self.high / self.low)
        return self.y + self.h * (1 - part)

    def curve(self, name, points):
        self.svg.curve([(self.at_x(a), self.at_y(b)) for a, b in points], COLOURS[name])


def legend(svg, x, y, names):
    for name in names:
        svg.line(x, y - 4, x + 20, y - 4, COLOURS[name], 3)
        svg.text(x + 26, y, TITLES[name], 12, bold=name.startswith("adit"))
        x += 46 + 7.4 * len(TITLES[name])


def bounds(values):
    return min(values) / 1.3, max(values) * 1.3


def draw_paths(record):
    rows = record.get("grid")
    if not rows:
        return None
    names = [n for n in COLOURS if any(r["peer"] == n for r in rows)]
    svg = Svg(860, 420)
    svg.text(24, 32, "Throughput against round trip and loss", 17, bold=True)
    svg.text(24, 50, "one stream, MTU-sized frames, BBR in every kernel TCP; what one connection keeps up", 12, fill=SOFT)
    low, high = bounds([max(r["MB_per_s"], 0.1) for r in rows])
    loss_rtt = max((r["rtt_ms"] for r in rows if r["loss"]), default=50)
    xs = sorted({r["rtt_ms"] for r in rows if r["loss"] == 0})
    a = Axes(svg, 66, 118, 340, 220, xs, (low, high), "no loss", "round trip, ms", "MB/s")
    losses = sorted({r["loss"] for r in rows if r["rtt_ms"] == loss_rtt})
    b = Axes(svg, 490, 118, 340, 220, losses, (low, high), f"round trip {loss_rtt} ms", "packets lost each way, %", "MB/s")
    for n in names:
        a.curve(n, sorted((r["rtt_ms"], r["MB_per_s"]) for r in rows if r["peer"] == n and r["loss"] == 0))
        b.curve(n, sorted((r["loss"], r["MB_per_s"]) for r in rows if r["peer"] == n and r["rtt_ms"] == loss_rtt))
    legend(svg, 40, 402, names)
    return svg


def draw_busy(record):
    rows = record.get("busy")
    if not rows:
        return None
    svg = Svg(760, 100 + 34 * len(rows))
    svg.text(24, 32, "A byte there and back beside a download", 17, bold=True)
    svg.text(24, 50, "100 Mbit/s, round trip 20 ms, queue of one round trip; dark: median, light: 99 of 100", 12, fill=SOFT)
    most = max(r["busy_us"][1] for r in rows) / 1000
    for i, r in enumerate(sorted(rows, key=lambda r: r["busy_us"][1])):
        y = 76 + 34 * i
        p50, p99 = (v / 1000 for v in r["busy_us"][:2])
        svg.text(192, y + 15, TITLES[r["peer"]], 12, anchor="end", bold=r["peer"].startswith("adit"))
        svg.rect(200, y, 330 * p99 / most, 20, "#c9d9ea" if r["peer"].startswith("adit") else "#dddddd")
        svg.rect(200, y, 330 * p50 / most, 20, COLOURS[r["peer"]])
        svg.text(200 + 330 * p99 / most + 8, y + 15, f"{p50:.0f} / {p99:.0f} ms", 12)
        svg.text(736, y + 15, f"idle {r['idle_us'][0] / 1000:.0f} ms; {r['MB_per_s']:.1f} MB/s", 11, anchor="end", fill=SOFT)
    return svg


def draw_memory(record):
    rows = record.get("memory")
    if not rows:
        return None
    names = [n for n in COLOURS if any(r["peer"] == n for r in rows)]
    svg = Svg(640, 420)
    svg.text(24, 32, "Memory against open sessions", 17, bold=True)
    svg.text(24, 50, "both ends of the tunnel together (PSS), idle TCP connections", 12, fill=SOFT)
    a = Axes(svg, 66, 118, 540, 220, sorted({r["sessions"] for r in rows}), bounds([r["pss_MB"] for r in rows]), "", "sessions", "MB")
    for n in names:
        a.curve(n, sorted((r["sessions"], r["pss_MB"]) for r in rows if r["peer"] == n))
    legend(svg, 40, 402, names)
    return svg


def draw_all(record, directory):
    drawn = []
    for name, draw in (("throughput", draw_throughput), ("paths", draw_paths), ("busy", draw_busy), ("memory", draw_memory)):
        svg = draw(record)
        if not svg:
            continue
        path = os.path.join(directory, name + ".svg")
        svg.write(path)
        drawn.append(path)
        if shutil.which("rsvg-convert"):
            subprocess.run(["rsvg-convert", "-o", path[:-4] + ".png", path], check=True)
            drawn.append(path[:-4] + ".png")
    return drawn


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1]) as run:
        print("\n".join(draw_all(json.load(run), sys.argv[2])))
