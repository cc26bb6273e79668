"""A decision, and the view of it that people read. Views are worked out when asked for, from the same result."""

from __future__ import annotations

import msgspec

from ostiary.authorization.facts import Facts, Subject
from ostiary.authorization.model import Granted, Ground, HeldByRole, Reason, Related, Request, Resource
from ostiary.authorization.relations import shown
from ostiary.authorization.ruling import NotApplied, not_applied


class Path(msgspec.Struct, frozen=True):
    """How one fact reaches from the subject to the permission; ``str()`` of it is for people.

    ``user:acc_… → role:editor → role:writer → documents.write on documents:7``
    """

    steps: tuple[str, ...]
    resource: Resource | None

    def __str__(self) -> str:
        chain = " → ".join(self.steps)
        return chain if self.resource is None else f"{chain} on {self.resource}"


class Decision(msgspec.Struct, frozen=True):
    """Allowed or not, and what made it so. False in a boolean context when denied.

    Attributes:
        grounds: every fact that decided: all matching denials of an explicit denial, all matching allows otherwise.
        facts: what was known; ``None`` where no fact was needed (the operator, a token whose scopes do not reach).
        request: the question as it was put; ``None`` where ``facts`` is.
    """

    allowed: bool
    reason: Reason
    permission: str
    resource: Resource | None = None
    grounds: tuple[Ground, ...] = ()
    facts: Facts | None = None
    request: Request | None = None

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        return f"Decision(allowed={self.allowed}, reason={self.reason.value!r}, permission={self.permission!r})"

    @property
    def because(self) -> tuple[Path, ...]:
        """The deciding facts as paths, in a stable order."""
        if self.facts is None or self.facts.subject is None:
            return ()
        facts, subject = self.facts, self.facts.subject
        return tuple(sorted((_path(facts, subject, ground, self.permission) for ground in self.grounds), key=str))

    @property
    def failed(self) -> tuple[NotApplied, ...]:
        """The policies that would have allowed it, and on which values they did not; for an explicit denial, none."""
        if self.facts is None or self.request is None or self.reason is not Reason.NOTHING_ALLOWS:
            return ()
        subject = self.facts.subject
        return () if subject is None else tuple(not_applied(self.facts, subject, self.request))

    @property
    def would_allow(self) -> tuple[str, ...]:
        """The nearest ways to an allow: names of the roles that hold the permission, most specific pattern first.

        Empty where a role would not help: allowed already, denied explicitly, or no active account.
        """
        if self.facts is None or self.reason is not Reason.NOTHING_ALLOWS:
            return ()
        ways = self.facts.roles.ways(self.permission)
        return tuple(dict.fromkeys(role for _, roles in ways for role in sorted(roles)))


def _path(facts: Facts, subject: Subject, ground: Ground, permission: str) -> Path:
    if isinstance(ground, Related):
        steps = ground.steps
        start = () if steps[0] == shown(next(iter(subject.sets))) else (_own(subject),)
        return Path((*start, *steps, permission), None)
    if isinstance(ground, HeldByRole):
        roles = (f"role:{name}" for name in facts.roles.route(ground.role, ground.pattern))
        return Path((*_holder(subject, ground.holder), *roles, ground.pattern), ground.resource)
    if isinstance(ground, Granted):
        effect = f"{ground.effect.value} {ground.permission}"
        return Path((*_holder(subject, ground.holder), effect), ground.resource)
    why = f" ({ground.why})" if ground.why else ""
    return Path((_own(subject), f"policy:{ground.policy}", f"{ground.effect.value} {permission}{why}"), None)


def _own(subject: Subject) -> str:
    return f"{subject.kind}:{subject.id}"


def _holder(subject: Subject, key: str) -> tuple[str, ...]:
    """From the subject to the group that holds a fact, itself first."""
    way: list[str] = []
    while key and subject.sets.get(key):
        way.append(shown(key))
        key = subject.sets[key]
    return (_own(subject), *reversed(way))
