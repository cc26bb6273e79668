"""What applications keep in a session: merged, never lost, bounded, and gone with it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec

from ostiary.app import Ostiary
from tests.support.installation import Person, new_person

PATH = "/api/session/data"


async def _patch(person: Person, patch: Any, if_match: str | None = None) -> httpx.Response:
    headers = person.headers | ({} if if_match is None else {"If-Match": if_match})
    return await person.client.patch(PATH, json=patch, headers=headers)


async def test_data_begins_empty_and_keeps_what_was_merged(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    empty = await person.request("GET", PATH)
    assert (empty.json(), empty.headers["etag"]) == ({}, '"0"')
    changed = await _patch(person, {"cart": {"apple": 2}})
    assert (changed.json(), changed.headers["etag"]) == ({"cart": {"apple": 2}}, '"1"')
    assert (await person.request("GET", PATH)).json() == {"cart": {"apple": 2}}


async def test_a_change_of_what_was_read_before_another_change_is_refused(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    read = (await person.request("GET", PATH)).headers["etag"]
    assert (await _patch(person, {"a": 1}, read)).status_code == 200
    refused = await _patch(person, {"a": 2}, read)
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert (await person.request("GET", PATH)).json() == {"a": 1}
    assert (await _patch(person, {"a": 3}, "*")).json() == {"a": 3}
    assert (await _patch(person, {"a": 4}, 'W/"2"')).status_code == 400


async def test_parallel_changes_all_hold(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    answers = await asyncio.gather(*(_patch(person, {"cart": {f"item{n}": n}}) for n in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    data = await person.request("GET", PATH)
    assert data.json() == {"cart": {f"item{n}": n for n in range(100)}}
    assert data.headers["etag"] == '"100"'


async def test_of_parallel_changes_to_one_version_one_wins(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    answers = await asyncio.gather(*(_patch(person, {"winner": n}, '"0"') for n in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + 19 * [412]


async def test_data_holds_64_kib_and_not_a_byte_more(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    filling = {"a": "x" * 40_000}
    assert (await _patch(person, filling)).status_code == 200
    room = 65_536 - len(msgspec.json.encode(filling | {"b": ""}))
    refused = await _patch(person, {"b": "x" * (room + 1)})
    assert (refused.status_code, refused.json()["code"]) == (413, "payload_too_large")
    assert (await person.request("GET", PATH)).json() == filling
    assert (await _patch(person, {"b": "x" * room})).status_code == 200


async def test_only_browser_sessions_have_data(ostiary: Ostiary) -> None:
    for delivery in ("token", "token_cookie"):
        person = await new_person(ostiary, delivery=delivery)
        assert (await person.request("GET", PATH)).status_code == 403
        assert (await person.request("PATCH", PATH, {"a": 1})).status_code == 403


async def test_a_cookie_alone_reads_but_changes_nothing(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    refused = await person.client.patch(PATH, json={"a": 1})
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_rejected")
    assert (await person.client.get(PATH)).json() == {}


async def test_data_is_of_one_session_and_ends_with_it(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    await _patch(person, {"a": 1})
    await person.request("POST", "/api/auth/logout")
    assert (await person.request("GET", PATH)).status_code == 401
    await person.sign_in()
    assert (await person.request("GET", PATH)).json() == {}
