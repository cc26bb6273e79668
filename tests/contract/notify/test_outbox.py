"""The development outbox: every mail is shown, none goes out."""

from __future__ import annotations

import pytest

from ostiary.database import Database
from ostiary.notify import Mailer, queue
from tests.contract.notify.conftest import MakeMailer
from tests.contract.notify.postbox import Postbox
from tests.contract.notify.test_delivery import CODE, LINK, send, waiting
from tests.support.time import ManualClock


@pytest.fixture
def outbox(make_mailer: MakeMailer) -> Mailer:
    return make_mailer(25, sender="outbox", host=None, from_address=None)


async def test_mails_are_shown_newest_first(database: Database, outbox: Mailer, clock: ManualClock) -> None:
    for name in ("ada", "grace", "edsger"):
        await send(database, outbox, f"{name}@example.org")
        clock.advance(1)
    found = await outbox.outbox(limit=2)
    assert [message.to for message in found] == ["edsger@example.org", "grace@example.org"]
    assert found[1].created_at == "2026-01-01T00:00:00.001Z"
    assert found[0].subject == "Confirm your e-mail address for Ünïted"
    assert CODE in found[0].text
    assert LINK in found[0].text
    assert CODE in found[0].html
    assert CODE not in repr(found[0])


async def test_mails_to_nobody_are_not_shown(database: Database, outbox: Mailer) -> None:
    await send(database, outbox, None)
    assert (await waiting(database), await outbox.outbox()) == (1, [])


async def test_mails_of_the_outbox_never_go_out_not_even_when_smtp_is_set_up_later(
    database: Database, outbox: Mailer, make_mailer: MakeMailer, postbox: Postbox
) -> None:
    await send(database, outbox)
    assert await outbox.deliver_due() == 0
    assert await make_mailer(postbox.port).deliver_due() == 0
    assert postbox.received == []


async def test_only_the_newest_mails_are_kept(
    database: Database, outbox: Mailer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "OUTBOX_SIZE", 3)
    for number in range(5):
        await send(database, outbox, f"a{number}@example.org")
        clock.advance(1)
    assert await waiting(database) == 3
    assert [message.to[:2] for message in await outbox.outbox()] == ["a4", "a3", "a2"]
