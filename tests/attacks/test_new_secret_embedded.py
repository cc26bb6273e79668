"""A session's new secret goes out with an answer. Where none can carry it, it must not replace the old one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from ostiary.authorization import AssignmentCreate
from ostiary.integrations.starlette import Auth
from ostiary.sessions import GRACE
from tests.support.embedding import ORIGIN, Embedded, running
from tests.support.installation import Person, settings_for_test
from tests.support.sessions import COOKIE, secret_of, secret_set
from tests.support.time import ManualClock


class Chat:
    """An application that asks who calls before it accepts a WebSocket, or afterwards."""

    def __init__(self, auth: Auth) -> None:
        self.auth = auth
        routes = [
            Route("/who", self.who),
            WebSocketRoute("/early", self.early),
            WebSocketRoute("/late", self.late),
        ]
        self.app = Starlette(routes=routes)
        auth.mount(self.app)

    async def who(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse((await self.auth.caller(request)).account_id or "nobody")

    async def early(self, socket: WebSocket) -> None:
        account_id = (await self.auth.caller(socket)).account_id
        await socket.accept()
        await socket.send_text(str(account_id))

    async def late(self, socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(str((await self.auth.caller(socket)).account_id))


@pytest.fixture
async def chat(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Embedded]:
    auth = Auth(settings_for_test(sqlite_url, ORIGIN + "/auth"), clock=clock)
    async with running(auth, Chat(auth).app, "/auth") as embedded:
        yield embedded


async def _due(chat: Embedded) -> Person:
    """Somebody whose roles have just changed."""
    person, ostiary = await chat.person(), chat.auth.ostiary
    await ostiary.use.assignments.assign(ostiary.operator(), person.id, AssignmentCreate("administrator"))
    return person


def _handshake(person: Person) -> dict[str, str]:
    cookie, device = f"{COOKIE}={secret_of(person.client)}", person.client.headers["user-agent"]
    return {"Host": "localhost:8000", "Origin": ORIGIN, "User-Agent": device, "Cookie": cookie}


async def test_an_answer_of_the_application_brings_it(chat: Embedded, clock: ManualClock) -> None:
    person = await _due(chat)
    answer = await person.client.get("/who")
    assert answer.text == person.id
    assert secret_set(answer)
    clock.advance(GRACE)
    assert (await person.client.get("/who")).text == person.id


async def test_the_handshake_of_a_websocket_brings_it(chat: Embedded) -> None:
    person = await _due(chat)
    accepted, said = await chat.socket("/early", _handshake(person))
    assert said["text"] == person.id
    assert [name for name, _ in accepted["headers"]].count(b"set-cookie") == 1


async def test_a_websocket_that_is_accepted_already_signs_nobody_out(chat: Embedded, clock: ManualClock) -> None:
    person = await _due(chat)
    accepted, said = await chat.socket("/late", _handshake(person))
    assert (dict(accepted["headers"]), said["text"]) == ({}, person.id)
    clock.advance(GRACE)
    answer = await person.client.get("/who")
    assert answer.text == person.id
    assert secret_set(answer), "the next answer brings it"
