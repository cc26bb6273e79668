"""RFC 7591 and RFC 7592: applications that register themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.crypto import Key
from tests.support.installation import new_client, new_person, settings_for_test
from tests.support.oauth import Application
from tests.support.time import ManualClock

DOCUMENT = {"client_name": "Reader", "redirect_uris": ["https://reader.example/cb"]}


@pytest.fixture
async def open_server(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    async with await Ostiary.open(settings_for_test(sqlite_url, oauth__registration="open"), clock=clock) as opened:
        yield opened


async def register(ostiary: Ostiary, token: str | None = None, **document: Any) -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return await new_client(ostiary).post("/oauth/register", json=DOCUMENT | document, headers=headers)


async def test_3_2_1_a_registered_client_works(open_server: Ostiary) -> None:
    answer = await register(open_server, scope="openid email", unknown_member=1)
    assert answer.status_code == 201
    found = answer.json()
    assert found["client_secret_expires_at"] == 0
    assert found["token_endpoint_auth_method"] == "client_secret_basic"
    assert "unknown_member" not in found
    app = Application(open_server, found["client_id"], found["client_secret"], DOCUMENT["redirect_uris"][0])
    tokens = await app.tokens(await new_person(open_server), scope="openid email")
    assert tokens["scope"] == "openid email"


async def test_it_is_off_unless_set(server: Ostiary) -> None:
    assert (await register(server)).status_code == 404
    discovery = (await new_client(server).get("/.well-known/openid-configuration")).json()
    assert "registration_endpoint" not in discovery


async def test_3_it_may_take_an_initial_access_token(sqlite_url: str, clock: ManualClock) -> None:
    settings = settings_for_test(sqlite_url, oauth__registration="token", oauth__registration_token="let me in")
    async with await Ostiary.open(settings, clock=clock) as ostiary:
        assert (await register(ostiary)).status_code == 401
        assert (await register(ostiary, "guess")).status_code == 401
        assert (await register(ostiary, "let me in")).status_code == 201


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://reader.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://reader.example/cb#x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://user@reader.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://reader.example/../cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://reader.example/%2e%2e/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["com.example.reader:/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://reader.example\\@evil.example/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://reader.example/cb"}, "invalid_client_metadata"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"]}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"logo_uri": "http://internal/"}, "invalid_client_metadata"),
        ({"jwks_uri": "file:///etc/passwd"}, "invalid_client_metadata"),
        ({"client_name": "a\u202eb"}, "invalid_client_metadata"),
        ({"client_name": "n" * 200}, "invalid_client_metadata"),
        ({"scope": 'a "b"'}, "invalid_client_metadata"),
        ({"jwks": {"keys": []}}, "invalid_client_metadata"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}, "invalid_client_metadata"),
    ],
)
async def test_3_2_2_what_cannot_be_registered(open_server: Ostiary, changed: dict[str, Any], error: str) -> None:
    answer = await register(open_server, **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, error), answer.text


async def test_a_private_key_is_refused_and_so_is_a_weak_one(open_server: Ostiary) -> None:
    private = Key.generate("ES256").public_jwk() | {"d": "x"}
    answer = await register(open_server, token_endpoint_auth_method="private_key_jwt", jwks={"keys": [private]})
    assert answer.json()["error"] == "invalid_client_metadata"
    weak = {
        "kty": "RSA",
        "e": "AQAB",
        "n": "sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1WlUzewbgBHod5pcM9H9",
    }
    answer = await register(open_server, token_endpoint_auth_method="private_key_jwt", jwks={"keys": [weak]})
    assert answer.json()["error"] == "invalid_client_metadata"


async def test_nobody_marks_themselves_as_trusted(open_server: Ostiary) -> None:
    found = (await register(open_server, trusted=True)).json()
    app = Application(open_server, found["client_id"], found["client_secret"], DOCUMENT["redirect_uris"][0])
    person = await new_person(open_server)
    page = await person.client.get("/oauth/authorize", params=app.request(scope="openid"), follow_redirects=True)
    assert "Nobody at" in page.text


async def test_rfc7592_a_client_reads_replaces_and_deletes_itself(open_server: Ostiary) -> None:
    found = (await register(open_server)).json()
    client = new_client(open_server)
    uri, own = found["registration_client_uri"], {"Authorization": f"Bearer {found['registration_access_token']}"}
    assert (await client.get(uri, headers=own)).json()["client_name"] == "Reader"
    replaced = await client.put(
        uri, json=DOCUMENT | {"client_name": "Other", "client_id": found["client_id"]}, headers=own
    )
    assert replaced.json()["client_name"] == "Other"
    stranger = (await register(open_server)).json()["registration_access_token"]
    for headers in ({}, {"Authorization": f"Bearer {stranger}"}):
        assert (await client.get(uri, headers=headers)).status_code == 401
        assert (await client.delete(uri, headers=headers)).status_code == 401
    assert (await client.delete(uri, headers=own)).status_code == 204
    assert (await client.get(uri, headers=own)).status_code == 401
