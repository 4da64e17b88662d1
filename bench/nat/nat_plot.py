#!/usr/bin/env python3
"""Draws what nat_table found: one triangle of NAT pairs per strategy, and what that means for populations of NATs.

usage: nat_plot.py TABLE.json OUT.svg      prints the expected shares; rsvg-convert makes the picture of it.
"""

import json
import os
import sys
from xml.sax.saxutils import escape

CELL_W, CELL_H = 37, 27
LABEL_W, COLUMN_H = 150, 126  # room for the kinds' names, left of and below a triangle
HEAD_H = 62
PANELS = 3  # side by side
MARGIN = 34
INK, SOFT = "#1b1b1b", "#5a5a5a"

# Orange to blue: told apart by everybody, and in grey by their lightness at the ends against the middle.
STOPS = [(0.0, (201, 101, 24)), (0.02, (214, 130, 62)), (0.5, (245, 238, 226)), (0.98, (92, 148, 196)),
         (1.0, (39, 101, 166))]
SERIES = ["#7a7a7a", "#2765a6", "#111111", "#c96518"]


def colour(share):
    for (a, x), (b, y) in zip(STOPS, STOPS[1:]):
        if share <= b:
            t = (share - a) / (b - a)
            return tuple(round(p + (q - p) * t) for p, q in zip(x, y))
    return STOPS[-1][1]


def is_dark(rgb):
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] < 150


class Svg:
    def __init__(self):
        self.parts = []

    def text(self, x, y, what, size=12, anchor="start", fill=INK, bold=False, rotate=None):
        turn = f' transform="rotate({rotate} {x:.1f} {y:.1f})"' if rotate is not None else ""
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}"'
                          f'{weight}{turn}>{escape(what)}</text>')

    def title(self, x, y, what, aside):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="16" font-weight="bold" fill="{INK}">{escape(what)}'
                          f'<tspan dx="8" font-size="11" font-weight="normal" fill="{SOFT}">({escape(aside)})</tspan>'
                          '</text>')

    def rect(self, x, y, w, h, fill, stroke="none", opacity=1):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="{fill}" '
                          f'stroke="{stroke}" fill-opacity="{opacity}"/>')

    def line(self, x1, y1, x2, y2, stroke="#bdbdbd", width=1):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" '
                          f'stroke-width="{width}"/>')

    def marker(self, kind, x, y, fill):
        r = 5.5
        if kind == 0:
            self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" fill="white" stroke="{fill}" stroke-width="2"/>')
        elif kind == 1:
            self.rect(x - r + 0.5, y - r + 0.5, 2 * r - 1, 2 * r - 1, fill)
        elif kind == 2:
            self.parts.append(f'<path d="M{x - r:.1f} {y:.1f}L{x:.1f} {y - r - 1:.1f}L{x + r:.1f} {y:.1f}L{x:.1f} '
                              f'{y + r + 1:.1f}Z" fill="{fill}"/>')
        else:
            self.parts.append(f'<path d="M{x - r:.1f} {y + r - 0.5:.1f}L{x + r:.1f} {y + r - 0.5:.1f}L{x:.1f} '
                              f'{y - r - 0.5:.1f}Z" fill="{fill}"/>')

    def wrapped(self, x, y, what, width, size=11, fill=SOFT, step=15):
        """Lines of about |width| pixels; returns where the next line would stand."""
        line = ""
        for word in what.split():
            if line and (len(line) + 1 + len(word)) * size * 0.53 > width:
                self.text(x, y, line, size, fill=fill)
                y, line = y + step, word
            else:
                line = f"{line} {word}".strip()
        self.text(x, y, line, size, fill=fill)
        return y + step

    def document(self, w, h):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" '
                f'font-family="DejaVu Sans, sans-serif">\n<rect width="{w}" height="{h}" fill="white"/>\n'
                + "\n".join(self.parts) + "\n</svg>\n")


class Table:
    def __init__(self, data):
        self.seeds = data["seeds"]
        self.strategies = data["strategies"]
        self.kinds = data["kinds"]
        self.cells = {}
        for c in data["cells"]:
            self.cells[c["strategy"], c["a"], c["b"]] = self.cells[c["strategy"], c["b"], c["a"]] = c

    def share(self, strategy, a, b):
        c = self.cells[strategy, a, b]
        return c["met"] / c["n"]

    def expected(self, strategy, pop_a, pop_b):
        total = sum(pop_a.values()) * sum(pop_b.values())
        return sum(p * q * self.share(strategy, a, b) for a, p in pop_a.items() for b, q in pop_b.items()) / total


def seconds(s):
    return f"{s:.0f} s" if s >= 9.95 else f"{s:.1f} s"


