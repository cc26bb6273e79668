"""Redis is away, comes back empty, stops in the middle, or brings back what has ended: nobody gets in by that.

What cannot be asked is answered 503: never as to somebody who has not signed in, and no browser loses its cookie.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import HOUR, SECOND
from ostiary.base.tokens import digest
from ostiary.sessions import GRACE
from tests.support.installation import (
    PASSWORD,
    Person,
    new_administrator,
    new_client,
    new_person,
    settings_for_test,
)
from tests.support.redis_servers import RedisServer
from tests.support.sessions import another, current_id, facade, opens, secret_of, show, sign_in, status
from tests.support.time import ManualClock

LIMIT = 3


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that only this test has, and that keeps what it holds only when it is told to save it."""
    with RedisServer(tmp_path / "redis") as started:
        yield started


@pytest.fixture
async def ostiary(redis: RedisServer, sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """An installation whose sessions are in ``redis``."""
    settings = settings_for_test(
        sqlite_url, sessions__store="redis", redis__url=redis.url, sessions__max_per_account=LIMIT
    )
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        yield opened


async def until_ready(ostiary: Ostiary) -> None:
    """Whatever is asked meanwhile is answered 503."""
    async with asyncio.timeout(30), new_client(ostiary) as client:
        while (answer := await client.get("/readyz")).status_code != 200:
            assert answer.status_code == 503
            await asyncio.sleep(0.02)


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert "set-cookie" not in answer.headers


REQUESTS = [
    ("GET", "/api/auth/me", None),
    ("GET", "/api/session/data", None),  # open to who has not signed in, and to others with their own
    ("PATCH", "/api/session/data", {"cart": 1}),
    ("GET", "/api/sessions", None),
    ("DELETE", "/api/sessions", None),
    ("PUT", "/api/credentials/password", {"current_password": PASSWORD, "new_password": "a different lantern"}),
    ("POST", "/api/auth/step-up", {"password": PASSWORD}),
    ("POST", "/api/auth/logout", None),
    ("GET", "/account", None),
    ("GET", "/login", None),
    ("GET", "/register", None),
]


async def test_while_redis_is_away_nobody_is_taken_for_somebody_who_has_not_signed_in(
    ostiary: Ostiary, redis: RedisServer
) -> None:
    person = await new_person(ostiary)
    redis.ask("SAVE")
    redis.kill()
    for method, path, body in REQUESTS:
        assert_unavailable(await person.request(method, path, body))
    redis.start()
    await until_ready(ostiary)
    assert await status(person) == 200
    assert (await person.request("GET", "/api/session/data")).json() == {}


async def test_while_redis_is_away_what_needs_no_session_is_answered(ostiary: Ostiary, redis: RedisServer) -> None:
    by_token = await new_person(ostiary, delivery="token")
    redis.kill()
    async with new_client(ostiary) as stranger:
        assert (await stranger.get("/login")).status_code == 200
        assert (await stranger.get("/healthz")).status_code == 200
        assert (await stranger.get("/readyz")).status_code == 503
        assert (await stranger.get("/api/auth/me")).status_code == 401
    assert await status(by_token) == 200


async def test_a_sign_in_while_redis_is_away_gives_no_cookie_and_is_possible_afterwards(
    ostiary: Ostiary, redis: RedisServer
) -> None:
    person = await new_person(ostiary)
    redis.kill()
    async with new_client(ostiary) as client:
        assert_unavailable(await sign_in(ostiary, person.email, client))
        redis.start()
        await until_ready(ostiary)
        assert (await sign_in(ostiary, person.email, client)).status_code == 200
        assert (await client.get("/api/auth/me")).json()["account"]["id"] == person.id


async def test_redis_that_comes_back_empty_has_signed_everybody_out_and_everybody_may_sign_in_again(
    ostiary: Ostiary, redis: RedisServer
) -> None:
    person = await new_person(ostiary)
    await person.request("PATCH", "/api/session/data", {"cart": 1})
    redis.kill()
    redis.start()
    await until_ready(ostiary)
    answer = await person.request("GET", "/api/auth/me")
    assert answer.status_code == 401
    assert (await person.request("DELETE", "/api/sessions")).status_code == 401
    again = await person.sign_in()
    assert await status(again) == 200
    assert (await again.request("GET", "/api/session/data")).json() == {}
    assert len((await again.request("GET", "/api/sessions")).json()["items"]) == 1


async def test_redis_that_stops_in_the_middle_of_requests_answers_nobody_as_somebody_else(
    ostiary: Ostiary, redis: RedisServer
) -> None:
    people = [await new_person(ostiary) for _ in range(3)]
    seen: dict[int, int] = {}
    stop = asyncio.Event()

    async def ask(person: Person) -> None:
        while not stop.is_set():
            answer = await person.request("GET", "/api/auth/me")
            seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
            if answer.status_code == 200:
                assert answer.json()["account"]["id"] == person.id
            else:
                assert_unavailable(answer)

    asking = [asyncio.create_task(ask(person)) for person in people for _ in range(8)]
    for _ in range(2):
        await _until(lambda: seen.get(200, 0) > 50)
        redis.pause()
        await _until(lambda: seen.get(503, 0) >= len(asking))
        redis.resume()
        await until_ready(ostiary)
        seen.clear()
    await _until(lambda: seen.get(200, 0) > 200)
    stop.set()
    await asyncio.gather(*asking)
    assert set(seen) <= {200, 503}
    assert [await status(person) for person in people] == [200] * 3


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


async def test_what_was_kept_when_redis_stopped_is_kept_once_or_not_at_all(
    ostiary: Ostiary, redis: RedisServer
) -> None:
    person = await new_person(ostiary)
    before = await person.request("PATCH", "/api/session/data", {"cart": ["apple"]})
    redis.pause()
    assert_unavailable(await person.request("PATCH", "/api/session/data", {"cart": ["apple", "pear"]}))
    redis.resume()
    await until_ready(ostiary)
    after = await person.request("GET", "/api/session/data")
    assert (after.headers["etag"], after.json()) == (before.headers["etag"], {"cart": ["apple"]})


async def test_who_signs_out_while_redis_stops_is_signed_out_for_good(
    ostiary: Ostiary, redis: RedisServer, clock: ManualClock
) -> None:
    """The database has it, so that cleaning up in Redis may fail."""
    person = await new_person(ostiary)
    found = await facade(ostiary).find(secret_of(person.client), clock.now)
    assert found is not None
    async with ostiary.use.db.transaction() as tx:
        await facade(ostiary).end(tx, found.session.id, person.id, clock.now)
        redis.pause()
    redis.resume()
    await until_ready(ostiary)
    assert redis.ask("DBSIZE") == 2, "the session is there still"
    assert await status(person) == 401


class Backup:
    """What Redis holds now, to be brought back later."""

    def __init__(self, redis: RedisServer) -> None:
        redis.ask("SAVE")
        self._redis = redis
        self._kept = shutil.copy(redis.folder / "dump.rdb", redis.folder / "backup.rdb")

    async def restore(self, ostiary: Ostiary) -> None:
        self._redis.kill()
        shutil.copy(self._kept, self._redis.folder / "dump.rdb")
        self._redis.start()
        await until_ready(ostiary)


async def _sign_out(victim: Person, boss: Person) -> None:
    await victim.request("POST", "/api/auth/logout")


async def _end_one_elsewhere(victim: Person, boss: Person) -> None:
    other = await another(victim)
    assert (await other.request("DELETE", f"/api/sessions/{await current_id(victim)}")).status_code == 204


async def _end_all_others(victim: Person, boss: Person) -> None:
    assert (await (await another(victim)).request("DELETE", "/api/sessions")).json() == {"ended": 1}


async def _change_the_password(victim: Person, boss: Person) -> None:
    body = {"current_password": PASSWORD, "new_password": "an altogether new lantern"}
    assert (await (await another(victim)).request("PUT", "/api/credentials/password", body)).is_success


async def _sign_in_too_often(victim: Person, boss: Person) -> None:
    for _ in range(LIMIT):
        await another(victim)


async def _disable(victim: Person, boss: Person) -> None:
    assert (await boss.request("PATCH", f"/api/accounts/{victim.id}", {"status": "disabled"})).is_success


async def _delete(victim: Person, boss: Person) -> None:
    assert (await boss.request("DELETE", f"/api/accounts/{victim.id}")).is_success


async def _end_by_an_administrator(victim: Person, boss: Person) -> None:
    assert (await boss.request("DELETE", f"/api/accounts/{victim.id}/sessions")).is_success


ENDS = [
    _sign_out,
    _end_one_elsewhere,
    _end_all_others,
    _change_the_password,
    _sign_in_too_often,
    _disable,
    _delete,
    _end_by_an_administrator,
]


@pytest.mark.parametrize("end", ENDS)
async def test_a_backup_of_redis_brings_nothing_back_that_has_ended(
    end: Callable[[Person, Person], Awaitable[None]], ostiary: Ostiary, redis: RedisServer, clock: ManualClock
) -> None:
    victim, boss, other = await new_person(ostiary), await new_administrator(ostiary), await new_person(ostiary)
    stolen = secret_of(victim.client)
    clock.advance(SECOND)
    backup = Backup(redis)
    await end(victim, boss)
    await backup.restore(ostiary)
    assert await status(other) == 200, "the backup was brought back"
    assert redis.ask("EXISTS", b"ost:s:" + digest(stolen)) == 1
    assert not await opens(ostiary, stolen)


async def test_a_backup_of_redis_brings_no_secret_back_that_was_superseded(
    ostiary: Ostiary, redis: RedisServer, clock: ManualClock
) -> None:
    """Otherwise who had stolen a cookie would be in again, after its owner has changed the password."""
    victim = await new_person(ostiary)
    stolen = secret_of(victim.client)
    backup = Backup(redis)
    body = {"current_password": PASSWORD, "new_password": "an altogether new lantern"}
    assert (await victim.request("PUT", "/api/credentials/password", body)).is_success
    assert secret_of(victim.client) != stolen
    clock.advance(GRACE + SECOND)
    assert not await opens(ostiary, stolen)
    await backup.restore(ostiary)
    assert redis.ask("EXISTS", b"ost:s:" + digest(stolen)) == 1
    assert not await opens(ostiary, stolen)
    assert len((await (await victim_again(victim)).request("GET", "/api/sessions")).json()["items"]) == 1


async def victim_again(victim: Person) -> Person:
    """Signed in anew, with the new password."""
    client = new_client(victim.ostiary)
    answer = await sign_in(victim.ostiary, victim.email, client, "an altogether new lantern")
    return Person(victim.ostiary, client, victim.id, victim.email, "", answer.json()["csrf_token"])


async def test_a_backup_of_redis_brings_no_session_of_nobody_back_that_somebody_has_signed_in_with(
    ostiary: Ostiary, redis: RedisServer
) -> None:
    person, visitor = await new_person(ostiary), new_client(ostiary)
    await visitor.patch("/api/session/data", json={"cart": ["apple"]})
    planted = secret_of(visitor)
    backup = Backup(redis)
    assert (await sign_in(ostiary, person.email, visitor)).status_code == 200
    await backup.restore(ostiary)
    assert (await show(ostiary, planted, "/api/session/data")).json() == {}


async def test_what_has_ended_stays_so_though_it_began_when_sessions_lived_longer(
    ostiary: Ostiary, redis: RedisServer, sqlite_url: str, clock: ManualClock
) -> None:
    victim = await another(await new_person(ostiary), remember=True)
    stolen = secret_of(victim.client)
    shorter = {f"sessions__{name}": "1h" for name in ("idle", "absolute", "remember_idle", "remember_absolute")}
    settings = settings_for_test(sqlite_url, sessions__store="redis", redis__url=redis.url, **shorter)
    async with await Ostiary.open(settings, clock=clock) as changed:
        backup = Backup(redis)
        assert (
            await show(changed, stolen, "/api/auth/logout", "POST", X_CSRF_Token=victim.csrf or "")
        ).status_code == 204
        clock.advance(2 * HOUR)
        await changed._sweeper(clock.now)
        await backup.restore(changed)
        assert not await opens(changed, stolen)
