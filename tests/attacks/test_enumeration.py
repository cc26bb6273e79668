"""Nobody finds out who has an account: not by answers, not by time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ostiary.app import Ostiary
from tests.attacks.evidence import later
from tests.support.installation import PASSWORD, new_client, new_person, settings_for_test

KNOWN, UNKNOWN = "ada@example.com", "nobody@example.com"
RANDOM = {"flow": "", "request_id": "", "sent_to": ""}
PAIRS = 60
ROUNDS = 3


def shape(answer: httpx.Response) -> tuple[int, dict[str, Any], set[str], int]:
    """What a stranger sees, random members and the address that they typed themselves apart."""
    members: dict[str, Any] = answer.json()
    names = {name for name in answer.headers if name != "content-length"}
    shown = {name: RANDOM.get(name, value) for name, value in members.items()}
    return answer.status_code, shown, names, len(members.get("flow", ""))


async def post(ostiary: Ostiary, path: str, **body: str) -> httpx.Response:
    return await new_client(ostiary).post(path, json=body)


async def test_an_unknown_account_and_a_wrong_password_are_the_same_answer(ostiary: Ostiary) -> None:
    await new_person(ostiary, KNOWN, username="ada")
    seen = [
        shape(await post(ostiary, "/api/auth/login", identifier=identifier, password="a wrong password"))
        for identifier in (KNOWN, UNKNOWN, "ada", "nobody", "", "@", "not an address@", "a" * 300, "ada@example")
    ]
    assert all(each == seen[0] for each in seen)
    assert seen[0][0] == 401


async def test_registering_an_address_that_has_an_account_is_the_same_answer(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, KNOWN)
    seen = []
    for address in (KNOWN, UNKNOWN, UNKNOWN, "Ada@Example.com"):
        later(ostiary)
        registered = await post(ostiary, "/api/auth/register", email=address, password=PASSWORD)
        flow = registered.json()["flow"]
        wrong = await post(ostiary, "/api/auth/verify", flow=flow, code="000000")
        resent = await post(ostiary, "/api/auth/verify/resend", flow=flow)
        seen.append([shape(registered), shape(wrong), shape(resent)])
    assert all(each == seen[0] for each in seen)
    assert [answer[0] for answer in seen[0]] == [200, 400, 200]
    assert (await person.request("GET", "/api/auth/me")).status_code == 200


async def test_each_of_these_answers_is_one_mail_to_the_address(ostiary: Ostiary) -> None:
    """So neither the time it takes nor the limit of mails tells; the owner learns that somebody tried."""
    await new_person(ostiary, KNOWN)
    for address in (KNOWN, UNKNOWN):
        before = len(await ostiary.use.mailer.outbox(100))
        flow = (await post(ostiary, "/api/auth/register", email=address, password=PASSWORD)).json()["flow"]
        await post(ostiary, "/api/auth/verify/resend", flow=flow)
        mails = await ostiary.use.mailer.outbox(100)
        assert len(mails) == before + 2, address
        assert len([mail for mail in mails if mail.to == address]) >= 2
    for mail in await ostiary.use.mailer.outbox(100):
        if mail.to == KNOWN and "already" in mail.subject:
            assert "verify?token" not in mail.text


async def test_the_pages_do_not_tell_either(ostiary: Ostiary) -> None:
    await new_person(ostiary, KNOWN)
    seen = []
    for address in (KNOWN, UNKNOWN):
        client = new_client(ostiary)
        token = (await client.get("/register")).text.partition('name="csrf_token" value="')[2].partition('"')[0]
        data = {"email": address, "password": PASSWORD, "csrf_token": token}
        answer = await client.post("/register", data=data)
        page = await client.get("/verify")
        seen.append((answer.status_code, answer.headers["location"], page.status_code, address in page.text))
    assert seen[0] == seen[1]


async def test_a_username_is_not_told_to_belong_to_an_address(ostiary: Ostiary) -> None:
    """Usernames are public and addresses are not: registering both together must not tell that they are one's."""
    await new_person(ostiary, KNOWN, username="ada")
    for address in (KNOWN, UNKNOWN):
        answer = await post(ostiary, "/api/auth/register", email=address, password=PASSWORD, username="Ada")
        assert (answer.status_code, answer.json()["code"]) == (409, "username_taken"), address


@pytest.mark.alone
async def test_an_unknown_account_and_a_wrong_password_take_the_same_time(sqlite: Ostiary) -> None:
    """Medians within 5 %. The machine is noisy, so the two are interleaved, and a bad round may be measured again."""
    await new_person(sqlite, KNOWN)
    client = new_client(sqlite)

    async def try_it(identifier: str) -> None:
        answer = await client.post("/api/auth/login", json={"identifier": identifier, "password": "a wrong password"})
        assert answer.status_code == 401

    await assert_alike(lambda: try_it(KNOWN), lambda: try_it(UNKNOWN))


@pytest.mark.alone
async def test_registering_an_address_that_has_an_account_takes_the_same_time(sqlite: Ostiary) -> None:
    await new_person(sqlite, KNOWN)
    client = new_client(sqlite)
    numbers = iter(range(10_000))

    async def try_it(address: str) -> None:
        answer = await client.post("/api/auth/register", json={"email": address, "password": PASSWORD})
        assert answer.status_code == 200

    await assert_alike(lambda: try_it(KNOWN), lambda: try_it(f"nobody+{next(numbers)}@example.com"))


async def assert_alike(one: Callable[[], Awaitable[None]], other: Callable[[], Awaitable[None]]) -> None:
    ratios: list[float] = []
    for _ in range(ROUNDS):
        taken: tuple[list[float], list[float]] = [], []
        for number in range(PAIRS):
            order = (0, 1) if number % 2 else (1, 0)
            for which in order:
                before = time.perf_counter()
                await (one, other)[which]()
                taken[which].append(time.perf_counter() - before)
        ratios.append(statistics.median(taken[0]) / statistics.median(taken[1]))
        if abs(ratios[-1] - 1) <= 0.05:
            return
    raise AssertionError(f"medians differ in every round: {ratios}")


async def test_a_closed_registration_tells_nothing(sqlite_url: str) -> None:
    settings = settings_for_test(sqlite_url, registration__open=False)
    async with await Ostiary.open(settings, migrate_first=True) as ostiary:
        for address in (KNOWN, "not an address"):
            answer = await post(ostiary, "/api/auth/register", email=address, password=PASSWORD)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert await ostiary.use.mailer.outbox(10) == []
