"""What applications keep in a session: merged, never lost, bounded, and gone with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec

from ostiary.app import Ostiary
from ostiary.base.clock import DAY
from ostiary.sessions import SessionData
from tests.conftest import OpenInstallation
from tests.support.installation import Person, new_client, new_person
from tests.support.sessions import COOKIE, another, cookies_set, facade, secret_of, secret_set, show, sign_in
from tests.support.time import ManualClock

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
    answers = await asyncio.gather(*(_patch(person, {"cart": {f"item{n}": n}}) for n in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    data = await person.request("GET", PATH)
    assert data.json() == {"cart": {f"item{n}": n for n in range(20)}}
    assert data.headers["etag"] == '"20"'


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
    other, secret = await another(person), secret_of(person.client)
    assert (await other.request("GET", PATH)).json() == {}
    await person.request("POST", "/api/auth/logout")
    ended = await show(ostiary, secret, PATH)
    assert (ended.status_code, ended.json(), ended.headers["etag"]) == (200, {}, '"0"')
    assert "set-cookie" not in ended.headers


async def test_data_survives_a_new_secret(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    await _patch(person, {"a": 1})
    await person.request("POST", "/api/auth/step-up", {"password": person.password})
    assert (await _patch(person, {"b": 2}, '"1"')).json() == {"a": 1, "b": 2}


async def test_who_has_not_signed_in_may_keep_data_too(ostiary: Ostiary, clock: ManualClock) -> None:
    visitor = new_client(ostiary)
    empty = await visitor.get(PATH)
    assert (empty.json(), empty.headers["etag"]) == ({}, '"0"')
    assert "set-cookie" not in empty.headers, "reading begins nothing"
    first = await visitor.patch(PATH, json={"cart": {"apple": 2}})
    (cookie,) = cookies_set(first)
    assert "HttpOnly" in cookie
    assert "max-age" not in cookie.lower()
    headers = {"X-CSRF-Token": first.headers["x-csrf-token"]}
    second = await visitor.patch(PATH, json={"cart": {"pear": 1}}, headers=headers)
    assert (second.json(), cookies_set(second)) == ({"cart": {"apple": 2, "pear": 1}}, [])
    assert (await visitor.get("/api/auth/me")).status_code == 401
    clock.advance(DAY)
    assert (await visitor.get(PATH)).json() == {}


async def test_of_nobodys_data_none_is_kept_that_is_too_much_or_of_another_version(ostiary: Ostiary) -> None:
    visitor = new_client(ostiary)
    refused = [
        await visitor.patch(PATH, json={"a": "x" * 65_536}),
        await visitor.patch(PATH, json={"a": 1}, headers={"If-Match": '"3"'}),
        await visitor.patch(PATH, json=[1]),
    ]
    assert [answer.status_code for answer in refused] == [413, 412, 400]
    assert COOKIE not in visitor.cookies


async def test_signing_in_carries_data_over_to_a_session_with_a_new_id(ostiary: Ostiary) -> None:
    person, visitor = await new_person(ostiary), new_client(ostiary)
    await visitor.patch(PATH, json={"cart": {"apple": 2}})
    before = secret_of(visitor)
    signed_in = await sign_in(ostiary, person.email, visitor)
    after = secret_set(signed_in)
    assert after not in (None, before)
    carried = await visitor.get(PATH)
    assert (carried.json(), carried.headers["etag"]) == ({"cart": {"apple": 2}}, '"1"')
    old = await show(ostiary, before, PATH)
    assert (old.json(), old.headers["etag"]) == ({}, '"0"')
    headers = {"X-CSRF-Token": signed_in.json()["csrf_token"], "If-Match": '"1"'}
    added = await visitor.patch(PATH, json={"cart": {"pear": 1}}, headers=headers)
    assert added.json() == {"cart": {"apple": 2, "pear": 1}}


async def test_signing_in_again_keeps_the_data_of_the_same_account_only(ostiary: Ostiary) -> None:
    person, stranger = await new_person(ostiary), await new_person(ostiary)
    await _patch(person, {"draft": "of hers"})
    body = {"identifier": person.email, "password": person.password}
    again = await person.request("POST", "/api/auth/login", body)
    person.csrf = again.json()["csrf_token"]
    assert (await person.request("GET", PATH)).json() == {"draft": "of hers"}
    body = {"identifier": stranger.email, "password": stranger.password}
    assert (await person.request("POST", "/api/auth/login", body)).status_code == 200
    assert (await person.client.get("/api/auth/me")).json()["account"]["id"] == stranger.id
    assert (await person.client.get(PATH)).json() == {}


async def test_no_change_is_lost_that_was_answered_while_somebody_signed_in(ostiary: Ostiary) -> None:
    """Who adds to the cart in one tab and signs in in another finds it there, or is told that it was not kept."""
    person = await new_person(ostiary)

    async def keep_adding(secret: str, csrf_token: str, tab: int) -> AsyncIterator[str]:
        """What was kept, until the session has ended and another one begins."""
        for number in range(1000):
            item = f"{tab}-{number}"
            changed = await show(ostiary, secret, PATH, "PATCH", {item: 1}, X_CSRF_Token=csrf_token)
            if changed.status_code != 200 or secret_set(changed):
                return
            yield item

    async def added(secret: str, csrf_token: str, tab: int) -> set[str]:
        return {item async for item in keep_adding(secret, csrf_token, tab)}

    for _ in range(5):
        visitor = new_client(ostiary)
        assert (await visitor.patch(PATH, json={"first": 1})).status_code == 200
        secret, token = secret_of(visitor), (await visitor.get(PATH)).headers["x-csrf-token"]
        adding = [asyncio.create_task(added(secret, token, tab)) for tab in range(4)]
        assert (await sign_in(ostiary, person.email, visitor)).status_code == 200
        kept = set((await visitor.get(PATH)).json())
        assert kept >= {"first"}.union(*await asyncio.gather(*adding))


async def test_nothing_is_kept_in_a_session_that_has_ended_since_it_was_found(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, visitor, sessions = await new_person(ostiary), new_client(ostiary), facade(ostiary)
    await visitor.patch(PATH, json={"cart": {"apple": 2}})
    found = await sessions.find(secret_of(visitor), clock.now)
    assert found is not None
    await sign_in(ostiary, person.email, visitor)
    for version in (1, 2):
        assert not await sessions.replace_data(found.session, SessionData({"too": "late"}, version))
    assert (await visitor.get(PATH)).json() == {"cart": {"apple": 2}}


async def test_too_many_sessions_of_nobody_from_one_network_are_refused(installation: OpenInstallation) -> None:
    ostiary = await installation(limits__anonymous_session_address="3/1h")
    visitors = [new_client(ostiary) for _ in range(5)]
    answers = [await visitor.patch(PATH, json={"a": 1}) for visitor in visitors]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[3].json()["code"] == "rate_limited"
    assert int(answers[3].headers["retry-after"]) > 0
    assert "set-cookie" not in answers[3].headers
    headers = {"X-CSRF-Token": answers[0].headers["x-csrf-token"]}
    assert (await visitors[0].patch(PATH, json={"b": 1}, headers=headers)).status_code == 200, "it has one"