def panel(svg, t, s, x, y):
    width = LABEL_W + CELL_W * len(t.kinds)
    svg.title(x, y + 14, s["title"], "a model" if s["model"] else "the real engine, no model")
    svg.wrapped(x, y + 32, s["note"], width, 10.5, step=14)
    top = y + HEAD_H
    for i, a in enumerate(t.kinds):
        cy = top + i * CELL_H
        svg.text(x + LABEL_W - 6, cy + CELL_H / 2 + 4, a["title"], 11, anchor="end")
        cx = x + LABEL_W + i * CELL_W + CELL_W / 2
        svg.text(cx + 4, top + len(t.kinds) * CELL_H + 8, a["title"], 10, anchor="end", rotate=-55)
        for j, b in enumerate(t.kinds[:i + 1]):
            c = t.cells[s["name"], a["name"], b["name"]]
            share = t.share(s["name"], a["name"], b["name"])
            rgb = colour(share)
            left = x + LABEL_W + j * CELL_W
            svg.rect(left, cy, CELL_W - 1.5, CELL_H - 1.5, "rgb(%d,%d,%d)" % rgb)
            ink = "white" if is_dark(rgb) else INK
            mid = left + CELL_W / 2 - 0.7
            svg.text(mid, cy + (12.5 if c["met"] else 17), f"{100 * share:.0f}", 11.5, "middle", ink, bold=True)
            if c["met"]:
                svg.text(mid, cy + 22.5, seconds(c["p50"]), 8, "middle", ink)
    costs = []
    for a, b, what in (("home", "home", "home x home"), ("home", "random", "home x random")):
        c = t.cells[s["name"], a, b]
        costs.append((what, f"{c['toward']:.0f} packets", f"{c['packets']:.0f} with servers", f"{c['mappings']:.0f} mappings"))
    # The upper right half of the square is free.
    for k, lines in enumerate(costs):
        for n, line in enumerate(lines):
            svg.text(x + width - 4, top + 12 + k * 66 + n * 14, line, 10.5, "end", INK if n == 0 else SOFT, n == 0)


def legend(svg, x, y, w):
    svg.text(x, y + 12, "how many of the matches meet, %", 11.5, bold=True)
    n = 101
    for i in range(n):
        svg.rect(x + i * 2.4, y + 20, 2.6, 13, "rgb(%d,%d,%d)" % colour(i / (n - 1)))
    for v in (0, 25, 50, 75, 100):
        svg.text(x + v * 2.4 + 1, y + 47, str(v), 10.5, "middle", SOFT)
    svg.text(x + 290, y + 31, "Row and column name the two NATs. In a cell: matches that meet, %; below it their median "
             "time, from the moment both sides are there.", 11.5)
    svg.text(x + 290, y + 47, "Packets to each other, with those to servers and mediators, and mappings (both NATs together) are means "
             "over all matches of two typical pairs.", 11.5)


def kinds_table(svg, t, x, y):
    svg.text(x, y, "The kinds of NAT", 15, bold=True)
    for i, k in enumerate(t.kinds):
        cy = y + 22 + i * 18
        svg.text(x, cy, k["title"], 11.5, bold=True)
        svg.text(x + 175, cy, k["what"], 11.5)
        svg.text(x + 800, cy, k["species"], 11.5, "end", SOFT)
    cy = y + 30 + len(t.kinds) * 18
    svg.text(x, cy, "EIM, EDM: mapping independent of, dependent on the destination; EIF, APDF: filtering independent of "
             "it, by its address and port (RFC 4787).", 11, fill=SOFT)
    svg.text(x, cy + 15, "At the right: the species in the lab's zoo.", 11, fill=SOFT)
    return cy + 15


