"""In which order what a model names can be worked out: what stands after ``but not`` is known first.

A model in which something rests on its own absence has no such order (Apt, Blair and Walker, 1988); a model file that
says so is refused, see :mod:`ostiary.authorization.model_file.recursion`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from ostiary.authorization.schema import Direct, Exclusion, Expression, Named, Through

Node = tuple[str, str]
"""A type, and one of its relations or permissions."""
Leaf = Named | Through | Direct


def leaves(expression: Expression) -> tuple[Leaf, ...]:
    """What an expression is made of in the end."""
    return tuple(leaf for leaf, _ in _signed(expression, taken=False))


def strata(nodes: Mapping[Node, Expression], targets: Mapping[Node, frozenset[str]]) -> dict[Node, int]:
    """The number of each node that is not in the lowest stratum, 0.

    Raises:
        ValueError: one rests on its own absence.
    """
    found: dict[Node, int] = {}
    rested_on_by: dict[Node, list[tuple[Node, int]]] = defaultdict(list)
    pending: deque[Node] = deque()
    for node, expression in nodes.items():
        for leaf, taken in _signed(expression, taken=False):
            for reached in _reached(node, leaf, targets):
                rested_on_by[reached].append((node, int(taken)))
                if taken:
                    pending.append(reached)
    while pending:
        reached = pending.popleft()
        for node, step in rested_on_by[reached]:
            if (number := found.get(reached, 0) + step) > found.get(node, 0):
                if number > len(nodes):
                    raise ValueError(f"{node[0]}.{node[1]} rests on its own absence")
                found[node] = number
                pending.append(node)
    return found


def _reached(node: Node, leaf: Leaf, targets: Mapping[Node, frozenset[str]]) -> Iterable[Node]:
    if isinstance(leaf, Named):
        return ((node[0], leaf.name),)
    if isinstance(leaf, Through):
        return tuple((type_, leaf.name) for type_ in targets.get((node[0], leaf.relation), ()))
    return ()


def _signed(expression: Expression, *, taken: bool) -> Iterable[tuple[Leaf, bool]]:
    """The leaves, each with whether it stands after ``but not``."""
    if isinstance(expression, Exclusion):
        yield from _signed(expression.base, taken=taken)
        yield from _signed(expression.without, taken=True)
    elif isinstance(expression, Named | Through | Direct):
        yield expression, taken
    else:
        for each in expression.of:
            yield from _signed(each, taken=taken)
