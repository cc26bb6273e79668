"""Handing one mail to an SMTP server (RFC 5321), and saying what became of it."""

from __future__ import annotations

import asyncio
import re
import ssl
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

import aiosmtplib

from ostiary.base.email import parse_email
from ostiary.notify.outgoing import Outgoing, Undelivered

if TYPE_CHECKING:
    from ostiary.settings import MailSettings

COMMAND_TIMEOUT = 20.0
"""Seconds that the server has to answer one command."""
SEND_TIMEOUT = 90.0
"""Seconds for connecting and sending one mail, all commands together."""


class Connection:
    """A connection to the configured server, opened with the first mail and shared by those after it."""

    def __init__(self, settings: MailSettings, tls_context: ssl.SSLContext, sender: Address, host: str) -> None:
        self._sender = sender
        self._host = host
        self._client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=settings.password.reveal() if settings.password else None,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=tls_context if settings.security != "none" else None,
            timeout=COMMAND_TIMEOUT,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if not self._client.is_connected:
            return
        try:
            if kind is None:
                await self._client.quit()
        except (aiosmtplib.SMTPException, OSError):
            pass  # every mail was answered before; a server that does not say goodbye takes nothing back
        finally:
            self._client.close()

    async def send(self, message: Outgoing) -> None:
        """Send a mail.

        Raises:
            Undelivered: the server did not take it, or was not reached.
        """
        composed = compose(message, self._sender, self._host)
        sender, recipients = _routable(self._sender.addr_spec), [_routable(message.to)]
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._connect()
                await self._client.send_message(composed, sender=sender, recipients=recipients)
        except aiosmtplib.SMTPRecipientsRefused as fault:
            refusal = fault.recipients[0]
            raise _refused("recipient", refusal.code, refusal.message, permanent=refusal.code >= 500) from fault
        except aiosmtplib.SMTPDataError as fault:
            raise _refused("content", fault.code, fault.message, permanent=fault.code >= 500) from fault
        except aiosmtplib.SMTPNotSupported as fault:
            raise Undelivered("the server does not take addresses that are not ASCII", permanent=True) from fault
        except aiosmtplib.SMTPResponseException as fault:
            raise _refused("sender", fault.code, fault.message) from fault
        except (aiosmtplib.SMTPException, OSError) as fault:
            self._client.close()  # half a command may have been sent; nothing else may follow it
            raise Undelivered(f"connection lost: {type(fault).__name__}", unreachable=True) from fault

    async def _connect(self) -> None:
        if self._client.is_connected:
            return
        try:
            await self._client.connect()
        except (aiosmtplib.SMTPException, OSError) as fault:
            reason = f"no connection: {type(fault).__name__}: {_without_addresses(str(fault))}"
            raise Undelivered(reason, unreachable=True) from fault


def compose(mail: Outgoing, sender: Address, host: str) -> EmailMessage:
    """The message as sent (RFC 5322), text and HTML as alternatives.

    Raises:
        ValueError: a header would hold a line break.
    """
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = sender
    local, _, domain = mail.to.rpartition("@")
    message["To"] = Address(username=local, domain=domain)  # which, unlike addr_spec, takes other alphabets
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(mail.created_at // 1000, UTC))
    message["Message-ID"] = f"<{mail.id}@{host}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5: nobody's holiday notice answers this
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _routable(address: str) -> str:
    """``address`` with its domain in ASCII (RFC 5891), so that only a local part that is not asks for SMTPUTF8."""
    if address.isascii():
        return address
    parsed = parse_email(address)
    return parsed.address.rpartition("@")[0] + "@" + parsed.key.rpartition("@")[2]


def _refused(what: str, code: int, text: str, *, permanent: bool = False) -> Undelivered:
    return Undelivered(f"{what} refused: {code} {_without_addresses(text)}", permanent=permanent)


def _without_addresses(text: str) -> str:
    return re.sub(r"[^\s<>]+@[^\s<>]+", "…", text)[:200]
