"""What the rooms above call: writes mails and SMS into their queues, shows them, has them delivered."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AbstractAsyncContextManager, nullcontext
from email.headerregistry import Address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from ostiary.base.clock import Clock, rfc3339
from ostiary.base.email import parse_email
from ostiary.base.phone import parse_phone
from ostiary.errors import Unavailable
from ostiary.notify.outgoing import Kind, Sender
from ostiary.notify.queue import Content, OnFailure, Queue, newest
from ostiary.notify.sms import SmsWebhook
from ostiary.notify.templates import TEMPLATES, Template
from ostiary.notify.texts import TEXTS, SmsTemplate

if TYPE_CHECKING:
    from ostiary.base.http import HttpClient
    from ostiary.crypto import Sealer
    from ostiary.database import Database, Transaction
    from ostiary.settings import MailSettings, SmsSettings

_NOBODY = "nobody@example.com"
"""Parsed where there is no address, for the time that takes."""


class OutboxMessage(msgspec.Struct, frozen=True):
    """A message as the development outbox shows it; an SMS has neither ``subject`` nor ``html``.

    ``created_at`` is RFC 3339, UTC.
    """

    id: str
    to: str
    subject: str
    text: str
    html: str
    created_at: str
    kind: Kind = "mail"

    def __repr__(self) -> str:
        return f"OutboxMessage({self.id})"


class Mailer:
    """Writes mails and SMS, and delivers them.

    Args:
        settings: how mail leaves; with the sender ``outbox`` it is only shown.
        sms: the same for SMS, which may be off.
        site_name: the name in messages, and beside the sender's address where none is set.
        issuer: the public URL; its host stands in every Message-ID, and in the SMS that browsers read codes from.
        on_failure: called in the transaction that gives a message up, to record it. ``notify`` and ``audit`` do not
            know each other.
        tls_context: whose certificates of mail servers are trusted; the system's by default.
    """

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        clock: Clock,
        settings: MailSettings,
        sms: SmsSettings,
        http: HttpClient,
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
        self._sms_settings = sms
        self._site_name = site_name
        self._host = urlsplit(issuer).hostname or "localhost"
        self._from = Address(
            settings.from_name or site_name, addr_spec=settings.from_address or f"no-reply@{self._host}"
        )
        self._tls_context = tls_context
        webhook = SmsWebhook(http, sms, clock) if sms.sender == "webhook" else None
        self._mail = Queue(db, sealer, clock, "mail", self._smtp if settings.sender == "smtp" else None, on_failure)
        self._sms = Queue(db, sealer, clock, "sms", (lambda: nullcontext(webhook)) if webhook else None, on_failure)

    async def send(
        self, tx: Transaction, template: Template, *, to: str | None, account_id: str | None = None, **values: object
    ) -> None:
        """Write a mail in the caller's transaction. It goes out after the commit; :meth:`wake` makes that at once.

        Args:
            to: one address; None writes, at the same cost, a mail that is dropped when its turn comes, so that nobody
                can tell from the time whether an account has the name that was typed.
            values: what the template takes (:mod:`ostiary.notify.templates`), ``site_name`` aside.

        Raises:
            InvalidRequest: ``to`` is not an address.
        """
        mail = TEMPLATES[template](site_name=self._site_name, **values)
        address = parse_email(_NOBODY if to is None else to, "to").address
        content = Content("" if to is None else address, mail.text, mail.subject, mail.html)
        await self._mail.put(tx, content, account_id)

    async def send_sms(
        self,
        tx: Transaction,
        template: SmsTemplate,
        *,
        to: str,
        valid_for: int,
        account_id: str | None = None,
        **values: object,
    ) -> None:
        """Write an SMS in the caller's transaction. It goes out after the commit; :meth:`wake` makes that at once.

        Args:
            to: a number in E.164.
            valid_for: how long what it says holds, in milliseconds; it is not sent any more after that.
            values: what else the template takes (:mod:`ostiary.notify.texts`), ``site_name`` and ``host`` aside.

        Raises:
            InvalidRequest: ``to`` is not a number that SMS are sent to; the settings may have changed meanwhile.
            Unavailable: SMS are not sent here.
        """
        if self._sms_settings.sender == "off":
            raise Unavailable("This installation sends no SMS.")
        number = parse_phone(to, allowed=self._sms_settings.regions, field="to").number
        text = TEXTS[template](site_name=self._site_name, host=self._host, valid_for=valid_for, **values)
        await self._sms.put(tx, Content(number, text, void_at=self._clock() + valid_for), account_id)

    def wake(self) -> None:
        """Have :meth:`run` look at the queues now. Call it after the commit; costs nothing."""
        self._mail.wake()
        self._sms.wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver what is due, until ``stop`` is set; a message that is being sent then is finished first."""
        await asyncio.gather(self._mail.run(stop), self._sms.run(stop))

    async def deliver_due(self) -> int:
        """Deliver what is due now; how many were taken. Any number of processes may do this at once."""
        return sum(await asyncio.gather(self._mail.deliver_due(), self._sms.deliver_due()))

    async def outbox(self, limit: int = 50) -> list[OutboxMessage]:
        """What is kept, newest first: in outbox mode the last 500 of a kind, otherwise what waits or failed."""
        return [
            OutboxMessage(kept.id, kept.to, kept.subject, kept.text, kept.html, rfc3339(kept.created_at), kept.kind)
            for kept in await newest(self._db, self._sealer, limit)
        ]

    def _smtp(self) -> AbstractAsyncContextManager[Sender]:
        from ostiary.notify.smtp import Connection  # 70 ms that an installation without mail to send does not spend

        if self._tls_context is None:
            self._tls_context = ssl.create_default_context()
        return Connection(self._settings, self._tls_context, self._from, self._host)
