"""Guessing codes and passwords: few tries, however they are made, and an answer that tells when to come back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE
from tests.attacks.evidence import assert_refused, later
from tests.support.installation import PASSWORD, code_for, link_for, new_client, new_person, settings_for_test
from tests.support.time import ManualClock


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def begin(ostiary: Ostiary, email: str) -> str:
    later(ostiary)
    answer = await new_client(ostiary).post("/api/auth/register", json={"email": email, "password": PASSWORD})
    flow: str = answer.json()["flow"]
    return flow


async def verify(ostiary: Ostiary, **body: str) -> httpx.Response:
    return await new_client(ostiary).post("/api/auth/verify", json=body)


async def test_a_code_is_void_after_five_wrong_tries(ostiary: Ostiary) -> None:
    flow = await begin(ostiary, "ada@example.com")
    code = await code_for(ostiary, "ada@example.com")
    for _ in range(5):
        assert_refused(await verify(ostiary, flow=flow, code=wrong(code)), 400, "invalid_challenge")
    assert_refused(await verify(ostiary, flow=flow, code=code), 400, "invalid_challenge")


async def test_a_code_is_good_at_the_last_try(ostiary: Ostiary) -> None:
    flow = await begin(ostiary, "ada@example.com")
    code = await code_for(ostiary, "ada@example.com")
    for _ in range(4):
        await verify(ostiary, flow=flow, code=wrong(code))
    assert (await verify(ostiary, flow=flow, code=code)).status_code == 200


async def test_guessing_the_password_of_a_link_ends_with_its_tries(ostiary: Ostiary) -> None:
    await begin(ostiary, "ada@example.com")
    link = await link_for(ostiary, "ada@example.com")
    for number in range(5):
        assert_refused(await verify(ostiary, token=link, password=f"guess {number}"), 401, "invalid_credentials")
    assert_refused(await verify(ostiary, token=link, password=PASSWORD), 400, "invalid_challenge")


async def test_a_code_is_worth_nothing_in_another_flow(ostiary: Ostiary) -> None:
    """Neither the attacker's own flow with the victim's code, nor the victim's code without any flow."""
    attackers = await begin(ostiary, "eve@example.com")
    victims = await begin(ostiary, "ada@example.com")
    code = await code_for(ostiary, "ada@example.com")
    if await code_for(ostiary, "eve@example.com") == code:
        pytest.skip("one in a million: both codes are the same")
    for flow in (attackers, "", "a" * 43):
        assert_refused(await verify(ostiary, flow=flow, code=code), 400, "invalid_challenge", flow)
    assert_refused(await verify(ostiary, code=code), 400, "invalid_challenge")
    assert (await verify(ostiary, flow=victims, code=code)).json()["account"]["email"] == "ada@example.com"


async def test_a_new_code_voids_the_old_one(ostiary: Ostiary) -> None:
    flow = await begin(ostiary, "ada@example.com")
    code, link = await code_for(ostiary, "ada@example.com"), await link_for(ostiary, "ada@example.com")
    later(ostiary)
    again = await new_client(ostiary).post("/api/auth/verify/resend", json={"flow": flow})
    assert again.status_code == 200
    assert_refused(await verify(ostiary, flow=flow, code=code), 400, "invalid_challenge")
    assert_refused(await verify(ostiary, token=link, password=PASSWORD), 400, "invalid_challenge")
    fresh = await code_for(ostiary, "ada@example.com")
    assert (await verify(ostiary, flow=again.json()["flow"], code=fresh)).status_code == 200


