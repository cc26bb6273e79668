"""The decision: a pure function over facts. Explicit deny wins, then any allow, else deny.

Its cost depends on how many facts match, not on how many there are: each kind of fact is looked up by what was asked.
"""

from __future__ import annotations

from ostiary.authorization.explain import Decision
from ostiary.authorization.facts import Facts, Scope, Subject
from ostiary.authorization.model import Effect, Ground, HeldByRole, Reason, Related, Request, Resource, patterns_over
from ostiary.authorization.relating import Relating
from ostiary.authorization.ruling import applied


def decide(facts: Facts, request: Request) -> Decision:
    """Whether ``facts.subject`` may do what ``request`` asks, and every fact that made it so. Raises nothing."""
    subject = facts.subject
    if subject is None:
        return _decision(Reason.UNKNOWN_SUBJECT, facts, request)
    if not subject.active:
        return _decision(Reason.ACCOUNT_INACTIVE, facts, request)
    allows: list[Ground] = []
    denies: list[Ground] = []
    _collect(facts, subject.everywhere, request, None, allows, denies)
    if request.resource is not None:
        _collect_around(facts, subject, request, request.resource, allows, denies)
    if facts.model.ruling(request.permission):
        for ground in applied(facts, subject, request):
            (denies if ground.effect is Effect.DENY else allows).append(ground)
    if denies:
        return _decision(Reason.DENIED_EXPLICITLY, facts, request, denies)
    if allows:
        return _decision(Reason.ALLOWED, facts, request, allows)
    return _decision(Reason.NOTHING_ALLOWS, facts, request)


def _collect_around(
    facts: Facts,
    subject: Subject,
    request: Request,
    resource: Resource,
    allows: list[Ground],
    denies: list[Ground],
) -> None:
    """Add what holds on the resource and on all that it is in, and how the subject is related to it."""
    if subject.on:
        for place in (resource, *facts.around.places):
            if (there := subject.on.get(place)) is not None:
                _collect(facts, there, request, place, allows, denies)
    if facts.around.tuples:
        type_, _, action = request.permission.rpartition(".")
        if type_ == resource.type:
            allows.extend(Related(way) for way in Relating(facts).ways(str(resource), action))


def _collect(
    facts: Facts, scope: Scope, request: Request, place: Resource | None, allows: list[Ground], denies: list[Ground]
) -> None:
    """Add what speaks for and against ``request`` in one scope."""
    if scope.roles:
        for pattern, holders in facts.roles.ways(request.permission):
            for role in scope.roles.keys() & holders:
                allows.extend(HeldByRole(role, pattern, place, holder) for holder in scope.roles[role])
    if scope.grants:
        for pattern in patterns_over(request.permission):
            for grant in scope.grants.get(pattern, ()):
                if grant.expires_at is None or request.at < grant.expires_at:
                    (denies if grant.effect is Effect.DENY else allows).append(grant)


def _decision(reason: Reason, facts: Facts, request: Request, grounds: list[Ground] | None = None) -> Decision:
    return Decision(
        reason is Reason.ALLOWED, reason, request.permission, request.resource, tuple(grounds or ()), facts, request
    )
