"""RFC 8707: resource indicators; RFC 9068: what tokens for APIs say, by each algorithm."""

from __future__ import annotations

import pytest

from ostiary.app import Ostiary
from ostiary.authorization import AssignmentCreate
from ostiary.crypto import Key, Verifier
from tests.support.installation import new_person
from tests.support.oauth import claims_of, header_of, new_api, new_application
from tests.support.time import ManualClock

BOTH = "https://api.example https://maps.example"


async def test_2_a_token_is_for_the_resources_that_are_named(server: Ostiary) -> None:
    await new_api(server)
    await new_api(server, "https://maps.example", scopes={"maps.read": "See maps"})
    app = await new_application(server, scope="openid forecasts.read maps.read")
    person = await new_person(server)
    asked = {"scope": "openid forecasts.read maps.read", "resource": BOTH.split()}
    found = await app.authorize(person, **asked)  # type: ignore[arg-type]
    one = (await app.redeem(found["code"], resource="https://maps.example")).json()
    claims = claims_of(one["access_token"])
    assert (claims["aud"], claims["scope"]) == ("https://maps.example", "maps.read")
    other = (await app.refresh(one["refresh_token"], resource="https://api.example")).json()
    assert claims_of(other["access_token"])["aud"] == "https://api.example"
    both = claims_of((await app.refresh(other["refresh_token"])).json()["access_token"])
    assert (both["aud"], both["scope"]) == (BOTH.split(), "forecasts.read maps.read")


async def test_without_one_the_scopes_say_whose_they_are(server: Ostiary) -> None:
    await new_api(server)
    await new_api(server, "https://other.example", scopes={"forecasts.write": ""})
    app = await new_application(server, scope="openid forecasts.read forecasts.write")
    person = await new_person(server)
    assert claims_of((await app.tokens(person, scope="forecasts.read"))["access_token"])["aud"] == "https://api.example"
    assert (await app.authorize(person, scope="forecasts.write"))["error"] == "invalid_target"  # two APIs have it


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA", "HS256"])
async def test_rfc9068_each_api_chooses_what_signs_its_tokens(
    server: Ostiary, clock: ManualClock, algorithm: str
) -> None:
    api = await new_api(server, algorithm=algorithm, token_ttl=120)
    app = await new_application(server, redirect_uris=[], grant_types=["client_credentials"], scope="forecasts.read")
    answer = (await app.post("/oauth/token", {"grant_type": "client_credentials"})).json()
    token = answer["access_token"]
    assert answer["expires_in"] == 120
    assert (header_of(token)["alg"], header_of(token)["typ"]) == (algorithm, "at+jwt")
    keys = server.use.keys.verification_keys(clock())
    if algorithm == "HS256":
        keys = (Key.from_secret(api.signing_secret.encode(), api.id),)
    claims = Verifier(keys).verify(
        token, typ="at+jwt", issuer=server.use.settings.issuer, audience="https://api.example", now=clock()
    )
    assert claims["client_id"] == app.id


async def test_apis_that_take_other_kinds_of_tokens_are_asked_for_one_at_a_time(server: Ostiary) -> None:
    await new_api(server)
    await new_api(server, "https://maps.example", scopes={"maps.read": ""}, algorithm="HS256")
    app = await new_application(
        server, redirect_uris=[], grant_types=["client_credentials"], scope="forecasts.read maps.read"
    )
    form = {"grant_type": "client_credentials"}
    assert (await app.post("/oauth/token", form | {"resource": BOTH.split()})).json()["error"] == "invalid_target"
    assert (await app.post("/oauth/token", form | {"resource": "https://maps.example"})).status_code == 200


async def test_roles_and_permissions_are_claims_for_whom_that_is_set(server: Ostiary) -> None:
    await new_api(server, claims=["roles", "permissions"])
    app = await new_application(server, scope="forecasts.read")
    person = await new_person(server)
    await server.use.assignments.assign(server.operator(), person.id, AssignmentCreate("administrator", None))
    claims = claims_of((await app.tokens(person, scope="forecasts.read"))["access_token"])
    assert (claims["roles"], claims["permissions"]) == (["administrator"], ["ostiary.*"])


async def test_rfc9396_details_are_asked_for_shown_and_told(server: Ostiary) -> None:
    await new_api(server, authorization_details_types=["payment"])
    app = await new_application(server, scope="forecasts.read", authorization_details_types=["payment"])
    person = await new_person(server)
    details = '[{"type":"payment","amount":"12.00"}]'
    page = await person.client.get(
        "/oauth/authorize",
        params=app.request(scope="forecasts.read", authorization_details=details),
        follow_redirects=True,
    )
    assert "12.00" in page.text
    tokens = await app.tokens(person, scope="forecasts.read", authorization_details=details)
    assert tokens["authorization_details"] == [{"type": "payment", "amount": "12.00"}]
    assert claims_of(tokens["access_token"])["authorization_details"][0]["type"] == "payment"
    refused = await app.authorize(person, scope="forecasts.read", authorization_details='[{"type":"other"}]')
    assert refused["error"] == "invalid_authorization_details"
