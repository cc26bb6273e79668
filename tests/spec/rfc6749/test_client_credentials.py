"""RFC 6749 section 4.4: a client's own token, and what the audit log knows of it."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.app import Ostiary
from ostiary.audit import AuditEvent, Event, deferred
from ostiary.authorization import AuditQuery
from tests.support.installation import settings_for_test
from tests.support.oauth import Application, new_api, new_application
from tests.support.time import ManualClock


async def _robot(ostiary: Ostiary) -> Application:
    await new_api(ostiary, scopes={"read": "Read"})
    return await new_application(ostiary, redirect_uris=[], grant_types=["client_credentials"], scope="read")


async def _ask(robot: Application, times: int) -> None:
    form = {"grant_type": "client_credentials", "scope": "read"}
    answers = await asyncio.gather(*(robot.post("/oauth/token", form) for _ in range(times)))
    assert {each.status_code for each in answers} == {200}


async def _recorded(ostiary: Ostiary) -> list[AuditEvent]:
    query = AuditQuery(event=Event.TOKENS_ISSUED, limit=200)
    return list((await ostiary.use.audit.list(ostiary.operator(), query)).items)


async def test_who_reads_the_log_after_a_token_was_given_reads_of_it(ostiary: Ostiary) -> None:
    robot = await _robot(ostiary)
    await _ask(robot, 3)
    found = await _recorded(ostiary)
    assert len(found) == 3
    assert found[0].data | {"client": robot.id, "grant": "client_credentials", "scope": "read"} == found[0].data


async def test_what_was_given_is_recorded_when_all_is_closed(database_url: str, clock: ManualClock) -> None:
    ostiary = await Ostiary.open(settings_for_test(database_url), clock=clock)
    await _ask(await _robot(ostiary), 3)
    await ostiary.close()
    again = await Ostiary.open(settings_for_test(database_url))
    assert len(await _recorded(again)) == 3
    await again.close()


async def test_what_was_given_is_recorded_soon_without_being_asked_for(ostiary: Ostiary) -> None:
    await _ask(await _robot(ostiary), 3)
    count = "SELECT COUNT(*) FROM audit_events WHERE event = 'tokens.issued'"
    async with asyncio.timeout(20):
        while await ostiary.use.db.fetch_value(count) != 3:  # noqa: ASYNC110 - another task writes
            await asyncio.sleep(0.01)


async def test_no_token_goes_unrecorded_where_too_many_wait(ostiary: Ostiary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred, "MOST_WAITING", 4)
    await _ask(await _robot(ostiary), 30)
    assert len(await _recorded(ostiary)) == 30
