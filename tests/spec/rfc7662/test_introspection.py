"""RFC 7662 and RFC 9701: token introspection; RFC 7009: revocation."""

from __future__ import annotations

import pytest

from ostiary.app import Ostiary
from tests.support.installation import new_person
from tests.support.oauth import claims_of, header_of, new_api, new_application
from tests.support.time import ManualClock


async def test_2_2_an_active_token_is_described_and_an_ended_one_is_not(ostiary: Ostiary, clock: ManualClock) -> None:
    app, person = await new_application(ostiary), await new_person(ostiary)
    tokens = await app.tokens(person)
    told = await app.introspect(tokens["access_token"])
    assert (told["active"], told["client_id"], told["sub"]) == (True, app.id, person.id)
    refresh = await app.introspect(tokens["refresh_token"])
    assert (refresh["active"], refresh["token_type"]) == (True, "refresh_token")
    clock.advance(601_000 + 5_000)
    assert await app.introspect(tokens["access_token"]) == {"active": False}
    for nonsense in ("x", "a.b.c", "ost_at_unknown", "ost_rt_unknown", "x" * 20_000):
        assert await app.introspect(nonsense) == {"active": False}


async def test_2_1_only_clients_that_prove_themselves_may_ask(server: Ostiary) -> None:
    public = await new_application(server, token_endpoint_auth_method="none")
    answer = await public.post("/oauth/introspect", {"token": "x"})
    assert answer.json()["error"] == "unauthorized_client"
    answer = await public.http.post("/oauth/introspect", data={"token": "x"})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    app = await new_application(server)
    assert (await app.post("/oauth/introspect", {})).json()["error"] == "invalid_request"


async def test_another_clients_refresh_token_is_none_of_its_business(server: Ostiary) -> None:
    app, other = await new_application(server), await new_application(server)
    token = (await app.tokens(await new_person(server)))["refresh_token"]
    assert await other.introspect(token) == {"active": False}


async def test_rfc9701_the_answer_may_be_signed(server: Ostiary) -> None:
    app = await new_application(server, introspection_signed_response_alg="ES256")
    token = (await app.tokens(await new_person(server)))["access_token"]
    answer = await app.post("/oauth/introspect", {"token": token})
    assert answer.headers["content-type"] == "application/token-introspection+jwt"
    assert header_of(answer.text)["typ"] == "token-introspection+jwt"
    claims = claims_of(answer.text)
    assert claims["aud"] == app.id
    assert claims["token_introspection"]["active"] is True
    plain = await new_application(server)
    headers = {"Accept": "application/token-introspection+jwt"}
    asked = await plain.post("/oauth/introspect", {"token": "x"}, headers=headers)
    assert claims_of(asked.text)["token_introspection"] == {"active": False}


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_rfc7009_2_a_revoked_token_takes_the_rest_along(ostiary: Ostiary, which: str) -> None:
    app = await new_application(ostiary)
    tokens = await app.tokens(await new_person(ostiary))
    assert (await app.post("/oauth/revoke", {"token": tokens[which]})).status_code == 200
    assert await app.introspect(tokens["access_token"]) == {"active": False}
    assert (await app.userinfo(tokens["access_token"])).status_code == 401
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await app.post("/oauth/revoke", {"token": tokens[which]})).status_code == 200  # section 2.2
    assert (await app.post("/oauth/revoke", {"token": "unknown"})).status_code == 200


async def test_rfc7009_2_1_another_clients_token_stays(server: Ostiary) -> None:
    app, other = await new_application(server), await new_application(server)
    tokens = await app.tokens(await new_person(server))
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert (await other.post("/oauth/revoke", {"token": token})).status_code == 200
    assert (await app.introspect(tokens["access_token"]))["active"]


async def test_opaque_tokens_are_understood_here_alone(ostiary: Ostiary, clock: ManualClock) -> None:
    await new_api(ostiary, token_format="opaque")
    app = await new_application(ostiary, scope="openid forecasts.read", access_token_format="opaque")
    own = await new_application(ostiary, redirect_uris=[], grant_types=["client_credentials"], scope="forecasts.read")
    person = await new_person(ostiary)
    tokens = await app.tokens(person, scope="openid")
    assert tokens["access_token"].startswith("ost_at_")
    assert (await app.userinfo(tokens["access_token"])).json()["sub"] == person.id
    assert (await app.introspect(tokens["access_token"]))["sub"] == person.id
    await app.post("/oauth/revoke", {"token": tokens["access_token"]})
    assert await app.introspect(tokens["access_token"]) == {"active": False}
    theirs = (await own.post("/oauth/token", {"grant_type": "client_credentials"})).json()["access_token"]
    assert (await own.introspect(theirs))["scope"] == "forecasts.read"
    clock.advance(601_000)
    assert await own.introspect(theirs) == {"active": False}
