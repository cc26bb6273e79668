"""An SMS goes to the gateway once, signed; again when that was away, never when it refused or the code has expired."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator

import pytest

from ostiary.base.clock import DAY, MINUTE, SECOND
from ostiary.database import Database
from ostiary.errors import InvalidRequest, Unavailable
from ostiary.notify import FailedMessage, Mailer, queue, sms
from ostiary.settings import Secret, SmsSettings
from tests.contract.notify.conftest import MakeMailer
from tests.contract.notify.postbox import Postbox
from tests.contract.notify.test_delivery import send, waiting
from tests.support.http_servers import SILENCE, HttpServer, Reply, serve_http
from tests.support.installation import Request
from tests.support.time import ManualClock

CODE = "493817"
NUMBER = "+491701234567"
SECRET = bytes(range(32))
KEY = "whsec_" + base64.b64encode(SECRET).decode()


@pytest.fixture
async def gateway() -> AsyncIterator[HttpServer]:
    async with serve_http() as server:
        yield server


@pytest.fixture
def texter(make_mailer: MakeMailer, postbox: Postbox, gateway: HttpServer) -> Mailer:
    """A mailer whose SMS go to ``gateway``, and whose mail goes to ``postbox``."""
    settings = SmsSettings("webhook", gateway.url + "/sms?via=1", Secret("a bearer token"), Secret(KEY), ("DE",))
    return make_mailer(postbox.port, sms=settings)


async def text(db: Database, mailer: Mailer, to: str = NUMBER, valid_for: int = 10 * MINUTE) -> None:
    async with db.transaction() as tx:
        await mailer.send_sms(tx, "code", to=to, valid_for=valid_for, account_id="acc_1", code=CODE)


def signed_by(secret: bytes, request: Request) -> bool:
    """The check that Standard Webhooks (version 1.0.0) has a receiver make."""
    content = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.{request.body}"
    expected = base64.b64encode(hmac.new(secret, content.encode(), hashlib.sha256).digest()).decode()
    return request.headers["webhook-signature"] == f"v1,{expected}"


async def test_the_gateway_gets_number_text_and_id_with_its_token_and_our_signature(
    database: Database, texter: Mailer, gateway: HttpServer, clock: ManualClock
) -> None:
    await text(database, texter)
    assert await texter.deliver_due() == 1
    [request] = gateway.requests
    assert (request.method, request.target) == ("POST", "/sms?via=1")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer a bearer token"
    body = json.loads(request.body)
    assert body.keys() == {"to", "text", "id"}
    assert body["to"] == NUMBER
    assert CODE in body["text"]
    assert body["id"] == request.headers["webhook-id"]
    assert request.headers["webhook-timestamp"] == str(clock() // SECOND)
    assert signed_by(SECRET, request)
    assert not signed_by(b"somebody else's", request)
    assert await waiting(database) == 0
    assert await texter.deliver_due() == 0


async def test_token_and_signature_are_left_out_where_they_are_not_set(
    database: Database, make_mailer: MakeMailer, gateway: HttpServer
) -> None:
    mailer = make_mailer(25, sms=SmsSettings("webhook", gateway.url))
    await text(database, mailer)
    assert await mailer.deliver_due() == 1
    assert not {"authorization", "webhook-signature"} & gateway.requests[0].headers.keys()


async def test_the_loop_delivers_an_sms_when_it_is_woken(
    database: Database, texter: Mailer, gateway: HttpServer
) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(texter.run(stop))
    await asyncio.sleep(0.05)  # it has looked, and found nothing
    await text(database, texter)
    texter.wake()
    async with asyncio.timeout(4):
        while await waiting(database):  # noqa: ASYNC110 - what is waited for happens in the database
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.wait_for(running, 4)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_an_sms_that_was_not_taken_for_now_is_tried_again_as_the_same_message(
    database: Database, texter: Mailer, gateway: HttpServer, clock: ManualClock, status: int
) -> None:
    gateway.replies = [Reply(status)]
    await text(database, texter)
    assert await texter.deliver_due() == 0
    clock.advance(30 * SECOND - 1)
    assert await texter.deliver_due() == 0
    clock.advance(1)
    assert await texter.deliver_due() == 1
    first, second = gateway.requests
    assert first.body == second.body
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert signed_by(SECRET, second)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 410, 422])
async def test_an_sms_that_was_refused_is_given_up_at_once_and_the_next_goes_out(
    database: Database,
    texter: Mailer,
    gateway: HttpServer,
    clock: ManualClock,
    failures: list[FailedMessage],
    status: int,
) -> None:
    async with serve_http() as elsewhere:
        gateway.replies = [Reply(status, f"no such number: {NUMBER}".encode(), (("Location", elsewhere.url),))]
        await text(database, texter)
        await text(database, texter)
        assert await texter.deliver_due() == 1
        assert elsewhere.requests == []
    [failed] = failures
    assert (failed.kind, failed.account_id, failed.reason) == ("sms", "acc_1", f"the gateway answered {status}")
    clock.advance(DAY)
    assert await texter.deliver_due() == 0


async def test_a_code_that_has_expired_is_not_sent_any_more(
    database: Database, texter: Mailer, gateway: HttpServer, clock: ManualClock, failures: list[FailedMessage]
) -> None:
    gateway.replies = [Reply(500)] * 3
    await text(database, texter, valid_for=10 * MINUTE)
    for wait in (30 * SECOND, 2 * MINUTE, 10 * MINUTE, DAY):
        await texter.deliver_due()
        clock.advance(wait)
    assert len(gateway.requests) == 3
    [failed] = failures
    assert failed.reason == "was not taken before what it says had expired"


@pytest.mark.parametrize(
    "reply",
    [
        SILENCE,
        Reply(raw=b"220 mx ESMTP\r\n\r\n"),
        Reply(raw=f"HTTP/1.1 {NUMBER} {CODE}\r\n\r\n".encode()),
        Reply(body=b"x" * 1_000_000),
    ],
    ids=["silence", "mail", "an echo", "too much"],
)
async def test_a_gateway_that_does_not_answer_costs_one_try_a_round(
    database: Database,
    texter: Mailer,
    gateway: HttpServer,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
) -> None:
    monkeypatch.setattr(sms, "TIMEOUT", 0.2)
    gateway.replies = [reply]
    for _ in range(3):
        await text(database, texter)
    assert await texter.deliver_due() == 0
    assert len(gateway.requests) == 1
    error = await database.fetch_value("SELECT last_error FROM messages WHERE last_error IS NOT NULL")
    assert NUMBER not in error
    assert CODE not in error
    clock.advance(30 * SECOND)
    assert await texter.deliver_due() == 3


async def test_a_mail_server_that_is_away_does_not_hold_up_an_sms_nor_the_other_way_round(
    database: Database, make_mailer: MakeMailer, postbox: Postbox, gateway: HttpServer
) -> None:
    with socket.socket() as silent:  # takes connections and never greets
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = silent.getsockname()
        for mail_port, sms_url, taken in (
            (address[1], gateway.url, "sms"),
            (postbox.port, f"http://127.0.0.1:{address[1]}", "mail"),
        ):
            mailer = make_mailer(mail_port, sms=SmsSettings("webhook", sms_url))
            await send(database, mailer)
            await text(database, mailer)
            stop = asyncio.Event()
            running = asyncio.create_task(mailer.run(stop))
            async with asyncio.timeout(4):
                while not (gateway.requests if taken == "sms" else postbox.received):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            running.cancel()
            await asyncio.wait([running])


async def test_neither_number_nor_code_is_stored_in_clear(database: Database, texter: Mailer) -> None:
    await text(database, texter)
    sealed: bytes = await database.fetch_value("SELECT sealed FROM messages")
    for secret in (b"1701234567", CODE.encode()):
        assert secret not in sealed


async def test_a_number_of_a_country_that_is_not_allowed_gets_nothing(database: Database, texter: Mailer) -> None:
    with pytest.raises(InvalidRequest, match="country"):
        await text(database, texter, "+436641234567")
    assert await waiting(database) == 0


async def test_nothing_is_written_where_sms_are_off(database: Database, mailer: Mailer) -> None:
    with pytest.raises(Unavailable):
        await text(database, mailer)
    assert await waiting(database) == 0


async def test_sms_of_the_outbox_are_shown_and_never_go_out(
    database: Database, make_mailer: MakeMailer, gateway: HttpServer, postbox: Postbox, clock: ManualClock
) -> None:
    outbox = make_mailer(25, sms=SmsSettings("outbox"), sender="outbox")
    await send(database, outbox)
    clock.advance(1)
    await text(database, outbox)
    shown, mail = await outbox.outbox()
    assert (shown.kind, shown.to, shown.subject, shown.html) == ("sms", NUMBER, "", "")
    assert CODE in shown.text
    assert CODE not in repr(shown)
    assert mail.kind == "mail"
    later = make_mailer(postbox.port, sms=SmsSettings("webhook", gateway.url))
    assert await later.deliver_due() == 0
    assert gateway.requests == []


async def test_what_the_outbox_keeps_of_one_kind_takes_nothing_from_the_other(
    database: Database,
    make_mailer: MakeMailer,
    gateway: HttpServer,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue, "OUTBOX_SIZE", 2)
    mailer = make_mailer(25, sms=SmsSettings("webhook", gateway.url), sender="outbox")
    for _ in range(3):
        await text(database, mailer)  # these wait to be sent
        clock.advance(1)
    for _ in range(3):
        await send(database, mailer)
        clock.advance(1)
    assert await waiting(database) == 3 + 2
    assert await mailer.deliver_due() == 3


async def test_a_message_of_before_there_were_sms_is_a_mail(
    database: Database, mailer: Mailer, postbox: Postbox
) -> None:
    await send(database, mailer)
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO messages (id, account_id, sealed, created_at, due_at, attempts)"
            " SELECT 'msg_older', account_id, sealed, created_at, due_at, attempts FROM messages"
        )
    assert await database.fetch_value("SELECT kind FROM messages WHERE id = 'msg_older'") == "mail"
    assert await mailer.deliver_due() == 1  # the other was sealed under another id
    assert len(postbox.received) == 1
