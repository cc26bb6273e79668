"""Sign-ins that are under way while what they stand on is taken away."""

from __future__ import annotations

import asyncio

from ostiary.app import Ostiary
from tests.support.installation import PASSWORD, new_administrator, new_client, new_person

_SIGN_INS = "SELECT COUNT(*) FROM sessions WHERE account_id = :id"


async def _login(ostiary: Ostiary, identifier: str, delay: int) -> int:
    for _ in range(delay):
        await asyncio.sleep(0)
    body = {"identifier": identifier, "password": PASSWORD}
    return (await new_client(ostiary).post("/api/auth/login", json=body)).status_code


async def test_none_outlives_the_disabling_of_its_account(ostiary: Ostiary) -> None:
    administrator, person = await new_administrator(ostiary), await new_person(ostiary)
    path = f"/api/accounts/{person.id}"
    logins = [asyncio.create_task(_login(ostiary, person.email, delay)) for delay in range(0, 60, 10)]
    assert await logins[0] == 200  # the others are at every step of their way
    assert (await administrator.request("PATCH", path, {"status": "disabled"})).status_code == 200
    assert set(await asyncio.gather(*logins)) <= {200, 403, 503}
    assert await ostiary.use.db.fetch_value(_SIGN_INS, id=person.id) == 0


async def test_none_with_the_old_password_outlives_its_change(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    body = {"current_password": PASSWORD, "new_password": "nine brisk umbrellas"}
    change = asyncio.create_task(person.request("PUT", "/api/credentials/password", body))
    logins = [asyncio.create_task(_login(ostiary, person.email, delay)) for delay in range(0, 60, 10)]
    assert (await change).status_code == 204
    assert set(await asyncio.gather(*logins)) <= {200, 401, 503}
    left = (await person.request("GET", "/api/sessions")).json()["items"]
    assert [one["current"] for one in left] == [True], "the one that changed it"


async def test_none_is_left_of_an_account_that_is_deleted(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    logins = [asyncio.create_task(_login(ostiary, person.email, delay)) for delay in range(0, 60, 10)]
    await logins[0]
    await ostiary.use.account_administration.delete(ostiary.operator(), person.id)
    assert set(await asyncio.gather(*logins)) <= {200, 401, 503}
    assert await ostiary.use.db.fetch_value(_SIGN_INS, id=person.id) == 0
