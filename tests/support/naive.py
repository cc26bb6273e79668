"""The decision once more, as plain loops over plain facts: what the engine answers has to be the same.

Written from what is wanted and not from how the engine works: nothing is indexed, bounded or remembered. Subjects and
objects are texts as people write them: ``user:ann``, ``user:*``, ``group:eng#member``, ``document:1``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ostiary.authorization.schema import Exclusion, Expression, Intersection, Named, Through, TypeDefinition, Union

Missing = LookupError
"""What a policy raises when it cannot be worked out."""


@dataclass(frozen=True)
class Grant:
    holder: str
    permission: str
    effect: str = "allow"
    on: str | None = None
    until: int | None = None


@dataclass(frozen=True)
class Policy:
    """``holds`` is asked with the attributes of the resource and the context."""

    name: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    holds: Callable[[Mapping[str, object], Mapping[str, object]], bool]


@dataclass(frozen=True)
class World:
    """``roles``: patterns by role. ``assigned``: holder, role, and where; ``None`` is everywhere."""

    types: Mapping[str, TypeDefinition] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    includes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    assigned: tuple[tuple[str, str, str | None], ...] = ()
    grants: tuple[Grant, ...] = ()
    tuples: tuple[tuple[str, str, str], ...] = ()
    policies: tuple[Policy, ...] = ()
    attributes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def decide(
    world: World, subject: str, permission: str, resource: str | None, at: int, context: Mapping[str, object]
) -> str:
    """``unknown_subject``, ``account_inactive``, ``denied_explicitly``, ``allowed`` or ``nothing_allows``."""
    if subject.startswith("user:") and subject not in world.accounts:
        return "unknown_subject"
    if subject.startswith("user:") and world.accounts[subject] != "active":
        return "account_inactive"
    found = set(_effects(world, subject, permission, resource, at, context))
    return "denied_explicitly" if "deny" in found else "allowed" if "allow" in found else "nothing_allows"


def _effects(
    world: World, subject: str, permission: str, resource: str | None, at: int, context: Mapping[str, object]
) -> Iterator[str]:
    who = names(world, subject)
    yield from _given(world, who, permission, {None, *above(world, resource)}, at)
    type_, _, action = permission.rpartition(".")
    if resource is not None and resource.split(":")[0] == type_ and has(world, who, resource, action, frozenset()):
        yield "allow"
    everything = type_.partition("/")[0] + "/*" if "/" in type_ else "*"
    for policy in world.policies:
        if {action, "*"}.isdisjoint(policy.actions) or {type_, everything}.isdisjoint(policy.resources):
            continue
        try:
            applies = policy.holds(world.attributes.get(resource or "", {}), context)
        except Missing:
            applies = policy.effect == "deny"
        if applies and (policy.effect == "deny" or subject != "anyone:*"):
            yield policy.effect


def _given(world: World, who: set[str], permission: str, where: set[str | None], at: int) -> Iterator[str]:
    for holder, role, place in world.assigned:
        if holder in who and place in where and any(matches(each, permission) for each in held(world, role)):
            yield "allow"
    for grant in world.grants:
        is_over = grant.until is not None and grant.until <= at
        if grant.holder in who and grant.on in where and matches(grant.permission, permission) and not is_over:
            yield grant.effect


def names(world: World, subject: str) -> set[str]:
    """Everything that facts may call a subject: itself, everybody, and each set that one of these is in."""
    found = {subject, "anyone:*"}
    if subject != "anyone:*":
        found.add(subject.split(":", maxsplit=1)[0] + ":*")
    while True:
        more = {f"{object_}#{relation}" for object_, relation, member in world.tuples if member in found}
        more |= {f"role:{role}#holder" for holder, role, place in world.assigned if holder in found and place is None}
        if more <= found:
            return found
        found |= more


def above(world: World, resource: str | None) -> set[str]:
    """The resource, and all that it is in."""
    found = set() if resource is None else {resource}
    while True:
        more = {
            parent
            for object_, relation, parent in world.tuples
            if object_ in found and (type_ := world.types.get(object_.split(":")[0])) and relation in type_.parents
        }
        if more <= found:
            return found
        found |= more


def held(world: World, role: str) -> set[str]:
    """What a role holds, itself and through the roles that it includes; these lead to no cycle."""
    found = set(world.roles[role])
    for included in world.includes.get(role, ()):
        found |= held(world, included)
    return found


def matches(pattern: str, permission: str) -> bool:
    if pattern == "*":
        return "/" not in permission
    return pattern == permission or (pattern[-1] == "*" and permission.startswith(pattern[:-1]))


def has(world: World, who: set[str], object_: str, name: str, asked: frozenset[tuple[str, str]]) -> bool:
    """Whether one who goes by the names ``who`` has the relation or permission; what rests on itself rests on nothing.

    ``asked``: what is being asked already.
    """
    definition = world.types.get(object_.split(":", maxsplit=1)[0])
    if definition is None or (object_, name) in asked:
        return False
    asked |= {(object_, name)}
    may_be_given = name in definition.relations or name in definition.acl
    if may_be_given and any((object_, name, each) in world.tuples for each in who):
        return True
    if name in definition.acl and any(
        has(world, who, parent, name, asked) for each in definition.parents for parent in _led_to(world, object_, each)
    ):
        return True
    return name in definition.permissions and _gives(world, who, object_, definition.permissions[name], asked)


def _gives(
    world: World, who: set[str], object_: str, expression: Expression, asked: frozenset[tuple[str, str]]
) -> bool:
    def gives(each: Expression) -> bool:
        return _gives(world, who, object_, each, asked)

    if isinstance(expression, Named):
        return has(world, who, object_, expression.name, asked)
    if isinstance(expression, Through):
        return any(
            has(world, who, each, expression.name, asked) for each in _led_to(world, object_, expression.relation)
        )
    if isinstance(expression, Union):
        return any(gives(each) for each in expression.of)
    if isinstance(expression, Intersection):
        return all(gives(each) for each in expression.of)
    assert isinstance(expression, Exclusion)
    return gives(expression.base) and not gives(expression.without)


def _led_to(world: World, object_: str, relation: str) -> list[str]:
    return [
        subject
        for from_, by, subject in world.tuples
        if (from_, by) == (object_, relation) and "#" not in subject and not subject.endswith(":*")
    ]
