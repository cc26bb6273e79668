"""FAPI 2.0 Security Profile, and the other profiles, by one switch a client."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.crypto import Key
from ostiary.errors import OstiaryError
from tests.support.installation import Person, new_person
from tests.support.oauth import Application, DpopKey, answered, client_assertion, header_of, new_api, new_application
from tests.support.time import ManualClock

KEY = Key.generate("ES256")
FAPI: dict[str, Any] = {
    "profile": "fapi2",
    "token_endpoint_auth_method": "private_key_jwt",
    "dpop_bound_access_tokens": True,
    "jwks": {"keys": [KEY.public_jwk()]},
}


async def code_of(app: Application, person: Person, now: int) -> str:
    issuer = app.ostiary.use.settings.issuer
    pushed = await app.http.post("/oauth/par", data=app.request() | client_assertion(app.id, KEY, issuer, now))
    assert pushed.status_code == 201, pushed.text
    query = {"client_id": app.id, "request_uri": pushed.json()["request_uri"]}
    found = answered(await app.through(person, await person.client.get("/oauth/authorize", params=query)))
    assert found["iss"] == issuer
    return found["code"]


async def ask(app: Application, now: int, dpop: DpopKey | None, **form: str) -> Any:
    issuer = app.ostiary.use.settings.issuer
    headers = {} if dpop is None else {"DPoP": dpop.proof("POST", f"{issuer}/oauth/token", now)}
    return await app.http.post("/oauth/token", data=form | client_assertion(app.id, KEY, issuer, now), headers=headers)


async def test_the_whole_way(ostiary: Ostiary, clock: ManualClock) -> None:
    app, person, dpop = await new_application(ostiary, **FAPI), await new_person(ostiary), DpopKey()
    form = {"grant_type": "authorization_code", "redirect_uri": app.redirect_uri, "code_verifier": app.verifier}
    code = await code_of(app, person, clock())
    assert (await ask(app, clock(), None, code=code, **form)).json()["error"] == "invalid_dpop_proof"
    tokens = (await ask(app, clock(), dpop, code=code, **form)).json()
    assert tokens["token_type"] == "DPoP"
    assert header_of(tokens["id_token"])["alg"] == "ES256"
    refreshing = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    for _ in range(3):  # section 5.3.2.1: not rotated
        again = (await ask(app, clock(), dpop, **refreshing)).json()
        assert again["refresh_token"] == tokens["refresh_token"]


async def test_a_request_that_was_not_pushed_is_refused(server: Ostiary) -> None:
    app, person = await new_application(server, **FAPI), await new_person(server)
    answer = await person.client.get("/oauth/authorize", params=app.request())
    assert answered(answer)["error"] == "invalid_request"


async def test_an_assertion_is_for_the_issuer_alone(server: Ostiary, clock: ManualClock) -> None:
    app = await new_application(server, **FAPI)
    assertion = client_assertion(app.id, KEY, f"{server.use.settings.issuer}/oauth/par", clock())
    answer = await app.http.post("/oauth/par", data=app.request() | assertion)
    assert answer.json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "changed",
    [
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "none"},
        {"dpop_bound_access_tokens": False},
        {"profile": "browser-bff", "token_endpoint_auth_method": "none", "jwks": None},
    ],
)
async def test_what_a_profile_does_not_allow_is_not_registered(server: Ostiary, changed: dict[str, Any]) -> None:
    with pytest.raises(OstiaryError):
        await new_application(server, **FAPI | changed)


async def test_mcp_names_its_resource(server: Ostiary) -> None:
    await new_api(server)
    app = await new_application(
        server, profile="mcp", token_endpoint_auth_method="none", scope="forecasts.read", trusted=True
    )
    person = await new_person(server)
    refused = await app.authorize(person, scope="forecasts.read")
    assert refused["error"] == "invalid_target"
    assert "code" in await app.authorize(person, scope="forecasts.read", resource="https://api.example")
