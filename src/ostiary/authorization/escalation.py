"""Nobody hands out, or takes away, more of Ostiary's own permissions than they hold everywhere themselves.

Permissions of applications are data to Ostiary: whoever may administer roles may hand out any of them. Those under
``ostiary.`` would otherwise let every administrator of roles become an administrator of everything.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ostiary.authorization.facts import Facts, Scope
from ostiary.authorization.model import Effect, covers
from ostiary.errors import Forbidden
from ostiary.permissions import NAMESPACE

_ALL = f"{NAMESPACE}*"


class Holdings(msgspec.Struct, frozen=True):
    """What somebody holds of Ostiary everywhere, as patterns.

    Attributes:
        denied: what is denied to them, wherever.
        scopes: what their token is limited to; ``None`` is no limit.
    """

    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None


EVERYTHING = Holdings(frozenset({_ALL}))


def own(patterns: Iterable[str]) -> frozenset[str]:
    """The part of ``patterns`` that is about Ostiary itself; ``*`` stands for ``ostiary.*`` here."""
    return frozenset(_ALL if each == "*" else each for each in patterns if each == "*" or each.startswith(NAMESPACE))


def uncovered(holdings: Holdings, wanted: Iterable[str]) -> frozenset[str]:
    """What of ``wanted``, as far as it is about Ostiary, somebody with ``holdings`` may not hand out.

    A wildcard is covered by one that is at least as wide, never by all of today's names under it. A denial of any part
    of it uncovers it.
    """
    return frozenset(
        each
        for each in own(wanted)
        if not _any_covers(holdings.allowed, each)
        or not (holdings.scopes is None or _any_covers(holdings.scopes, each))
        or any(covers(denied, each) or covers(each, denied) for denied in holdings.denied)
    )


def require_cover(holdings: Holdings, patterns: Iterable[str]) -> None:
    """Refuse to give or take away what ``holdings`` do not cover.

    Raises:
        Forbidden: ``missing`` names what one would have to hold.
    """
    if missing := sorted(uncovered(holdings, patterns)):
        raise Forbidden(
            f"Only who holds them everywhere may give or take these permissions: {', '.join(missing)}.",
            extra={"missing": missing},
        )


def holdings_everywhere(facts: Facts, at: int, scopes: frozenset[str] | None = None) -> Holdings:
    """What the subject may hand on. A denial counts wherever it holds."""
    if facts.subject is None or not facts.subject.active:
        return Holdings()
    denied = frozenset().union(*(_granted(scope, Effect.DENY, at) for scope in facts.subject.scopes()))
    return Holdings(own(_allowed(facts, facts.subject.everywhere, at)), own(denied), scopes)


def held_anywhere(facts: Facts, at: int) -> frozenset[str]:
    """What makes the subject somebody in Ostiary: allowed everywhere or on any resource, active or not."""
    if facts.subject is None:
        return frozenset()
    return own(pattern for scope in facts.subject.scopes() for pattern in _allowed(facts, scope, at))


def unheld(facts: Facts, wanted: Iterable[str], at: int) -> frozenset[str]:
    """What of ``wanted``, about applications too, the subject does not hold, so that no key of theirs may have it.

    What they hold on one resource counts: a key decides nothing, and on another resource it is of no use. A denial
    everywhere of any part of it does away with it.
    """
    if facts.subject is None or not facts.subject.active:
        return frozenset(wanted)
    allowed = frozenset().union(*(_allowed(facts, scope, at) for scope in facts.subject.scopes()))
    denied = _granted(facts.subject.everywhere, Effect.DENY, at)
    return frozenset(
        each
        for each in wanted
        if not _any_covers(allowed, each) or any(covers(no, each) or covers(each, no) for no in denied)
    )


def held_everywhere(facts: Facts, at: int) -> frozenset[str]:
    """The permissions and wildcards that the subject holds on everything, without those of which a part is denied."""
    if facts.subject is None or not facts.subject.active:
        return frozenset()
    denied = _granted(facts.subject.everywhere, Effect.DENY, at)
    held = _allowed(facts, facts.subject.everywhere, at)
    return frozenset(each for each in held if not any(covers(no, each) or covers(each, no) for no in denied))


def _any_covers(patterns: Iterable[str], permission: str) -> bool:
    return any(covers(pattern, permission) for pattern in patterns)


def _allowed(facts: Facts, scope: Scope, at: int) -> frozenset[str]:
    by_roles = (facts.roles.held_by(role) for role in scope.roles)
    return _granted(scope, Effect.ALLOW, at).union(*by_roles)


def _granted(scope: Scope, effect: Effect, at: int) -> frozenset[str]:
    return frozenset(
        grant.permission
        for grants in scope.grants.values()
        for grant in grants
        if grant.effect is effect and (grant.expires_at is None or at < grant.expires_at)
    )
