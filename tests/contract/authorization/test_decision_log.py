"""The decision log: which decisions are recorded, and what of them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.audit import AuditEvent, Event, deferred
from ostiary.authorization import AssignmentCreate, AuditQuery, RoleCreate
from tests.support.installation import Person, new_administrator, new_person, settings_for_test
from tests.support.time import ManualClock


async def _recorded(url: str, event: Event = Event.DECISION_MADE) -> list[AuditEvent]:
    """What the log holds after everything is closed."""
    again = await Ostiary.open(settings_for_test(url))
    try:
        return list((await again.use.audit.list(again.operator(), AuditQuery(event=event, limit=200))).items)
    finally:
        await again.close()


async def _ask(person: Person, about: str, action: str) -> httpx.Response:
    subject = {"type": "user", "id": about}
    question = {"subject": subject, "action": {"name": action}, "resource": {"type": "todo", "id": "1"}}
    return await person.request("POST", "/access/v1/evaluation", question)


async def _used(url: str, clock: ManualClock, **settings: Any) -> str:
    """Ada may read but not write, is asked about by an administrator, and knocks where she may not; her id."""
    ostiary = await Ostiary.open(settings_for_test(url, **settings), clock=clock)
    try:
        ada, root = await new_person(ostiary), await new_administrator(ostiary)
        await ostiary.use.roles.create(ostiary.operator(), RoleCreate("viewer", permissions=("todo.read",)))
        await ostiary.use.assignments.assign(ostiary.operator(), ada.id, AssignmentCreate("viewer"))
        for action in ("read", "write"):
            assert (await _ask(root, ada.id, action)).status_code == 200
        assert (await ada.request("GET", "/api/accounts")).status_code == 403
        return ada.id
    finally:
        await ostiary.close()


async def test_nothing_is_recorded_unless_asked_for(database_url: str, clock: ManualClock) -> None:
    await _used(database_url, clock)
    assert await _recorded(database_url) == []


async def test_denials_are_recorded_with_who_asked_and_about_whom(database_url: str, clock: ManualClock) -> None:
    ada = await _used(database_url, clock, decisions__log="denials")
    found = {each.data["permission"]: each for each in await _recorded(database_url)}
    assert not any(each.data["allowed"] for each in found.values())
    asked, knocked = found["todo.write"], found["ostiary.accounts.read"]
    assert (asked.account_id, asked.data["subject"], asked.data["resource"]) == (ada, f"user:{ada}", "todo:1")
    assert asked.actor not in ("operator", f"account:{ada}")
    assert (knocked.actor, knocked.account_id, knocked.address) == (f"account:{ada}", ada, "203.0.113.7")
    assert knocked.request_id


async def test_all_are_recorded_with_the_facts_that_decided(database_url: str, clock: ManualClock) -> None:
    ada = await _used(database_url, clock, decisions__log="all")
    found = {each.data["permission"]: each.data for each in await _recorded(database_url)}
    assert found["todo.read"]["because"] == [f"user:{ada} → role:viewer → todo.read"]
    assert (found["todo.read"]["allowed"], found["todo.write"]["reason"]) == (True, "nothing_allows")


async def test_a_share_of_them_is_recorded(sqlite_url: str, clock: ManualClock) -> None:
    settings = settings_for_test(sqlite_url, decisions__log="all", decisions__log_percent=25)
    ostiary = await Ostiary.open(settings, clock=clock)
    operator = ostiary.operator()
    for _ in range(1000):
        await operator.decide("todo.read")
    await ostiary.close()
    again = await Ostiary.open(settings_for_test(sqlite_url))
    kept = await again.use.db.fetch_value("SELECT COUNT(*) FROM audit_events WHERE event = 'decision.made'")
    await again.close()
    assert 150 < kept < 350  # 7 standard deviations either way


async def test_what_is_decided_while_too_much_waits_is_counted(
    sqlite_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred, "MOST_WAITING", 10)
    ostiary = await Ostiary.open(settings_for_test(sqlite_url, decisions__log="all"), clock=clock)
    operator = ostiary.operator()
    for _ in range(17):
        await operator.decide("todo.read")
    await ostiary.close()
    assert len(await _recorded(sqlite_url)) == 10
    (missing,) = await _recorded(sqlite_url, Event.DECISIONS_NOT_RECORDED)
    assert missing.data == {"count": 7}


@pytest.mark.parametrize("setting", [{"decisions__log": "some"}, {"decisions__log_percent": 0}])
async def test_settings_that_mean_nothing_are_refused(sqlite_url: str, setting: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"decisions\.log"):
        settings_for_test(sqlite_url, **setting)
