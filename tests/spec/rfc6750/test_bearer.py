"""RFC 6750, bearer tokens in the ``Authorization`` header, and what a refusal says in ``WWW-Authenticate``."""

from __future__ import annotations

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE
from tests.support.installation import Person, new_client, new_person
from tests.support.time import ManualClock

PATH = "/api/auth/me"


@pytest.fixture
async def person(ostiary: Ostiary) -> Person:
    return await new_person(ostiary, delivery="token")


async def _with(client: httpx.AsyncClient, authorization: str) -> httpx.Response:
    return await client.get(PATH, headers={"authorization": authorization})


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_read_in_any_case(client: httpx.AsyncClient, person: Person, scheme: str) -> None:
    """RFC 9110 section 11.1."""
    answer = await _with(client, f"{scheme} {person.tokens['access_token']}")
    assert (answer.status_code, answer.json()["account"]["id"]) == (200, person.id)


async def test_without_credentials_the_challenge_names_no_error(client: httpx.AsyncClient) -> None:
    """Section 3.1: "the resource server SHOULD NOT include an error code"."""
    answer = await client.get(PATH)
    assert answer.status_code == 401
    (challenge,) = answer.headers.get_list("www-authenticate")
    assert challenge.startswith('Bearer realm="ostiary", resource_metadata=')


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "Bearer x", "x" * 5000])
async def test_a_token_that_is_none_is_401_invalid_token(client: httpx.AsyncClient, token: str) -> None:
    answer = await client.get(PATH, headers={b"authorization": f"Bearer {token}".encode("latin-1")})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="ostiary", error="invalid_token"')


async def test_an_expired_token_is_401_invalid_token(
    client: httpx.AsyncClient, person: Person, clock: ManualClock
) -> None:
    clock.advance(16 * MINUTE)
    answer = await _with(client, f"Bearer {person.tokens['access_token']}")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="ostiary", error="invalid_token"')


@pytest.mark.parametrize("authorization", ["Basic YWRhOng=", "Digest x", "Bearer", "Bearer ", "nonsense", ""])
async def test_another_scheme_is_401_with_a_challenge_of_ours(client: httpx.AsyncClient, authorization: str) -> None:
    answer = await _with(client, authorization)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="ostiary"')


async def test_a_token_that_is_not_valid_is_refused_where_nobody_has_to_be_known(client: httpx.AsyncClient) -> None:
    """Somebody put it there and counts on it."""
    answer = await client.post("/api/auth/logout", headers={"authorization": "Bearer x"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_the_header_twice_is_400(client: httpx.AsyncClient, person: Person) -> None:
    """Section 3.1: more than one method of including a token is an invalid request."""
    both = [("authorization", f"Bearer {person.tokens['access_token']}"), ("authorization", "Bearer x")]
    answer = await client.get(PATH, headers=both)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_token_in_the_query_is_not_taken(client: httpx.AsyncClient, person: Person) -> None:
    """Section 2.3 is not offered: addresses end up in logs."""
    answer = await client.get(PATH, params={"access_token": person.tokens["access_token"]})
    assert answer.status_code in (400, 401)


async def test_what_is_proved_and_refused_is_403_without_a_challenge(person: Person) -> None:
    answer = await person.request("GET", "/api/accounts")
    assert answer.status_code == 403
    assert "www-authenticate" not in answer.headers


async def test_a_bearer_token_needs_no_csrf_token(person: Person) -> None:
    assert (await person.request("PATCH", PATH, {"name": "Ada"})).status_code == 200


async def test_the_tokens_of_a_sign_in_are_kept_by_no_cache(ostiary: Ostiary, person: Person) -> None:
    """Section 5.3."""
    async with new_client(ostiary) as client:
        answer = await client.post("/api/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    assert answer.json()["token_type"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"
