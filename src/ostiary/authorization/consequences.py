"""What a change of the model changes for whom, over the accounts and objects that exist."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from ostiary.authorization.compiled import Model
from ostiary.authorization.decide import decide
from ostiary.authorization.facts import Facts, RoleGraph, Subject, compile_subject
from ostiary.authorization.model import Request, Resource
from ostiary.authorization.relations import EVERYBODY, SIGNED_IN, SubjectSet, parse_object
from ostiary.authorization.schema import USER, AuthorizationModel
from ostiary.authorization.store import load_policies, load_roles, load_subject, windows_of
from ostiary.authorization.surroundings import load_attributes, load_surroundings

if TYPE_CHECKING:
    from ostiary.database import Reader

MOST_PAIRS = 20_000
"""Accounts times objects that are compared; where there are more, the answer says so."""
_PAGE = 500


class _Id(msgspec.Struct, frozen=True):
    id: str


class _Edge(msgspec.Struct, frozen=True):
    object: str
    relation: str
    subject: str


class Side(msgspec.Struct, frozen=True):
    """All that decides, on one side of the change."""

    roles: RoleGraph
    model: Model
    sets: frozenset[tuple[str, str]]


async def consequences(
    db: Reader, models: Sequence[AuthorizationModel], before: AuthorizationModel, after: AuthorizationModel, at: int
) -> tuple[str, ...]:
    """In words, who gets or loses which permission: everywhere, and on each object of a type that changes.

    Args:
        models: those that apply now; ``before`` is the one among them that ``after`` would replace.
    """
    others = [each for each in models if each is not before]
    roles = await load_roles(db)
    old = await _side(db, [*others, before], roles)
    new = await _side(db, [*others, after], _with_roles(roles, before, after))
    permissions = sorted({f"{name}.{action}" for each in (before, after) for name, action in _actions(each)})
    objects = [each async for each in _objects(db, _changed(before, after))]
    lines: list[str] = []
    pairs = 0
    async for account in _accounts(db):
        subjects = await _on_both_sides(db, account, old, new)
        lines += _everywhere(old, new, subjects, permissions, at)
        for resource in objects if pairs < MOST_PAIRS else ():
            pairs += 1
            lines += [line async for line in _there(db, old, new, subjects, resource, permissions, at)]
    if pairs >= MOST_PAIRS:
        lines.append(f"more than {MOST_PAIRS} pairs of accounts and objects: the rest was not compared one by one")
    return tuple(lines)


async def _side(db: Reader, models: Sequence[AuthorizationModel], roles: RoleGraph) -> Side:
    sets = frozenset(pair for model in models for pair in model.sets())
    return Side(roles, Model(models, await load_policies(db, windows_of(models))), sets)


def _with_roles(roles: RoleGraph, before: AuthorizationModel, after: AuthorizationModel) -> RoleGraph:
    permissions = {name: role.permissions for name, role in after.roles.items()}
    return roles.replaced(before.roles, permissions, {name: role.includes for name, role in after.roles.items()})


def _actions(model: AuthorizationModel) -> Iterator[tuple[str, str]]:
    for name, definition in model.types.items():
        for action in definition.permissions:
            yield name, action


def _changed(before: AuthorizationModel, after: AuthorizationModel) -> frozenset[str]:
    """The types on whose objects something may be different."""
    if before.policies != after.policies or before.windows != after.windows:
        return frozenset((*before.types, *after.types))
    names = {*before.types, *after.types}
    return frozenset(name for name in names if before.types.get(name) != after.types.get(name))


async def _accounts(db: Reader) -> AsyncIterator[str]:
    """Every active account, in the order of ids."""
    after = ""
    while True:
        rows = await db.fetch_all(
            _Id,
            "SELECT id FROM accounts WHERE status = 'active' AND id > :after ORDER BY id LIMIT :most",
            after=after,
            most=_PAGE,
        )
        for row in rows:
            yield row.id
        if len(rows) < _PAGE:
            return
        after = rows[-1].id


async def _objects(db: Reader, types: frozenset[str]) -> AsyncIterator[Resource]:
    """Every object of these types that a tuple or an entity names, as many as are compared at the most."""
    for type_ in sorted(types):
        rows = await db.fetch_all(
            _Id,
            "SELECT object AS id FROM (SELECT object FROM relations WHERE object > :first AND object < :last"
            " UNION SELECT object FROM entities WHERE object > :first AND object < :last) AS named"
            " ORDER BY object LIMIT :most",
            first=f"{type_}:",
            last=f"{type_};",
            most=MOST_PAIRS,
        )
        for row in rows:
            yield parse_object(row.id)


async def _on_both_sides(db: Reader, account_id: str, old: Side, new: Side) -> tuple[Subject, Subject]:
    """The account as it is, and as it would be where other relations stood for sets of subjects."""
    subject = await load_subject(db, account_id) or compile_subject("user", account_id, False, [], [])
    if old.sets == new.sets:
        return subject, subject
    return subject, msgspec.structs.replace(subject, sets=await _memberships(db, f"{USER}:{account_id}", new))


async def _memberships(db: Reader, key: str, side: Side) -> dict[str, str]:
    found = {key: "", SIGNED_IN: "", EVERYBODY: ""}
    reached = list(found)
    while reached:
        edges = await db.fetch_all(
            _Edge,
            "SELECT object, relation, subject FROM relations WHERE subject IN (SELECT value FROM json_each(:keys))"
            " AND relation IN (SELECT value FROM json_each(:relations))",
            keys=msgspec.json.encode(reached).decode(),
            relations=msgspec.json.encode(sorted({relation for _, relation in side.sets})).decode(),
        )
        reached = []
        for edge in edges:
            into = parse_object(edge.object)
            key = SubjectSet(into.type, into.id, edge.relation).key
            if (into.type, edge.relation) in side.sets and key not in found:
                found[key] = edge.subject
                reached.append(key)
    return found


def _everywhere(
    old: Side, new: Side, subjects: tuple[Subject, Subject], permissions: Sequence[str], at: int
) -> Iterator[str]:
    for permission in permissions:
        request = Request(permission, None, at)
        had = decide(Facts(old.roles, subjects[0], old.model), request).allowed
        has = decide(Facts(new.roles, subjects[1], new.model), request).allowed
        if had != has:
            yield _line(subjects[0], permission, "everywhere", gained=has)


async def _there(
    db: Reader,
    old: Side,
    new: Side,
    subjects: tuple[Subject, Subject],
    resource: Resource,
    permissions: Sequence[str],
    at: int,
) -> AsyncIterator[str]:
    for permission in permissions:
        type_, _, action = permission.rpartition(".")
        if type_ != resource.type:
            continue
        answers: list[bool] = []
        for side, subject in zip((old, new), subjects, strict=True):
            around = await load_surroundings(db, side.model, subject, resource, action)
            around = msgspec.structs.replace(around, attributes=await load_attributes(db, str(resource)))
            answers.append(
                decide(Facts(side.roles, subject, side.model, around), Request(permission, resource, at)).allowed
            )
        if answers[0] != answers[1]:
            yield _line(subjects[0], permission, f"on {resource}", gained=answers[1])


def _line(subject: Subject, permission: str, where: str, *, gained: bool) -> str:
    return f"{subject.kind}:{subject.id} {'gets' if gained else 'loses'} {permission} {where}"
