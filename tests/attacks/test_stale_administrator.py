"""Whoever has a session of an administrator, and not the administrator's password."""

from __future__ import annotations

from ostiary.app import Ostiary
from ostiary.base.clock import HOUR
from tests.attacks.evidence import assert_refused
from tests.support.installation import new_administrator, new_person
from tests.support.second_factors import add_app
from tests.support.time import ManualClock

STEP_UP = (401, "insufficient_user_authentication")
THIEFS = {"email": "thief@example.com"}


async def test_the_thief_cannot_have_an_account_answer_to_another_address(ostiary: Ostiary, clock: ManualClock) -> None:
    administrator, other = await new_administrator(ostiary), await new_person(ostiary)
    clock.advance(HOUR)
    for account_id in (administrator.id, other.id):
        path = f"/api/accounts/{account_id}"
        assert_refused(await administrator.request("PATCH", path, THIEFS), *STEP_UP)
        assert (await administrator.request("PATCH", path, {"name": "Ada"})).status_code == 200, "it opens nothing"


async def test_the_thief_cannot_have_a_second_factor_removed(ostiary: Ostiary, clock: ManualClock) -> None:
    administrator, other = await new_administrator(ostiary), await new_person(ostiary)
    await add_app(other, clock)
    await add_app(administrator, clock)
    clock.advance(HOUR)
    for account_id in (administrator.id, other.id):
        path = f"/api/accounts/{account_id}/second-factor-removal"
        assert_refused(await administrator.request("POST", path), *STEP_UP)
        assert (await administrator.request("GET", path)).status_code == 404
