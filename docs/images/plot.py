"""Draw what sessions and tokens cost, of the printed lines of the bench:

    make -s bench ARGS="who_am_i session_read token_verification session_memory" > docs/images/sessions-or-tokens.txt
    .venv/bin/python docs/images/plot.py < docs/images/sessions-or-tokens.txt > docs/images/sessions-or-tokens.svg

A figure that is not among the lines is named, and nothing is drawn.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

WIDTH, MARGIN = 700, 20
LEFT, RIGHT = 190, 580
"""Where the bars and the axis of each panel begin, and where the longest bar ends."""
ROW, CURVES = 28, 150
"""Height of a bar with its baseline, and of a panel of curves."""

STORES = ("SQLite", "PostgreSQL", "Redis")
SIZES = ("1,000", "10,000", "100,000", "1,000,000")

# Text and lines in colour have 4.5:1 on their ground, the bars of baselines 3:1 (WCAG 2.2 AA).
STYLE = """
svg { --ground: #fffefb; --ink: #1c2526; --muted: #586263; --line: #ddd8cc; --beside: #918d82;
      --sqlite: #0e5a53; --postgresql: #2f5f9e; --redis: #a3261d; --token: #6f4e00 }
@media (prefers-color-scheme: dark) {
  svg { --ground: #1a2224; --ink: #e9e7e1; --muted: #a5b0af; --line: #303b3d; --beside: #6f7e80;
        --sqlite: #7cd0c2; --postgresql: #94bdf0; --redis: #ffa99f; --token: #e3bf6a }
}
.sqlite { --colour: var(--sqlite) } .postgresql { --colour: var(--postgresql) }
.redis { --colour: var(--redis) } .token { --colour: var(--token) }
text { font: 13px system-ui, sans-serif; fill: var(--colour, var(--ink)) }
.heading { font-size: 15px; font-weight: 600 }
.muted { fill: var(--muted); font-size: 12px }
.end { text-anchor: end } .middle { text-anchor: middle }
rect { fill: var(--colour) } .ground { fill: var(--ground) } .beside { fill: var(--beside) }
.grid { stroke: var(--line) }
polyline { fill: none; stroke: var(--colour); stroke-width: 2.5 }
.dashed { stroke-width: 1.25; stroke-dasharray: 3 3 }
"""


class Figure(NamedTuple):
    """What a line of the bench says, as it is printed there; ``beside`` is the baseline, empty for none."""

    ours: str
    beside: str


class Bar(NamedTuple):
    label: str
    colour: str
    figure: Figure


class Curve(NamedTuple):
    """One value for each of ``SIZES``; ``label`` stands at the end."""

    label: str
    colour: str
    ours: list[float]
    beside: list[float]


class Panel(NamedTuple):
    """A heading, a line below it, and either bars or curves."""

    title: str
    note: str
    bars: Sequence[Bar] = ()
    curves: Sequence[Curve] = ()


_LINE = re.compile(r"(?P<question>.+?) +(?P<ours>[\d,.]+) ?\S+ +\| (?P<beside>[^|]*)\|")
_LAST_NUMBER = re.compile(r"([\d,.]+) ?\S+ *$")


def read(lines: Iterable[str]) -> dict[str, Figure]:
    """The figures among the lines, which ``bench/figures.py`` has printed, by their question."""
    found = {}
    for line in lines:
        if matched := _LINE.match(line):
            beside = _LAST_NUMBER.search(matched["beside"])
            found[matched["question"]] = Figure(matched["ours"], beside[1] if beside else "")
    return found


def number(printed: str) -> float:
    return float(printed.replace(",", ""))


def text(x: float, y: float, words: str, of: str = "", muted: str = "") -> str:
    after = f'<tspan class="muted" dx="5">{escape(muted)}</tspan>' if muted else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{of}">{escape(words)}{after}</text>'


def bars(y: float, rows: Sequence[Bar]) -> Iterator[str]:
    """One row a bar, its baseline below it, all of one scale."""
    longest = max(number(printed) for row in rows for printed in row.figure if printed)
    for label, colour, figure in rows:
        lengths = [number(printed) / longest * (RIGHT - LEFT) for printed in figure if printed]
        yield text(LEFT - 10, y + 11, label, "end")
        yield f'<rect x="{LEFT}" y="{y}" width="{lengths[0]:.1f}" height="12" class="{colour}"/>'
        if figure.beside:
            yield f'<rect x="{LEFT}" y="{y + 13}" width="{lengths[1]:.1f}" height="5" class="beside"/>'
        yield text(LEFT + max(lengths) + 6, y + 13, figure.ours, muted=figure.beside and f"/ {figure.beside}")
        y += ROW


def curves(y: float, drawn: Sequence[Curve]) -> Iterator[str]:
    """Lines over the number of sessions, which goes by powers of ten, each with its name at its end."""
    highest = max(max(curve.ours + curve.beside) for curve in drawn)
    step = _step(highest)
    ticks = math.ceil(highest / step)
    x = [LEFT + index * (RIGHT - LEFT - 30) / (len(SIZES) - 1) for index in range(len(SIZES))]

    def at(value: float) -> float:
        return y + CURVES * (1 - value / (ticks * step))

    for tick in range(ticks + 1):
        yield f'<path d="M{x[0]} {at(tick * step):.1f}H{x[-1]}" class="grid"/>'
        yield text(x[0] - 10, at(tick * step) + 4, f"{tick * step:g}", "muted end")
    for place, size in zip(x, SIZES, strict=True):
        yield text(place, y + CURVES + 18, size, "muted middle")
    lowest = -math.inf
    for curve in sorted(drawn, key=lambda curve: -curve.ours[-1]):
        for values, kind in ((curve.beside, "dashed"), (curve.ours, "")):
            points = " ".join(f"{place:.1f},{at(value):.1f}" for place, value in zip(x, values, strict=True))
            yield f'<polyline points="{points}" class="{kind} {curve.colour}"/>'
        lowest = max(at(curve.ours[-1]) + 4, lowest + 16)  # names that would cover each other are moved apart
        yield text(x[-1] + 8, lowest, curve.label, curve.colour)


def _step(highest: float) -> float:
    """1, 2 or 5 times a power of ten, so that there are five lines at the most."""
    power = 10.0 ** math.floor(math.log10(highest / 5))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor * 5 >= highest)


def draw(panels: Iterable[Panel]) -> tuple[list[str], int]:
    """The panels, one below the other, and how high they are together."""
    drawn, y = [], 34
    for panel in panels:
        drawn += [text(MARGIN, y, panel.title, "heading"), text(MARGIN, y + 18, panel.note, "muted")]
        if panel.bars:
            drawn += bars(y + 32, panel.bars)
            y += ROW * len(panel.bars) + 64
        else:
            drawn += curves(y + 36, panel.curves)
            y += CURVES + 96
    return drawn, y - 30


def panels_of(figures: dict[str, Figure]) -> list[Panel]:
    """What is drawn of the figures. KeyError: one of them is not there."""
    me = "GET /api/auth/me, session cookie, "
    return [
        Panel(
            "Recognising one request, in microseconds",
            "Thin, and after the stroke: the driver reading the same key, or the signature alone. 100,000 sessions.",
            bars=[
                Bar("session, SQLite", "sqlite", figures["session read, SQLite, 100,000 sessions"]),
                Bar("… no commit since", "sqlite", figures["the same again, nothing committed since"]),
                Bar("session, PostgreSQL", "postgresql", figures["session read, PostgreSQL, 100,000 sessions"]),
                Bar("session, Redis", "redis", figures["session read, Redis, 100,000 sessions"]),
                Bar("access token, first time", "token", figures["verifying an ES256 access token, first time"]),
                Bar("… again", "token", figures["the same token again, claims and expiry checked"]),
            ],
        ),
        Panel(
            "“Who am I” over HTTP, requests a second on one core",
            "Thin, and after the stroke: a plain Starlette route that asks nobody.",
            bars=[
                Bar("SQLite", "sqlite", figures[me + "SQLite"]),
                Bar("… 100 commits a second", "sqlite", figures[me + "SQLite, 100 commits/s"]),
                Bar("PostgreSQL", "postgresql", figures[me + "PostgreSQL"]),
                Bar("Redis", "redis", figures[me + "Redis"]),
            ],
        ),
        Panel(
            "Reading a session among many, in microseconds",
            "By their number. Dashed: the driver by itself. Beside the name: the last by the first.",
            curves=[_curve(figures, store) for store in STORES],
        ),
        Panel(
            "One session, in bytes",
            "At 100,000 of them, indexes included. Thin, and after the stroke: the same as JSON.",
            bars=[
                Bar("SQLite", "sqlite", figures["a session in SQLite"]),
                Bar("PostgreSQL", "postgresql", figures["a session in PostgreSQL"]),
                Bar("Redis", "redis", figures["a session in Redis, with its place in the list"]),
            ],
        ),
    ]


def _curve(figures: dict[str, Figure], store: str) -> Curve:
    times = [figures[f"session read, {store}, {size} sessions"] for size in SIZES]
    growth = figures[f"{store}: at {SIZES[-1]} beside {SIZES[0]}"].ours
    ours, beside = ([number(printed) for printed in column] for column in zip(*times, strict=True))
    return Curve(f"{store} x {growth}", store.lower(), ours, beside)


def main() -> None:
    try:
        drawn, height = draw(panels_of(read(sys.stdin)))
    except KeyError as missing:
        sys.exit(f"not among the lines: {missing}")
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">')
    print("<title>What sessions and tokens cost, measured on one machine</title>")
    print(f"<style>{STYLE}</style>")
    print(f'<rect width="{WIDTH}" height="{height}" rx="8" class="ground"/>')
    print(*drawn, sep="\n")
    print("</svg>")


if __name__ == "__main__":
    main()
