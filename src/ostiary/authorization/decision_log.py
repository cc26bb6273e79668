"""The decision log: what was decided, for whom and why, in the audit log.

A decision waits for no write: a question may be asked within a transaction, which would wait for itself. What is
noted is written together, every second and at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from ostiary.audit import SYSTEM, Actor, Event, record
from ostiary.authorization.explain import Decision
from ostiary.authorization.model import Resource
from ostiary.authorization.schema import USER
from ostiary.base.clock import Clock
from ostiary.settings.model import DecisionSettings

if TYPE_CHECKING:
    from ostiary.database import Database

_log = logging.getLogger("ostiary.decisions")

_EVERY = 1.0
"""Seconds between two writes: what a crash can lose."""
_BATCH = 500
MOST_WAITING = 20_000
"""Decisions that wait to be written. What is decided beyond is counted, and the count is recorded."""
_PATHS = 10
"""Paths that are recorded of one decision."""


class _Noted(msgspec.Struct, frozen=True):
    at: int
    actor: Actor
    subject: Resource | None
    decision: Decision


class DecisionLog:
    """Of one process."""

    def __init__(self, db: Database, clock: Clock, settings: DecisionSettings) -> None:
        self._db = db
        self._clock = clock
        self._log = settings.log
        self._percent = settings.log_percent
        self._waiting: deque[_Noted] = deque()
        self._dropped = 0

    def note(self, actor: Actor, subject: Resource | None, decision: Decision) -> None:
        """Have a decision written, where the settings ask for it.

        Args:
            actor: who asked.
            subject: who it is about; ``None`` for who has not signed in.
        """
        if self._log == "none" or (self._log == "denials" and decision.allowed):
            return
        if self._percent < 100 and secrets.randbelow(100) >= self._percent:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        self._waiting.append(_Noted(self._clock(), actor, subject, decision))

    async def flush(self) -> None:
        """Write what waits. What could not be written waits on."""
        while self._waiting or self._dropped:
            batch = [self._waiting[number] for number in range(min(_BATCH, len(self._waiting)))]
            dropped = self._dropped
            async with self._db.transaction() as tx:
                for noted in batch:
                    account_id = noted.subject.id if noted.subject and noted.subject.type == USER else None
                    await record(tx, noted.at, Event.DECISION_MADE, noted.actor, account_id, **_data(noted))
                if dropped:
                    await record(tx, self._clock(), Event.DECISIONS_NOT_RECORDED, SYSTEM, count=dropped)
            for _ in batch:
                self._waiting.popleft()
            self._dropped -= dropped

    async def run(self, stop: asyncio.Event) -> None:
        """Write again and again until told to stop, and then what is left."""
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _EVERY)
            try:
                await self.flush()
            except Exception:  # noqa: BLE001 - this loop ends only when it is told to
                _log.exception("decisions could not be recorded; it is tried again")


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
