"""OpenID Connect Core 1.0: ID tokens, userinfo, and what an authorization request may ask for."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.authorization import Resource
from ostiary.authorization.entities import EntityWrite
from ostiary.crypto import Verifier, parse_key_set
from tests.support.installation import new_client, new_person
from tests.support.oauth import answered, claims_of, header_of, new_application
from tests.support.time import ManualClock


def half(value: str) -> str:
    hashed = hashlib.sha256(value.encode()).digest()
    return base64.urlsafe_b64encode(hashed[:16]).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_2_an_id_token_verifies_by_the_published_keys(
    server: Ostiary, clock: ManualClock, algorithm: str
) -> None:
    app, person = await new_application(server, id_token_signed_response_alg=algorithm), await new_person(server)
    tokens = await app.tokens(person)
    assert header_of(tokens["id_token"])["alg"] == algorithm
    keys = parse_key_set((await app.http.get("/.well-known/jwks.json")).json())
    claims = Verifier(keys).verify(
        tokens["id_token"], typ="jwt", issuer=server.use.settings.issuer, audience=app.id, now=clock()
    )
    assert claims["nonce"] == "n-0S6_WzA2Mj"
    assert claims["sub"] == person.id
    assert {"auth_time", "acr", "amr", "sid", "at_hash", "iat", "exp"} <= claims.keys()
    if algorithm != "EdDSA":
        assert claims["at_hash"] == half(tokens["access_token"])


async def test_without_the_scope_openid_there_is_none(server: Ostiary) -> None:
    app, person = await new_application(server), await new_person(server)
    tokens = await app.tokens(person, scope="profile")
    assert "id_token" not in tokens
    answer = await app.userinfo(tokens["access_token"])
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_5_4_userinfo_tells_what_the_scopes_name(server: Ostiary) -> None:
    app, person = await new_application(server), await new_person(server, name="Ada Lovelace", username="ada")
    attributes = {"given_name": "Ada", "phone_number": "+44 20 7946 0000", "address": {"country": "GB"}, "secret": "x"}
    await server.use.entities.put(server.operator(), Resource("user", person.id), EntityWrite(attributes))
    for scope, expected in {
        "openid": set(),
        "openid profile": {"name", "given_name", "preferred_username", "updated_at"},
        "openid email": {"email", "email_verified"},
        "openid phone": {"phone_number"},
        "openid address": {"address"},
    }.items():
        tokens = await app.tokens(person, scope=scope)
        told = (await app.userinfo(tokens["access_token"])).json()
        assert told.pop("sub") == person.id
        assert told.keys() == expected, scope


async def test_5_5_claims_may_be_asked_for_one_by_one(server: Ostiary) -> None:
    app, person = await new_application(server), await new_person(server, name="Ada Lovelace")
    asked = json.dumps({"userinfo": {"email": None}, "id_token": {"name": {"essential": True}, "roles": None}})
    tokens = await app.tokens(person, scope="openid", claims=asked)
    assert claims_of(tokens["id_token"])["name"] == "Ada Lovelace"
    assert claims_of(tokens["id_token"])["roles"] == []
    assert (await app.userinfo(tokens["access_token"])).json()["email"] == person.email


async def test_5_3_2_userinfo_is_signed_for_whom_it_is_registered(server: Ostiary) -> None:
    app, person = await new_application(server, userinfo_signed_response_alg="ES256"), await new_person(server)
    answer = await app.userinfo((await app.tokens(person))["access_token"])
    assert answer.headers["content-type"] == "application/jwt"
    claims = claims_of(answer.text)
    assert (claims["sub"], claims["aud"], claims["iss"]) == (person.id, app.id, server.use.settings.issuer)


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer nonsense", "Basic x"])
async def test_5_3_3_userinfo_without_a_token_is_401(server: Ostiary, authorization: str | None) -> None:
    app = await new_application(server)
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await app.http.get("/oauth/userinfo", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_8_pairwise_subjects_tell_two_sectors_apart(server: Ostiary) -> None:
    person = await new_person(server)
    subjects = []
    for host in ("one.example", "two.example"):
        app = await new_application(server, subject_type="pairwise", redirect_uris=[f"https://{host}/cb"])
        tokens = await app.tokens(person)
        told = (await app.userinfo(tokens["access_token"])).json()
        subject = claims_of(tokens["id_token"])["sub"]
        assert told["sub"] == subject == claims_of(tokens["access_token"])["sub"]
        subjects.append(subject)
    assert len({*subjects, person.id}) == 3


@pytest.mark.parametrize(
    ("changed", "error"),
    [({}, "consent_required"), ({"max_age": "0"}, "login_required"), ({"acr_values": "aal2"}, "login_required")],
)
async def test_3_1_2_1_prompt_none_shows_no_page(server: Ostiary, changed: dict[str, Any], error: str) -> None:
    app, person = await new_application(server), await new_person(server)
    answer = await person.client.get("/oauth/authorize", params=app.request(prompt="none", **changed))
    assert answered(answer)["error"] == error


async def test_3_1_2_1_prompt_none_answers_at_once_where_all_is_there(server: Ostiary) -> None:
    app, person = await new_application(server), await new_person(server)
    await app.tokens(person)
    assert "code" in answered(await person.client.get("/oauth/authorize", params=app.request(prompt="none")))
    await person.client.post("/logout", data={"csrf_token": person.csrf})
    answer = await person.client.get("/oauth/authorize", params=app.request(prompt="none"))
    assert answered(answer)["error"] == "login_required"


@pytest.mark.parametrize("changed", [{"prompt": "login"}, {"max_age": "1"}, {"max_age": "0"}])
async def test_3_1_2_1_a_sign_in_that_is_too_old_is_repeated_once(
    server: Ostiary, clock: ManualClock, changed: dict[str, str]
) -> None:
    app, person = await new_application(server, trusted=True), await new_person(server)
    clock.advance(5_000)
    answer = await person.client.get("/oauth/authorize", params=app.request(**changed))
    waiting = await person.client.get(answer.headers["location"])
    assert waiting.headers["location"].startswith("/step-up?next=")
    clock.advance(5_000)
    proved = await person.request("POST", "/api/auth/step-up", {"password": person.password})
    assert proved.status_code == 200, proved.text
    found = answered(await person.client.get(answer.headers["location"]))
    claims = claims_of((await app.redeem(found["code"])).json()["id_token"])
    assert claims["auth_time"] * 1000 == clock()


async def test_3_1_2_1_select_account_shows_who_is_signed_in(server: Ostiary, clock: ManualClock) -> None:
    app, person = await new_application(server, trusted=True), await new_person(server)
    clock.advance(1_000)
    page = await person.client.get(
        "/oauth/authorize", params=app.request(prompt="select_account"), follow_redirects=True
    )
    assert "Choose an account" in page.text
    from tests.support.oauth import consent

    went_on = await consent(person, page, "go_on")
    assert "code" in answered(await person.client.get(page.url.raw_path.decode()))
    assert page.url.raw_path.decode() in went_on.text


async def test_3_1_2_1_another_account_signs_the_first_one_out(server: Ostiary, clock: ManualClock) -> None:
    app, person = await new_application(server, trusted=True), await new_person(server)
    clock.advance(1_000)
    page = await person.client.get(
        "/oauth/authorize", params=app.request(prompt="select_account"), follow_redirects=True
    )
    from tests.support.oauth import consent

    await consent(person, page, "other")
    to_login = await person.client.get(page.url.raw_path.decode())
    assert to_login.headers["location"].startswith("/login?")


async def test_3_1_2_1_an_id_token_hint_of_somebody_else_is_not_answered(server: Ostiary) -> None:
    app, person, other = await new_application(server), await new_person(server), await new_person(server)
    hint = (await app.tokens(other))["id_token"]
    await app.tokens(person)
    answer = await person.client.get("/oauth/authorize", params=app.request(prompt="none", id_token_hint=hint))
    assert answered(answer)["error"] == "account_selection_required"
    own = (await app.tokens(person))["id_token"]
    answer = await person.client.get("/oauth/authorize", params=app.request(prompt="none", id_token_hint=own))
    assert "code" in answered(answer)
    answer = await person.client.get("/oauth/authorize", params=app.request(prompt="none", id_token_hint="junk"))
    assert answered(answer)["error"] == "invalid_request"


async def test_rfc9470_a_level_leads_to_the_step_up(server: Ostiary) -> None:
    app, person = await new_application(server, trusted=True), await new_person(server)
    answer = await person.client.get("/oauth/authorize", params=app.request(acr_values="aal2"))
    waiting = await person.client.get(answer.headers["location"])
    assert waiting.headers["location"].startswith("/step-up?")
    assert "level=aal2" in waiting.headers["location"]


async def test_5_5_1_1_an_essential_level_that_nobody_reaches_is_an_error(server: Ostiary) -> None:
    app, person = await new_application(server), await new_person(server)
    claims = json.dumps({"id_token": {"acr": {"essential": True, "value": "aal3"}}})
    answer = await person.client.get("/oauth/authorize", params=app.request(claims=claims))
    assert answered(answer)["error"] == "unmet_authentication_requirements"


async def test_response_modes_fragment_and_form_post(server: Ostiary) -> None:
    app, person = await new_application(server, trusted=True), await new_person(server)
    answer = await person.client.get("/oauth/authorize", params=app.request(response_mode="fragment"))
    assert "#code=" in answer.headers["location"]
    page = await person.client.get("/oauth/authorize", params=app.request(response_mode="form_post"))
    assert page.status_code == 200
    assert 'action="https://app.example/callback"' in page.text
    assert 'name="code"' in page.text
    assert "form-action 'self' https://app.example" in page.headers["content-security-policy"]


@pytest.mark.parametrize("mode", ["jwt", "query.jwt", "fragment.jwt"])
async def test_jarm_the_answer_is_signed(server: Ostiary, mode: str) -> None:
    app, person = await new_application(server, trusted=True), await new_person(server)
    answer = await person.client.get("/oauth/authorize", params=app.request(response_mode=mode))
    claims = claims_of(answered(answer)["response"])
    assert (claims["aud"], claims["iss"], claims["state"]) == (app.id, server.use.settings.issuer, "af0ifjsldkj")
    assert (await app.redeem(claims["code"])).status_code == 200


async def test_3_3_hybrid_is_off_unless_set(sqlite_url: str, clock: ManualClock) -> None:
    from tests.support.installation import settings_for_test

    async with await Ostiary.open(settings_for_test(sqlite_url, oauth__hybrid=True), clock=clock) as ostiary:
        app = await new_application(ostiary, trusted=True, response_types=["code", "code id_token"])
        person = await new_person(ostiary)
        answer = await person.client.get("/oauth/authorize", params=app.request(response_type="code id_token"))
        assert "#" in answer.headers["location"]
        found = answered(answer)
        assert claims_of(found["id_token"])["c_hash"] == half(found["code"])
        assert (await app.redeem(found["code"])).status_code == 200
        refused = await person.client.get(
            "/oauth/authorize", params=app.request(response_type="code id_token", response_mode="query")
        )
        assert answered(refused)["error"] == "invalid_request"


async def test_prompt_create_leads_to_the_sign_up_and_a_hint_to_a_name(server: Ostiary) -> None:
    """Initiating User Registration via OpenID Connect 1.0; section 3.1.2.1 for ``login_hint``."""
    app, client = await new_application(server), new_client(server)

    async def led(**changed: str) -> str:
        answer = await client.get("/oauth/authorize", params=app.request(**changed))
        return str((await client.get(answer.headers["location"])).headers["location"])

    assert (await led(prompt="create")).startswith("/register?next=%2Fconsent")
    location = await led(login_hint="ada@example.com")
    assert 'value="ada@example.com"' in (await client.get(location)).text
