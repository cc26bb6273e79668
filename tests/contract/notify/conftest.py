"""A mailer on each database, and a real SMTP server for it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from ostiary.base.http import HttpClient
from ostiary.crypto import Sealer
from ostiary.database import Database, Transaction
from ostiary.notify import FailedMessage, Mailer
from ostiary.settings import MailSettings, SmsSettings
from tests.contract.notify.postbox import Postbox, serve
from tests.support.time import ManualClock

MakeMailer = Callable[..., Mailer]


@pytest.fixture
async def postbox() -> AsyncIterator[Postbox]:
    async with serve(Postbox()) as box:
        yield box


@pytest.fixture
def failures() -> list[FailedMessage]:
    return []


@pytest.fixture
async def make_mailer(
    database: Database, clock: ManualClock, failures: list[FailedMessage]
) -> AsyncIterator[MakeMailer]:
    """Makes a mailer that sends in clear to ``port`` of this machine; settings of mail by keyword."""
    http = HttpClient()

    async def note(tx: Transaction, now: int, mail: FailedMessage) -> None:
        failures.append(mail)

    def make(
        port: int,
        db: Database = database,
        tls_context: ssl.SSLContext | None = None,
        sms: SmsSettings | None = None,
        **changes: object,
    ) -> Mailer:
        settings = MailSettings(
            sender="smtp", host="127.0.0.1", port=port, security="none", from_address="doors@example.com"
        )
        return Mailer(
            db,
            Sealer(bytes(32)),
            clock,
            msgspec.structs.replace(settings, **changes),
            sms or SmsSettings(),
            http,
            site_name="Ünïted",
            issuer="https://login.example.com/auth",
            on_failure=note,
            tls_context=tls_context,
        )

    yield make
    await http.close()


@pytest.fixture
def mailer(make_mailer: MakeMailer, postbox: Postbox) -> Mailer:
    """A mailer whose mail goes to ``postbox``."""
    return make_mailer(postbox.port)
