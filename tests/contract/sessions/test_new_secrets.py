"""A session gets a new secret at each change of privilege; whoever is under way with the old one is not signed out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ostiary.app import Ostiary
from ostiary.audit import Event
from ostiary.authorization import AssignmentCreate, GrantChange, GrantCreate
from ostiary.authorization.model import Effect
from ostiary.base.clock import HOUR, MINUTE, SECOND, rfc3339
from ostiary.sessions import GRACE
from tests.support.installation import PASSWORD, Person, new_person
from tests.support.sessions import (
    another,
    cookies_set,
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

Act = Callable[[Ostiary, Person], Awaitable[None]]


async def _assign(ostiary: Ostiary, person: Person) -> None:
    await ostiary.use.assignments.assign(ostiary.operator(), person.id, AssignmentCreate("administrator"))


async def _unassign(ostiary: Ostiary, person: Person) -> None:
    (held,) = (await ostiary.use.assignments.list(ostiary.operator(), person.id)).items
    await ostiary.use.assignments.unassign(ostiary.operator(), person.id, held.id)


async def _grant(ostiary: Ostiary, person: Person) -> None:
    await ostiary.use.grants.create(ostiary.operator(), person.id, GrantCreate("documents.read", Effect.ALLOW))


async def _change_grant(ostiary: Ostiary, person: Person) -> None:
    (held,) = (await ostiary.use.grants.list(ostiary.operator(), person.id)).items
    await ostiary.use.grants.change(ostiary.operator(), person.id, held.id, GrantChange(effect=Effect.DENY))


async def _revoke_grant(ostiary: Ostiary, person: Person) -> None:
    (held,) = (await ostiary.use.grants.list(ostiary.operator(), person.id)).items
    await ostiary.use.grants.delete(ostiary.operator(), person.id, held.id)


ACTS: list[Act] = [_assign, _unassign, _grant, _change_grant, _revoke_grant]


async def test_each_change_of_roles_and_grants_makes_one_due_at_the_next_request(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, colleague = await new_person(ostiary), await new_person(ostiary)
    await _assign(ostiary, colleague)  # there has to be another administrator
    assert cookies_set(await colleague.request("GET", "/api/auth/me"))
    name, token = await current_id(person), person.csrf
    for act in ACTS:
        before = secret_of(person.client)
        await act(ostiary, person)
        answer = await person.request("GET", "/api/auth/me")
        assert (answer.status_code, answer.json()["sign_in"]) == (200, name)
        assert secret_set(answer) not in (None, before), act
        assert cookies_set(await person.request("GET", "/api/auth/me")) == [], "one is enough"
        assert await opens(ostiary, before), "a request may be under way"
        clock.advance(GRACE)
        assert not await opens(ostiary, before)
        assert await status(person) == 200
    assert cookies_set(await colleague.request("GET", "/api/auth/me")) == []
    # It is still the same session, and a form that was shown before is still good.
    assert [session.id for session in await open_sessions(person)] == [name]
    person.csrf = token
    assert (await person.request("PATCH", "/api/auth/me", {"name": "Ada"})).status_code == 200


async def test_all_sessions_of_the_account_get_one_each(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    other = await another(person)
    await _assign(ostiary, person)
    given = [secret_set(await one.request("GET", "/api/auth/me")) for one in (person, other)]
    assert None not in given
    assert len(set(given)) == 2
    assert [await status(one) for one in (person, other)] == [200, 200]


@pytest.mark.parametrize("by", ["step-up", "password change"])
async def test_a_proof_gives_one_at_once_and_the_old_one_keeps_its_old_level(
    ostiary: Ostiary, clock: ManualClock, by: str
) -> None:
    person = await new_person(ostiary)
    begun, before, name = clock.now, secret_of(person.client), await current_id(person)
    clock.advance(HOUR)
    if by == "step-up":
        answer = await person.request("POST", "/api/auth/step-up", {"password": PASSWORD})
        assert answer.json()["csrf_token"]
    else:
        body = {"current_password": PASSWORD, "new_password": "an altogether new lantern"}
        answer = await person.request("PUT", "/api/credentials/password", body)
    assert answer.is_success, answer.text
    after = secret_set(answer)
    assert after not in (None, before)
    me = (await person.request("GET", "/api/auth/me")).json()
    assert (me["sign_in"], me["authenticated_at"]) == (name, rfc3339(clock.now))
    old = (await show(ostiary, before)).json()
    assert (old["sign_in"], old["authenticated_at"]) == (name, rfc3339(begun))
    # The old one cannot be made more of: it is not prolonged, and gets no new secret of its own.
    clock.advance(GRACE - 1)
    assert await opens(ostiary, before)
    refused = await show(
        ostiary, before, "/api/auth/step-up", "POST", {"password": PASSWORD}, X_CSRF_Token=person.csrf or ""
    )
    assert not refused.is_success
    assert cookies_set(refused) == []
    clock.advance(1)
    assert not await opens(ostiary, before)
    assert await status(person) == 200


async def test_a_password_that_is_changed_with_an_old_one_makes_the_one_in_use_old_too(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    first = secret_of(person.client)
    assert (await person.request("POST", "/api/auth/step-up", {"password": PASSWORD})).is_success
    second = secret_of(person.client)
    body = {"current_password": PASSWORD, "new_password": "an altogether new lantern"}
    changed = await show(ostiary, first, "/api/credentials/password", "PUT", body, X_CSRF_Token=person.csrf or "")
    assert (changed.status_code, cookies_set(changed)) == (204, [])
    assert await status(person) == 200
    assert secret_of(person.client) not in (first, second)
    clock.advance(GRACE)
    assert [await opens(ostiary, secret) for secret in (first, second)] == [False, False]
    assert await status(person) == 200


async def test_of_100_requests_at_once_none_is_signed_out_and_one_brings_it(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    before = secret_of(person.client)
    await _assign(ostiary, person)
    answers = await asyncio.gather(*(show(ostiary, before) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    (after,) = filter(None, map(secret_set, answers))
    clock.advance(GRACE)
    assert (await opens(ostiary, before), await opens(ostiary, after)) == (False, True)
    assert len(await open_sessions(person)) == 1


async def test_of_step_ups_at_once_one_brings_it_and_the_session_stays(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    before, body = secret_of(person.client), {"password": PASSWORD}
    token = person.csrf or ""
    answers = await asyncio.gather(
        *(show(ostiary, before, "/api/auth/step-up", "POST", body, X_CSRF_Token=token) for _ in range(8))
    )
    (after,) = filter(None, map(secret_set, answers))
    assert sorted(answer.status_code for answer in answers) == [200] + [503] * 7
    assert await opens(ostiary, after)


async def test_a_request_at_which_one_is_due_does_its_work_with_the_new_one(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    """Otherwise a password change, for one, would find the session superseded, and leave it at its old level."""
    person = await new_person(ostiary)
    await _assign(ostiary, person)
    clock.advance(MINUTE)
    body = {"current_password": PASSWORD, "new_password": "an altogether new lantern"}
    answer = await person.request("PUT", "/api/credentials/password", body)
    assert len(cookies_set(answer)) == 1
    me = (await person.request("GET", "/api/auth/me")).json()
    assert me["authenticated_at"] == rfc3339(clock.now)


async def test_what_a_request_under_way_keeps_stays_as_long_as_the_session(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    before, token = secret_of(person.client), person.csrf or ""
    await _assign(ostiary, person)
    assert await status(person) == 200
    body = {"cart": {"apple": 2}}
    assert (await show(ostiary, before, "/api/session/data", "PATCH", body, X_CSRF_Token=token)).status_code == 200
    clock.advance(GRACE + SECOND)
    await ostiary._sweeper(clock.now)
    assert (await person.request("GET", "/api/session/data")).json() == body


async def test_signing_out_with_the_old_one_ends_the_session(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    before, token = secret_of(person.client), person.csrf or ""
    await _assign(ostiary, person)
    assert await status(person) == 200
    after = secret_of(person.client)
    answer = await show(ostiary, before, "/api/auth/logout", "POST", X_CSRF_Token=token)
    assert answer.status_code == 204
    assert [await opens(ostiary, secret) for secret in (before, after)] == [False, False]


async def test_signing_out_at_the_request_at_which_one_is_due_leaves_none(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    before = secret_of(person.client)
    await _assign(ostiary, person)
    answer = await person.request("POST", "/api/auth/logout")
    (cookie,) = cookies_set(answer)
    assert "Max-Age=0" in cookie
    assert not await opens(ostiary, before)
    assert await open_sessions(person) == []


async def test_a_session_that_has_ended_gets_none(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    sessions = facade(ostiary)
    found = await sessions.find(secret_of(person.client), clock.now)
    assert found is not None
    async with ostiary.use.db.transaction() as tx:
        await sessions.end(tx, found.session.id, person.id, clock.now)
    assert await sessions.rotate(found.session, clock.now) is None
    person = await person.sign_in()
    found = await sessions.find(secret_of(person.client), clock.now)
    assert found is not None
    async with ostiary.use.db.transaction() as tx:
        await sessions.end_all(tx, person.id)
    assert await sessions.rotate(found.session, clock.now) is None
    assert await open_sessions(person) == []


async def test_a_key_that_a_session_was_bound_to_meanwhile_is_not_lost(ostiary: Ostiary, clock: ManualClock) -> None:
    """Between reading a session and giving it a new secret another request may bind it."""
    person = await new_person(ostiary)
    sessions = facade(ostiary)
    found = await sessions.find(secret_of(person.client), clock.now)
    assert found is not None
    assert await sessions.bind(found.session, b"{}", clock.now)
    rotated = await sessions.rotate(found.session, clock.now)
    (kept,) = await open_sessions(person)
    assert kept.bound_key == b"{}"
    assert rotated is None or rotated[1].bound_key == b"{}"


async def test_a_change_of_privileges_is_on_record_and_its_new_secret_is_not(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    await _assign(ostiary, person)
    answer = await person.request("POST", "/api/auth/step-up", {"password": PASSWORD})
    recorded = await ostiary.use.db.fetch_value(
        "SELECT COUNT(*) FROM audit_events WHERE event = :event AND account_id = :id",
        event=Event.STEP_UP_SUCCEEDED.value,
        id=person.id,
    )
    assert recorded == 1
    assert (secret_set(answer) or "") not in answer.text
