"""Whoever has guessed a password, where its owner has nothing else to show."""

from __future__ import annotations

from ostiary.app import Ostiary
from tests.support.installation import new_client, new_person, settings_for_test
from tests.support.time import ManualClock


async def test_who_has_guessed_the_password_is_not_asked_to_add_a_factor_of_their_own(
    database_url: str, clock: ManualClock
) -> None:
    settings = settings_for_test(database_url, limits__suspicion_account="3/1d", sign_in__email=False)
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as ostiary:
        person = await new_person(ostiary)
        bodies = [{"identifier": person.email, "password": "another quiet lantern"}] * 4
        for body in bodies:
            await new_client(ostiary).post("/api/auth/login", json=body)
        body = {"identifier": person.email, "password": person.password}
        answer = await new_client(ostiary).post("/api/auth/login", json=body)
        assert answer.json()["status"] == "complete"
