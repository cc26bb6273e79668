"""RFC 9101: signed request objects."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.crypto import Key
from tests.support.installation import new_person
from tests.support.oauth import Application, answered, new_application, signed
from tests.support.time import ManualClock

KEY = Key.generate("ES256")


async def signing(server: Ostiary, **metadata: Any) -> Application:
    return await new_application(server, trusted=True, jwks={"keys": [KEY.public_jwk()]}, **metadata)


def request_object(app: Application, server: Ostiary, now: int, key: Key = KEY, **changed: Any) -> str:
    claims: dict[str, Any] = {
        **app.request(scope="openid"),
        "iss": app.id,
        "aud": server.use.settings.issuer,
        "exp": now // 1000 + 60,
        "max_age": 3600,
        **changed,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return signed(kept, key, {"kid": KEY.kid, "typ": "oauth-authz-req+jwt"})


async def test_5_the_parameters_inside_are_the_ones_that_count(server: Ostiary, clock: ManualClock) -> None:
    app, person = await signing(server), await new_person(server)
    query = {
        "client_id": app.id,
        "request": request_object(app, server, clock()),
        "scope": "openid email",
        "state": "x",
    }
    found = answered(await person.client.get("/oauth/authorize", params=query))
    assert found["state"] == "af0ifjsldkj"
    assert (await app.redeem(found["code"])).json()["scope"] == "openid"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "cli_other"},
        {"aud": "https://elsewhere.example"},
        {"aud": None},
        {"exp": 0},
        {"exp": None},
        {"client_id": "cli_other"},
        {"request_uri": "https://elsewhere.example"},
        {"key": Key.generate("ES256")},
    ],
)
async def test_6_an_object_that_does_not_hold_leads_nowhere(
    server: Ostiary, clock: ManualClock, changed: dict[str, Any]
) -> None:
    app, person = await signing(server), await new_person(server)
    query = {"client_id": app.id, "request": request_object(app, server, clock(), **changed)}
    answer = await person.client.get("/oauth/authorize", params=query)
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_10_5_a_client_can_be_held_to_it(server: Ostiary, clock: ManualClock) -> None:
    app, person = await signing(server, require_signed_request_object=True), await new_person(server)
    plain = await person.client.get("/oauth/authorize", params=app.request())
    assert answered(plain)["error"] == "invalid_request_object"
    pushed = await app.post("/oauth/par", app.request())
    assert pushed.json()["error"] == "invalid_request_object"
    query = {"client_id": app.id, "request": request_object(app, server, clock())}
    assert "code" in answered(await person.client.get("/oauth/authorize", params=query))
    pushed = await app.post("/oauth/par", query)
    assert pushed.status_code == 201, pushed.text


async def test_an_unsigned_object_and_one_of_a_client_without_keys_are_refused(server: Ostiary) -> None:
    app, keyless, person = await signing(server), await new_application(server), await new_person(server)
    unsigned = "eyJhbGciOiJub25lIn0.e30."
    for each in (app, keyless):
        answer = await person.client.get("/oauth/authorize", params={"client_id": each.id, "request": unsigned})
        assert answer.status_code == 400
