"""The paths of a decision as one graph, drawn as SVG: from the subject at the top to the permission at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

import markupsafe

_WIDTH, _HEIGHT, _ACROSS, _DOWN, _EDGE = 232, 40, 24, 44, 4
_LONGEST = 28


def drawing(paths: Sequence[Sequence[str]], *, allowed: bool) -> markupsafe.Markup:
    """SVG in the colours of the page's stylesheet; what leads through one thing by several ways meets there."""
    levels = _levels(paths)
    rows: dict[int, list[str]] = {}
    for step, level in levels.items():
        rows.setdefault(level, []).append(step)
    across = max(map(len, rows.values()))
    width = across * (_WIDTH + _ACROSS) - _ACROSS + 2 * _EDGE
    height = len(rows) * (_HEIGHT + _DOWN) - _DOWN + 2 * _EDGE
    at: dict[str, tuple[float, float]] = {}
    for down, level in enumerate(sorted(rows)):  # groups in one another push their levels down, past empty ones
        start = (width - (len(rows[level]) * (_WIDTH + _ACROSS) - _ACROSS)) / 2
        for number, step in enumerate(rows[level]):
            at[step] = (start + number * (_WIDTH + _ACROSS), _EDGE + down * (_HEIGHT + _DOWN))
    lines = "".join(_arrow(at[one], at[other]) for one, other in _edges(paths))
    boxes = "".join(_box(step, *at[step], last=levels[step] == max(rows)) for step in levels)
    spoken = escape("; ".join(" → ".join(path) for path in paths))
    word = "allowed" if allowed else "denied"
    return markupsafe.Markup(  # noqa: S704 - every text in it is escaped
        f'<svg class="graph {word}" role="img" aria-label="{spoken}" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" xmlns="http://www.w3.org/2000/svg">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z"/></marker></defs>{lines}{boxes}</svg>'
    )


def _levels(paths: Sequence[Sequence[str]]) -> dict[str, int]:
    """How far down each step stands: below everything that leads to it. Paths have no step twice."""
    levels: dict[str, int] = {}
    for _ in range(max(map(len, paths))):
        for path in paths:
            for number, step in enumerate(path):
                above = levels[path[number - 1]] + 1 if number else 0
                levels[step] = max(levels.get(step, 0), above)
    return levels


def _edges(paths: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    pairs = ((one, other) for path in paths for one, other in pairwise(path))
    return list(dict.fromkeys(pairs))


def _arrow(one: tuple[float, float], other: tuple[float, float]) -> str:
    middle = _WIDTH / 2
    x1, y1, x2, y2 = one[0] + middle, one[1] + _HEIGHT, other[0] + middle, other[1]
    bend = (y1 + y2) / 2
    return f'<path class="edge" marker-end="url(#tip)" d="M{x1} {y1}C{x1} {bend} {x2} {bend} {x2} {y2 - 2}"/>'


def _box(step: str, x: float, y: float, *, last: bool) -> str:
    shown = step if len(step) <= _LONGEST else f"{step[:15]}…{step[-12:]}"
    kind = "end" if last else "step"
    return (
        f'<g class="{kind}"><title>{escape(step)}</title>'
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>'
        f'<text x="{x + _WIDTH / 2}" y="{y + _HEIGHT / 2 + 5}" text-anchor="middle">{escape(shown)}</text></g>'
    )
