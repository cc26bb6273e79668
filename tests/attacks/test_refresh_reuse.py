"""A refresh token that is used twice ends its family: one of its two holders is a thief (RFC 9700 section 4.14.2)."""

from __future__ import annotations

import asyncio

import httpx

from ostiary.app import Ostiary
from ostiary.base.clock import DAY
from tests.attacks.evidence import assert_refused
from tests.support.installation import Person, new_client, new_person
from tests.support.time import ManualClock


async def refresh(ostiary: Ostiary, token: str) -> httpx.Response:
    return await new_client(ostiary).post("/api/auth/refresh", json={"refresh_token": token})


async def test_reuse_ends_the_family_and_the_newest_token_with_it(ostiary: Ostiary) -> None:
    person, other = await new_person(ostiary, delivery="token"), await new_person(ostiary, delivery="token")
    stolen: str = person.tokens["refresh_token"]
    second = (await refresh(ostiary, stolen)).json()["refresh_token"]
    newest = (await refresh(ostiary, second)).json()["refresh_token"]
    for token in (stolen, newest, second, stolen):
        assert_refused(await refresh(ostiary, token), 401, "invalid_token")
    assert await _recorded(ostiary, person) == ["refresh.reused"]
    assert (await person.request("GET", "/api/sessions")).json()["items"] == []
    assert (await refresh(ostiary, other.tokens["refresh_token"])).status_code == 200


async def test_an_ended_family_leaves_the_persons_other_sign_ins(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, delivery="token")
    first = person.tokens["refresh_token"]
    await person.sign_in("token")
    await refresh(ostiary, first)
    assert_refused(await refresh(ostiary, first), 401, "invalid_token")
    assert (await refresh(ostiary, person.tokens["refresh_token"])).status_code == 200


async def test_of_100_parallel_uses_of_one_token_exactly_one_wins_and_the_family_ends(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, delivery="token")
    token = person.tokens["refresh_token"]
    answers = await asyncio.gather(*(refresh(ostiary, token) for _ in range(100)))
    won = [answer.json()["refresh_token"] for answer in answers if answer.status_code == 200]
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 99
    assert_refused(await refresh(ostiary, won[0]), 401, "invalid_token")
    assert await _recorded(ostiary, person) == ["refresh.reused"]


async def test_a_token_from_a_cookie_is_not_accepted_in_a_body_nor_the_reverse(ostiary: Ostiary) -> None:
    by_cookie = await new_person(ostiary, delivery="token_cookie")
    by_body = await new_person(ostiary, delivery="token")
    from_cookie = by_cookie.client.cookies["ostiary_refresh"]
    assert_refused(await refresh(ostiary, from_cookie), 401, "invalid_token")
    planted = {"Cookie": f"ostiary_refresh={by_body.tokens['refresh_token']}", "X-CSRF-Token": by_cookie.csrf or ""}
    answer = await new_client(ostiary).post("/api/auth/refresh", json={}, headers=planted)
    assert answer.status_code in (401, 403)
    both = {"Cookie": f"ostiary_refresh={from_cookie}", "X-CSRF-Token": by_cookie.csrf or ""}
    body = {"refresh_token": by_body.tokens["refresh_token"]}
    answer = await new_client(ostiary).post("/api/auth/refresh", json=body, headers=both)
    assert_refused(answer, 400, "invalid_request")
    # None of that spent either of them.
    assert (await refresh(ostiary, by_body.tokens["refresh_token"])).status_code == 200
    assert (await by_cookie.request("POST", "/api/auth/refresh", {})).status_code == 200


async def test_a_refresh_token_is_dead_after_the_sign_out(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, delivery="token")
    token = person.tokens["refresh_token"]
    answer = await new_client(ostiary).post("/api/auth/logout", json={"refresh_token": token})
    assert answer.status_code == 204
    assert_refused(await refresh(ostiary, token), 401, "invalid_token")


async def test_a_refresh_token_that_nobody_used_expires(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary, delivery="token")
    clock.advance(14 * DAY)
    assert_refused(await refresh(ostiary, person.tokens["refresh_token"]), 401, "invalid_token")


async def test_a_family_ends_at_its_absolute_expiry_however_often_it_is_used(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary, delivery="token")
    token = person.tokens["refresh_token"]
    for _ in range(7):
        clock.advance(13 * DAY - 1)
        answer = await refresh(ostiary, token)
        if answer.status_code != 200:
            break
        token = answer.json()["refresh_token"]
    assert clock.now > 1_767_225_600_000 + 90 * DAY
    assert_refused(await refresh(ostiary, token), 401, "invalid_token")


async def _recorded(ostiary: Ostiary, person: Person) -> list[str]:
    from ostiary.authorization import AuditQuery

    found = await ostiary.use.audit.list(ostiary.operator(), AuditQuery(account_id=person.id))
    return [event.event for event in found.items if event.event == "refresh.reused"]