def populations(svg, t, pops, x, y, w):
    svg.text(x, y, "What that means for populations of NATs: the expected share of pairs that meet directly", 15, bold=True)
    left, right = x + 170, x + w - 330
    scale = (right - left) / 100
    rows = len(t.strategies)
    top, step = y + 50, 23
    m = pops["measured"]
    svg.rect(left + (m["share"] - m["error"]) * scale, top - 14, 2 * m["error"] * scale, rows * step + 6, "#e9d8a6", opacity=0.75)
    svg.line(left + m["share"] * scale, top - 14, left + m["share"] * scale, top + rows * step - 8, "#9c7a1e", 2)
    svg.text(left + m["share"] * scale, top - 20, m["title"], 11, "middle", "#6d5514")
    for v in range(0, 101, 10):
        svg.line(left + v * scale, top - 14, left + v * scale, top + rows * step - 8, "#dddddd")
        svg.text(left + v * scale, top + rows * step + 8, f"{v} %", 10.5, "middle", SOFT)
    columns = [right + 60 + 70 * k for k in range(len(pops["pairs"]))]
    for k, (pair, cx) in enumerate(zip(pops["pairs"], columns)):
        svg.marker(k, cx - 10, top - 22, SERIES[k])
    for i, s in enumerate(t.strategies):
        cy = top + i * step
        svg.text(left - 12, cy + 4, s["title"], 12, "end")
        svg.line(left, cy, right, cy, "#eeeeee")
        for k, (pair, cx) in enumerate(zip(pops["pairs"], columns)):
            e = 100 * t.expected(s["name"], pops["populations"][pair["a"]]["shares"], pops["populations"][pair["b"]]["shares"])
            svg.marker(k, left + e * scale, cy, SERIES[k])
            svg.text(cx, cy + 4, f"{e:.1f} %", 11.5, "end")
    cy = top + rows * step + 36
    for k, pair in enumerate(pops["pairs"]):
        svg.marker(k, x + 8 + k * 215, cy - 4, SERIES[k])
        svg.text(x + 20 + k * 215, cy, pair["title"], 12)
    cy += 24
    for p in pops["populations"].values():
        svg.text(x, cy, p["title"] + ":", 11, bold=True)
        shares = ", ".join(f"{v:g} {k}" for k, v in p["shares"].items())
        cy = svg.wrapped(x + 105, cy, f"{p['source']}. Shares, %: {shares}.", w - 105, 11)
    return cy


NOTES = (
    "Every panel but adit's two is a MODEL of a program's published parameters, not the program: message formats, relays, port "
    "mapping (UPnP, PCP), IPv6 and TCP are left out. A match is one try as a user would see it, given up after 60 s (serverless adit: 30 s); it is "
    "won when packets pass both ways and both sides know it. One way of 10-100 ms, 6-18 hops, nothing lost, an ideal "
    "mediator 5-50 ms away (adit's mediators are real and as far as the peer); udphp.py and serverless adit have none and are "
    "started up to 5 s apart.",
    "The populations leave out whatever else goes wrong in the field (UDP blocked, firewalls on hosts, two NATs in a row, "
    "relays' errors, peers that go away): read the shares against each other, and DCUtR's own row against its measured "
    "70 % as the size of what is left out. [V] read in the source named, [R] recalled or second hand, [A] assumed.",
)


def draw(t, pops):
    svg = Svg()
    panel_w = LABEL_W + CELL_W * len(t.kinds)
    panel_h = HEAD_H + CELL_H * len(t.kinds) + COLUMN_H
    width = 2 * MARGIN + PANELS * panel_w + (PANELS - 1) * 40
    inner = width - 2 * MARGIN
    svg.text(MARGIN, 46, "Who gets through which pair of NATs", 26, bold=True)
    svg.text(MARGIN, 70, f"Hole-punching strategies of the field, replayed in adit's simulator: {t.seeds} matches a cell, 40 where none of these meet", 14, fill=SOFT)
    y = svg.wrapped(MARGIN, 94, NOTES[0], inner, 12, fill=INK, step=17)
    legend(svg, MARGIN, y + 2, inner)
    y += 74
    for i, s in enumerate(t.strategies):
        panel(svg, t, s, MARGIN + i % PANELS * (panel_w + 40), y + i // PANELS * panel_h)
    y += -(-len(t.strategies) // PANELS) * panel_h + 24
    bottom = kinds_table(svg, t, MARGIN, y)
    y = populations(svg, t, pops, MARGIN, bottom + 44, inner)
    y = svg.wrapped(MARGIN, y + 8, NOTES[1], inner, 12, fill=INK, step=17)
    return svg.document(round(width), round(y + 10))


def print_shares(t, pops):
    print("\nexpected share of pairs that meet directly, % (bench/nat/populations.json says where the shares come from)")
    print(f"  {'':22}" + "".join(f"{p['title']:>26}" for p in pops["pairs"]))
    for s in t.strategies:
        row = [100 * t.expected(s["name"], pops["populations"][p["a"]]["shares"], pops["populations"][p["b"]]["shares"])
               for p in pops["pairs"]]
        print(f"  {s['title']:22}" + "".join(f"{e:26.1f}" for e in row))
    m = pops["measured"]
    print(f"  {m['title']}\n  The populations leave out blocked UDP, host firewalls, NATs in a row and all that is no NAT.")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    here = os.path.dirname(os.path.abspath(__file__))
    with open(sys.argv[1], encoding="utf-8") as f:
        t = Table(json.load(f))
    with open(os.path.join(here, "populations.json"), encoding="utf-8") as f:
        pops = json.load(f)
    print_shares(t, pops)
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        f.write(draw(t, pops))


if __name__ == "__main__":
    main()
