"""API keys on the routes of an application that Ostiary is embedded in: the rules of its own routes hold there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from ostiary.integrations.starlette import Auth
from tests.attacks.evidence import assert_refused
from tests.support.api_keys import new_api_key
from tests.support.embedding import ORIGIN, Embedded, browser_of, running
from tests.support.installation import Person, settings_for_test

FOREIGN = "https://eve.example.com"


class Notes:
    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self._reads, self._writes = auth.require("documents.read"), auth.require("documents.write")
        self.app = Starlette(
            routes=[
                Route("/notes", self.read),
                Route("/notes", self.write, methods=["POST"]),
                Route("/mine", self.mine),
                WebSocketRoute("/live", self.live),
            ]
        )
        auth.mount(self.app)

    async def read(self, request: Request) -> Response:
        caller = await self._reads(request)
        return JSONResponse({"id": caller.account_id, "method": caller.method, "session": caller.session is not None})

    async def write(self, request: Request) -> Response:
        return JSONResponse({"id": (await self._writes(request)).account_id})

    async def mine(self, request: Request) -> Response:
        return JSONResponse({"email": (await self._auth.account(await self._auth.signed_in(request))).email})

    async def live(self, socket: WebSocket) -> None:
        caller = await self._reads(socket)
        await socket.accept()
        await socket.send_text(str(caller.account_id))


@pytest.fixture
async def embedded(sqlite_url: str) -> AsyncIterator[Embedded]:
    auth = Auth(settings_for_test(sqlite_url, ORIGIN + "/auth"))
    async with running(auth, Notes(auth).app, "/auth") as opened:
        yield opened


async def _reader_with_key(embedded: Embedded) -> tuple[Person, str]:
    reader = await embedded.reader()
    answer = await reader.client.get("/auth/api/auth/me")  # takes the new secret that is due
    reader.csrf = answer.json()["csrf_token"]
    made = await new_api_key(reader, "documents.read", at="/auth/api/credentials/api-keys")
    return reader, made["key"]


async def test_a_route_that_takes_a_permission_opens_for_a_key_that_has_it(embedded: Embedded) -> None:
    reader, key = await _reader_with_key(embedded)
    async with browser_of(embedded.app) as client:
        for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}):
            answer = await client.get("/notes", headers=headers)
            assert answer.json() == {"id": reader.id, "method": "api_key", "session": False}
            assert (await client.get("/mine", headers=headers)).json() == {"email": reader.email}
            refused = await client.post("/notes", headers=headers)
            assert_refused(refused, 403, "forbidden")
            assert refused.json()["permission"] == "documents.write"


async def test_a_key_that_is_not_good_is_refused_and_never_taken_for_nobody(embedded: Embedded) -> None:
    _, key = await _reader_with_key(embedded)
    async with browser_of(embedded.app) as client:
        for wrong in ("", "nonsense", key[:-1], key + "x"):
            assert_refused(await client.get("/notes", headers={"X-API-Key": wrong}), 401, "invalid_token", wrong)


async def test_a_key_beside_a_session_is_two_credentials(embedded: Embedded) -> None:
    reader, key = await _reader_with_key(embedded)
    for method in ("GET", "POST"):
        answer = await reader.client.request(method, "/notes", headers={"X-API-Key": key, **reader.headers})
        assert_refused(answer, 400, "ambiguous_credentials", method)


async def test_a_websocket_opens_for_a_key_and_needs_no_origin(embedded: Embedded) -> None:
    reader, key = await _reader_with_key(embedded)
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}, {"X-API-Key": key, "Origin": FOREIGN}):
        sent = await embedded.socket("/live", {"Host": "localhost:8000", **headers})
        assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send"]
        assert sent[1]["text"] == reader.id
    refused = await embedded.socket("/live", {"Host": "localhost:8000", "X-API-Key": key[:-1]})
    assert (refused[0]["type"], refused[0]["status"]) == ("websocket.http.response.start", 401)
    assert b"invalid_token" in refused[1]["body"]


async def test_no_page_of_ostiary_opens_for_a_key_there_either(embedded: Embedded) -> None:
    _, key = await _reader_with_key(embedded)
    async with browser_of(embedded.app) as client:
        assert (await client.get("/auth/account", headers={"X-API-Key": key})).status_code == 403
        assert_refused(await client.get("/auth/api/sessions", headers={"X-API-Key": key}), 403, "person_required")