@pytest.fixture
async def strict(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """With the limits that an installation has which sets none."""
    settings = settings_for_test(
        sqlite_url,
        limits__login_account="10/5m",
        limits__login_address="30/1m",
        limits__mail_account="5/1h",
        limits__verify_address="30/10m",
        limits__register_address="20/1h",
    )
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        yield opened


async def sign_in(ostiary: Ostiary, identifier: str, password: str) -> httpx.Response:
    body = {"identifier": identifier, "password": password}
    return await new_client(ostiary).post("/api/auth/login", json=body)


async def test_ten_tries_on_one_account_and_then_one_each_half_minute(strict: Ostiary, clock: ManualClock) -> None:
    person = await new_person(strict, "ada@example.com")
    for number in range(10):
        assert_refused(await sign_in(strict, "ada@example.com", f"guess {number}"), 401, "invalid_credentials")
    spellings = ["ada@example.com", "ADA@example.com", " ada@example.com ", "ada@EXAMPLE.com"]
    for spelling in spellings:  # also with the right password, or guessing would go on
        answer = await sign_in(strict, spelling, person.password)
        assert_refused(answer, 429, "rate_limited", spelling)
        assert 0 < int(answer.headers["retry-after"]) <= 31
    clock.advance(31_000)
    assert (await sign_in(strict, "ada@example.com", person.password)).status_code == 200


async def test_the_throttle_answers_alike_for_an_account_that_is_none(strict: Ostiary) -> None:
    await new_person(strict, "ada@example.com")
    seen = []
    for identifier in ("ada@example.com", "nobody@example.com"):
        answers = [await sign_in(strict, identifier, f"guess {number}") for number in range(12)]
        seen.append([_told(answer) for answer in answers])
    assert seen[0] == seen[1]
    assert [status for status, *_ in seen[0]] == [401] * 10 + [429] * 2


async def test_one_network_address_may_try_thirty_times_a_minute(strict: Ostiary, clock: ManualClock) -> None:
    answers = [await sign_in(strict, f"person{number}@example.com", "guess") for number in range(31)]
    assert [answer.status_code for answer in answers] == [401] * 30 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    clock.advance(MINUTE)
    assert (await sign_in(strict, "other@example.com", "guess")).status_code == 401


async def test_asking_for_the_own_password_is_throttled_too(strict: Ostiary) -> None:
    """Whoever finds a screen unlocked must not find out the password there."""
    person = await new_person(strict)
    for number in range(10):
        body = {"current_password": f"guess {number}", "new_password": "another long lantern"}
        answer = await person.request("PUT", "/api/credentials/password", body)
        assert_refused(answer, 401, "invalid_credentials")
    body = {"email": "eve@example.com", "password": person.password}
    assert_refused(await person.request("POST", "/api/auth/email", body), 429, "rate_limited")
    assert (await person.request("GET", "/api/auth/me")).status_code == 200


async def test_nobodys_mail_box_is_filled(strict: Ostiary, clock: ManualClock) -> None:
    flow = await begin(strict, "ada@example.com")
    for _ in range(4):
        answer = await new_client(strict).post("/api/auth/verify/resend", json={"flow": flow})
        flow = answer.json()["flow"]
    answer = await new_client(strict).post("/api/auth/verify/resend", json={"flow": flow})
    assert_refused(answer, 429, "rate_limited")
    body = {"email": "Ada@example.com", "password": PASSWORD}
    assert_refused(await new_client(strict).post("/api/auth/register", json=body), 429, "rate_limited")
    assert_refused(await sign_in(strict, "ada@example.com", PASSWORD), 429, "rate_limited")
    assert len(await strict.use.mailer.outbox(100)) == 5


async def test_ipv4_clients_of_a_socket_for_both_kinds_do_not_share_a_limit(strict: Ostiary) -> None:
    transport = [httpx.ASGITransport(app=strict, client=(f"::ffff:203.0.113.{n}", 1)) for n in (1, 2)]
    one, other = (httpx.AsyncClient(transport=each, base_url="http://localhost:8000") for each in transport)
    for number in range(30):
        await one.post("/api/auth/login", json={"identifier": f"p{number}@example.com", "password": "guess"})
    answer = await one.post("/api/auth/login", json={"identifier": "p@example.com", "password": "guess"})
    assert answer.status_code == 429
    answer = await other.post("/api/auth/login", json={"identifier": "p@example.com", "password": "guess"})
    assert answer.status_code == 401


def _told(answer: httpx.Response) -> tuple[int, str, str | None, tuple[str, ...]]:
    problem = answer.json()
    return answer.status_code, problem["code"], answer.headers.get("retry-after"), tuple(sorted(problem))
