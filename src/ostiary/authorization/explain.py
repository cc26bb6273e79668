"""A decision, and the view of it that people read. Views are worked out when asked for, from the same result."""

from __future__ import annotations

import msgspec

from ostiary.authorization.facts import Facts, Policy, Subject
from ostiary.authorization.model import Ground, HeldByRole, Reason, Resource


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
        facts: what was known; ``None`` where no fact was needed (the operator, an anonymous caller).
    """

    allowed: bool
    reason: Reason
    permission: str
    resource: Resource | None = None
    grounds: tuple[Ground, ...] = ()
    facts: Facts | None = None

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        return f"Decision(allowed={self.allowed}, reason={self.reason.value!r}, permission={self.permission!r})"

    @property
    def because(self) -> tuple[Path, ...]:
        """The deciding facts as paths, in a stable order."""
        if self.facts is None or self.facts.subject is None:
            return ()
        policy, subject = self.facts.policy, self.facts.subject
        return tuple(sorted((_path(policy, subject, ground) for ground in self.grounds), key=str))

    @property
    def would_allow(self) -> tuple[str, ...]:
        """The nearest ways to an allow: names of the roles that hold the permission, most specific pattern first.

        Empty where a role would not help: allowed already, denied explicitly, or no active account.
        """
        if self.facts is None or self.reason is not Reason.NOTHING_ALLOWS:
            return ()
        ways = self.facts.policy.ways(self.permission)
        return tuple(dict.fromkeys(role for _, roles in ways for role in sorted(roles)))


def _path(policy: Policy, subject: Subject, ground: Ground) -> Path:
    start = f"{subject.kind}:{subject.id}"
    if isinstance(ground, HeldByRole):
        roles = (f"role:{name}" for name in policy.route(ground.role, ground.pattern))
        return Path((start, *roles, ground.pattern), ground.resource)
    return Path((start, f"{ground.effect.value} {ground.permission}"), ground.resource)
