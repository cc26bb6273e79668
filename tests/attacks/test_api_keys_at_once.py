"""API keys under a hundred requests at once."""

from __future__ import annotations

import asyncio
from collections import Counter

from ostiary.app import Ostiary
from ostiary.audit import Event, read
from ostiary.base.clock import MINUTE, rfc3339
from tests.support.api_keys import OWN, new_api_key, opens, show_key
from tests.support.installation import new_person
from tests.support.time import ManualClock

MANY = 100


async def test_of_100_parallel_rotations_one_wins(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    made = await new_api_key(person)
    address = f"{OWN}/{made['id']}/rotate"
    answers = await asyncio.gather(*(person.request("POST", address, {"overlap": 60}) for _ in range(MANY)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: MANY - 1}
    [won] = [answer.json()["key"] for answer in answers if answer.status_code == 200]
    assert await opens(ostiary, won)
    assert await opens(ostiary, made["key"])
    events = await read(ostiary.use.db, event=Event.API_KEY_ROTATED)
    assert len(events.items) == 1


async def test_of_100_parallel_revocations_one_wins(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    made = await new_api_key(person)
    answers = await asyncio.gather(*(person.request("DELETE", f"{OWN}/{made['id']}") for _ in range(MANY)))
    assert Counter(answer.status_code for answer in answers) == {204: 1, 404: MANY - 1}
    assert not await opens(ostiary, made["key"])


async def test_100_keys_made_at_once_do_not_go_over_the_limit(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    for _ in range(90):
        await new_api_key(person)
    answers = await asyncio.gather(*(person.request("POST", OWN, {"name": "x"}) for _ in range(MANY)))
    assert Counter(answer.status_code for answer in answers) == {201: 10, 409: MANY - 10}


async def test_a_rotation_and_a_revocation_at_once_leave_no_secret_behind(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    for _ in range(10):
        made = await new_api_key(person)
        one = f"{OWN}/{made['id']}"
        rotated, revoked = await asyncio.gather(
            person.request("POST", f"{one}/rotate", {"overlap": 60}), person.request("DELETE", one)
        )
        assert revoked.status_code == 204
        if rotated.status_code == 200:
            assert not await opens(ostiary, rotated.json()["key"])
        assert not await opens(ostiary, made["key"])


async def test_100_uses_at_once_are_all_answered_and_noted_once(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    made = await new_api_key(person)
    clock.advance(10 * MINUTE)
    answers = await asyncio.gather(*(show_key(ostiary, made["key"]) for _ in range(MANY)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await person.request("GET", f"{OWN}/{made['id']}")).json()["used_at"] == rfc3339(clock.now)
