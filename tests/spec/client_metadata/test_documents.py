"""Clients that describe themselves in a document at the URL that is their id, and keys at ``jwks_uri``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from ostiary.app import Ostiary
from ostiary.crypto import Key
from tests.support.http_servers import HttpServer, Reply, serve_http
from tests.support.installation import new_person, settings_for_test
from tests.support.oauth import Application, client_assertion, new_api, new_application
from tests.support.time import ManualClock


def as_json(document: Any, **headers: str) -> Reply:
    return Reply(body=msgspec.json.encode(document), headers=tuple(headers.items()))


@pytest.fixture
async def elsewhere() -> AsyncIterator[HttpServer]:
    async with serve_http() as opened:
        yield opened


@pytest.fixture
async def open_server(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    settings = settings_for_test(sqlite_url, oauth__client_documents=True)
    async with await Ostiary.open(settings, clock=clock) as opened:
        yield opened


def document(url: str, **changed: Any) -> dict[str, Any]:
    return {"client_id": url, "client_name": "Agent", "redirect_uris": ["https://agent.example/cb"], **changed}


async def test_a_url_is_a_client(open_server: Ostiary, elsewhere: HttpServer, clock: ManualClock) -> None:
    url = elsewhere.url + "/client.json"
    elsewhere._answer = lambda _: as_json(document(url))
    app = Application(open_server, url, None, "https://agent.example/cb")
    person = await new_person(open_server)
    page = await person.client.get("/oauth/authorize", params=app.request(scope="openid"), follow_redirects=True)
    assert "Nobody at" in page.text
    assert (await app.tokens(person, scope="openid"))["id_token"]
    assert len(elsewhere.requests) == 1  # kept for a while
    clock.advance(3_600_000)
    await app.authorize(person, scope="openid")
    assert len(elsewhere.requests) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "https://other.example/client.json"},
        {"client_secret": "x"},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"redirect_uris": ["http://agent.example/cb"]},
        {"grant_types": ["client_credentials"]},
    ],
)
async def test_a_document_that_cannot_be_used_is_no_client(
    open_server: Ostiary, elsewhere: HttpServer, changed: dict[str, Any]
) -> None:
    url = elsewhere.url + "/client.json"
    elsewhere._answer = lambda _: as_json(document(url, **changed))
    app = Application(open_server, url, None, "https://agent.example/cb")
    person = await new_person(open_server)
    for _ in range(5):
        assert (await person.client.get("/oauth/authorize", params=app.request())).status_code == 400
    assert len(elsewhere.requests) == 1  # nobody makes us ask again and again


async def test_it_is_off_unless_set(server: Ostiary, elsewhere: HttpServer) -> None:
    app = Application(server, elsewhere.url + "/client.json", None)
    person = await new_person(server)
    assert (await person.client.get("/oauth/authorize", params=app.request())).status_code == 400
    assert elsewhere.requests == []


async def test_keys_are_fetched_kept_and_fetched_again_when_they_change(
    server: Ostiary, elsewhere: HttpServer, clock: ManualClock
) -> None:
    await new_api(server)
    keys = [Key.generate("ES256"), Key.generate("ES256")]
    published = [keys[0]]
    elsewhere._answer = lambda _: as_json({"keys": [key.public_jwk() for key in published]})
    app = await new_application(
        server,
        redirect_uris=[],
        grant_types=["client_credentials"],
        scope="forecasts.read",
        token_endpoint_auth_method="private_key_jwt",
        jwks_uri=elsewhere.url + "/jwks",
    )

    async def ask(key: Key) -> int:
        form = {"grant_type": "client_credentials"}
        form |= client_assertion(app.id, key, server.use.settings.issuer, clock())
        return (await app.http.post("/oauth/token", data=form)).status_code

    assert [await ask(keys[0]), await ask(keys[0])] == [200, 200]
    assert len(elsewhere.requests) == 1
    published[:] = [keys[1]]
    assert await ask(keys[1]) == 401  # asked a moment ago
    clock.advance(11_000)
    assert await ask(keys[1]) == 200
    assert await ask(keys[0]) == 401
    assert len(elsewhere.requests) == 2


@pytest.mark.parametrize(
    "reply", [Reply(500), Reply(302, headers=(("Location", "/x"),)), Reply(body=b"{"), Reply(body=b"x" * 100_000)]
)
async def test_keys_that_cannot_be_had_believe_nobody(
    server: Ostiary, elsewhere: HttpServer, clock: ManualClock, reply: Reply
) -> None:
    elsewhere._answer = lambda _: reply
    app = await new_application(server, token_endpoint_auth_method="private_key_jwt", jwks_uri=elsewhere.url + "/jwks")
    form = app.request() | client_assertion(app.id, Key.generate("ES256"), server.use.settings.issuer, clock())
    answer = await app.http.post("/oauth/par", data=form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
