"""The queue: written with the act, claimed by one process at a time, handed over or given up. One for each kind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import msgspec

from ostiary.base.clock import DAY, HOUR, MINUTE, SECOND, Clock
from ostiary.base.ids import new_id
from ostiary.notify.outgoing import Kind, Outgoing, Sender, Undelivered

if TYPE_CHECKING:
    from ostiary.crypto import Sealer
    from ostiary.database import Database, Transaction

BACKOFF = (30 * SECOND, 2 * MINUTE, 10 * MINUTE, HOUR, 6 * HOUR)
"""Waits after the first, second … failure; the failure after the last wait is the last."""
LEASE = 5 * MINUTE
"""How long a claimed message is left alone. Far longer than sending may take, so only a dead process loses it."""
POLL = 5.0
"""Seconds between two looks at the queue when nobody calls :meth:`Queue.wake`."""
OUTBOX_SIZE = 500
"""Messages of one kind that the outbox keeps."""
KEPT_AFTER_FAILURE = 30 * DAY

_NEVER = 2**62  # due_at of what is only shown: should a server be set up later, no message of the past goes out

_log = logging.getLogger(__name__)


class Content(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is sealed of a message.

    Attributes:
        to: empty for a message to nobody, which is only written so that its writing takes the time it takes.
        void_at: when it is of no use any more, in milliseconds.
    """

    to: str
    text: str
    subject: str = ""
    html: str = ""
    void_at: int | None = None

    def __repr__(self) -> str:
        return "Content(…)"  # links and codes do not belong in logs


class FailedMessage(msgspec.Struct, frozen=True):
    """A message that was given up; ``reason`` is for the operator and holds no address."""

    id: str
    kind: Kind
    account_id: str | None
    reason: str
    attempts: int


OnFailure = Callable[["Transaction", int, FailedMessage], Awaitable[None]]
OpenSender = Callable[[], AbstractAsyncContextManager[Sender]]


class _Row(msgspec.Struct, frozen=True):
    id: str
    kind: Kind
    account_id: str | None
    sealed: bytes
    created_at: int
    attempts: int


