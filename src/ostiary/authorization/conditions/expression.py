"""The abstract syntax of a condition: one frozen struct a kind of node, the same for both notations.

Every node knows its ``position``: where it begins in the text, in characters from 0; in the JSON form, which of its
members it comes from, counted from 0. Both notations come down to these
nodes, so whoever walks them (the checker, the generator, a translation to SQL) needs to know nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal as OneOf
from typing import TypeAlias

import msgspec

ROOTS = ("subject", "resource", "action", "context")
NOW = "now"
MACROS = ("all", "exists", "exists_one", "filter", "map")

MAX_DEPTH = 32
MAX_NODES = 1_000
_PARTS_A_STEP = 4
_OF_CALL = 16

Scalar: TypeAlias = bool | int | float | str | None
Unaries: TypeAlias = OneOf["!", "-"]
Binaries: TypeAlias = OneOf["==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"]
Logics: TypeAlias = OneOf["&&", "||"]


class Literal(msgspec.Struct, frozen=True):
    """A constant."""

    position: int
    value: Scalar


class Variable(msgspec.Struct, frozen=True):
    """One of :data:`ROOTS` (``user`` is read as ``subject``), ``now``, or the variable of a macro around it."""

    position: int
    name: str


class Select(msgspec.Struct, frozen=True):
    """``operand.name``."""

    position: int
    operand: Node
    name: str


class Index(msgspec.Struct, frozen=True):
    """``operand[key]``."""

    position: int
    operand: Node
    key: Node


class Has(msgspec.Struct, frozen=True):
    """``has(operand.name)``: whether the map ``operand`` has that member, be it ``null``."""

    position: int
    operand: Node
    name: str


class ListOf(msgspec.Struct, frozen=True):
    """``[item, …]``."""

    position: int
    items: tuple[Node, ...]


class MapOf(msgspec.Struct, frozen=True):
    """``{key: value, …}``."""

    position: int
    entries: tuple[tuple[Node, Node], ...]


class Unary(msgspec.Struct, frozen=True):
    position: int
    operator: Unaries
    operand: Node


class Binary(msgspec.Struct, frozen=True):
    position: int
    operator: Binaries
    left: Node
    right: Node


class Logic(msgspec.Struct, frozen=True):
    """``a && b && …`` or ``a || b || …``, two operands or more."""

    position: int
    operator: Logics
    operands: tuple[Node, ...]


class Choice(msgspec.Struct, frozen=True):
    """``test ? then : otherwise``."""

    position: int
    test: Node
    then: Node
    otherwise: Node


class Call(msgspec.Struct, frozen=True):
    """A function of :mod:`.functions`; the receiver of a method is its first argument."""

    position: int
    function: str
    arguments: tuple[Node, ...]


class Comprehension(msgspec.Struct, frozen=True):
    """``over.macro(variable, body)``; ``map`` with three arguments has its test in ``test``."""

    position: int
    macro: str
    over: Node
    variable: str
    body: Node
    test: Node | None = None


Node: TypeAlias = (
    Literal | Variable | Select | Index | Has | ListOf | MapOf | Unary | Binary | Logic | Choice | Call | Comprehension
)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below, in the order of the text."""
    match node:
        case Literal() | Variable():
            return ()
        case Select(operand=operand) | Has(operand=operand) | Unary(operand=operand):
            return (operand,)
        case ListOf():
            return node.items
        case MapOf():
            return tuple(part for entry in node.entries for part in entry)
        case Index(operand=first, key=second) | Binary(left=first, right=second):
            return (first, second)
        case Logic():
            return node.operands
        case Choice():
            return (node.test, node.then, node.otherwise)
        case Call():
            return node.arguments
        case Comprehension():
            return (node.over, node.body) if node.test is None else (node.over, node.test, node.body)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, from the top down."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(children(current)))


def steps_of(node: Comprehension) -> int:
    """The work of one round: the size of what is done in it, where a call counts for sixteen parts."""
    parts = (part for below in (node.test, node.body) if below is not None for part in walk(below))
    return max(1, sum(_OF_CALL if isinstance(part, Call) else 1 for part in parts) // _PARTS_A_STEP)


def texts_of(node: Node) -> frozenset[str] | None:
    """The members of a list of nothing but constant strings."""
    if not isinstance(node, ListOf):
        return None
    texts = [item.value for item in node.items if isinstance(item, Literal) and isinstance(item.value, str)]
    return frozenset(texts) if len(texts) == len(node.items) else None


def path_of(node: Node) -> str:
    """The dotted path of an attribute such as ``resource.owner.id``; empty for anything else."""
    names: list[str] = []
    while not isinstance(node, Variable):
        if isinstance(node, Select):
            names.append(node.name)
        elif isinstance(node, Index) and isinstance(node.key, Literal) and isinstance(node.key.value, str):
            names.append(node.key.value)
        else:
            return ""
        node = node.operand
    return ".".join([node.name, *reversed(names)]) if node.name in ROOTS else ""


def reads_of(node: Node) -> frozenset[tuple[str, str]]:
    """Each attribute that is read, as (``resource``, ``amount``); ``*`` where the whole map is used."""
    found: set[tuple[str, str]] = set()
    covered: set[int] = set()
    for each in walk(node):
        below = getattr(each, "operand", None)
        if isinstance(each, Variable) and each.name in ROOTS and id(each) not in covered:
            found.add((each.name, "*"))
        elif isinstance(below, Variable) and below.name in ROOTS and (name := _member(each)) is not None:
            found.add((below.name, name))
            covered.add(id(below))
    return frozenset(found)


def _member(node: Node) -> str | None:
    if isinstance(node, Select | Has):
        return node.name
    if isinstance(node, Index) and isinstance(node.key, Literal) and isinstance(node.key.value, str):
        return node.key.value
    return None
