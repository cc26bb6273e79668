"""WebAuthn Level 3, section 5.11: the file in which browsers look for the origins that may use a domain's passkeys."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette

from ostiary.app import Ostiary
from ostiary.integrations.starlette import Auth
from tests.support.installation import new_client, settings_for_test

FILE = "/.well-known/webauthn"
SETTINGS = {"passkeys__origins": "https://example.co"}


async def fetched(sqlite_url: str, issuer: str, **changed: object) -> httpx.Response:
    settings = settings_for_test(sqlite_url, issuer, **changed)
    async with await Ostiary.open(settings, migrate_first=True) as opened, new_client(opened) as client:
        return await client.get(FILE)


async def test_the_file_names_the_issuer_s_origin_and_the_others(sqlite_url: str) -> None:
    answer = await fetched(sqlite_url, "http://localhost:8000", **SETTINGS)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"origins": ["http://localhost:8000", "https://example.co"]}


async def test_there_is_none_where_there_are_no_others(sqlite_url: str) -> None:
    assert (await fetched(sqlite_url, "http://localhost:8000")).status_code == 404


@pytest.mark.parametrize("issuer", ["http://localhost:8000", "http://localhost:8000/auth"])
async def test_it_is_at_the_root_of_the_origin_wherever_ostiary_is(sqlite_url: str, issuer: str) -> None:
    """Nobody looks for it below the issuer's path."""
    app = Starlette()
    Auth(settings_for_test(sqlite_url, issuer, **SETTINGS)).mount(app)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            answer = await client.get(FILE)
            other = await client.get("/.well-known/other")
    assert answer.json()["origins"][1] == "https://example.co"
    assert other.status_code == 404
