"""What arrives: one well-formed message, whatever alphabet its names are written in, over a connection that is safe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ostiary.database import Database
from ostiary.notify import FailedMessage, Mailer
from ostiary.settings import Secret
from tests.contract.notify.conftest import MakeMailer
from tests.contract.notify.postbox import Postbox, certificate, only, serve
from tests.contract.notify.test_delivery import CODE, LINK, send


async def test_the_message_has_text_and_html_and_says_that_no_answer_is_needed(
    database: Database, mailer: Mailer, postbox: Postbox
) -> None:
    await send(database, mailer)
    await mailer.deliver_due()
    message = postbox.received[0].message
    assert message["From"] == "Ünïted <doors@example.com>"
    assert message["To"] == "ada@example.org"
    assert message["Subject"] == "Confirm your e-mail address for Ünïted"
    assert message["Date"] == "Thu, 01 Jan 2026 00:00:00 +0000"
    assert re.fullmatch(r"<msg_\w+@login\.example\.com>", message["Message-ID"])
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    text, html = (part.get_content() for part in message.iter_parts())
    assert CODE in text
    assert LINK in text
    assert "within 30 minutes" in text
    assert CODE in html
    assert 'href="https://login.example.com/auth/verify?t=abc&amp;u=&lt;d&gt;"' in html


async def test_a_domain_in_another_alphabet_is_sent_in_ascii(
    database: Database, mailer: Mailer, postbox: Postbox
) -> None:
    await send(database, mailer, "ada@straße.example")
    await mailer.deliver_due()
    assert postbox.received[0].recipients == ["ada@xn--strae-oqa.example"]  # RFC 5891; not strasse.example
    assert not postbox.received[0].utf8


async def test_a_local_part_in_another_alphabet_needs_smtputf8(database: Database, make_mailer: MakeMailer) -> None:
    async with serve(Postbox(), enable_SMTPUTF8=True) as box:
        mailer = make_mailer(box.port)
        await send(database, mailer, "яна@example.org")
        assert await mailer.deliver_due() == 1
    assert box.received[0].recipients == ["яна@example.org"]
    assert box.received[0].message["To"] == "яна@example.org"
    assert box.received[0].utf8


async def test_a_server_without_smtputf8_makes_such_a_mail_fail_for_good(
    database: Database, mailer: Mailer, failures: list[FailedMessage]
) -> None:
    await send(database, mailer, "яна@example.org")
    await mailer.deliver_due()
    assert [failed.reason for failed in failures] == ["the server does not take addresses that are not ASCII"]


@pytest.mark.parametrize("change", [{"from_name": "Doors\r\nBcc: eve@example.org"}, {"from_address": "a@b.c\r\nX: y"}])
def test_a_sender_with_a_line_break_is_refused(make_mailer: MakeMailer, change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="CR or LF"):
        make_mailer(25, **change)


async def test_starttls_is_used_and_the_server_signed_in_to(
    database: Database, make_mailer: MakeMailer, tmp_path: Path
) -> None:
    server, client = certificate(tmp_path, "localhost")
    box = Postbox()
    async with serve(box, starttls=server, authenticator=only("doors", "hunter2"), auth_required=True):
        changes = {"host": "localhost", "security": "starttls", "username": "doors", "password": Secret("hunter2")}
        mailer = make_mailer(box.port, tls_context=client, **changes)
        await send(database, mailer)
        assert await mailer.deliver_due() == 1
    assert box.received[0].encrypted


async def test_a_server_without_starttls_gets_nothing_when_it_is_required(
    database: Database, make_mailer: MakeMailer, postbox: Postbox
) -> None:
    mailer = make_mailer(postbox.port, security="starttls")
    await send(database, mailer)
    assert await mailer.deliver_due() == 0
    assert postbox.received == []


@pytest.mark.parametrize("host", ["localhost", "elsewhere.example"])
async def test_a_certificate_that_is_not_trusted_or_not_the_servers_gets_nothing(
    database: Database, make_mailer: MakeMailer, tmp_path: Path, host: str
) -> None:
    server, trusting = certificate(tmp_path, host)
    box = Postbox()
    async with serve(box, starttls=server):
        trust = None if host == "localhost" else trusting
        mailer = make_mailer(box.port, tls_context=trust, host="localhost", security="starttls")
        await send(database, mailer)
        assert await mailer.deliver_due() == 0
    assert box.received == []
    assert "SSL" in await database.fetch_value("SELECT last_error FROM messages")
