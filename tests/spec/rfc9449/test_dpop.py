"""RFC 9449: demonstrating proof of possession."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.crypto import Key
from tests.support.installation import new_person, settings_for_test
from tests.support.oauth import Application, DpopKey, claims_of, new_application
from tests.support.time import ManualClock


def token_url(ostiary: Ostiary) -> str:
    return f"{ostiary.use.settings.issuer}/oauth/token"


async def bound(server: Ostiary, clock: ManualClock, **metadata: Any) -> tuple[Application, DpopKey, dict[str, Any]]:
    app, key = await new_application(server, **metadata), DpopKey()
    found = await app.authorize(await new_person(server))
    proof = key.proof("POST", token_url(server), clock())
    answer = await app.redeem(found["code"], headers={"DPoP": proof})
    assert answer.status_code == 200, answer.text
    return app, key, answer.json()


async def test_5_a_token_is_bound_to_the_key_of_the_proof(ostiary: Ostiary, clock: ManualClock) -> None:
    app, key, tokens = await bound(ostiary, clock)
    assert tokens["token_type"] == "DPoP"
    assert claims_of(tokens["access_token"])["cnf"] == {"jkt": key.thumbprint}
    assert (await app.introspect(tokens["access_token"]))["token_type"] == "DPoP"


async def test_7_it_is_used_with_a_proof_of_that_key_and_in_no_other_way(server: Ostiary, clock: ManualClock) -> None:
    app, key, tokens = await bound(server, clock)
    token, url = tokens["access_token"], f"{server.use.settings.issuer}/oauth/userinfo"

    async def use(scheme: str, proof: str | None) -> int:
        headers = {"Authorization": f"{scheme} {token}"} | ({} if proof is None else {"DPoP": proof})
        return (await app.http.get("/oauth/userinfo", headers=headers)).status_code

    good = key.proof("GET", url, clock(), token=token)
    assert await use("DPoP", good) == 200
    assert await use("DPoP", good) == 401  # a proof counts once
    assert await use("Bearer", None) == 401
    assert await use("DPoP", None) == 401
    assert await use("DPoP", DpopKey().proof("GET", url, clock(), token=token)) == 401
    assert await use("DPoP", key.proof("GET", url, clock())) == 400  # without ath
    assert await use("DPoP", key.proof("GET", url, clock(), token="another")) == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"htm": "GET"},
        {"htu": "https://elsewhere.example/oauth/token"},
        {"htu": None},
        {"jti": None},
        {"jti": "j" * 300},
        {"iat": None},
        {"iat": "now"},
    ],
)
async def test_4_3_a_proof_for_another_request_is_refused(
    server: Ostiary, clock: ManualClock, changed: dict[str, Any]
) -> None:
    app, key = await new_application(server), DpopKey()
    found = await app.authorize(await new_person(server))
    proof = key.proof("POST", token_url(server), clock(), **changed)
    answer = await app.redeem(found["code"], headers={"DPoP": proof})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize("offset", [-61, 61])
async def test_4_3_a_proof_lives_for_a_minute(server: Ostiary, clock: ManualClock, offset: int) -> None:
    app, key = await new_application(server), DpopKey()
    found = await app.authorize(await new_person(server))
    proof = key.proof("POST", token_url(server), clock() + offset * 1000)
    assert (await app.redeem(found["code"], headers={"DPoP": proof})).json()["error"] == "invalid_dpop_proof"


async def test_4_2_a_proof_carries_a_public_key_of_a_known_algorithm(server: Ostiary, clock: ManualClock) -> None:
    from tests.support.oauth import signed

    app, key = await new_application(server), DpopKey()
    found = await app.authorize(await new_person(server))
    claims = {"jti": "1", "htm": "POST", "htu": token_url(server), "iat": clock() // 1000}
    symmetric = Key.from_secret(b"s" * 32, "s")
    for proof in (
        signed(claims, key.key, {"typ": "jwt", "jwk": key.key.required_members()}),
        signed(claims, key.key, {"typ": "dpop+jwt"}),
        signed(claims, key.key, {"typ": "dpop+jwt", "jwk": {**key.key.required_members(), "d": "x"}}),
        signed(claims, symmetric, {"typ": "dpop+jwt", "jwk": {"kty": "oct", "k": "c3Nz"}}),
        signed(claims, key.key, {"typ": "dpop+jwt", "jwk": key.key.required_members(), "alg": "none"}),
        "not.a.proof",
    ):
        assert (await app.redeem(found["code"], headers={"DPoP": proof})).json()["error"] == "invalid_dpop_proof"


async def test_5_a_public_clients_refresh_token_is_bound_too(server: Ostiary, clock: ManualClock) -> None:
    app, key, tokens = await bound(server, clock, token_endpoint_auth_method="none")
    other = DpopKey().proof("POST", token_url(server), clock())
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await app.refresh(tokens["refresh_token"], headers={"DPoP": other})).json()["error"] == "invalid_grant"
    own = key.proof("POST", token_url(server), clock())
    assert (await app.refresh(tokens["refresh_token"], headers={"DPoP": own})).status_code == 200


async def test_10_a_code_can_be_bound_before(server: Ostiary, clock: ManualClock) -> None:
    app, person, key = await new_application(server), await new_person(server), DpopKey()
    found = await app.authorize(person, dpop_jkt=key.thumbprint)
    assert (await app.redeem(found["code"])).json()["error"] == "invalid_grant"
    found = await app.authorize(person, dpop_jkt=key.thumbprint)
    proof = key.proof("POST", token_url(server), clock())
    assert (await app.redeem(found["code"], headers={"DPoP": proof})).status_code == 200


async def test_a_client_can_be_held_to_it(server: Ostiary) -> None:
    app = await new_application(server, dpop_bound_access_tokens=True)
    found = await app.authorize(await new_person(server))
    assert (await app.redeem(found["code"])).json()["error"] == "invalid_dpop_proof"


async def test_8_a_nonce_of_ours_is_asked_for_where_it_is_set(sqlite_url: str, clock: ManualClock) -> None:
    async with await Ostiary.open(settings_for_test(sqlite_url, oauth__dpop_nonce=True), clock=clock) as server:
        app, key = await new_application(server), DpopKey()
        found = await app.authorize(await new_person(server))
        proof = key.proof("POST", token_url(server), clock())
        refused = await app.redeem(found["code"], headers={"DPoP": proof})
        assert (refused.status_code, refused.json()["error"]) == (400, "use_dpop_nonce")
        nonce = refused.headers["dpop-nonce"]
        again = key.proof("POST", token_url(server), clock(), nonce=nonce)
        answer = await app.redeem(found["code"], headers={"DPoP": again})
        assert answer.status_code == 200
        clock.advance(11 * 60_000)
        late = key.proof("POST", token_url(server), clock(), nonce=nonce)
        refused = await app.refresh(answer.json()["refresh_token"], headers={"DPoP": late})
        assert refused.json()["error"] == "use_dpop_nonce"
