"""RFC 6749 section 4.1 and OAuth 2.1: the authorization code grant."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.app import Ostiary
from tests.support.installation import new_person
from tests.support.oauth import REDIRECT, answered, claims_of, consent, new_application
from tests.support.time import ManualClock


async def test_4_1_a_code_is_redeemed_for_tokens(ostiary: Ostiary) -> None:
    """On each database: consent, code, tokens, and what they say."""
    app, person = await new_application(ostiary), await new_person(ostiary)
    tokens = await app.tokens(person)
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"] == "openid profile email"
    claims = claims_of(tokens["access_token"])
    assert (claims["client_id"], claims["sub"]) == (app.id, person.id)
    assert tokens["refresh_token"].startswith("ost_rt_")


async def test_4_1_2_the_answer_has_code_state_and_issuer(server: Ostiary) -> None:
    app, person = await new_application(server), await new_person(server)
    found = await app.authorize(person)
    assert found.keys() == {"code", "state", "iss"}
    assert (found["state"], found["iss"]) == ("af0ifjsldkj", server.use.settings.issuer)


async def test_4_1_2_1_a_person_who_says_no_is_an_error_for_the_client(server: Ostiary) -> None:
    app, person = await new_application(server), await new_person(server)
    page = await person.client.get("/oauth/authorize", params=app.request(), follow_redirects=True)
    found = answered(await consent(person, page, "deny"))
    assert (found["error"], found["state"]) == ("access_denied", "af0ifjsldkj")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"scope": 'openid "quoted"'}, "invalid_scope"),
        ({"resource": "https://unknown.example"}, "invalid_target"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"response_mode": "telepathy"}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"state": "s" * 3000}, "invalid_request"),
        ({"nonce": "n" * 3000}, "invalid_request"),
        ({"request_uri": "https://app.example/request"}, None),
        ({"authorization_details": '[{"type":"payment"}]'}, "invalid_authorization_details"),
        ({"dpop_jkt": "short"}, "invalid_request"),
    ],
)
async def test_4_1_2_1_what_is_wrong_goes_back_to_the_client(
    server: Ostiary, changed: dict[str, Any], error: str | None
) -> None:
    """But for a request object that cannot be opened: nothing in it says where to answer."""
    app, person = await new_application(server), await new_person(server)
    answer = await person.client.get("/oauth/authorize", params=app.request(**changed))
    if error is None:
        assert answer.status_code == 400
        return
    found = answered(answer)
    assert found["error"] == error
    assert answer.headers["location"].startswith(REDIRECT)


@pytest.mark.parametrize("changed", [{"client_id": "cli_unknown"}, {"client_id": None}, {"redirect_uri": None}])
async def test_4_1_2_1_without_a_known_client_and_address_the_person_is_told(
    server: Ostiary, changed: dict[str, Any]
) -> None:
    app, person = await new_application(server), await new_person(server)
    answer = await person.client.get("/oauth/authorize", params=app.request(**changed))
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_3_1_a_parameter_that_comes_twice_is_refused(server: Ostiary) -> None:
    app, person = await new_application(server), await new_person(server)
    query = "&".join(f"{name}={value}" for name, value in app.request(scope="openid").items())
    answer = await person.client.get(f"/oauth/authorize?{query}&state=another")
    assert answer.status_code == 400


async def test_3_1_a_request_by_post_goes_on_as_one_by_get(server: Ostiary) -> None:
    """It comes from another site, without cookies that are ``SameSite=Lax``."""
    app, person = await new_application(server), await new_person(server)
    answer = await person.client.post("/oauth/authorize", data=app.request(), headers={"Origin": "https://app.example"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/oauth/authorize?")
    assert "code" in answered(await app.through(person, answer))


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code": None}, "invalid_request"),
        ({"code": "ost_ac_wrong"}, "invalid_grant"),
        ({"redirect_uri": "https://app.example/other"}, "invalid_grant"),
        ({"code_verifier": "v" * 43}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
        ({"scope": "openid phone"}, "invalid_scope"),
        ({"resource": "https://unknown.example"}, "invalid_target"),
    ],
)
async def test_5_2_errors_of_the_token_endpoint(server: Ostiary, changed: dict[str, Any], error: str) -> None:
    app, person = await new_application(server), await new_person(server)
    form = {"code": (await app.authorize(person))["code"], **changed}
    answer = await app.redeem(**form)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


async def test_4_1_3_a_code_of_another_client_is_refused(server: Ostiary) -> None:
    app, other, person = await new_application(server), await new_application(server), await new_person(server)
    found = await app.authorize(person)
    other.verifier = app.verifier
    answer = await other.redeem(found["code"])
    assert answer.json()["error"] == "invalid_grant"
    assert (await app.redeem(found["code"])).status_code == 200  # and it was not spent by that


async def test_4_1_2_a_code_lives_for_a_minute(server: Ostiary, clock: ManualClock) -> None:
    app, person = await new_application(server), await new_person(server)
    found = await app.authorize(person)
    clock.advance(61_000)
    assert (await app.redeem(found["code"])).json()["error"] == "invalid_grant"


async def test_a_person_who_is_not_signed_in_comes_back_after_that(server: Ostiary) -> None:
    """The request is kept meanwhile; the way to the sign-in leads back to it."""
    app, person = await new_application(server), await new_person(server)
    await person.client.post("/logout", data={"csrf_token": person.csrf})
    answer = await person.client.get("/oauth/authorize", params=app.request())
    waiting = await person.client.get(answer.headers["location"])
    assert waiting.headers["location"].startswith("/login?next=%2Fconsent%3Frequest%3D")
    signed_in = await person.client.post(
        "/api/auth/login", json={"identifier": person.email, "password": person.password}
    )
    assert signed_in.status_code == 200
    assert "code" in answered(await app.through(person, answer))


async def test_consent_is_remembered_for_what_was_allowed(server: Ostiary) -> None:
    app, person = await new_application(server), await new_person(server)
    await app.tokens(person, scope="openid profile")
    again = await person.client.get("/oauth/authorize", params=app.request(scope="openid"))
    assert "code" in answered(again)
    more = await person.client.get("/oauth/authorize", params=app.request(scope="openid email"), follow_redirects=True)
    assert "Allow Weather?" in more.text
    assert "New" in more.text


async def test_a_trusted_client_asks_nobody(server: Ostiary) -> None:
    app, person = await new_application(server, trusted=True), await new_person(server)
    assert "code" in answered(await person.client.get("/oauth/authorize", params=app.request()))


async def test_an_answered_request_is_answered_once(server: Ostiary) -> None:
    app, person = await new_application(server), await new_person(server)
    page = await person.client.get("/oauth/authorize", params=app.request(), follow_redirects=True)
    assert "code" in answered(await consent(person, page))
    assert (await consent(person, page)).status_code == 404
