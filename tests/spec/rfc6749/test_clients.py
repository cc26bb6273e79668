"""RFC 6749 section 2.3: how clients prove who they are; and section 4.4, what they get for themselves."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.oauth import ClientChange, SecretCreate
from tests.support.oauth import claims_of, new_api, new_application
from tests.support.time import ManualClock

_OWN: dict[str, Any] = {
    "grant_types": ["client_credentials"],
    "redirect_uris": [],
    "scope": "forecasts.read forecasts.write",
}
_ASK = {"grant_type": "client_credentials"}


async def test_2_3_1_basic_and_post_each_for_whom_it_is_registered(server: Ostiary) -> None:
    await new_api(server)
    basic = await new_application(server, **_OWN)
    post = await new_application(server, **_OWN, token_endpoint_auth_method="client_secret_post")
    assert (await basic.http.post("/oauth/token", data=_ASK, auth=basic.auth)).status_code == 200
    in_form = _ASK | {"client_id": post.id, "client_secret": post.secret or ""}
    assert (await post.http.post("/oauth/token", data=in_form)).status_code == 200
    for refused in (
        await post.http.post("/oauth/token", data=_ASK, auth=post.auth),
        await basic.http.post("/oauth/token", data=_ASK | {"client_id": basic.id, "client_secret": basic.secret or ""}),
    ):
        assert refused.status_code == 401
        assert refused.json()["error"] == "invalid_client"
        assert refused.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic " + base64.b64encode(b"no colon").decode(), "Digest x"])
async def test_5_2_a_header_that_is_no_proof_is_invalid_client(server: Ostiary, header: str) -> None:
    app = await new_application(server, **_OWN)
    answer = await app.http.post("/oauth/token", data=_ASK, headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_2_3_two_proofs_at_once_are_refused(server: Ostiary) -> None:
    app = await new_application(server, **_OWN)
    form = _ASK | {"client_id": app.id, "client_secret": app.secret or ""}
    answer = await app.http.post("/oauth/token", data=form, auth=app.auth)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_unknown_clients_and_wrong_secrets_answer_alike(server: Ostiary) -> None:
    app = await new_application(server, **_OWN)
    wrong = await app.http.post("/oauth/token", data=_ASK, auth=(app.id, "wrong"))
    unknown = await app.http.post("/oauth/token", data=_ASK, auth=("cli_nobody", "wrong"))
    assert wrong.json() == unknown.json()
    assert wrong.status_code == unknown.status_code == 401


async def test_secrets_overlap_while_one_takes_anothers_place(server: Ostiary, clock: ManualClock) -> None:
    await new_api(server)
    app = await new_application(server, **_OWN)
    operator = server.operator()
    made = await server.use.oauth.clients.add_secret(operator, app.id, SecretCreate(overlap=60))
    assert (await app.post("/oauth/token", _ASK)).status_code == 200
    clock.advance(61_000)
    assert (await app.post("/oauth/token", _ASK)).status_code == 401
    assert (await app.http.post("/oauth/token", data=_ASK, auth=(app.id, made.client_secret))).status_code == 200
    await server.use.oauth.clients.remove_secret(operator, app.id, made.id)
    assert (await app.http.post("/oauth/token", data=_ASK, auth=(app.id, made.client_secret))).status_code == 401


async def test_4_4_a_client_gets_tokens_for_itself(ostiary: Ostiary) -> None:
    await new_api(ostiary)
    app = await new_application(ostiary, **_OWN)
    answer = (await app.post("/oauth/token", _ASK | {"scope": "forecasts.read"})).json()
    assert "refresh_token" not in answer  # section 4.4.3
    claims = claims_of(answer["access_token"])
    assert (claims["sub"], claims["aud"], claims["scope"]) == (app.id, "https://api.example", "forecasts.read")


@pytest.mark.parametrize("scope", ["openid", "other.read", "forecasts.read openid"])
async def test_4_4_not_for_more_than_it_is_registered_for_and_not_about_people(server: Ostiary, scope: str) -> None:
    await new_api(server)
    app = await new_application(server, **_OWN)
    assert (await app.post("/oauth/token", _ASK | {"scope": scope})).json()["error"] == "invalid_scope"


async def test_a_change_of_a_client_counts_at_once(server: Ostiary) -> None:
    await new_api(server)
    app = await new_application(server, **_OWN)
    assert (await app.post("/oauth/token", _ASK | {"scope": "forecasts.write"})).status_code == 200
    change = ClientChange({"scope": "forecasts.read"})
    await server.use.oauth.clients.change(server.operator(), app.id, change)
    assert (await app.post("/oauth/token", _ASK | {"scope": "forecasts.write"})).json()["error"] == "invalid_scope"
    await server.use.oauth.clients.delete(server.operator(), app.id)
    assert (await app.post("/oauth/token", _ASK)).status_code == 401
