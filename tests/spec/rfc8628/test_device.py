"""RFC 8628: device authorization."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from ostiary.app import Ostiary
from tests.support.installation import Person, new_person
from tests.support.oauth import Application, claims_of, new_application
from tests.support.time import ManualClock

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


async def television(ostiary: Ostiary) -> Application:
    return await new_application(
        ostiary,
        client_name="Television",
        redirect_uris=[],
        grant_types=[GRANT, "refresh_token"],
        token_endpoint_auth_method="none",
    )


async def begun(app: Application, scope: str = "openid profile") -> dict[str, Any]:
    answer = await app.post("/oauth/device_authorization", {"scope": scope})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def poll(app: Application, code: str) -> Any:
    return (await app.post("/oauth/token", {"grant_type": GRANT, "device_code": code})).json()


async def decide(person: Person, typed: str, answer: str) -> Any:
    page = await person.client.get("/device", params={"user_code": typed})
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    form = {name: html.unescape(value) for name, value in fields.items()} | {"user_code": typed, "answer": answer}
    return await person.client.post("/device", data=form)


async def test_3_the_device_gets_tokens_once_its_person_has_allowed_it(ostiary: Ostiary, clock: ManualClock) -> None:
    app, person = await television(ostiary), await new_person(ostiary)
    found = await begun(app)
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", found["user_code"])
    assert found["verification_uri"] == f"{ostiary.use.settings.issuer}/device"
    assert (await poll(app, found["device_code"]))["error"] == "authorization_pending"
    page = await person.client.get("/device", params={"user_code": found["user_code"].lower().replace("-", " ")})
    assert found["user_code"] in page.text
    assert "Television" in page.text
    assert (await decide(person, found["user_code"], "allow")).status_code == 200
    clock.advance(5_000)
    tokens = await poll(app, found["device_code"])
    assert claims_of(tokens["id_token"])["sub"] == person.id
    assert tokens["refresh_token"]
    assert (await poll(app, found["device_code"]))["error"] == "invalid_grant"


async def test_3_5_no_is_access_denied(server: Ostiary) -> None:
    app, person = await television(server), await new_person(server)
    found = await begun(app)
    await decide(person, found["user_code"], "deny")
    assert (await poll(app, found["device_code"]))["error"] == "access_denied"
    assert (await decide(person, found["user_code"], "allow")).status_code == 400


async def test_3_5_who_asks_too_often_is_slowed_down(server: Ostiary, clock: ManualClock) -> None:
    app = await television(server)
    code = (await begun(app))["device_code"]
    assert (await poll(app, code))["error"] == "authorization_pending"
    clock.advance(4_000)
    assert (await poll(app, code))["error"] == "slow_down"
    clock.advance(6_000)
    assert (await poll(app, code))["error"] == "slow_down"  # five seconds more are asked for by now
    clock.advance(16_000)
    assert (await poll(app, code))["error"] == "authorization_pending"


async def test_3_5_a_code_expires(server: Ostiary, clock: ManualClock) -> None:
    app, person = await television(server), await new_person(server)
    found = await begun(app)
    clock.advance(601_000)
    assert (await poll(app, found["device_code"]))["error"] == "expired_token"
    assert (await decide(person, found["user_code"], "allow")).status_code == 400


async def test_a_code_is_its_clients_own(server: Ostiary) -> None:
    app, other = await television(server), await television(server)
    code = (await begun(app))["device_code"]
    assert (await poll(other, code))["error"] == "invalid_grant"


async def test_nobody_decides_without_having_signed_in(server: Ostiary) -> None:
    app, person = await television(server), await new_person(server)
    found = await begun(app)
    await person.client.post("/logout", data={"csrf_token": person.csrf})
    page = await person.client.get("/device", params={"user_code": found["user_code"]})
    assert page.headers["location"].startswith("/login?next=/device")


@pytest.mark.parametrize(("scope", "error"), [("openid admin", "invalid_scope"), ("", None)])
async def test_3_1_only_what_the_client_may_have(server: Ostiary, scope: str, error: str | None) -> None:
    app = await television(server)
    answer = await app.post("/oauth/device_authorization", {"scope": scope})
    assert answer.json().get("error") == error


async def test_a_client_without_the_grant_begins_nothing(server: Ostiary) -> None:
    app = await new_application(server)
    answer = await app.post("/oauth/device_authorization", {"scope": "openid"})
    assert answer.json()["error"] == "unauthorized_client"
