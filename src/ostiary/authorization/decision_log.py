"""The decision log: what was decided, for whom and why, in the audit log.

A decision waits for no write: a question may be asked within a transaction, which would wait for itself. What is
noted is written a moment later.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import msgspec

from ostiary.audit import SYSTEM, Actor, DeferredWrites, Event, record
from ostiary.authorization.explain import Decision
from ostiary.authorization.model import Resource
from ostiary.authorization.schema import USER
from ostiary.base.clock import Clock
from ostiary.settings.model import DecisionSettings

if TYPE_CHECKING:
    from ostiary.database import Transaction

_PATHS = 10
"""Paths that are recorded of one decision."""


class _Noted(msgspec.Struct, frozen=True):
    at: int
    actor: Actor
    subject: Resource | None
    decision: Decision

    async def __call__(self, tx: Transaction) -> None:
        account_id = self.subject.id if self.subject and self.subject.type == USER else None
        await record(tx, self.at, Event.DECISION_MADE, self.actor, account_id, **_data(self))


class _Dropped(msgspec.Struct):
    at: int
    count: int = 0
    written: bool = False

    async def __call__(self, tx: Transaction) -> None:
        self.written = True  # what is dropped from now on has a count of its own
        await record(tx, self.at, Event.DECISIONS_NOT_RECORDED, SYSTEM, count=self.count)


class DecisionLog:
    """Of one process."""

    def __init__(self, writes: DeferredWrites, clock: Clock, settings: DecisionSettings) -> None:
        self._writes = writes
        self._clock = clock
        self._log = settings.log
        self._percent = settings.log_percent
        self._dropped: _Dropped | None = None

    def note(self, actor: Actor, subject: Resource | None, decision: Decision) -> None:
        """Have a decision written, where the settings ask for it. While too much waits, it is only counted.

        Args:
            actor: who asked.
            subject: who it is about; ``None`` for who has not signed in.
        """
        if self._log == "none" or (self._log == "denials" and decision.allowed):
            return
        if self._percent < 100 and secrets.randbelow(100) >= self._percent:
            return
        at = self._clock()
        if not self._writes.note(_Noted(at, actor, subject, decision)):
            self._drop(at)

    def _drop(self, at: int) -> None:
        if self._dropped is None or self._dropped.written:
            self._dropped = _Dropped(at)
            self._writes.note(self._dropped, beyond=True)
        self._dropped.count += 1


def _data(noted: _Noted) -> dict[str, object]:
    decision = noted.decision
    paths = [str(path) for path in decision.because]
    return {
        "subject": None if noted.subject is None else str(noted.subject),
        "permission": str(decision.permission),
        "resource": None if decision.resource is None else str(decision.resource),
        "allowed": decision.allowed,
        "reason": decision.reason.value,
        "because": paths[:_PATHS],
        **({"more": len(paths) - _PATHS} if len(paths) > _PATHS else {}),
    }
