"""What ends access ends it at once: a disabled or deleted account, a changed password, a changed address."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from ostiary.app import Ostiary
from ostiary.authorization import AssignmentCreate
from tests.attacks.evidence import assert_refused, contents, later
from tests.support.installation import PASSWORD, Person, code_for, new_administrator, new_client, new_person
from tests.support.sessions import current_id, opens, secret_of, secret_set, show


async def test_a_disabled_account_stops_at_once_however_it_is_signed_in(ostiary: Ostiary) -> None:
    await assert_ends(ostiary, lambda boss, id_: boss.request("PATCH", f"/api/accounts/{id_}", {"status": "disabled"}))


async def test_a_deleted_account_stops_at_once_however_it_is_signed_in(ostiary: Ostiary) -> None:
    await assert_ends(ostiary, lambda boss, id_: boss.request("DELETE", f"/api/accounts/{id_}"))


async def assert_ends(ostiary: Ostiary, end: Any) -> None:
    boss, by_cookie = await new_administrator(ostiary), await new_person(ostiary)
    others = [
        await Person(ostiary, new_client(ostiary), by_cookie.id, by_cookie.email, PASSWORD).sign_in(delivery)
        for delivery in ("token", "token_cookie")
    ]
    assert (await end(boss, by_cookie.id)).is_success
    for person in (by_cookie, *others):
        for method, path in (("GET", "/api/auth/me"), ("GET", "/api/sessions"), ("PATCH", "/api/auth/me")):
            answer = await person.request(method, path, {"name": "x"} if method == "PATCH" else None)
            assert answer.status_code == 401, (path, answer.text)
    body = {"refresh_token": others[0].tokens["refresh_token"]}
    assert_refused(await new_client(ostiary).post("/api/auth/refresh", json=body), 401, "invalid_token")
    assert (await others[1].request("POST", "/api/auth/refresh", {})).status_code == 401
    assert not (await others[0].client.post("/api/auth/login", json=_credentials(by_cookie))).is_success


def _credentials(person: Person) -> dict[str, str]:
    return {"identifier": person.email, "password": person.password}


async def test_a_sign_in_under_way_does_not_outlive_what_ends_all_sign_ins(ostiary: Ostiary) -> None:
    """Between reading the account and the session lies a hash: 25 ms in which it may be disabled or deleted."""
    boss = await new_administrator(ostiary)
    acts: dict[str, Any] = {
        "disabled": lambda id_: boss.request("PATCH", f"/api/accounts/{id_}", {"status": "disabled"}),
        "deleted": lambda id_: boss.request("DELETE", f"/api/accounts/{id_}"),
    }
    for case, act in acts.items():
        for _ in range(3):
            victim = await new_person(ostiary)
            signing_in = [
                asyncio.create_task(new_client(ostiary).post("/api/auth/login", json=_credentials(victim)))
                for _ in range(4)
            ]
            await asyncio.sleep(0.02)  # not for time to pass: for the hashes to begin
            assert (await act(victim.id)).is_success
            answers = await asyncio.gather(*signing_in)
            assert all(answer.status_code in (200, 401, 403, 503) for answer in answers), case
            left = [row for row in (await contents(ostiary))["sessions"] if victim.id in row]
            assert left == [], (case, [answer.status_code for answer in answers])


async def test_a_password_change_ends_the_other_sign_ins_and_tells_the_owner(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    others = [
        await Person(ostiary, new_client(ostiary), person.id, person.email, PASSWORD).sign_in(delivery)
        for delivery in ("cookie", "token", "token_cookie")
    ]
    body = {"current_password": PASSWORD, "new_password": "an altogether new lantern"}
    assert (await person.request("PUT", "/api/credentials/password", body)).status_code == 204
    assert (await person.request("GET", "/api/auth/me")).status_code == 200
    assert (await others[0].request("GET", "/api/auth/me")).status_code == 401
    refresh = {"refresh_token": others[1].tokens["refresh_token"]}
    assert_refused(await new_client(ostiary).post("/api/auth/refresh", json=refresh), 401, "invalid_token")
    assert (await others[2].request("POST", "/api/auth/refresh", {})).status_code == 401
    assert_refused(
        await new_client(ostiary).post("/api/auth/login", json=_credentials(person)), 401, "invalid_credentials"
    )
    assert any("password" in mail.subject for mail in await ostiary.use.mailer.outbox(5) if mail.to == person.email)


async def test_a_change_of_address_tells_both_and_takes_effect_only_when_proved(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, "old@example.com")
    later(ostiary)
    body = {"email": "new@example.com", "password": PASSWORD}
    flow = (await person.request("POST", "/api/auth/email", body)).json()["flow"]
    assert (await person.request("GET", "/api/auth/me")).json()["account"]["email"] == "old@example.com"
    told = [mail.to for mail in await ostiary.use.mailer.outbox(2)]
    assert sorted(told) == ["new@example.com", "old@example.com"]
    proof = {"flow": flow, "code": await code_for(ostiary, "new@example.com")}
    later(ostiary)
    assert (await new_client(ostiary).post("/api/auth/verify", json=proof)).json()["status"] == "changed"
    told = [mail.to for mail in await ostiary.use.mailer.outbox(2)]
    assert sorted(told) == ["new@example.com", "old@example.com"]


async def test_a_disabled_account_does_not_get_the_address_that_it_asked_for(ostiary: Ostiary) -> None:
    person, boss = await new_person(ostiary), await new_administrator(ostiary)
    body = {"email": "new@example.com", "password": PASSWORD}
    flow = (await person.request("POST", "/api/auth/email", body)).json()["flow"]
    await boss.request("PATCH", f"/api/accounts/{person.id}", {"status": "disabled"})
    proof = {"flow": flow, "code": await code_for(ostiary, "new@example.com")}
    assert_refused(await new_client(ostiary).post("/api/auth/verify", json=proof), 400, "invalid_challenge")


@pytest.mark.parametrize("what", ["one", "all"])
async def test_a_session_that_ends_beside_a_change_of_its_secret_has_ended(ostiary: Ostiary, what: str) -> None:
    """On PostgreSQL whoever waits for a row does not see those that came meanwhile: here, that of the new secret."""
    person, boss = await new_person(ostiary), await new_administrator(ostiary)
    path = f"/api/accounts/{person.id}/sessions" + (f"/{await current_id(person)}" if what == "one" else "")
    secret = secret_of(person.client)
    await ostiary.use.assignments.assign(ostiary.operator(), person.id, AssignmentCreate("administrator"))
    assert (await boss.request("GET", "/api/auth/me")).status_code == 200  # its own new secret is due, too
    async with _held(ostiary, person) as waiting:
        rotating = asyncio.create_task(show(ostiary, secret))
        await waiting(1)
        ending = asyncio.create_task(boss.request("DELETE", path))
        await waiting(2)
    answer = await rotating
    assert (await ending).is_success
    for each in (secret, secret_set(answer)):
        assert each is None or not await opens(ostiary, each)


@contextlib.asynccontextmanager
async def _held(ostiary: Ostiary, person: Person) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Keep a person's sessions to ourselves, where others can wait for a row; yields what waits until so many do."""
    url = ostiary.use.settings.database.url

    async def nobody_can(_: int) -> None:
        await asyncio.sleep(0)

    if url.startswith("sqlite"):
        yield nobody_can
        return
    connection, observer = await asyncpg.connect(url), await asyncpg.connect(url)

    async def waiting(count: int) -> None:
        query = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        async with asyncio.timeout(10):
            while await observer.fetchval(query) < count:  # noqa: ASYNC110 - the database has no event for it
                await asyncio.sleep(0.01)

    try:
        async with connection.transaction():
            await connection.execute("SELECT 1 FROM sessions WHERE account_id = $1 FOR UPDATE", person.id)
            yield waiting
    finally:
        await connection.close()
        await observer.close()
