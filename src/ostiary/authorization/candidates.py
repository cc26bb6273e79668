"""Whom and what a search has to decide about: never fewer than the answers, and seldom many more.

Walks the model backwards: from what a subject is to the objects that may give it something, and from an object to the
subjects that tuples, roles and grants name there. Nothing here allows anything; each candidate is decided afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ostiary.authorization.compiled import Model, Needs, together
from ostiary.authorization.facts import Facts, Scope, Subject
from ostiary.authorization.model import Effect, Resource, patterns_over
from ostiary.authorization.relations import EVERYBODY
from ostiary.authorization.schema import USER, Direct, Exclusion, Expression, Intersection, Named, Through

if TYPE_CHECKING:
    from ostiary.database import Reader

MOST = 20_000
"""Tuples that are read to find candidates; where there are more, all that is known of the type is gone through."""
_INSIDE = ""
"""As a name: the object is in a place where something was given to the subject."""
_HOLDERS = "role#holder:"

Key = tuple[str, str]
Row = TypeVar("Row")


class _TooMany(Exception):
    """It is cheaper to go through everything."""


class _Tuple(msgspec.Struct, frozen=True):
    object: str
    relation: str
    subject: str


class _Holder(msgspec.Struct, frozen=True):
    account_id: str | None
    group_id: str | None


class _Backwards:
    """From what an object gives to what that gives further up, towards one action on one type."""

    __slots__ = ("direct", "named", "through")

    def __init__(self, model: Model, type_: str, action: str) -> None:
        self.direct: dict[Key, set[str]] = defaultdict(set)
        self.named: dict[Key, set[str]] = defaultdict(set)
        self.through: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for each in model.types:
            for parent in model.parents(each):
                self.through[each, parent, _INSIDE].add(_INSIDE)
        having: dict[str, list[str]] = defaultdict(list)
        for each, name in model.nodes():
            having[name].append(each)
        way, seen = [(type_, action)], {(type_, action)}
        for there, name in way:  # grows as it is walked
            node = model.node(there, name)
            for part in () if node is None else _sufficient(node):
                if isinstance(part, Direct):
                    self.direct[there, part.relation].add(name)
                    continue
                if isinstance(part, Named):
                    self.named[there, part.name].add(name)
                    more = [(there, part.name)]
                else:
                    self.through[there, part.relation, part.name].add(name)
                    more = [(other, part.name) for other in having[part.name]]
                way.extend(each for each in more if each not in seen)
                seen.update(more)


async def resources_of(db: Reader, facts: Facts, permission: str) -> set[str] | None:
    """Ids of every resource of the permission's type that the subject may have it on; ``None``: of any there is."""
    subject = facts.subject
    if subject is None or not subject.active:
        return set()
    if _may_allow(facts, subject.everywhere, permission) or _ruled(facts.model, permission):
        return None
    type_, _, action = permission.rpartition(".")
    places = {place for place, scope in subject.on.items() if _may_allow(facts, scope, permission)}
    backwards = _Backwards(facts.model, type_, action)
    try:
        start = await _given_directly(db, subject, backwards) | {(str(place), _INSIDE) for place in places}
        reached = await _spread(db, start, backwards)
    except _TooMany:
        return None
    prefix = f"{type_}:"
    wanted = (action, _INSIDE) if type_ in facts.model.types else (_INSIDE,)
    return {key.removeprefix(prefix) for key, name in reached if name in wanted and key.startswith(prefix)}


async def subjects_of(db: Reader, facts: Facts, permission: str, resource: Resource, type_: str) -> set[str] | None:
    """Ids of every subject of a type that may have the permission on the resource; ``None``: any there is."""
    if _ruled(facts.model, permission):
        return None
    try:
        named, places = await _named_around(db, facts.model, permission, resource)
        keys = await _members(db, named | await _holders(db, facts, permission, places))
    except _TooMany:
        return None
    if EVERYBODY in keys or f"{type_}:*" in keys:
        return None
    prefix = f"{type_}:"
    return {key.removeprefix(prefix) for key in keys if key.startswith(prefix)}


