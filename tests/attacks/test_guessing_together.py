"""Guessing by many at once, at several processes, and while nothing can be counted: no try more than the limit says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import HOUR, MINUTE, SECOND
from tests.attacks.evidence import assert_refused, contents, counts
from tests.conftest import OpenInstallation
from tests.support.installation import Person, new_client, new_person, settings_for_test
from tests.support.redis_servers import RedisServer
from tests.support.time import ManualClock

MANY = 200
EMAIL = "ada@example.com"


async def guess(ostiary: Ostiary, identifier: str = EMAIL, password: str = "a guess") -> httpx.Response:
    async with new_client(ostiary) as client:
        return await client.post("/api/auth/login", json={"identifier": identifier, "password": password})


def statuses(answers: list[httpx.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


def right_of(person: Person) -> dict[str, str]:
    return {"identifier": person.email, "password": person.password}


async def sign_out(person: Person) -> None:
    """Their browser keeps the cookie by which it is known."""
    assert (await person.request("POST", "/api/auth/logout")).status_code == 204


@pytest.mark.parametrize("limit", ["limits__login_account", "limits__login_address", "limits__login_total"])
async def test_of_200_guesses_at_once_just_so_many_are_looked_at(
    installation: OpenInstallation, clock: ManualClock, limit: str
) -> None:
    """Asked of two installations on one store, as of two processes."""
    both = [await installation(passwords__queue=1000, **{limit: "17/1h"}) for _ in range(2)]
    answers = await asyncio.gather(*(guess(both[n % 2]) for n in range(MANY)))
    assert statuses(answers) == {401: 17, 429: MANY - 17}
    waits = {int(answer.headers["retry-after"]) for answer in answers if answer.status_code == 429}
    assert waits == {-(-3600 // 17)}
    clock.advance((waits.pop() - 1) * SECOND)
    assert [(await guess(each)).status_code for each in both] == [429, 429]
    clock.advance(SECOND)
    assert [(await guess(each)).status_code for each in both] == [401, 429]


async def test_the_right_password_among_200_guesses_at_once_is_not_looked_at_beyond_the_limit(
    installation: OpenInstallation,
) -> None:
    ostiary = await installation(passwords__queue=1000, limits__login_account="5/1h")
    person = await new_person(ostiary, EMAIL)
    answers = await asyncio.gather(*(guess(ostiary) for _ in range(MANY)))
    assert statuses(answers) == {401: 5, 429: MANY - 5}
    assert_refused(await guess(ostiary, password=person.password), 429, "rate_limited")


async def test_strangers_at_the_limit_lock_nobody_out_of_a_browser_used_before(
    installation: OpenInstallation, clock: ManualClock
) -> None:
    ostiary = await installation(limits__login_account="5/1h", limits__login_total="30/1h", passwords__queue=1000)
    person = await new_person(ostiary, EMAIL)
    await sign_out(person)
    for strangers in ([guess(ostiary) for _ in range(MANY)], [guess(ostiary, f"no{n}@a.b") for n in range(40)]):
        assert 429 in statuses(await asyncio.gather(*strangers))
        for _ in range(3):
            answer = await person.client.post("/api/auth/login", json=right_of(person))
            assert answer.status_code == 200
            person.csrf = answer.json()["csrf_token"]
            await sign_out(person)
        assert_refused(await guess(ostiary, password=person.password), 429, "rate_limited")


async def test_a_browser_used_before_has_no_more_tries_than_strangers(installation: OpenInstallation) -> None:
    """Whoever stole its cookie guesses no faster."""
    ostiary = await installation(limits__login_account="5/1h", passwords__queue=1000)
    person = await new_person(ostiary, EMAIL)
    await sign_out(person)
    body = {"identifier": EMAIL, "password": "a guess"}
    answers = await asyncio.gather(*(person.client.post("/api/auth/login", json=body) for _ in range(40)))
    assert statuses(answers) == {401: 5, 429: 35}
    assert (await guess(ostiary, password=person.password)).status_code == 200


async def test_another_process_knows_who_has_proved_the_password(installation: OpenInstallation) -> None:
    one, other = [await installation(limits__login_account="3/1h") for _ in range(2)]
    person = await new_person(one, EMAIL)
    for _ in range(4):
        for each in (one, other):
            assert_refused(await guess(each), 401, "invalid_credentials")
        assert (await guess(other, password=person.password)).status_code == 200


async def test_a_process_that_starts_again_has_not_forgotten(installation: OpenInstallation) -> None:
    settings = {"limits__login_account": "3/1h"}
    before = await installation(**settings)
    for _ in range(3):
        await guess(before)
    assert_refused(await guess(await installation(**settings)), 429, "rate_limited")


async def test_mails_are_counted_together(installation: OpenInstallation) -> None:
    one, other = [await installation(limits__mail_account="5/1h", passwords__queue=1000) for _ in range(2)]

    async def register(ostiary: Ostiary) -> httpx.Response:
        async with new_client(ostiary) as client:
            return await client.post("/api/auth/register", json={"email": EMAIL, "password": "seven quiet lanterns"})

    answers = await asyncio.gather(*(register((one, other)[n % 2]) for n in range(40)))
    assert statuses(answers) == {200: 5, 429: 35}
    assert len(await one.use.mailer.outbox(100)) == 5


async def test_what_is_typed_is_nowhere_among_the_counts(installation: OpenInstallation) -> None:
    ostiary = await installation()
    await guess(ostiary, identifier="my secret password by mistake")
    counted = await counts(ostiary)
    assert counted or ostiary.use.redis is not None
    assert "mistake" not in repr(counted)
    assert "203.0.113" not in repr(counted)


async def test_counts_that_are_past_are_swept(ostiary: Ostiary, clock: ManualClock) -> None:
    for number in range(5):
        await guess(ostiary, identifier=f"nobody {number}")
    assert len(await counts(ostiary)) > 5
    clock.advance(HOUR + MINUTE)
    await ostiary._sweeper(clock.now)
    assert await counts(ostiary) == []


class TestWithoutRedis:
    """Sessions are in the database, so a sign-in could go on, were it not that nobody counts the tries."""

    @pytest.fixture
    def redis(self, tmp_path: Path) -> Iterator[RedisServer]:
        with RedisServer(tmp_path / "redis") as started:
            yield started

    @pytest.fixture
    async def ostiary(self, redis: RedisServer, sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
        settings = settings_for_test(sqlite_url, redis__url=redis.url)
        async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
            yield opened

    async def test_nobody_is_signed_in(self, ostiary: Ostiary, redis: RedisServer) -> None:
        person = await new_person(ostiary, EMAIL)
        before = await contents(ostiary)
        redis.kill()
        for password in (person.password, "a guess"):
            answer = await guess(ostiary, password=password)
            assert_refused(answer, 503, "unavailable", password)
            assert int(answer.headers["retry-after"]) >= 1
            assert "set-cookie" not in answer.headers
        assert await contents(ostiary) == before
        redis.start()
        assert (await guess(ostiary, password=person.password)).status_code == 200

    async def test_redis_that_hangs_is_redis_that_is_away(self, ostiary: Ostiary, redis: RedisServer) -> None:
        person = await new_person(ostiary, EMAIL)
        redis.pause()
        assert_refused(await guess(ostiary, password=person.password), 503, "unavailable")
        redis.resume()

    async def test_whoever_is_signed_in_goes_on_and_proves_nothing_new(
        self, ostiary: Ostiary, redis: RedisServer
    ) -> None:
        person = await new_person(ostiary, EMAIL)
        redis.kill()
        assert (await person.request("GET", "/api/auth/me")).status_code == 200
        body = {"current_password": person.password, "new_password": "another long lantern"}
        assert_refused(await person.request("PUT", "/api/credentials/password", body), 503, "unavailable")
        body = {"email": "eve@example.com", "password": person.password}
        assert_refused(await person.request("POST", "/api/auth/email", body), 503, "unavailable")
        async with new_client(ostiary) as stranger:
            answer = await stranger.post("/api/auth/verify", json={"flow": "a" * 43, "code": "123456"})
            assert_refused(answer, 503, "unavailable")
            answer = await stranger.post(
                "/api/auth/register", json={"email": "eve@example.com", "password": "lanterns"}
            )
            assert_refused(answer, 503, "unavailable")
            assert (await stranger.get("/login")).status_code == 200
