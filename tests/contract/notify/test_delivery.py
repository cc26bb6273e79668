"""A mail goes out once, after the commit, again when it was refused for now, and never when it was refused for good."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

import pytest

from ostiary.base.clock import DAY, HOUR, MINUTE, SECOND
from ostiary.database import Database
from ostiary.errors import InvalidRequest
from ostiary.notify import FailedMessage, Mailer
from tests.contract.notify.conftest import MakeMailer
from tests.contract.notify.postbox import Postbox
from tests.support.time import ManualClock

CODE = "493817"
LINK = "https://login.example.com/auth/verify?t=abc&u=<d>"


async def send(db: Database, mailer: Mailer, to: str | None = "ada@example.org", account_id: str | None = None) -> None:
    async with db.transaction() as tx:
        await mailer.send(tx, "verify_email", to=to, account_id=account_id, link=LINK, code=CODE, valid_for=30 * MINUTE)


async def waiting(db: Database) -> int:
    count: int = await db.fetch_value("SELECT COUNT(*) FROM messages")
    return count


async def eventually(db: Database, condition: str) -> None:
    async with asyncio.timeout(4):  # less than the loop's pause between two looks that nobody asked for
        while not await db.fetch_value(condition):  # noqa: ASYNC110 - what is waited for happens in the database
            await asyncio.sleep(0.01)


async def test_a_mail_arrives_and_nothing_is_kept(database: Database, mailer: Mailer, postbox: Postbox) -> None:
    await send(database, mailer)
    assert await mailer.deliver_due() == 1
    [received] = postbox.received
    assert received.recipients == ["ada@example.org"]
    assert await waiting(database) == 0
    assert await mailer.deliver_due() == 0


async def test_a_mail_to_nobody_waits_like_any_other_and_goes_nowhere(
    database: Database, mailer: Mailer, postbox: Postbox
) -> None:
    await send(database, mailer, None)
    await send(database, mailer)
    assert await waiting(database) == 2
    assert [message.to for message in await mailer.outbox()] == ["ada@example.org"]
    await mailer.deliver_due()
    assert [mail.recipients for mail in postbox.received] == [["ada@example.org"]]
    assert await waiting(database) == 0


async def test_the_loop_delivers_when_it_is_woken_and_ends_when_it_is_told_to(
    database: Database, mailer: Mailer, postbox: Postbox
) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(mailer.run(stop))
    await asyncio.sleep(0.05)  # it has looked, and found nothing
    await send(database, mailer)
    mailer.wake()
    await eventually(database, "SELECT COUNT(*) = 0 FROM messages")
    stop.set()
    await asyncio.wait_for(running, 4)
    assert len(postbox.received) == 1


async def test_a_transaction_that_is_rolled_back_sends_nothing(
    database: Database, mailer: Mailer, postbox: Postbox
) -> None:
    async def fail() -> None:
        async with database.transaction() as tx:
            await mailer.send(tx, "address_in_use", to="ada@example.org", login_link=LINK)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await mailer.deliver_due() == 0
    assert postbox.received == []


async def test_two_processes_deliver_fifty_mails_once_each(
    database: Database, database_url: str, make_mailer: MakeMailer, postbox: Postbox
) -> None:
    other = await Database.open(database_url)
    try:
        mailers = [make_mailer(postbox.port), make_mailer(postbox.port, db=other)]
        for number in range(50):
            await send(database, mailers[0], f"a{number}@example.org")
        taken = await asyncio.gather(*(mailer.deliver_due() for mailer in mailers * 2))
    finally:
        await other.close()
    assert sum(taken) == 50
    assert Counter(received.recipients[0] for received in postbox.received) == {
        f"a{number}@example.org": 1 for number in range(50)
    }
    assert await waiting(database) == 0


async def test_a_mail_that_is_being_sent_is_left_alone_until_its_lease_ends(
    database: Database, make_mailer: MakeMailer, postbox: Postbox, clock: ManualClock
) -> None:
    with socket.socket() as silent:  # takes connections and never greets
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        killed = make_mailer(silent.getsockname()[1])
        await send(database, killed)
        task = asyncio.create_task(killed.deliver_due())
        await eventually(database, "SELECT attempts = 1 FROM messages")
        task.cancel()
        await asyncio.wait([task])
    successor = make_mailer(postbox.port)
    assert await successor.deliver_due() == 0
    clock.advance(5 * MINUTE)
    assert await successor.deliver_due() == 1


@pytest.mark.parametrize("at", ["recipient", "content"])
async def test_a_mail_refused_for_now_is_tried_again_later(
    database: Database, mailer: Mailer, postbox: Postbox, clock: ManualClock, at: str
) -> None:
    getattr(postbox, at).append("451 try again")
    await send(database, mailer)
    assert await mailer.deliver_due() == 0
    clock.advance(30 * SECOND - 1)
    assert await mailer.deliver_due() == 0
    clock.advance(1)
    assert await mailer.deliver_due() == 1


async def test_a_mail_is_given_up_after_six_tries_in_seven_hours(
    database: Database, mailer: Mailer, postbox: Postbox, clock: ManualClock, failures: list[FailedMessage]
) -> None:
    postbox.recipient = ["450 the box of ada@example.org is full"] * 6
    await send(database, mailer, account_id="acc_1")
    for wait in (30 * SECOND, 2 * MINUTE, 10 * MINUTE, HOUR, 6 * HOUR):
        await mailer.deliver_due()
        assert failures == []
        clock.advance(wait)
    await mailer.deliver_due()
    [failed] = failures
    assert (failed.account_id, failed.attempts) == ("acc_1", 6)
    assert failed.reason == "recipient refused: 450 the box of … is full"
    clock.advance(DAY)
    assert await mailer.deliver_due() == 0


@pytest.mark.parametrize("at", ["recipient", "content"])
async def test_a_mail_refused_for_good_is_given_up_at_once(
    database: Database, mailer: Mailer, postbox: Postbox, clock: ManualClock, failures: list[FailedMessage], at: str
) -> None:
    getattr(postbox, at).append("550 no such user")
    await send(database, mailer)
    await send(database, mailer, "grace@example.org")
    assert await mailer.deliver_due() == 1  # the connection goes on to the next
    [failed] = failures
    assert failed.reason == f"{at} refused: 550 no such user"
    assert await database.fetch_value("SELECT last_error FROM messages WHERE failed_at IS NOT NULL") == failed.reason
    clock.advance(DAY)
    assert await mailer.deliver_due() == 0


async def test_a_given_up_mail_is_kept_for_thirty_days(
    database: Database, mailer: Mailer, postbox: Postbox, clock: ManualClock
) -> None:
    for _ in range(2):
        postbox.recipient = ["550 no"]
        await send(database, mailer)
        await mailer.deliver_due()
        clock.advance(30 * DAY + 1)
    assert await waiting(database) == 1


async def test_a_server_that_is_away_costs_one_try_a_round(
    database: Database, make_mailer: MakeMailer, postbox: Postbox, clock: ManualClock
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        mailer = make_mailer(unused.getsockname()[1])
        for _ in range(3):
            await send(database, mailer)
        assert await mailer.deliver_due() == 0
    assert await database.fetch_value("SELECT CAST(SUM(attempts) AS BIGINT) FROM messages") == 1
    clock.advance(30 * SECOND)
    assert await make_mailer(postbox.port).deliver_due() == 3


async def test_a_mail_that_cannot_be_opened_does_not_hold_up_the_next(
    database: Database, mailer: Mailer, postbox: Postbox
) -> None:
    await send(database, mailer)
    async with database.transaction() as tx:
        await tx.execute("UPDATE messages SET sealed = :spoilt", spoilt=b"spoilt")
    await send(database, mailer, "grace@example.org")
    assert await mailer.deliver_due() == 1
    assert postbox.received[0].recipients == ["grace@example.org"]


async def test_neither_address_nor_code_nor_link_is_stored_in_clear(database: Database, mailer: Mailer) -> None:
    await send(database, mailer)
    sealed: bytes = await database.fetch_value("SELECT sealed FROM messages")
    for secret in (b"ada", b"example.org", CODE.encode(), b"login.example.com", b"Confirm"):
        assert secret not in sealed


@pytest.mark.parametrize(
    "to",
    [
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\nSubject: x",
        "ada@example.org, eve@example.org",
        "ada",
    ],
)
async def test_what_is_not_one_address_is_refused(database: Database, mailer: Mailer, to: str) -> None:
    with pytest.raises(InvalidRequest):
        await send(database, mailer, to)
    assert await waiting(database) == 0
