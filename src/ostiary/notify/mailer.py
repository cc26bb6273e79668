"""The queue of mails: written with the act, claimed by one process at a time, delivered or given up."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.headerregistry import Address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from ostiary.base.clock import DAY, HOUR, MINUTE, SECOND, Clock, rfc3339
from ostiary.base.email import parse_email
from ostiary.base.ids import new_id
from ostiary.notify.layout import Mail
from ostiary.notify.templates import TEMPLATES, Template

if TYPE_CHECKING:
    from ostiary.crypto import Sealer
    from ostiary.database import Database, Transaction
    from ostiary.notify.smtp import Connection, Undelivered
    from ostiary.settings import MailSettings

BACKOFF = (30 * SECOND, 2 * MINUTE, 10 * MINUTE, HOUR, 6 * HOUR)
"""Waits after the first, second … failure; the failure after the last wait is the last."""
LEASE = 5 * MINUTE
"""How long a claimed mail is left alone. Far longer than sending may take, so only a dead process loses it."""
POLL = 5.0
"""Seconds between two looks at the queue when nobody calls :meth:`Mailer.wake`."""
OUTBOX_SIZE = 500
"""Mails that the outbox keeps."""
KEPT_AFTER_FAILURE = 30 * DAY

_NEVER = 2**62  # due_at of what is only shown: should SMTP be set up later, no mail of the past goes out

_log = logging.getLogger(__name__)


class OutboxMessage(msgspec.Struct, frozen=True):
    """A mail as the development outbox shows it. ``created_at`` is RFC 3339, UTC."""

    id: str
    to: str
    subject: str
    text: str
    html: str
    created_at: str

    def __repr__(self) -> str:
        return f"OutboxMessage({self.id})"


class FailedMail(msgspec.Struct, frozen=True):
    """A mail that was given up; ``reason`` is for the operator and holds no address."""

    id: str
    account_id: str | None
    reason: str
    attempts: int


OnFailure = Callable[["Transaction", int, FailedMail], Awaitable[None]]


class _Stored(Mail, frozen=True, kw_only=True):
    to: str


class _Row(msgspec.Struct, frozen=True):
    id: str
    account_id: str | None
    sealed: bytes
    created_at: int
    attempts: int


class Mailer:
    """Writes mails and delivers them.

    Each mail is delivered at least once: one whose process dies between handing it over and noting that goes out again,
    under the same Message-ID, after its lease has ended.

    Args:
        settings: how mail leaves; with the sender ``outbox`` it is only shown.
        site_name: the name in mails, and beside the sender's address where none is set.
        issuer: the public URL; its host stands in every Message-ID.
        on_failure: called in the transaction that gives a mail up, to record it. ``notify`` and ``audit`` do not know
            each other.
        tls_context: whose certificates are trusted; the system's by default.
    """

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        clock: Clock,
        settings: MailSettings,
        *,
        site_name: str,
        issuer: str,
        on_failure: OnFailure,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._clock = clock
        self._settings = settings
        self._site_name = site_name
        self._host = urlsplit(issuer).hostname or "localhost"
        self._from = Address(
            settings.from_name or site_name, addr_spec=settings.from_address or f"no-reply@{self._host}"
        )
        self._on_failure = on_failure
        self._tls_context = tls_context
        self._awake = asyncio.Event()

    async def send(
        self, tx: Transaction, template: Template, *, to: str, account_id: str | None = None, **values: object
    ) -> None:
        """Write a mail in the caller's transaction. It goes out after the commit; :meth:`wake` makes that at once.

        Args:
            to: one address.
            values: what the template takes (:mod:`ostiary.notify.templates`), ``site_name`` aside.

        Raises:
            InvalidRequest: ``to`` is not an address.
        """
        now = self._clock()
        id_ = new_id("msg", now)
        mail = TEMPLATES[template](site_name=self._site_name, **values)
        stored = _Stored(to=parse_email(to, "to").address, subject=mail.subject, text=mail.text, html=mail.html)
        await tx.execute(
            "INSERT INTO messages (id, account_id, sealed, created_at, due_at, attempts)"
            " VALUES (:id, :account_id, :sealed, :now, :due_at, 0)",
            id=id_,
            account_id=account_id,
            sealed=self._sealer.seal(msgspec.json.encode(stored), _context(id_)),
            now=now,
            due_at=_NEVER if self._shows_only else now,
        )
        if self._shows_only:
            await tx.execute(
                "DELETE FROM messages WHERE id < (SELECT id FROM messages ORDER BY id DESC LIMIT 1 OFFSET :kept)",
                kept=OUTBOX_SIZE - 1,
            )

    def wake(self) -> None:
        """Have :meth:`run` look at the queue now. Call it after the commit; costs nothing."""
        self._awake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver what is due, until ``stop`` is set; a mail that is being sent then is finished first."""
        while not stop.is_set():
            self._awake.clear()
            try:
                await self.deliver_due()
            except Exception:  # noqa: BLE001 - this loop ends only when it is told to
                _log.exception("mail is not being delivered")
            await self._pause(stop)

    async def deliver_due(self) -> int:
        """Deliver every mail that is due now; how many the server took. Any number of processes may do this at once."""
        if self._shows_only or await self._next_due() is None:
            return 0
        from ostiary.notify.smtp import Connection  # 70 ms that an installation without mail to send does not spend

        taken = 0
        async with Connection(self._settings, self._trust()) as connection:
            while (due := await self._next_due()) is not None:
                if (row := await self._claim(due)) is None:
                    continue  # another process was quicker
                fault = await self._deliver(connection, row)
                if fault is None:
                    taken += 1
                elif fault.unreachable:
                    break
        return taken

    async def outbox(self, limit: int = 50) -> list[OutboxMessage]:
        """The mails that are kept, newest first: in outbox mode the last 500, otherwise those that wait or failed."""
        rows = await self._db.fetch_all(
            _Row,
            "SELECT id, account_id, sealed, created_at, attempts FROM messages ORDER BY id DESC LIMIT :limit",
            limit=max(0, min(limit, OUTBOX_SIZE)),
        )
        opened = [(row, self._open(row)) for row in rows]
        return [
            OutboxMessage(row.id, mail.to, mail.subject, mail.text, mail.html, rfc3339(row.created_at))
            for row, mail in opened
        ]

    @property
    def _shows_only(self) -> bool:
        return self._settings.sender == "outbox"

    async def _next_due(self) -> str | None:
        # Read before the claim, so that an empty queue costs a read and no write.
        id_: str | None = await self._db.fetch_value(
            "SELECT id FROM messages WHERE failed_at IS NULL AND due_at <= :now ORDER BY due_at, id LIMIT 1",
            now=self._clock(),
        )
        return id_

    async def _claim(self, id_: str) -> _Row | None:
        """Take the mail for the length of the lease; None when somebody else has it. One conditional statement."""
        now = self._clock()
        async with self._db.transaction() as tx:
            return await tx.fetch_one(
                _Row,
                "UPDATE messages SET attempts = attempts + 1, due_at = :lease"
                " WHERE id = :id AND failed_at IS NULL AND due_at <= :now"
                " RETURNING id, account_id, sealed, created_at, attempts",
                id=id_,
                now=now,
                lease=now + LEASE,
            )

    async def _deliver(self, connection: Connection, row: _Row) -> Undelivered | None:
        """Send the claimed mail and note the outcome; what went wrong, if something did."""
        from ostiary.notify.smtp import Undelivered

        fault: Undelivered | None
        try:
            await self._hand_over(connection, row)
        except Undelivered as caught:
            fault = caught
        except Exception as caught:  # noqa: BLE001 - whatever is wrong with one mail must not hold up those behind it
            fault = Undelivered(f"cannot be sent: {type(caught).__name__}")
        else:
            fault = None
        if fault is not None:
            await self._note_failure(row, fault)
            return fault
        async with self._db.transaction() as tx:
            await tx.execute("DELETE FROM messages WHERE id = :id", id=row.id)
        return None

    async def _hand_over(self, connection: Connection, row: _Row) -> None:
        from ostiary.notify.smtp import compose

        mail = self._open(row)
        message = compose(
            mail,
            sender=self._from,
            recipient=mail.to,
            message_id=f"<{row.id}@{self._host}>",
            date=datetime.fromtimestamp(row.created_at // 1000, UTC),
        )
        await connection.send(message, self._from.addr_spec, mail.to)

    async def _note_failure(self, row: _Row, fault: Undelivered) -> None:
        now = self._clock()
        if fault.permanent or row.attempts > len(BACKOFF):
            await self._give_up(row, fault.reason, now)
            return
        _log.warning("mail %s is tried again later: %s", row.id, fault.reason)
        async with self._db.transaction() as tx:
            await tx.execute(
                "UPDATE messages SET due_at = :due_at, last_error = :reason WHERE id = :id AND attempts = :attempts",
                id=row.id,
                attempts=row.attempts,
                due_at=now + BACKOFF[row.attempts - 1],
                reason=fault.reason,
            )

    async def _give_up(self, row: _Row, reason: str, now: int) -> None:
        _log.error("mail %s was not delivered: %s", row.id, reason)
        async with self._db.transaction() as tx:
            await tx.execute(
                "UPDATE messages SET failed_at = :now, last_error = :reason WHERE id = :id",
                id=row.id,
                now=now,
                reason=reason,
            )
            await tx.execute("DELETE FROM messages WHERE failed_at < :before", before=now - KEPT_AFTER_FAILURE)
            await self._on_failure(tx, now, FailedMail(row.id, row.account_id, reason, row.attempts))

    def _open(self, row: _Row) -> _Stored:
        return msgspec.json.decode(self._sealer.open(row.sealed, _context(row.id)), type=_Stored)

    def _trust(self) -> ssl.SSLContext:
        if self._tls_context is None:
            self._tls_context = ssl.create_default_context()
        return self._tls_context

    async def _pause(self, stop: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (stop, self._awake)]
        try:
            await asyncio.wait(waits, timeout=POLL, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _context(id_: str) -> str:
    return f"messages:{id_}"
