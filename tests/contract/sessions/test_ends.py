"""What ends sessions ends them all at once, wherever they are kept, or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from ostiary.app import Ostiary
from ostiary.base.clock import SECOND
from ostiary.database import Transaction
from ostiary.sessions import Place
from tests.support.installation import Person, new_administrator, new_client, new_person, settings_for_test
from tests.support.sessions import (
    another,
    current_id,
    facade,
    open_sessions,
    opens,
    secret_of,
    secret_set,
    show,
    status,
)
from tests.support.time import ManualClock


class _ChangedMindError(Exception):
    pass


@contextlib.asynccontextmanager
async def _undone(ostiary: Ostiary) -> AsyncIterator[Transaction]:
    """A transaction that is undone when it is left."""
    with contextlib.suppress(_ChangedMindError):
        async with ostiary.use.db.transaction() as tx:
            yield tx
            raise _ChangedMindError


async def test_nothing_ends_with_a_transaction_that_is_undone(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    other = await another(person)
    await other.request("PATCH", "/api/session/data", {"kept": 1})
    sessions, name = facade(ostiary), await current_id(other)
    async with _undone(ostiary) as tx:
        assert await sessions.end(tx, name, person.id, clock.now)
    async with _undone(ostiary) as tx:
        await sessions.end_all(tx, person.id)
    assert [await status(one) for one in (person, other)] == [200, 200]
    assert len(await open_sessions(person)) == 2
    assert (await other.request("GET", "/api/session/data")).json() == {"kept": 1}


async def test_no_session_begins_with_a_transaction_that_is_undone(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    place = Place("203.0.113.7", "Test/1.0")
    async with _undone(ostiary) as tx:
        secret, session = await facade(ostiary).prepare(
            tx, clock.now, account_id=person.id, amr="pwd", acr="aal1", place=place
        )
        await facade(ostiary).begin(tx, session)
    assert not await opens(ostiary, secret)
    assert len(await open_sessions(person)) == 1


async def test_one_that_is_kept_when_all_others_end_ends_with_the_next_end_of_all(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, administrator = await new_person(ostiary), await new_administrator(ostiary)
    other = await another(person)
    assert (await person.request("DELETE", "/api/sessions")).json() == {"ended": 1}
    assert [await status(one) for one in (person, other)] == [200, 401]
    third = await another(person)
    assert (await third.request("DELETE", "/api/sessions")).json() == {"ended": 1}
    assert [await status(one) for one in (person, third)] == [401, 200]
    path = f"/api/accounts/{person.id}/sessions"
    assert (await administrator.request("DELETE", path)).json() == {"ended": 1}
    assert await status(third) == 401
    assert await open_sessions(person) == []
    assert await status(await another(person)) == 200


async def test_one_that_is_kept_keeps_its_old_secret_for_as_long_as_requests_are_under_way(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    other = await another(person)
    before = secret_of(person.client)
    body = {"current_password": person.password, "new_password": "an altogether new lantern"}
    after = secret_set(await person.request("PUT", "/api/credentials/password", body))
    assert [await opens(ostiary, secret) for secret in (before, after or "")] == [True, True]
    assert await status(other) == 401
    clock.advance(30 * SECOND)
    assert [await opens(ostiary, secret) for secret in (before, after or "")] == [False, True]


async def test_a_disabled_account_is_nobody_and_stays_so_when_it_is_enabled_again(ostiary: Ostiary) -> None:
    person, administrator = await new_person(ostiary), await new_administrator(ostiary)
    path = f"/api/accounts/{person.id}"
    assert (await administrator.request("PATCH", path, {"status": "disabled"})).status_code == 200
    assert await status(person) == 401
    assert await open_sessions(person) == []
    assert (await administrator.request("PATCH", path, {"status": "active"})).status_code == 200
    assert await status(person) == 401
    assert await status(await another(person)) == 200


async def test_a_deleted_account_is_nobody(ostiary: Ostiary) -> None:
    person, administrator = await new_person(ostiary), await new_administrator(ostiary)
    secret, name = secret_of(person.client), await current_id(person)
    assert (await person.request("PATCH", "/api/session/data", {"kept": 1})).status_code == 200
    assert (await administrator.request("DELETE", f"/api/accounts/{person.id}")).is_success
    assert await status(person) == 401
    answer = await show(ostiary, secret, "/api/session/data")
    assert (answer.status_code, answer.json()) == (200, {})
    assert (await facade(ostiary).read_data(name)).data == {}, "what it kept is deleted with it"


async def test_a_session_of_another_account_is_neither_listed_nor_ended(ostiary: Ostiary, clock: ManualClock) -> None:
    person, stranger = await new_person(ostiary), await new_person(ostiary)
    name = await current_id(person)
    assert name not in (await stranger.request("GET", "/api/sessions")).text
    assert (await stranger.request("GET", f"/api/sessions/{name}")).status_code == 404
    async with ostiary.use.db.transaction() as tx:
        for account_id in (stranger.id, None):
            await facade(ostiary).end(tx, name, account_id, clock.now)
    assert await status(person) == 200


async def test_signing_out_ends_a_session_of_nobody_with_what_it_keeps(ostiary: Ostiary) -> None:
    visitor = new_client(ostiary)
    assert (await visitor.patch("/api/session/data", json={"cart": {"apple": 2}})).status_code == 200
    secret = secret_of(visitor)
    assert (await visitor.post("/api/auth/logout")).status_code == 204
    assert "ostiary_session" not in visitor.cookies
    answer = await show(ostiary, secret, "/api/session/data")
    assert (answer.json(), answer.headers["etag"]) == ({}, '"0"')


async def test_of_installations_over_one_store_each_sees_at_once_what_another_ended(
    ostiary: Ostiary, session_store: dict[str, object], clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    settings = settings_for_test(**session_store)  # type: ignore[arg-type]
    async with await Ostiary.open(settings, clock=clock) as second:
        secret = secret_of(person.client)
        assert [await opens(each, secret) for each in (ostiary, second)] == [True, True]
        twin = Person(second, new_client(second), person.id, person.email, person.password)
        third = await another(twin)
        assert (await third.request("DELETE", "/api/sessions")).json() == {"ended": 1}
        assert [await opens(each, secret) for each in (ostiary, second)] == [False, False]
        assert await opens(ostiary, secret_of(third.client))
