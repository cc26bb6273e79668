"""RFC 9470: a client is told how well its person has to prove who they are, and gets there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE, SECOND
from ostiary.integrations.starlette import Auth
from tests.support.installation import PASSWORD, new_person, settings_for_test
from tests.support.second_factors import Attempt, new_person_with_app
from tests.support.time import ManualClock

TOTP = "/api/credentials/totp"


async def test_section_3_what_is_asked_for_stands_in_the_challenge(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary, delivery="token")
    assert (await person.request("POST", TOTP, {})).status_code == 200
    clock.advance(10 * MINUTE + SECOND)
    refreshed = await person.client.post("/api/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    person.tokens = refreshed.json()
    refused = await person.request("POST", TOTP, {})
    assert refused.status_code == 401
    problem = refused.json()
    assert problem["code"] == "insufficient_user_authentication"
    assert (problem["acr_values"], problem["max_age"]) == ("aal1", 600)
    challenge = refused.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="ostiary", error="insufficient_user_authentication"')
    assert 'acr_values="aal1"' in challenge
    assert 'max_age="600"' in challenge


@pytest.mark.parametrize("delivery", ["cookie", "token", "token_cookie"])
async def test_a_step_up_leads_there_whatever_the_delivery(ostiary: Ostiary, clock: ManualClock, delivery: str) -> None:
    person, app = await new_person_with_app(ostiary, clock)
    attempt = await Attempt.begin(ostiary, person.email, delivery=delivery)
    password = {"flow": attempt.flow, "answer": {"method": "password", "password": person.password}}
    assert (await attempt.client.post("/api/auth/flow/answer", json=password)).json()["next"][0] == "totp"
    tokens = (await attempt.answer("totp", app.code())).json()
    assert tokens["status"] == "complete"

    def headers() -> dict[str, str]:
        if delivery == "token":
            return {"Authorization": f"Bearer {tokens['access_token']}"}
        return {"X-CSRF-Token": tokens["csrf_token"]}

    clock.advance(9 * MINUTE)
    if delivery != "cookie":
        renewed = await attempt.client.post(
            "/api/auth/refresh",
            json={"refresh_token": tokens["refresh_token"]} if delivery == "token" else None,
            headers=headers(),
        )
        tokens = renewed.json()
    clock.advance(2 * MINUTE)
    refused = await attempt.client.post("/api/credentials/recovery_code", headers=headers())
    assert (refused.status_code, refused.json()["acr_values"]) == (401, "aal2")
    begun = await attempt.client.post(
        "/api/auth/flow", json={"purpose": "step_up", "acr_values": "aal2"}, headers=headers()
    )
    assert begun.json()["next"][0] == "totp", begun.text
    assert "password" not in begun.json()["next"], "a password alone must not be able to remove a second factor"
    body = {"flow": begun.json()["flow"], "answer": {"method": "totp", "code": app.code()}}
    proved = await attempt.client.post("/api/auth/flow/answer", json=body, headers=headers())
    assert (proved.status_code, proved.json()["status"]) == (200, "complete"), proved.text
    tokens |= proved.json()
    assert (await attempt.client.post("/api/credentials/recovery_code", headers=headers())).status_code == 200
    me = (await attempt.client.get("/api/auth/me", headers=headers())).json()
    assert (me["acr"], set(me["amr"])) == ("aal2", {"pwd", "otp", "mfa"})


async def test_a_level_that_nobody_can_reach_is_refused_at_once(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    for purpose in ("sign_in", "step_up"):
        refused = await person.request("POST", "/api/auth/flow", {"purpose": purpose, "acr_values": "aal3"})
        assert (refused.status_code, refused.json()["field"]) == (400, "acr_values")


async def test_who_lacks_what_a_level_takes_is_led_through_adding_it(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    begun = await person.request("POST", "/api/auth/flow", {"purpose": "step_up", "acr_values": "aal2"})
    assert begun.json()["next"][0] == "password"
    flow = begun.json()["flow"]
    proved = await person.request(
        "POST",
        "/api/auth/flow/answer",
        {"flow": flow, "answer": {"method": "password", "password": person.password}},
    )
    assert proved.json()["next"] == ["enrol_passkey", "enrol_totp"], proved.text


@pytest.fixture
async def shop(sqlite_url: str, clock: ManualClock) -> AsyncIterator[tuple[httpx.AsyncClient, Ostiary]]:
    """An application of somebody else's with a route that asks for more."""
    auth = Auth(settings_for_test(sqlite_url), clock=clock)
    transfer = auth.prove("aal2", max_age=300)

    async def pay(request: Request) -> JSONResponse:
        caller = await transfer(request)
        return JSONResponse({"payer": caller.account_id})

    app = Starlette(routes=[Route("/pay", pay, methods=["GET", "POST"])])
    auth.mount(app)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, client=("203.0.113.7", 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            yield client, auth.ostiary


async def test_an_application_asks_for_a_level_and_an_age(
    shop: tuple[httpx.AsyncClient, Ostiary], clock: ManualClock
) -> None:
    client, ostiary = shop
    assert (await client.get("/pay")).json()["code"] == "unauthenticated"
    person, app = await new_person_with_app(ostiary, clock)
    login = await client.post("/api/auth/login", json={"identifier": person.email, "password": PASSWORD})
    body = {"flow": login.json()["flow"], "answer": {"method": "totp", "code": app.code()}}
    assert (await client.post("/api/auth/flow/answer", json=body)).json()["status"] == "complete"
    assert (await client.get("/pay")).json() == {"payer": person.id}
    clock.advance(301 * SECOND)
    refused = await client.get("/pay")
    assert (refused.status_code, refused.json()["max_age"], refused.json()["acr_values"]) == (401, 300, "aal2")
    led = await client.get("/pay", headers={"Accept": "text/html"})
    assert led.status_code == 303
    assert led.headers["location"] == "/step-up?next=%2Fpay&level=aal2&max_age=300"