class Queue:
    """The messages of one kind.

    Each is delivered at least once: one whose process dies between handing it over and noting that goes out again,
    under the same id, after its lease has ended.

    Args:
        open_sender: opens the way out, for as many messages as are due; None: messages are only shown.
        on_failure: called in the transaction that gives a message up, to record it. ``notify`` and ``audit`` do not
            know each other.
    """

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        clock: Clock,
        kind: Kind,
        open_sender: OpenSender | None,
        on_failure: OnFailure,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._clock = clock
        self._kind = kind
        self._open_sender = open_sender
        self._on_failure = on_failure
        self._awake = asyncio.Event()

    async def put(self, tx: Transaction, content: Content, account_id: str | None) -> None:
        """Write a message in the caller's transaction."""
        now = self._clock()
        id_ = new_id("msg", now)
        await tx.execute(
            "INSERT INTO messages (id, kind, account_id, sealed, created_at, due_at, attempts)"
            " VALUES (:id, :kind, :account_id, :sealed, :now, :due_at, 0)",
            id=id_,
            kind=self._kind,
            account_id=account_id,
            sealed=self._sealer.seal(msgspec.json.encode(content), _context(id_)),
            now=now,
            due_at=now if self._open_sender else _NEVER,
        )
        if self._open_sender is None:
            await tx.execute(
                "DELETE FROM messages WHERE kind = :kind AND id <"
                " (SELECT id FROM messages WHERE kind = :kind ORDER BY id DESC LIMIT 1 OFFSET :kept)",
                kind=self._kind,
                kept=OUTBOX_SIZE - 1,
            )

    def wake(self) -> None:
        """Have :meth:`run` look at the queue now."""
        self._awake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver what is due, until ``stop`` is set; a message that is being sent then is finished first."""
        while not stop.is_set():
            self._awake.clear()
            try:
                await self.deliver_due()
            except Exception:  # noqa: BLE001 - this loop ends only when it is told to
                _log.exception("%s is not being delivered", self._kind)
            await self._pause(stop)

    async def deliver_due(self) -> int:
        """Deliver every message that is due now; how many were taken."""
        if self._open_sender is None or await self._next_due() is None:
            return 0
        taken = 0
        async with self._open_sender() as sender:
            while (due := await self._next_due()) is not None:
                if (row := await self._claim(due)) is None:
                    continue  # another process was quicker
                fault = await self._deliver(sender, row)
                if fault is None:
                    taken += 1
                elif fault.unreachable:
                    break
        return taken

    async def _next_due(self) -> str | None:
        # Read before the claim, so that an empty queue costs a read and no write.
        id_: str | None = await self._db.fetch_value(
            "SELECT id FROM messages WHERE failed_at IS NULL AND due_at <= :now AND kind = :kind"
            " ORDER BY due_at, id LIMIT 1",
            kind=self._kind,
            now=self._clock(),
        )
        return id_

    async def _claim(self, id_: str) -> _Row | None:
        """Take the message for the length of the lease; None when somebody else has it. One conditional statement."""
        now = self._clock()
        async with self._db.transaction() as tx:
            return await tx.fetch_one(
                _Row,
                "UPDATE messages SET attempts = attempts + 1, due_at = :lease"
                " WHERE id = :id AND failed_at IS NULL AND due_at <= :now"
                " RETURNING id, kind, account_id, sealed, created_at, attempts",
                id=id_,
                now=now,
                lease=now + LEASE,
            )

    async def _deliver(self, sender: Sender, row: _Row) -> Undelivered | None:
        """Send the claimed message and note the outcome; what went wrong, if something did."""
        fault: Undelivered | None
        try:
            await self._hand_over(sender, row)
        except Undelivered as caught:
            fault = caught
        except Exception as caught:  # noqa: BLE001 - whatever is wrong with one must not hold up those behind it
            fault = Undelivered(f"cannot be sent: {type(caught).__name__}")
        else:
            fault = None
        if fault is not None:
            await self._note_failure(row, fault)
            return fault
        async with self._db.transaction() as tx:
            await tx.execute("DELETE FROM messages WHERE id = :id", id=row.id)
        return None

    async def _hand_over(self, sender: Sender, row: _Row) -> None:
        content = _content(self._sealer, row)
        if not content.to:
            return
        if content.void_at is not None and content.void_at <= self._clock():
            raise Undelivered("was not taken before what it says had expired", permanent=True)
        await sender.send(_outgoing(row, content))

    async def _note_failure(self, row: _Row, fault: Undelivered) -> None:
        now = self._clock()
        if fault.permanent or row.attempts > len(BACKOFF):
            await self._give_up(row, fault.reason, now)
            return
        _log.warning("%s %s is tried again later: %s", row.kind, row.id, fault.reason)
        async with self._db.transaction() as tx:
            await tx.execute(
                "UPDATE messages SET due_at = :due_at, last_error = :reason WHERE id = :id AND attempts = :attempts",
                id=row.id,
                attempts=row.attempts,
                due_at=now + BACKOFF[row.attempts - 1],
                reason=fault.reason,
            )

    async def _give_up(self, row: _Row, reason: str, now: int) -> None:
        _log.error("%s %s was not delivered: %s", row.kind, row.id, reason)
        async with self._db.transaction() as tx:
            await tx.execute(
                "UPDATE messages SET failed_at = :now, last_error = :reason WHERE id = :id",
                id=row.id,
                now=now,
                reason=reason,
            )
            await tx.execute("DELETE FROM messages WHERE failed_at < :before", before=now - KEPT_AFTER_FAILURE)
            await self._on_failure(tx, now, FailedMessage(row.id, row.kind, row.account_id, reason, row.attempts))

    async def _pause(self, stop: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (stop, self._awake)]
        try:
            await asyncio.wait(waits, timeout=POLL, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


async def newest(db: Database, sealer: Sealer, limit: int) -> list[Outgoing]:
    """The messages that are kept, of all kinds, newest first."""
    rows = await db.fetch_all(
        _Row,
        "SELECT id, kind, account_id, sealed, created_at, attempts FROM messages ORDER BY id DESC LIMIT :limit",
        limit=max(0, min(limit, OUTBOX_SIZE)),
    )
    kept = [_outgoing(row, _content(sealer, row)) for row in rows]
    return [message for message in kept if message.to]


def _content(sealer: Sealer, row: _Row) -> Content:
    return msgspec.json.decode(sealer.open(row.sealed, _context(row.id)), type=Content)


def _outgoing(row: _Row, content: Content) -> Outgoing:
    return Outgoing(row.id, row.kind, content.to, content.subject, content.text, content.html, row.created_at)


def _context(id_: str) -> str:
    return f"messages:{id_}"
