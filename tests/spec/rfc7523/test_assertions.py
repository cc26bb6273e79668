"""RFC 7523: clients that prove themselves, and ask for tokens, by a signature."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.accounts import AccountCreate
from ostiary.app import Ostiary
from ostiary.crypto import Key
from tests.support.oauth import Application, claims_of, client_assertion, new_api, new_application, signed
from tests.support.time import ManualClock

KEYS = {algorithm: Key.generate(algorithm) for algorithm in ("ES256", "RS256", "EdDSA")}
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
OWN: dict[str, Any] = {"redirect_uris": [], "grant_types": ["client_credentials"], "scope": "forecasts.read"}


async def signing(server: Ostiary, key: Key, **metadata: Any) -> Application:
    await new_api(server)
    given = {**OWN, "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key.public_jwk()]}, **metadata}
    return await new_application(server, **given)


async def ask(app: Application, assertion: dict[str, str]) -> Any:
    return await app.http.post("/oauth/token", data={"grant_type": "client_credentials", **assertion})


@pytest.mark.parametrize("algorithm", KEYS)
async def test_2_2_private_key_jwt(server: Ostiary, clock: ManualClock, algorithm: str) -> None:
    app = await signing(server, KEYS[algorithm])
    issuer = server.use.settings.issuer
    for audience in (issuer, f"{issuer}/oauth/token"):
        assertion = client_assertion(app.id, KEYS[algorithm], audience, clock())
        assert (await ask(app, assertion)).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "cli_other"},
        {"sub": "cli_other"},
        {"aud": "https://elsewhere.example"},
        {"aud": None},
        {"jti": None},
        {"exp": None},
        {"exp": 0},
        {"exp": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"jti": "j" * 300},
    ],
)
async def test_3_an_assertion_that_does_not_hold_is_invalid_client(
    server: Ostiary, clock: ManualClock, changed: dict[str, Any]
) -> None:
    app = await signing(server, KEYS["ES256"])
    assertion = client_assertion(app.id, KEYS["ES256"], server.use.settings.issuer, clock(), **changed)
    answer = await ask(app, {**assertion, "client_id": ""} if "sub" in changed else assertion)
    assert answer.json()["error"] in ("invalid_client", "invalid_request")
    assert answer.status_code in (400, 401)


async def test_3_it_counts_once(ostiary: Ostiary, clock: ManualClock) -> None:
    app = await signing(ostiary, KEYS["ES256"])
    assertion = client_assertion(app.id, KEYS["ES256"], ostiary.use.settings.issuer, clock())
    assert (await ask(app, assertion)).status_code == 200
    assert (await ask(app, assertion)).json()["error"] == "invalid_client"


async def test_client_secret_jwt(server: Ostiary, clock: ManualClock) -> None:
    app = await signing(server, KEYS["ES256"], token_endpoint_auth_method="client_secret_jwt", jwks=None)
    key = Key.from_secret((app.secret or "").encode(), "secret")
    assert (await ask(app, client_assertion(app.id, key, server.use.settings.issuer, clock()))).status_code == 200
    wrong = Key.from_secret(b"w" * 32, "secret")
    refused = await ask(app, client_assertion(app.id, wrong, server.use.settings.issuer, clock()))
    assert refused.json()["error"] == "invalid_client"


async def test_2_1_a_service_account_gets_tokens_by_its_own_assertion(server: Ostiary, clock: ManualClock) -> None:
    robot = await server.use.account_administration.create(
        server.operator(), AccountCreate(kind="service", name="Robot")
    )
    await new_api(server)
    key = KEYS["ES256"]
    app = await new_application(
        server,
        account_id=robot.id,
        redirect_uris=[],
        grant_types=[BEARER],
        scope="forecasts.read",
        jwks={"keys": [key.public_jwk()]},
    )
    now = clock() // 1000
    claims = {"iss": app.id, "sub": robot.id, "aud": server.use.settings.issuer, "exp": now + 60, "jti": "1"}

    async def bear(**changed: Any) -> Any:
        form = {"grant_type": BEARER, "assertion": signed(claims | changed, key, {"kid": key.kid})}
        return (await app.post("/oauth/token", form)).json()

    assert claims_of((await bear())["access_token"])["sub"] == robot.id
    assert (await bear())["error"] == "invalid_grant"  # it counts once
    from tests.support.installation import new_person

    person = await new_person(server)
    assert (await bear(jti="2", sub=person.id))["error"] == "invalid_grant"
    assert (await bear(jti="3", iss="cli_other"))["error"] == "invalid_grant"
