"""Refresh tokens over HTTP: their two expiries, their deliveries, and what ends them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from ostiary.app import Ostiary
from ostiary.base.clock import DAY
from tests.support.installation import Person, new_administrator, new_client, new_person
from tests.support.time import ManualClock

PATH = "/api/auth/refresh"
IDLE, ABSOLUTE = 14 * DAY, 90 * DAY


async def _refresh(ostiary: Ostiary, token: str) -> httpx.Response:
    async with new_client(ostiary) as client:
        return await client.post(PATH, json={"refresh_token": token})


async def _refreshed(ostiary: Ostiary, token: str) -> str:
    answer = await _refresh(ostiary, token)
    assert answer.status_code == 200, answer.text
    following: str = answer.json()["refresh_token"]
    return following


async def test_a_token_is_spent_for_the_next_one(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, delivery="token")
    first = person.tokens["refresh_token"]
    assert first.startswith("ost_rt_")
    assert await _refreshed(ostiary, await _refreshed(ostiary, first)) != first


async def test_a_token_that_is_not_used_ends_at_its_sliding_expiry(ostiary: Ostiary, clock: ManualClock) -> None:
    token = (await new_person(ostiary, delivery="token")).tokens["refresh_token"]
    clock.advance(IDLE - 1)
    token = await _refreshed(ostiary, token)
    clock.advance(IDLE)
    refused = await _refresh(ostiary, token)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")


async def test_a_family_in_use_ends_at_its_absolute_expiry(ostiary: Ostiary, clock: ManualClock) -> None:
    token = (await new_person(ostiary, delivery="token")).tokens["refresh_token"]
    end = clock.now + ABSOLUTE
    while clock.now + 13 * DAY < end:
        clock.advance(13 * DAY)
        token = await _refreshed(ostiary, token)
    clock.now = end - 1
    token = await _refreshed(ostiary, token)
    clock.now = end
    assert (await _refresh(ostiary, token)).status_code == 401


async def test_reuse_of_any_earlier_token_ends_the_family_and_is_on_record(ostiary: Ostiary) -> None:
    first = (await new_person(ostiary, delivery="token")).tokens["refresh_token"]
    newest = await _refreshed(ostiary, await _refreshed(ostiary, first))
    assert (await _refresh(ostiary, first)).status_code == 401
    assert (await _refresh(ostiary, newest)).status_code == 401
    events = "SELECT COUNT(*) FROM audit_events WHERE event = 'refresh.reused'"
    assert await ostiary.use.db.fetch_value(events) == 1


async def test_of_parallel_uses_of_one_token_exactly_one_wins(ostiary: Ostiary) -> None:
    token = (await new_person(ostiary, delivery="token")).tokens["refresh_token"]
    answers = await asyncio.gather(*(_refresh(ostiary, token) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + 19 * [401]


async def test_what_is_no_token_of_ours_is_refused(ostiary: Ostiary, client: httpx.AsyncClient) -> None:
    token = (await new_person(ostiary, delivery="token")).tokens["refresh_token"]
    for wrong in ("", "x", "ost_rt_", token[:-1], token + "A", token.swapcase(), "ost_rt_" + "=" * 86, "é" * 93):
        refused = await client.post(PATH, json={"refresh_token": wrong})
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token"), wrong
    assert (await client.post(PATH)).status_code == 401
    assert (await _refresh(ostiary, token)).status_code == 200


def _cookie_of(person: Person, name: str) -> str:
    return next(cookie.value or "" for cookie in person.client.cookies.jar if cookie.name == name)


async def test_tokens_in_cookies_are_renewed_in_cookies_and_need_the_csrf_token(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, delivery="token_cookie")
    before = _cookie_of(person, "ostiary_refresh")
    unproved = await person.client.post(PATH)
    assert (unproved.status_code, unproved.json()["code"]) == (403, "csrf_rejected")
    stale = await person.client.post(PATH, headers={"X-CSRF-Token": "A" * 43})
    assert stale.status_code == 403
    renewed = await person.request("POST", PATH)
    assert renewed.status_code == 200
    assert not {"access_token", "refresh_token"} & renewed.json().keys()
    assert _cookie_of(person, "ostiary_refresh") != before
    person.csrf = renewed.json()["csrf_token"]
    assert (await person.request("GET", "/api/auth/me")).json()["method"] == "token"
    assert (await person.request("POST", PATH)).status_code == 200


async def test_the_readable_cookie_is_a_form_token_that_counts(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, delivery="token_cookie")
    person.csrf = _cookie_of(person, "ostiary_csrf")
    assert (await person.request("PATCH", "/api/auth/me", {"name": "Ada"})).status_code == 200
    assert (await person.client.patch("/api/auth/me", json={"name": "Eve"})).status_code == 403


async def test_a_form_token_of_one_sign_in_is_worth_nothing_in_another(ostiary: Ostiary) -> None:
    person, other = await new_person(ostiary, delivery="token_cookie"), await new_person(ostiary)
    person.csrf, other.csrf = other.csrf, person.csrf
    for one in (person, other):
        assert (await one.request("PATCH", "/api/auth/me", {"name": "Ada"})).status_code == 403


async def test_a_form_token_for_somebody_elses_tokens_cannot_be_had_with_a_made_up_cookie(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, delivery="token_cookie")
    family = (await person.request("GET", "/api/auth/me")).json()["sign_in"]
    attacker = new_client(ostiary, headers={"Cookie": f"ostiary_browser=family:{family}"})
    page = (await attacker.get("/login")).text
    person.csrf = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert len(person.csrf) == 43
    assert (await person.request("PATCH", "/api/auth/me", {"name": "Eve"})).status_code == 403


async def test_a_token_of_one_delivery_is_not_taken_by_the_other(ostiary: Ostiary) -> None:
    by_cookie = await new_person(ostiary, delivery="token_cookie")
    stolen = _cookie_of(by_cookie, "ostiary_refresh")
    assert (await _refresh(ostiary, stolen)).status_code == 401
    assert (await by_cookie.request("POST", PATH)).status_code == 200  # and is not spent by trying

    in_body = await new_person(ostiary, delivery="token")
    token = in_body.tokens["refresh_token"]
    async with new_client(ostiary, headers={"Cookie": f"ostiary_refresh={token}"}) as client:
        assert (await client.post(PATH)).status_code == 403
    assert (await _refresh(ostiary, token)).status_code == 200


async def test_a_token_in_the_body_and_one_in_the_cookie_are_refused(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, delivery="token_cookie")
    body: dict[str, Any] = {"refresh_token": _cookie_of(person, "ostiary_refresh")}
    assert (await person.request("POST", PATH, body)).status_code == 400
    assert (await person.request("POST", PATH)).status_code == 200


async def test_disabling_an_account_ends_its_tokens_at_once(ostiary: Ostiary) -> None:
    administrator = await new_administrator(ostiary)
    person = await new_person(ostiary, delivery="token")
    changed = await administrator.request("PATCH", f"/api/accounts/{person.id}", {"status": "disabled"})
    assert changed.status_code == 200
    assert (await person.request("GET", "/api/auth/me")).status_code == 401
    assert (await _refresh(ostiary, person.tokens["refresh_token"])).status_code == 401
