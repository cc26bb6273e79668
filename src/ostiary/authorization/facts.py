"""What is known, compiled for deciding: roles and the model for everybody, what one subject was given, and what is
around one resource.

Immutable once built, apart from answers that a role graph or a model remembers. A new kind of fact joins as one more
index here and one more collector in :mod:`ostiary.authorization.decide`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from ostiary.authorization.compiled import Model
from ostiary.authorization.model import Granted, Resource, patterns_over

_REMEMBERED = 4096
_NOBODY: Mapping[str, str | None] = {}


class RoleGraph:
    """Roles, and which of them hold what.

    Indexed from the permission to its holders, so that a decision costs the same however many roles there are, and
    from the held pattern upwards, so that only what is asked about is ever worked out.
    """

    __slots__ = ("_holders", "_included_by", "_includes", "_owners", "_permissions", "_ways")

    def __init__(self, permissions: Mapping[str, Collection[str]], includes: Mapping[str, Collection[str]]) -> None:
        """``permissions``: role to its own patterns. ``includes``: role to the roles that it includes."""
        self._permissions = permissions
        self._includes = includes
        self._owners = _inverted(permissions)
        self._included_by = _inverted(includes)
        self._holders: dict[str, Mapping[str, str | None]] = {}
        self._ways: dict[str, tuple[tuple[str, frozenset[str]], ...]] = {}

    def replaced(
        self,
        gone: Collection[str],
        permissions: Mapping[str, Collection[str]],
        includes: Mapping[str, Collection[str]],
    ) -> RoleGraph:
        """The same without the roles ``gone``, and with those given."""
        kept = {role: held for role, held in self._permissions.items() if role not in gone}
        including = {role: others for role, others in self._includes.items() if role not in gone}
        return RoleGraph({**kept, **permissions}, {**including, **includes})

    def ways(self, permission: str) -> tuple[tuple[str, frozenset[str]], ...]:
        """Each pattern that some role holds and that covers ``permission``, with all roles that hold it."""
        found = self._ways.get(permission)
        if found is None:
            if len(self._ways) >= _REMEMBERED:
                self._ways.clear()
            held = ((pattern, frozenset(self._holders_of(pattern))) for pattern in patterns_over(permission))
            found = self._ways[permission] = tuple((pattern, roles) for pattern, roles in held if roles)
        return found

    def route(self, role: str, pattern: str) -> tuple[str, ...]:
        """The shortest chain of inclusions from ``role`` to the role that names ``pattern`` itself, both included."""
        holders = self._holders_of(pattern)
        steps = [role]
        while (step := holders[steps[-1]]) is not None:
            steps.append(step)
        return tuple(steps)

    def held_by(self, role: str) -> frozenset[str]:
        """Every pattern that ``role`` holds, itself or through the roles that it includes."""
        roles = [role]
        for each in roles:
            roles.extend(included for included in self._includes.get(each, ()) if included not in roles)
        return frozenset(pattern for each in roles for pattern in self._permissions.get(each, ()))

    def _holders_of(self, pattern: str) -> Mapping[str, str | None]:
        """Every role that holds ``pattern``: ``None`` if it names it itself, else the included role that leads on."""
        found = self._holders.get(pattern)
        if found is None:
            if pattern not in self._owners:
                return _NOBODY  # not remembered: questions about unknown permissions must not fill the memory
            next_step: dict[str, str | None] = dict.fromkeys(self._owners[pattern])
            reached = list(next_step)
            for role in reached:  # grows as it is walked: breadth first, so the shortest route wins
                for parent in self._included_by.get(role, ()):
                    if parent not in next_step:
                        next_step[parent] = role
                        reached.append(parent)
            found = self._holders[pattern] = next_step
        return found


class Scope(msgspec.Struct, frozen=True):
    """A subject's roles and grants in one place: everywhere, or on one resource."""

    roles: Mapping[str, tuple[str, ...]]
    """By name, the keys of the groups that hold it; the empty key is the subject itself."""
    grants: Mapping[str, tuple[Granted, ...]]
    """By the pattern that they grant or deny."""


class Subject(msgspec.Struct, frozen=True):
    """Who asks, with everything that was given to them.

    Attributes:
        kind: of an account: user, service or agent; else the type of the subject.
        active: whether it may do anything at all.
        everywhere, on: roles and grants, its own and those of its groups.
        sets: every key that tuples know the subject by, and the key that led there: ``group#member:eng`` from
            ``user:acc_…``. Empty: nothing is known of it in relations.
        attributes: what is stored about it.
    """

    kind: str
    id: str
    active: bool
    everywhere: Scope
    on: Mapping[Resource, Scope]
    sets: Mapping[str, str] = {}
    attributes: Mapping[str, Any] = {}

    def scopes(self) -> tuple[Scope, ...]:
        return (self.everywhere, *self.on.values())


class Surroundings(msgspec.Struct, frozen=True):
    """What is around one resource, as far as it matters to one question of one subject.

    Attributes:
        places: what the resource is in, the nearest first, and so on upwards; not itself.
        tuples: by object and relation, those subjects of tuples that are the subject's own keys or other objects.
        attributes: what is stored about the resource.
    """

    places: tuple[Resource, ...] = ()
    tuples: Mapping[tuple[str, str], tuple[str, ...]] = {}
    attributes: Mapping[str, Any] = {}


NOBODY = Subject("anyone", "*", True, Scope({}, {}), {}, {"anyone:*": ""})
"""Who has not signed in."""
NOWHERE = Surroundings()
NO_MODEL = Model()


class Facts(msgspec.Struct, frozen=True):
    """Everything that a decision rests on; ``subject`` is ``None`` for one that does not exist."""

    roles: RoleGraph
    subject: Subject | None
    model: Model = NO_MODEL
    around: Surroundings = NOWHERE


def compile_subject(
    kind: str,
    account_id: str,
    active: bool,
    roles: Iterable[tuple[str, Resource | None, str]],
    grants: Iterable[Granted],
    *,
    sets: Mapping[str, str] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Subject:
    """Index one subject's assignments (role, where, and the key of the group that has it) and grants by place."""
    roles_at: dict[Resource | None, dict[str, tuple[str, ...]]] = defaultdict(dict)
    grants_at: dict[Resource | None, dict[str, tuple[Granted, ...]]] = defaultdict(dict)
    for role, resource, holder in roles:
        there = roles_at[resource]
        there[role] = (*there.get(role, ()), holder)
    for grant in grants:
        given = grants_at[grant.resource]
        given[grant.permission] = (*given.get(grant.permission, ()), grant)
    scopes = {
        place: Scope(roles_at.get(place, {}), grants_at.get(place, {})) for place in (None, *roles_at, *grants_at)
    }
    on = {place: scope for place, scope in scopes.items() if place is not None}
    return Subject(kind, account_id, active, scopes[None], on, sets or {}, attributes or {})


def _inverted(pairs: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for key in sorted(pairs):
        for value in pairs[key]:
            found[value].append(key)
    return dict(found)
