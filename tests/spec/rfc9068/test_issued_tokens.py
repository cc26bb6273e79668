"""The access tokens that a sign-in gives, read as a resource server does: with joserfc and the published keys alone."""

from __future__ import annotations

from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from ostiary.app import Ostiary
from ostiary.base.clock import HOUR, MINUTE, SECOND
from tests.support.installation import new_administrator, new_client, new_person, settings_for_test
from tests.support.time import ManualClock

ISSUER = "http://localhost:8000"
CLAIMS = {"iss", "sub", "aud", "client_id", "iat", "exp", "auth_time", "amr", "acr", "jti", "sid"}


async def _verified(client: httpx.AsyncClient, token: str, algorithm: str = "ES256") -> jwt.Token:
    published = await client.get("/.well-known/jwks.json")
    assert published.headers["content-type"] == "application/jwk-set+json"
    return jwt.decode(token, KeySet.import_key_set(published.json()), algorithms=[algorithm])


async def test_the_claims_are_those_of_section_2_2(
    ostiary: Ostiary, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    person = await new_person(ostiary, delivery="token")
    signed_in_at = clock.now
    clock.advance(HOUR)
    refreshed = (await client.post("/api/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})).json()
    seen: list[dict[str, Any]] = []
    for answer, at in ((person.tokens, signed_in_at), (refreshed, clock.now)):
        assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 600)
        token = await _verified(client, answer["access_token"])
        assert (token.header["typ"], token.header["alg"]) == ("at+jwt", "ES256")
        assert token.header.keys() == {"typ", "alg", "kid"}
        claims = token.claims
        seen.append(claims)
        assert (
            claims
            | {
                "iss": ISSUER,
                "sub": person.id,
                "aud": ISSUER,
                "client_id": "ostiary",
                "iat": at // SECOND,
                "exp": at // SECOND + 600,
                "auth_time": signed_in_at
                // SECOND,  # when the person proved themselves, not when the token was renewed
                "amr": ["pwd", "otp", "mca"],  # registered: the password, and a code from the mail box
                "acr": "aal1",
            }
            == claims
        )
        assert claims.keys() == CLAIMS
    (family,) = (
        await client.get("/api/sessions", headers={"Authorization": f"Bearer {refreshed['access_token']}"})
    ).json()["items"]
    assert {claims["sid"] for claims in seen} == {family["id"]}
    assert seen[0]["jti"] != seen[1]["jti"]


async def test_a_token_lives_for_ten_minutes(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary, delivery="token")
    clock.advance(10 * MINUTE - SECOND)
    assert (await person.request("GET", "/api/auth/me")).status_code == 200
    clock.advance(2 * MINUTE)
    refused = await person.request("GET", "/api/auth/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")
    assert refused.headers["www-authenticate"].startswith('Bearer realm="ostiary", error="invalid_token"')


async def test_rs256_signs_where_it_is_chosen(sqlite_url: str, clock: ManualClock) -> None:
    settings = settings_for_test(sqlite_url, tokens__algorithm="RS256")
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        person = await new_person(opened, delivery="token")
        token = await _verified(person.client, person.tokens["access_token"], "RS256")
        assert token.claims["sub"] == person.id
        assert (await person.request("GET", "/api/auth/me")).status_code == 200


async def test_keys_rotate_under_living_tokens(ostiary: Ostiary, client: httpx.AsyncClient, clock: ManualClock) -> None:
    await new_administrator(ostiary)
    person = await new_person(ostiary, delivery="token")
    old = person.tokens["access_token"]
    old_kid = (await _verified(client, old)).header["kid"]
    await ostiary.use.signing_keys.rotate(ostiary.operator())

    # The new key is published and does not sign yet.
    published = {key["kid"] for key in (await client.get("/.well-known/jwks.json")).json()["keys"]}
    assert old_kid in published
    assert len(published) == 6
    await person.sign_in("token")
    assert (await _verified(client, person.tokens["access_token"])).header["kid"] == old_kid

    # The last token of the old key is signed right before the new one takes over, and verifies until it expires.
    clock.advance(10 * MINUTE - SECOND)
    await person.sign_in("token")
    last = person.tokens["access_token"]
    assert (await _verified(client, last)).header["kid"] == old_kid
    clock.advance(SECOND)
    await person.sign_in("token")
    new_kid = (await _verified(client, person.tokens["access_token"])).header["kid"]
    assert new_kid in published - {old_kid}
    clock.advance(10 * MINUTE - 2 * SECOND)
    with_last = {"Authorization": f"Bearer {last}"}
    assert (await client.get("/api/auth/me", headers=with_last)).status_code == 200
    await _verified(client, last)

    clock.advance(HOUR)
    assert (await client.get("/api/auth/me", headers=with_last)).status_code == 401
    assert old_kid not in {key["kid"] for key in (await client.get("/.well-known/jwks.json")).json()["keys"]}


async def test_another_process_takes_a_new_key_over_without_a_restart(database_url: str, clock: ManualClock) -> None:
    settings = settings_for_test(database_url)
    async with (
        await Ostiary.open(settings, clock=clock, migrate_first=True) as one,
        await Ostiary.open(settings, clock=clock) as other,
    ):
        await one.use.signing_keys.rotate(one.operator())
        clock.advance(10 * MINUTE)
        person = await new_person(one, delivery="token")
        headers = {"Authorization": f"Bearer {person.tokens['access_token']}"}
        async with new_client(other) as client:
            assert (await client.get("/api/auth/me", headers=headers)).status_code == 200
            await _verified(client, person.tokens["access_token"])