def _ruled(model: Model, permission: str) -> bool:
    return any(policy.effect is Effect.ALLOW for policy in model.ruling(permission))


def _may_allow(facts: Facts, scope: Scope, permission: str) -> bool:
    if any(scope.roles.keys() & roles for _, roles in facts.roles.ways(permission)):
        return True
    given = (grant for pattern in patterns_over(permission) for grant in scope.grants.get(pattern, ()))
    return any(grant.effect is Effect.ALLOW for grant in given)


def _sufficient(node: Expression) -> Iterable[Named | Through | Direct]:
    """Parts of an expression of which whoever has the whole has at least one."""
    if isinstance(node, Exclusion):
        return _sufficient(node.base)
    if isinstance(node, Intersection):
        return _sufficient(node.of[0])
    if isinstance(node, Named | Through | Direct):
        return (node,)
    return tuple(part for each in node.of for part in _sufficient(each))


async def _given_directly(db: Reader, subject: Subject, backwards: _Backwards) -> set[Key]:
    if not backwards.direct:
        return set()
    rows = await _naming(db, subject.sets, {relation for _, relation in backwards.direct})
    return {
        (row.object, name)
        for row in rows
        for name in backwards.direct.get((row.object.partition(":")[0], row.relation), ())
    }


async def _spread(db: Reader, start: set[Key], backwards: _Backwards) -> set[Key]:
    """Everything that follows from what is given at the start, one statement a step."""
    relations = {relation for _, relation, _ in backwards.through}
    reached: set[Key] = set()
    fresh = start
    while fresh:
        way = list(fresh)
        for key, name in way:  # grows as it is walked
            for other in backwards.named.get((key.partition(":")[0], name), ()):
                if (same := (key, other)) not in fresh and same not in reached:
                    fresh.add(same)
                    way.append(same)
        reached |= fresh
        if len(reached) > MOST:
            raise _TooMany
        fresh = await _above(db, fresh, relations, backwards) - reached
    return reached


async def _above(db: Reader, below: set[Key], relations: set[str], backwards: _Backwards) -> set[Key]:
    if not relations:
        return set()
    leading = {name for _, _, name in backwards.through}
    names: dict[str, set[str]] = defaultdict(set)
    for key, name in below:
        if name in leading:
            names[key].add(name)
    return {
        (row.object, given)
        for row in (await _naming(db, names, relations) if names else ())
        for name in names[row.subject]
        for given in backwards.through.get((row.object.partition(":")[0], row.relation, name), ())
    }


async def _naming(db: Reader, subjects: Collection[str], relations: Collection[str]) -> list[_Tuple]:
    """The tuples of some relations that name one of the subjects."""
    rows = await db.fetch_all(
        _Tuple,
        "SELECT object, relation, subject FROM relations WHERE subject IN (SELECT value FROM json_each(:subjects))"
        " AND relation IN (SELECT value FROM json_each(:relations)) LIMIT :most",
        subjects=_texts(subjects),
        relations=_texts(relations),
        most=MOST + 1,
    )
    return _bounded(rows)


async def _naming_all(db: Reader, objects: Collection[str], relations: Collection[str]) -> list[_Tuple]:
    """The tuples of some relations that stand on one of the objects."""
    rows = await db.fetch_all(
        _Tuple,
        "SELECT object, relation, subject FROM relations WHERE object IN (SELECT value FROM json_each(:objects))"
        " AND relation IN (SELECT value FROM json_each(:relations)) LIMIT :most",
        objects=_texts(objects),
        relations=_texts(relations),
        most=MOST + 1,
    )
    return _bounded(rows)


