"""Draw what decisions cost as facts grow in number, beside other engines, of the printed lines of the bench:

    make -s bench ARGS="role_decision subject_decision relation_decision policy_decision" > docs/images/decisions.txt
    .venv/bin/python docs/images/decisions.py < docs/images/decisions.txt > docs/images/decisions.svg

A series of Ostiary's that is not among the lines is named, and nothing is drawn; peers are drawn as far as they go.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from plot import MARGIN, STYLE, WIDTH, Figure, number, read, text

LEFT, RIGHT, HEIGHT = 70, 560, 170
DECADES = range(7)
"""Powers of ten of microseconds from the bottom to the top of a panel: 1 us to 1 s."""

COLOURS = """
.ostiary { --colour: var(--sqlite) } .pycasbin { --colour: var(--redis) }
.cedar { --colour: var(--postgresql) } .oso { --colour: var(--token) }
polyline.ostiary { stroke-width: 4 }
circle { fill: var(--colour) }
"""

Series = Mapping[int, float]
"""Microseconds a decision, by the number of facts."""


class Panel(NamedTuple):
    title: str
    note: str
    question: str
    facts: str


PANELS = (
    Panel(
        "Role check, the caller's facts at hand",
        "By the number of permissions that roles hold. All of them in memory.",
        "role check",
        "permissions in roles",
    ),
    Panel(
        "Role check of any subject",
        "Ostiary reads SQLite at each check and remembers nothing; the others hold all assignments in memory.",
        "any subject's check",
        "role assignments",
    ),
    Panel(
        "User, group, folder, document",
        "Three hops. Ostiary reads SQLite at each check and remembers nothing; the others hold all tuples in memory.",
        "three-hop relation check",
        "relation tuples",
    ),
    Panel(
        "Policies over attributes, at most three about the question",
        "All of them in memory.",
        "attribute policy",
        "policies",
    ),
)


def series_of(figures: Mapping[str, Figure], question: str) -> dict[str, Series]:
    """The engines that a question was put to, Ostiary first. KeyError: Ostiary was not asked."""
    found: dict[str, dict[int, float]] = {"Ostiary": {}}
    asked = re.compile(rf"{re.escape(question)}, ([\d,]+)(?: facts|: (.+))")
    for printed, figure in figures.items():
        if matched := asked.fullmatch(printed):
            engine = matched[2] or "Ostiary"
            value = figure.beside if matched[2] else figure.ours
            found.setdefault(engine, {})[int(number(matched[1]))] = number(value)
    if not found["Ostiary"]:
        raise KeyError(question)
    return found


def panel(y: float, about: Panel, engines: Mapping[str, Series]) -> Iterator[str]:
    """Lines over two logarithmic axes, each with its name at its end."""
    sizes = sorted(engines["Ostiary"])
    first, last = math.log10(sizes[0]), math.log10(sizes[-1])

    def across(size: int) -> float:
        return LEFT + (math.log10(size) - first) / (last - first) * (RIGHT - LEFT)

    def up(microseconds: float) -> float:
        return y + HEIGHT * (1 - (math.log10(microseconds) - DECADES[0]) / (DECADES[-1] - DECADES[0]))

    for power in DECADES:
        yield f'<path d="M{LEFT} {up(10**power):.1f}H{RIGHT}" class="grid"/>'
        yield text(LEFT - 8, up(10**power) + 4, _duration(power), "muted end")
    for size in sizes:
        yield text(across(size), y + HEIGHT + 18, f"{size:,}", "muted middle")
    yield text(RIGHT + 14, y + HEIGHT + 18, about.facts, "muted")
    lowest = -math.inf
    for engine, series in sorted(engines.items(), key=lambda item: up(item[1][max(item[1])])):
        kind = f"{engine.partition(',')[0].lower()}{' dashed' if ',' in engine else ''}"
        points = [(across(size), up(series[size])) for size in sorted(series)]
        yield f'<polyline points="{" ".join(f"{x:.1f},{at:.1f}" for x, at in points)}" class="{kind}"/>'
        yield (
            f'<g class="{kind}">' + "".join(f'<circle cx="{x:.1f}" cy="{at:.1f}" r="3"/>' for x, at in points) + "</g>"
        )
        lowest = max(points[-1][1] + 4, lowest + 15)  # names that would cover each other are moved apart
        yield text(points[-1][0] + 8, lowest, engine, kind.partition(" ")[0])


def _duration(power: int) -> str:
    return f"{10**power} µs" if power < 3 else f"{10 ** (power - 3)} ms" if power < 6 else "1 s"


def draw(figures: Mapping[str, Figure]) -> tuple[list[str], int]:
    """The panels, one below the other, and how high they are together. KeyError: a figure is not there."""
    drawn, y = [], 34
    for about in PANELS:
        drawn += [text(MARGIN, y, about.title, "heading"), text(MARGIN, y + 18, about.note, "muted")]
        drawn += panel(y + 34, about, series_of(figures, about.question))
        y += HEIGHT + 98
    return drawn, y - 40


def page(lines: Iterable[str]) -> str:
    """The picture. KeyError: a series is not among the lines."""
    drawn, height = draw(read(lines))
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">',
            "<title>Time of a decision by the number of facts: Ostiary, pycasbin, Cedar and oso on one machine</title>",
            f"<style>{STYLE}{COLOURS}</style>",
            f'<rect width="{WIDTH}" height="{height}" rx="8" class="ground"/>',
            *drawn,
            "</svg>",
        )
    )


def main() -> None:
    try:
        print(page(sys.stdin))
    except KeyError as missing:
        sys.exit(f"not among the lines: {missing}")


if __name__ == "__main__":
    main()
