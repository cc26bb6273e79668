"""What is known, compiled for deciding: roles for everybody (:class:`Policy`), assignments and grants of one subject.

Immutable once built, apart from answers that a policy remembers. A new kind of fact joins as one more index here and
one more collector in :mod:`ostiary.authorization.decide`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import msgspec

from ostiary.authorization.model import Granted, Resource, patterns_over

_REMEMBERED = 4096
_NOBODY: Mapping[str, str | None] = {}


class Policy:
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

    roles: frozenset[str]
    grants: dict[str, tuple[Granted, ...]]
    """By the pattern that they grant or deny."""


class Subject(msgspec.Struct, frozen=True):
    """An account that asks, with everything that was given to it. ``active``: whether it may do anything at all."""

    kind: str
    id: str
    active: bool
    everywhere: Scope
    on: dict[Resource, Scope]

    def scopes(self) -> tuple[Scope, ...]:
        return (self.everywhere, *self.on.values())


class Facts(msgspec.Struct, frozen=True):
    """Everything that a decision rests on; ``subject`` is ``None`` for one that does not exist."""

    policy: Policy
    subject: Subject | None


def compile_subject(
    kind: str, account_id: str, active: bool, roles: Iterable[tuple[str, Resource | None]], grants: Iterable[Granted]
) -> Subject:
    """Index one account's assignments (role and where) and grants by where they hold."""
    roles_at: dict[Resource | None, set[str]] = defaultdict(set)
    grants_at: dict[Resource | None, dict[str, tuple[Granted, ...]]] = defaultdict(dict)
    for role, resource in roles:
        roles_at[resource].add(role)
    for grant in grants:
        there = grants_at[grant.resource]
        there[grant.permission] = (*there.get(grant.permission, ()), grant)
    scopes = {
        place: Scope(frozenset(roles_at.get(place, ())), grants_at.get(place, {}))
        for place in (None, *roles_at, *grants_at)
    }
    return Subject(
        kind, account_id, active, scopes[None], {place: scope for place, scope in scopes.items() if place is not None}
    )


def _inverted(pairs: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for key in sorted(pairs):
        for value in pairs[key]:
            found[value].append(key)
    return dict(found)
