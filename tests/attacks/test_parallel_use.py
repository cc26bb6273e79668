"""What works once works once under a hundred parallel tries; what may be there once is there once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

from ostiary.app import Ostiary
from tests.attacks.evidence import contents, later
from tests.support.installation import (
    PASSWORD,
    code_for,
    link_for,
    new_administrator,
    new_client,
    new_person,
    settings_for_test,
)
from tests.support.time import ManualClock

MANY = 100


@pytest.fixture
async def crowded(database_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """An installation in which a hundred may wait for a hash."""
    settings = settings_for_test(database_url, passwords__queue=1000)
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        yield opened


async def post_at_once(ostiary: Ostiary, path: str, body: dict[str, str]) -> list[httpx.Response]:
    clients = [new_client(ostiary) for _ in range(MANY)]
    return list(await asyncio.gather(*(client.post(path, json=body) for client in clients)))


def statuses(answers: list[httpx.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


async def begin(ostiary: Ostiary, email: str = "ada@example.com") -> str:
    answer = await new_client(ostiary).post("/api/auth/register", json={"email": email, "password": PASSWORD})
    flow: str = answer.json()["flow"]
    return flow


async def test_of_100_parallel_uses_of_one_code_one_wins(crowded: Ostiary) -> None:
    flow, code = await begin(crowded), await code_for(crowded, "ada@example.com")
    answers = await post_at_once(crowded, "/api/auth/verify", {"flow": flow, "code": code})
    assert statuses(answers) == {200: 1, 400: MANY - 1}
    assert len((await contents(crowded))["sessions"]) == 1


async def test_of_100_parallel_uses_of_one_link_one_wins(crowded: Ostiary) -> None:
    flow, link = await begin(crowded), await link_for(crowded, "ada@example.com")
    answers = await post_at_once(crowded, "/api/auth/verify", {"flow": flow, "token": link})
    assert statuses(answers) == {200: 1, 400: MANY - 1}
    assert len((await contents(crowded))["sessions"]) == 1


async def test_of_code_and_link_of_two_flows_of_one_account_one_wins(crowded: Ostiary) -> None:
    """Two registrations of one address, ended at once: one of them makes the account, whole."""
    first = {"flow": await begin(crowded), "code": await code_for(crowded, "ada@example.com")}
    later(crowded)
    second = {"flow": await begin(crowded), "code": await code_for(crowded, "ada@example.com")}
    clients = [new_client(crowded) for _ in range(MANY)]
    bodies = [first, second] * (MANY // 2)
    answers = await asyncio.gather(
        *(client.post("/api/auth/verify", json=body) for client, body in zip(clients, bodies, strict=True))
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: MANY - 1}


async def test_of_100_parallel_uses_of_the_first_administrators_link_one_wins(crowded: Ostiary) -> None:
    link = await crowded.use.first_administrator.link(crowded.operator())
    assert link is not None
    token = link.partition("token=")[2]

    clients = [new_client(crowded) for _ in range(MANY)]
    pages = await asyncio.gather(*(client.get(f"/setup?token={token}") for client in clients))

    async def use(number: int) -> int:
        form_token = pages[number].text.partition('name="csrf_token" value="')[2].partition('"')[0]
        data = {"token": token, "email": f"admin{number}@example.com", "password": PASSWORD, "csrf_token": form_token}
        return (await clients[number].post("/setup", data=data)).status_code

    assert Counter(await asyncio.gather(*map(use, range(MANY)))) == {303: 1, 400: MANY - 1}
    rows = await contents(crowded)
    assert (len(rows["accounts"]), len(rows["role_assignments"]), len(rows["sessions"])) == (1, 1, 1)
    assert await crowded.use.first_administrator.link(crowded.operator()) is None


async def test_100_parallel_registrations_of_one_address_make_one_account(crowded: Ostiary) -> None:
    spellings = ["ada@example.com", "ADA@example.com", "Ada@EXAMPLE.com", "aDa@Example.Com"]

    async def register(number: int) -> httpx.Response:
        body = {"email": spellings[number % 4], "password": PASSWORD}
        return await new_client(crowded).post("/api/auth/register", json=body)

    answers = list(await asyncio.gather(*map(register, range(MANY))))
    assert statuses(answers) == {200: MANY}
    rows = await contents(crowded)
    assert (len(rows["accounts"]), len(rows["passwords"]), len(rows["flows"])) == (1, 1, MANY)


async def test_100_parallel_registrations_of_one_username_give_it_once(crowded: Ostiary) -> None:
    async def register(number: int) -> httpx.Response:
        body = {"email": f"ada+{number}@example.com", "password": PASSWORD, "username": "Ada" if number % 2 else "ada"}
        return await new_client(crowded).post("/api/auth/register", json=body)

    answers = list(await asyncio.gather(*map(register, range(MANY))))
    assert statuses(answers) == {200: 1, 409: MANY - 1}
    assert len((await contents(crowded))["accounts"]) == 1


async def test_100_parallel_sign_outs_are_one(crowded: Ostiary) -> None:
    person = await new_person(crowded)
    headers = {**person.headers, "Cookie": f"ostiary_session={person.client.cookies['ostiary_session']}"}
    clients = [new_client(crowded) for _ in range(MANY)]
    answers = await asyncio.gather(*(client.post("/api/auth/logout", headers=headers, json={}) for client in clients))
    assert all(answer.status_code < 500 for answer in answers)
    assert (await contents(crowded))["sessions"] == []
    assert (await new_client(crowded).get("/api/auth/me", headers=headers)).status_code == 401


async def test_100_parallel_wrong_guesses_leave_the_code_void(crowded: Ostiary) -> None:
    """Of a hundred guesses at once five count, whichever: the right one behind them comes too late."""
    flow, code = await begin(crowded), await code_for(crowded, "ada@example.com")
    wrong = [f"{(int(code) + number) % 10**6:06d}" for number in range(1, MANY + 1)]
    clients = [new_client(crowded) for _ in range(MANY)]
    answers = await asyncio.gather(
        *(
            client.post("/api/auth/verify", json={"flow": flow, "code": guess})
            for client, guess in zip(clients, wrong, strict=True)
        )
    )
    assert statuses(list(answers)) == {400: MANY}
    answer = await new_client(crowded).post("/api/auth/verify", json={"flow": flow, "code": code})
    assert answer.json()["code"] == "invalid_challenge"


async def test_two_administrators_who_remove_each_other_at_once_leave_one(crowded: Ostiary) -> None:
    for act in ("disable", "delete", "unassign"):
        first, second = await new_administrator(crowded), await new_administrator(crowded)
        for other in await _administrators_besides(crowded, {first.id, second.id}):
            await crowded.use.account_administration.delete(crowded.operator(), other)
        paths = [await _removal(crowded, act, each.id) for each in (first, second)]
        method, body = ("PATCH", {"status": "disabled"}) if act == "disable" else ("DELETE", None)
        answers = await asyncio.gather(first.request(method, paths[1], body), second.request(method, paths[0], body))
        assert sum(answer.is_success for answer in answers) == 1, (act, [answer.text for answer in answers])
        assert len(await _administrators_besides(crowded, set())) == 1


async def _removal(ostiary: Ostiary, act: str, account_id: str) -> str:
    if act != "unassign":
        return f"/api/accounts/{account_id}"
    held = await ostiary.use.assignments.list(ostiary.operator(), account_id)
    return f"/api/accounts/{account_id}/roles/{held.items[0].id}"


async def _administrators_besides(ostiary: Ostiary, besides: set[str]) -> list[str]:
    """Who is active and has the role, from the tables themselves."""
    rows = await contents(ostiary)
    active = {row[0] for row in rows["accounts"] if row[2] == "active"}
    return [row[1] for row in rows["role_assignments"] if row[1] in active and row[1] not in besides]
