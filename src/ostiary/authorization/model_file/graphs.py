"""Cycles in what refers to what."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def components(graph: Mapping[Node, Collection[Node]]) -> dict[Node, int]:
    """Each node's component: two nodes have the same number when each can be reached from the other.

    Tarjan's algorithm (1972), with a stack of its own in place of recursion: chains may be thousands long.
    """
    order: dict[Node, int] = {}
    lowest: dict[Node, int] = {}
    found: dict[Node, int] = {}
    pending: list[Node] = []
    for root in graph:
        if root in order:
            continue
        walk = [(root, iter(graph.get(root, ())))]
        while walk:
            node, rest = walk[-1]
            if node not in order:
                order[node] = lowest[node] = len(order)
                pending.append(node)
            for following in rest:
                if following not in order:
                    walk.append((following, iter(graph.get(following, ()))))
                    break
                if following not in found:
                    lowest[node] = min(lowest[node], order[following])
            else:
                walk.pop()
                _leave(node, walk[-1][0] if walk else None, order, lowest, found, pending)
    return found


def _leave(
    node: Node,
    parent: Node | None,
    order: Mapping[Node, int],
    lowest: dict[Node, int],
    found: dict[Node, int],
    pending: list[Node],
) -> None:
    if parent is not None:
        lowest[parent] = min(lowest[parent], lowest[node])
    if lowest[node] != order[node]:
        return
    while True:
        member = pending.pop()
        found[member] = order[node]
        if member == node:
            return


def cycles(graph: Mapping[Node, Collection[Node]]) -> list[tuple[Node, ...]]:
    """One cycle for each component that has any, both ends included: ``(a, b, a)``; each from its first node on."""
    component = components(graph)
    done: set[int] = set()
    found: list[tuple[Node, ...]] = []
    for start in graph:
        if component[start] not in done and (way := _way_back(graph, component, start)):
            done.add(component[start])
            found.append(way)
    return found


def _way_back(
    graph: Mapping[Node, Collection[Node]], component: Mapping[Node, int], start: Node
) -> tuple[Node, ...] | None:
    """The shortest way from ``start`` back to it, breadth first."""
    came_from: dict[Node, Node] = {}
    reached = [start]
    for node in reached:
        for following in graph.get(node, ()):
            if following == start:
                way = [start, node]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if component[following] == component[start] and following not in came_from:
                came_from[following] = node
                reached.append(following)
    return None
