"""Which objects a subject reaches: relations followed from the subject outwards, where a decision goes the other way.

All of one kind at once, by the same tuples and the same model, so that a list holds just what checks would allow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from ostiary.authorization.compiled import Model
from ostiary.authorization.facts import Subject
from ostiary.authorization.model import NestingTooDeep
from ostiary.authorization.schema import Direct, Exclusion, Expression, Named, Through, Union
from ostiary.authorization.strata import leaves
from ostiary.authorization.surroundings import MOST_STEPS

if TYPE_CHECKING:
    from ostiary.database import Reader

Name = tuple[str, str]
"""A type, and a relation or permission of it."""


class _Row(msgspec.Struct, frozen=True):
    object: str
    relation: str
    subject: str


async def related_objects(db: Reader, model: Model, subject: Subject, type_: str, name: str) -> frozenset[str]:
    """The ids of all objects of a type on which the subject has a relation or permission.

    Raises:
        NestingTooDeep: the way there is longer than a decision may go.
    """
    if model.node(type_, name) is None or not subject.sets:
        return frozenset()
    reached = await _Reach(db, model, subject).of(type_, name)
    return frozenset(key.partition(":")[2] for key in reached)


async def objects_below(db: Reader, model: Model, type_: str, places: Collection[str]) -> frozenset[str]:
    """The ids of all objects of a type that are one of ``places`` (keys), or in one of them by their parents.

    Raises:
        NestingTooDeep: as above.
    """
    relations = sorted({parent for definition in model.types.values() for parent in definition.parents})
    found, frontier = set(places), set(places)
    for _ in range(MOST_STEPS + 1):
        if not frontier or not relations:
            prefix = f"{type_}:"
            return frozenset(key.removeprefix(prefix) for key in found if key.startswith(prefix))
        rows = await db.fetch_all(
            _Row,
            "SELECT object, relation, subject FROM relations WHERE subject IN (SELECT value FROM json_each(:subjects))"
            " AND relation IN (SELECT value FROM json_each(:relations))",
            subjects=_list(frontier),
            relations=_list(relations),
        )
        below = {row.object for row in rows if row.relation in model.parents(row.object.partition(":")[0])}
        frontier = below - found
        found |= frontier
    raise NestingTooDeep(f"There are more than {MOST_STEPS} steps down from a place that a role or grant is for.")


class _Reach:
    """What one subject reaches, name by name: first what others are taken from (``but not``), then those others."""

    def __init__(self, db: Reader, model: Model, subject: Subject) -> None:
        self._db = db
        self._model = model
        self._own = _list(subject.sets)
        self._found: dict[Name, set[str]] = defaultdict(set)
        self._direct: dict[Name, set[str]] = {}
        self._through: dict[tuple[str, Through], set[str]] = defaultdict(set)
        self._followed: dict[tuple[str, Through], set[str]] = defaultdict(set)

    async def of(self, type_: str, name: str) -> set[str]:
        for stratum in _strata(self._model, (type_, name)):
            await self._settle(stratum)
        return self._found[type_, name]

    async def _settle(self, names: Collection[Name]) -> None:
        """Go on until nothing more is found: within one stratum, more of one name never means less of another."""
        nodes = [(name, node) for name in names if (node := self._model.node(*name)) is not None]
        for (type_, _), node in nodes:
            for leaf in leaves(node):
                if isinstance(leaf, Direct):
                    await self._read_direct(type_, leaf.relation)
        for _ in range(MOST_STEPS + 1):
            self._work_out(nodes)
            followed = [await self._follow(name[0], leaf) for name, node in nodes for leaf in leaves(node)]
            if not any(followed):
                return
        raise NestingTooDeep(f"There are more than {MOST_STEPS} steps from the subject to what it may reach.")

    def _work_out(self, nodes: Collection[tuple[Name, Expression]]) -> None:
        changed = True
        while changed:
            changed = False
            for name, node in nodes:
                found = self._expressed(name[0], node)
                changed = changed or found != self._found[name]
                self._found[name] = found

    def _expressed(self, type_: str, node: Expression) -> set[str]:
        if isinstance(node, Direct):
            return self._direct[type_, node.relation]
        if isinstance(node, Named):
            return self._found[type_, node.name]
        if isinstance(node, Through):
            return self._through[type_, node]
        if isinstance(node, Exclusion):
            return self._expressed(type_, node.base) - self._expressed(type_, node.without)
        each = [self._expressed(type_, part) for part in node.of]
        return set().union(*each) if isinstance(node, Union) else set.intersection(*each)

    async def _read_direct(self, type_: str, relation: str) -> None:
        if (type_, relation) not in self._direct:
            self._direct[type_, relation] = await self._objects(type_, relation, self._own)

    async def _follow(self, type_: str, leaf: Named | Through | Direct) -> bool:
        """Add what stands in the relation to objects that were not known before; whether there were any."""
        if not isinstance(leaf, Through):
            return False
        there = {
            key for other in _named(self._model, leaf.name) for key in self._found[other] if not key.endswith(":*")
        }
        new = there - self._followed[type_, leaf]
        if not new:
            return False
        self._followed[type_, leaf] |= new
        self._through[type_, leaf] |= await self._objects(type_, leaf.relation, _list(new))
        return True

    async def _objects(self, type_: str, relation: str, subjects: str) -> set[str]:
        rows = await self._db.fetch_all(
            _Row,
            "SELECT object, relation, subject FROM relations WHERE subject IN (SELECT value FROM json_each(:subjects))"
            " AND relation = :relation AND object > :first AND object < :last",
            subjects=subjects,
            relation=relation,
            first=f"{type_}:",
            last=f"{type_};",  # the character after the colon
        )
        return {row.object for row in rows}


def _strata(model: Model, start: Name) -> list[list[Name]]:
    """The names that ``start`` rests on, in layers: what is taken away from a name is in a layer before it.

    Raises:
        NestingTooDeep: something is taken away from itself, which no model that was read from a file says.
    """
    needed = _needed(model, start)
    layer = dict.fromkeys(needed, 0)
    for _ in range(len(needed) + 1):
        before = dict(layer)
        for name, below in needed.items():
            for each, taken in below:
                layer[name] = max(layer[name], layer[each] + taken)
        if layer == before:
            return [[name for name in needed if layer[name] == at] for at in range(max(layer.values()) + 1)]
    raise NestingTooDeep(f"{start[1]} of {start[0]} depends on its own opposite.")


def _needed(model: Model, start: Name) -> Mapping[Name, frozenset[tuple[Name, bool]]]:
    needed: dict[Name, frozenset[tuple[Name, bool]]] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            node = model.node(*name)
            needed[name] = frozenset() if node is None else frozenset(_below(model, name[0], node, False))
            waiting.extend(each for each, _ in needed[name])
    return needed


def _below(model: Model, type_: str, node: Expression, taken: bool) -> Iterable[tuple[Name, bool]]:
    """The names that an expression names, each with whether it is taken away."""
    if isinstance(node, Exclusion):
        yield from _below(model, type_, node.base, taken)
        yield from _below(model, type_, node.without, True)
    elif isinstance(node, Named):
        yield (type_, node.name), taken
    elif isinstance(node, Through):
        yield from ((name, taken) for name in _named(model, node.name))
    elif not isinstance(node, Direct):
        for part in node.of:
            yield from _below(model, type_, part, taken)


def _named(model: Model, name: str) -> list[Name]:
    """``name`` of every type that has it: which types a relation leads to is in the tuples."""
    return [(type_, name) for type_ in model.types if model.node(type_, name) is not None]


def _list(keys: Iterable[str]) -> str:
    return msgspec.json.encode(list(keys)).decode()
