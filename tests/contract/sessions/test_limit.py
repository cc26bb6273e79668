"""How many sessions an account may have at once: one more ends the oldest, or is refused."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import DAY, SECOND
from tests.conftest import OpenInstallation
from tests.support.installation import Person, new_client, new_person
from tests.support.sessions import another, current_id, open_sessions, recorded, sign_in, status
from tests.support.time import ManualClock

LIMIT = 3


@pytest.fixture
async def ends_oldest(installation: OpenInstallation) -> Ostiary:
    return await installation(sessions__max_per_account=LIMIT, passwords__queue=100)


@pytest.fixture
async def refuses(installation: OpenInstallation) -> Ostiary:
    return await installation(sessions__max_per_account=LIMIT, sessions__on_limit="refuse", passwords__queue=100)


async def _filled(person: Person, clock: ManualClock) -> list[Person]:
    """Sign-ins of one person, as many as there may be, oldest first."""
    people = [person]
    while len(people) < LIMIT:
        clock.advance(SECOND)
        people.append(await another(person))
    clock.advance(SECOND)
    return people


async def test_one_more_ends_the_oldest_and_the_log_says_why(ends_oldest: Ostiary, clock: ManualClock) -> None:
    people = await _filled(await new_person(ends_oldest), clock)
    oldest = await current_id(people[0])
    newest = await another(people[0])
    assert [await status(one) for one in (*people, newest)] == [401, 200, 200, 200]
    assert await recorded(newest, "session.ended") == [{"session": oldest, "reason": "limit"}]


async def test_one_more_is_refused(refuses: Ostiary, clock: ManualClock) -> None:
    people = await _filled(await new_person(refuses), clock)
    refused = await sign_in(refuses, people[0].email)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_sessions")
    assert "set-cookie" not in refused.headers
    assert [await status(one) for one in people] == [200] * LIMIT
    await people[1].request("POST", "/api/auth/logout")
    assert await status(await another(people[0])) == 200


async def test_who_is_refused_loses_nothing_and_is_not_on_record_as_signed_in(
    refuses: Ostiary, clock: ManualClock
) -> None:
    people, visitor = await _filled(await new_person(refuses), clock), new_client(refuses)
    await visitor.patch("/api/session/data", json={"cart": ["apple"]})
    assert (await sign_in(refuses, people[0].email, visitor)).status_code == 409
    assert (await visitor.get("/api/session/data")).json() == {"cart": ["apple"]}
    assert len(await recorded(people[0], "sign_in.succeeded")) == LIMIT
    assert len(await recorded(people[0], "session.refused")) == 1


async def test_who_signs_in_again_in_the_same_browser_needs_no_further_place(
    refuses: Ostiary, clock: ManualClock
) -> None:
    people = await _filled(await new_person(refuses), clock)
    body = {"identifier": people[0].email, "password": people[0].password}
    assert (await people[0].request("POST", "/api/auth/login", body)).status_code == 200
    assert [await status(one) for one in people] == [200] * LIMIT


async def test_who_signs_in_again_in_the_same_browser_ends_no_other(ends_oldest: Ostiary, clock: ManualClock) -> None:
    people = await _filled(await new_person(ends_oldest), clock)
    body = {"identifier": people[-1].email, "password": people[-1].password}
    assert (await people[-1].request("POST", "/api/auth/login", body)).status_code == 200
    assert [await status(one) for one in people] == [200] * LIMIT


async def test_of_20_sign_ins_at_once_no_more_stay_than_may(ends_oldest: Ostiary) -> None:
    person, stranger = await new_person(ends_oldest), await new_person(ends_oldest)
    answers = await asyncio.gather(*(sign_in(ends_oldest, person.email) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await open_sessions(person)) == LIMIT
    assert await status(stranger) == 200


async def test_of_20_sign_ins_at_once_no_more_are_let_in_than_may(refuses: Ostiary) -> None:
    person = await new_person(refuses)
    answers = await asyncio.gather(*(sign_in(refuses, person.email) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {200: LIMIT - 1, 409: 20 - LIMIT + 1}
    assert len(await open_sessions(person)) == LIMIT
    assert await status(person) == 200


async def test_neither_an_old_secret_nor_what_has_expired_counts(refuses: Ostiary, clock: ManualClock) -> None:
    people = await _filled(await new_person(refuses), clock)
    await people.pop().request("POST", "/api/auth/logout")
    for one in people:
        assert (await one.request("POST", "/api/auth/step-up", {"password": one.password})).status_code == 200
    await another(people[0])
    assert (await sign_in(refuses, people[0].email)).status_code == 409
    clock.advance(7 * DAY)
    assert len(await _filled(await another(people[0]), clock)) == LIMIT