async def _named_around(db: Reader, model: Model, permission: str, resource: Resource) -> tuple[set[str], set[str]]:
    """Every subject key that tuples name around a resource, and the keys of the resource and of what it is in."""
    named: set[str] = set()
    type_, _, action = permission.rpartition(".")
    reached = {str(resource): {action} if type_ == resource.type else {_INSIDE}}
    asked: set[Key] = set()
    places = {str(resource)}
    while reached:
        level: dict[str, Needs] = {}
        for key, names in reached.items():
            new = [name for name in names if (key, name) not in asked]
            asked.update((key, name) for name in new)
            if new:
                level[key] = together(model.needs(key.partition(":")[0], name) for name in new)
        relations = {each for needs in level.values() for each in (*needs.direct, *needs.through)}
        reached = defaultdict(set)
        for row in await _naming_all(db, level, relations) if relations else ():
            needs = level[row.object]
            if row.relation in needs.direct:
                named.add(row.subject)
            if row.relation in needs.through and "#" not in row.subject.partition(":")[0]:
                reached[row.subject] |= needs.through[row.relation]
                places.add(row.subject)
        if len(asked) > MOST or len(named) > MOST:
            raise _TooMany
    return named, places


async def _holders(db: Reader, facts: Facts, permission: str, places: set[str]) -> set[str]:
    """Keys of those to whom a role or a grant gives the permission everywhere or in one of the places."""
    roles = {role for _, holders in facts.roles.ways(permission) for role in holders}
    rows = await db.fetch_all(
        _Holder,
        "SELECT account_id, group_id FROM role_assignments WHERE role IN (SELECT value FROM json_each(:roles))"
        f" AND {_SOMEWHERE} UNION SELECT account_id, group_id FROM direct_grants"
        " WHERE permission IN (SELECT value FROM json_each(:patterns)) AND effect = 'allow'"
        f" AND {_SOMEWHERE} LIMIT :most",
        roles=_texts(roles),
        patterns=_texts(patterns_over(permission)),
        places=_texts(places),
        most=MOST + 1,
    )
    return _keys(rows)


_SOMEWHERE = "(resource_type = '' OR resource_type || ':' || resource_id IN (SELECT value FROM json_each(:places)))"


async def _members(db: Reader, keys: set[str]) -> set[str]:
    """The keys, and those of everybody who is in one of the sets among them, directly or through others."""
    fresh = keys
    while fresh:
        roles = {key.removeprefix(_HOLDERS) for key in fresh if key.startswith(_HOLDERS)}
        sets = {_stands_on(key) for key in fresh if "#" in key.partition(":")[0] and not key.startswith(_HOLDERS)}
        found = await _holding_everywhere(db, roles) if roles else set()
        if sets:
            rows = await _naming_all(db, {each for each, _ in sets}, {relation for _, relation in sets})
            found |= {row.subject for row in rows if (row.object, row.relation) in sets}
        fresh = found - keys
        keys = keys | fresh
        if len(keys) > MOST:
            raise _TooMany
    return keys


async def _holding_everywhere(db: Reader, roles: set[str]) -> set[str]:
    rows = await db.fetch_all(
        _Holder,
        "SELECT account_id, group_id FROM role_assignments WHERE role IN (SELECT value FROM json_each(:roles))"
        " AND resource_type = '' LIMIT :most",
        roles=_texts(roles),
        most=MOST + 1,
    )
    return _keys(rows)


def _keys(rows: list[_Holder]) -> set[str]:
    return {row.group_id or f"{USER}:{row.account_id}" for row in _bounded(rows)}


def _stands_on(key: str) -> Key:
    """The object and the relation of a set: ``group#member:eng`` is ``group:eng`` and ``member``."""
    head, _, id_ = key.partition(":")
    type_, _, relation = head.partition("#")
    return f"{type_}:{id_}", relation


def _bounded(rows: list[Row]) -> list[Row]:
    if len(rows) > MOST:
        raise _TooMany
    return rows


def _texts(values: Iterable[str] | Mapping[str, object]) -> str:
    return msgspec.json.encode(list(values)).decode()
