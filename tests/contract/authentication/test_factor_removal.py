"""Second factors that are lost: an administrator has them removed, their owner is told and can stop it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.authorization import AssignmentCreate, RoleCreate
from ostiary.base.clock import DAY, HOUR, MINUTE, SECOND
from tests.attacks.evidence import assert_refused, contents
from tests.attacks.test_recovery import new_password, recovering
from tests.conftest import OpenInstallation
from tests.support.authenticator import Authenticator
from tests.support.installation import Person, new_administrator, new_client, new_person
from tests.support.passkeys import add_passkey
from tests.support.second_factors import App, Attempt, new_person_with_app, new_recovery_codes
from tests.support.sessions import open_sessions, recorded, status
from tests.support.time import ManualClock

EMAIL = "ada@example.com"
OWN = "/api/credentials/second-factor-removal"
NOTICE = "An administrator has asked to remove the second factors"


def removal_of(person: Person) -> str:
    return f"/api/accounts/{person.id}/second-factor-removal"


async def administrator_of(ostiary: Ostiary) -> Person:
    """Signed in a moment ago, as those are who may change how others prove themselves."""
    person = await new_administrator(ostiary)
    assert (await person.request("GET", "/api/auth/me")).status_code == 200  # takes the new secret that is due
    return person


async def who_has_lost_it(ostiary: Ostiary, clock: ManualClock) -> tuple[Person, App]:
    person, app = await new_person_with_app(ostiary, clock, EMAIL)
    await new_recovery_codes(person)
    await add_passkey(person, Authenticator(), given="security_key")
    return person, app


async def requested(ostiary: Ostiary, person: Person) -> dict[str, Any]:
    administrator = await administrator_of(ostiary)
    answer = await administrator.request("POST", removal_of(person))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def sweep(ostiary: Ostiary) -> None:
    await ostiary._sweeper(ostiary.use.clock())


async def types_of(ostiary: Ostiary, person: Person) -> set[str]:
    found = await ostiary.use.own_credentials.list(ostiary.operator(), person.id)
    return {each.type for each in found}


async def told(person: Person) -> list[str]:
    return [mail.text for mail in await person.ostiary.use.mailer.outbox(500) if mail.to == person.email]


async def test_they_are_removed_when_the_time_is_over_and_the_owner_was_told(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, _ = await who_has_lost_it(ostiary, clock)
    removal = await requested(ostiary, person)
    assert removal == {"requested_at": "2026-01-01T00:01:00.000Z", "due_at": "2026-01-02T00:01:00.000Z"}
    assert any(NOTICE in text and removal["due_at"] in text for text in await told(person))
    assert (await person.request("GET", OWN)).json() == removal
    clock.advance(DAY - SECOND)
    await sweep(ostiary)
    assert await types_of(ostiary, person) == {"password", "totp", "passkey", "recovery_code"}
    assert await status(person) == 200
    clock.advance(SECOND)
    await sweep(ostiary)
    assert await types_of(ostiary, person) == {"password"}
    assert await status(person) == 401, "whoever had the session of the owner loses it, too"
    rows = await contents(ostiary)
    assert (rows["factor_removals"], rows["flows"]) == ([], [])
    assert any("removed by an administrator" in text for text in await told(person))
    events = ["removal_requested", "removed"]
    assert [len(await recorded(person, f"second_factors.{event}")) for event in events] == [1, 1]
    body = {"identifier": EMAIL, "password": person.password}
    assert (await new_client(ostiary).post("/api/auth/login", json=body)).json()["status"] == "complete"


async def test_refresh_families_end_too(ostiary: Ostiary, clock: ManualClock) -> None:
    person, app = await new_person_with_app(ostiary, clock, EMAIL)
    attempt = await Attempt.begin(ostiary, EMAIL, delivery="token")
    body = {"flow": attempt.flow, "answer": {"method": "password", "password": person.password}}
    await attempt.client.post("/api/auth/flow/answer", json=body)
    tokens = (await attempt.answer("totp", app.code())).json()
    await requested(ostiary, person)
    clock.advance(DAY)
    await sweep(ostiary)
    refreshed = await new_client(ostiary).post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert_refused(refreshed, 401, "invalid_token")


async def test_a_request_again_does_not_begin_the_time_anew_and_tells_nobody_twice(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, _ = await who_has_lost_it(ostiary, clock)
    first = await requested(ostiary, person)
    clock.advance(HOUR)
    administrator = await administrator_of(ostiary)
    assert (await administrator.request("POST", removal_of(person))).json() == first
    assert (await administrator.request("GET", removal_of(person))).json() == first
    assert len([text for text in await told(person) if NOTICE in text]) == 1
    assert len(await recorded(person, "second_factors.removal_requested")) == 1


@pytest.mark.parametrize("shown", ["at a sign-in", "at a step-up", "at a recovery"])
async def test_whoever_shows_the_second_factor_has_not_lost_it(
    ostiary: Ostiary, clock: ManualClock, shown: str
) -> None:
    person, app = await who_has_lost_it(ostiary, clock)
    await requested(ostiary, person)
    clock.advance(HOUR)
    if shown == "at a sign-in":
        done = await (await Attempt.by_password(ostiary, person)).answer("totp", app.code())
    elif shown == "at a step-up":
        begun = (await person.request("POST", "/api/auth/flow", {"purpose": "step_up"})).json()
        body = {"flow": begun["flow"], "answer": {"method": "totp", "code": app.code()}}
        done = await person.request("POST", "/api/auth/flow/answer", body)
    else:
        attempt, _ = await recovering(ostiary, EMAIL)
        await attempt.answer("totp", app.code())
        done = await new_password(attempt)
    assert done.json()["status"] in ("complete", "recovered"), done.text
    assert len(await recorded(person, "second_factors.removal_stopped")) == 1
    clock.advance(DAY)
    await sweep(ostiary)
    assert "totp" in await types_of(ostiary, person)


async def test_a_password_alone_stops_nothing(ostiary: Ostiary, clock: ManualClock) -> None:
    person, _ = await who_has_lost_it(ostiary, clock)
    await requested(ostiary, person)
    await Attempt.by_password(ostiary, person)
    assert len((await contents(ostiary))["factor_removals"]) == 1


async def test_it_is_stopped_by_its_owner_or_an_administrator(ostiary: Ostiary, clock: ManualClock) -> None:
    person, _ = await who_has_lost_it(ostiary, clock)
    await requested(ostiary, person)
    assert (await person.request("DELETE", OWN)).status_code == 204
    for refused in (await person.request("DELETE", OWN), await person.request("GET", OWN)):
        assert_refused(refused, 404, "not_found")
    await requested(ostiary, person)
    administrator = await administrator_of(ostiary)
    assert (await administrator.request("DELETE", removal_of(person))).status_code == 204
    assert_refused(await administrator.request("DELETE", removal_of(person)), 404, "not_found")
    clock.advance(2 * DAY)
    await sweep(ostiary)
    assert "totp" in await types_of(ostiary, person)
    assert len(await recorded(person, "second_factors.removal_stopped")) == 2


async def test_it_takes_the_permission_and_a_fresh_proof_and_reaches_nobody_above(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, _ = await who_has_lost_it(ostiary, clock)
    helper, above = await new_person(ostiary), await administrator_of(ostiary)
    before = await contents(ostiary, besides=["sessions"])
    for method in ("POST", "GET", "DELETE"):
        assert_refused(await helper.request(method, removal_of(person)), 403, "forbidden", method)
        assert_refused(await new_client(ostiary).request(method, removal_of(person)), 401, "unauthenticated", method)
    assert await contents(ostiary, besides=["sessions"]) == before
    role = RoleCreate("help-desk", permissions=("ostiary.credentials.read", "ostiary.credentials.reset"))
    await ostiary.use.roles.create(ostiary.operator(), role)
    await ostiary.use.assignments.assign(ostiary.operator(), helper.id, AssignmentCreate("help-desk", None))
    assert (await helper.request("GET", "/api/auth/me")).status_code == 200
    assert (await helper.request("POST", removal_of(person))).status_code == 200
    await add_passkey(above, Authenticator(), given="security_key")
    for refused in (
        await helper.request("POST", removal_of(above)),
        await helper.request("POST", f"/api/accounts/{above.id}/recovery"),
    ):
        assert_refused(refused, 403, "forbidden")
    assert (await helper.request("DELETE", removal_of(person))).status_code == 204
    clock.advance(11 * MINUTE)
    assert_refused(await helper.request("POST", removal_of(person)), 401, "insufficient_user_authentication")
    assert (await contents(ostiary))["factor_removals"] == []


async def test_who_has_nothing_to_lose_and_who_is_nobody(ostiary: Ostiary) -> None:
    person, administrator = await new_person(ostiary), await administrator_of(ostiary)
    assert_refused(await administrator.request("POST", removal_of(person)), 409, "conflict")
    nobody = "/api/accounts/acc_none/second-factor-removal"
    assert_refused(await administrator.request("POST", nobody), 404, "not_found")
    assert (await contents(ostiary))["factor_removals"] == []


async def test_without_a_waiting_period_it_is_done_at_once_and_the_owner_is_told_all_the_same(
    installation: OpenInstallation, clock: ManualClock
) -> None:
    ostiary = await installation(recovery__administrator_wait=0, sign_in__notices=False)
    person, _ = await who_has_lost_it(ostiary, clock)
    removal = await requested(ostiary, person)
    assert removal["requested_at"] == removal["due_at"]
    assert await types_of(ostiary, person) == {"password"}
    assert any("removed by an administrator" in text for text in await told(person))


async def test_a_passkey_that_is_lost_goes_too_but_not_the_last_way_in(
    installation: OpenInstallation, clock: ManualClock
) -> None:
    ostiary = await installation(recovery__administrator_wait=0, recovery__by_email=False, sign_in__email=False)
    person, other = await new_person(ostiary), await new_person(ostiary)
    for each in (person, other):
        await add_passkey(each, Authenticator())
    assert (await other.request("DELETE", "/api/credentials/password")).status_code == 204
    for each, left in ((person, {"password"}), (other, {"passkey"})):
        await requested(ostiary, each)
        assert await types_of(ostiary, each) == left


async def test_two_sweeps_at_once_and_a_stop_between_them_do_it_whole_or_not_at_all(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, _ = await who_has_lost_it(ostiary, clock)
    await requested(ostiary, person)
    clock.advance(DAY)
    work = [ostiary.use.factor_removals.apply_due(clock.now) for _ in range(10)]
    stops = [person.request("DELETE", OWN) for _ in range(10)]
    answers = (await asyncio.gather(*work, *stops))[10:]
    stopped = [answer.status_code for answer in answers if hasattr(answer, "status_code")].count(204)
    assert stopped <= 1
    left = await types_of(ostiary, person)
    assert left == ({"password", "totp", "passkey", "recovery_code"} if stopped else {"password"})
    assert len(await open_sessions(person)) == (1 if stopped else 0)
    assert len(await recorded(person, "second_factors.removed")) == 1 - stopped
