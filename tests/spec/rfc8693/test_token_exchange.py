"""RFC 8693: one access token for another, for less."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.accounts import AccountCreate
from ostiary.app import Ostiary
from ostiary.authorization import GrantCreate
from ostiary.authorization.model import Effect
from tests.support.installation import new_person
from tests.support.oauth import Application, claims_of, new_api, new_application

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"


async def scene(ostiary: Ostiary) -> tuple[Application, dict[str, Any], str]:
    """A service that may exchange, and a person's token for the API."""
    await new_api(ostiary)
    service = await new_application(
        ostiary, redirect_uris=[], grant_types=[GRANT], scope="forecasts.read", client_name="Service"
    )
    app = await new_application(ostiary, scope="openid forecasts.read forecasts.write")
    person = await new_person(ostiary)
    tokens = await app.tokens(person, scope="forecasts.read forecasts.write")
    return service, tokens, person.id


async def exchange(service: Application, token: str, **more: str) -> Any:
    form = {"grant_type": GRANT, "subject_token": token, "subject_token_type": ACCESS, **more}
    return (await service.post("/oauth/token", form)).json()


async def test_4_1_the_new_token_names_who_acts(ostiary: Ostiary) -> None:
    service, tokens, person = await scene(ostiary)
    answer = await exchange(service, tokens["access_token"])
    assert answer["issued_token_type"] == ACCESS
    claims = claims_of(answer["access_token"])
    assert (claims["sub"], claims["act"], claims["scope"]) == (person, {"sub": service.id}, "forecasts.read")
    assert claims["exp"] <= claims_of(tokens["access_token"])["exp"]
    second = await new_application(
        ostiary, redirect_uris=[], grant_types=[GRANT], scope="forecasts.read", client_name="Second"
    )
    chain = claims_of((await exchange(second, answer["access_token"]))["access_token"])["act"]
    assert chain == {"sub": second.id, "act": {"sub": service.id}}


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"scope": "forecasts.write"}, "invalid_scope"),
        ({"scope": "forecasts.read openid"}, "invalid_scope"),
        ({"resource": "http://localhost:8000"}, "invalid_target"),
        ({"audience": "https://other.example"}, "invalid_target"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
    ],
)
async def test_2_2_never_for_more(server: Ostiary, more: dict[str, str], error: str) -> None:
    service, tokens, _ = await scene(server)
    assert (await exchange(service, tokens["access_token"], **more))["error"] == error


async def test_a_token_that_has_ended_is_exchanged_for_nothing(server: Ostiary) -> None:
    service, tokens, _ = await scene(server)
    given = (await exchange(service, tokens["access_token"]))["access_token"]
    assert (await service.introspect(given))["active"]
    for family in await server.use.sign_ins.list(server.operator(), claims_of(given)["sub"]):
        if family.kind == "token":
            await server.use.sign_ins.end(server.operator(), family.id, claims_of(given)["sub"])
    assert not (await service.introspect(given))["active"]
    assert (await exchange(service, tokens["access_token"]))["error"] == "invalid_grant"
    assert (await exchange(service, "junk"))["error"] == "invalid_grant"


async def test_impersonation_takes_a_permission(server: Ostiary) -> None:
    await new_api(server)
    operator = server.operator()
    robot = await server.use.account_administration.create(operator, AccountCreate(kind="agent", name="Robot"))
    service = await new_application(
        server, account_id=robot.id, redirect_uris=[], grant_types=[GRANT], scope="forecasts.read"
    )
    app = await new_application(server, scope="forecasts.read")
    token = (await app.tokens(await new_person(server), scope="forecasts.read"))["access_token"]
    assert "act" in claims_of((await exchange(service, token))["access_token"])
    await server.use.grants.create(operator, robot.id, GrantCreate("ostiary.tokens.impersonate", Effect.ALLOW))
    assert "act" not in claims_of((await exchange(service, token))["access_token"])
