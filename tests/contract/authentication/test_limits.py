"""Limits that all processes count together: the same cases in SQLite, in PostgreSQL and in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from ostiary.authentication.limits import Hit, Limit, Limits, SqlLimits
from ostiary.authentication.limits.redis import RedisLimits
from ostiary.base.clock import DAY, HOUR, SECOND
from ostiary.database import Database
from ostiary.database.redis import Redis
from ostiary.errors import RateLimited, Unavailable
from ostiary.settings import Rate
from tests.support.redis_servers import RedisServer, cluster

NOW = 1_767_225_600_000
SECRET = b"a secret that keys the hashes..."
TEN = Limit.at("ten", Rate(10, 3600))
THREE = Limit.at("three", Rate(3, 3600))

Open = Callable[[], Awaitable[Limits]]


@pytest.fixture
async def open_limits(request: pytest.FixtureRequest, session_store: dict[str, object]) -> AsyncIterator[Open]:
    """Opens limits on one store, once for each; all of one test count together."""
    opened: list[Database | Redis] = []

    async def open_one() -> Limits:
        if "redis__url" in session_store:
            redis = await Redis.open(str(session_store["redis__url"]), str(session_store["redis__prefix"]))
            opened.append(redis)
            return RedisLimits(redis, SECRET)
        db = await Database.open(str(session_store["database_url"]))
        opened.append(db)
        return SqlLimits(db, SECRET)

    yield open_one
    for each in opened:
        await each.close()


@pytest.fixture
async def limits(open_limits: Open) -> Limits:
    return await open_limits()


async def passes(limits: Limits, *hits: Hit, now: int = NOW) -> bool:
    try:
        await limits.hit(*hits, now=now)
    except RateLimited:
        return False
    return True


async def wait_for(limits: Limits, *hits: Hit, now: int = NOW) -> int:
    """The seconds that it is told to wait."""
    with pytest.raises(RateLimited) as caught:
        await limits.hit(*hits, now=now)
    assert caught.value.retry_after is not None
    return caught.value.retry_after


async def how_many(limits: Limits, *hits: Hit, now: int = NOW, tries: int = 30) -> int:
    return sum([await passes(limits, *hits, now=now) for _ in range(tries)])


async def test_so_many_at_once_and_then_one_each_so_often(limits: Limits) -> None:
    ada = Hit(TEN, "ada")
    assert await how_many(limits, ada) == 10
    assert await how_many(limits, ada, now=NOW + 359 * SECOND) == 0
    assert await how_many(limits, ada, now=NOW + 360 * SECOND) == 1
    assert await how_many(limits, ada, now=NOW + HOUR) == 9
    assert await how_many(limits, ada, now=NOW + 3 * HOUR) == 10


async def test_keys_and_limits_count_for_themselves(limits: Limits) -> None:
    assert await how_many(limits, Hit(TEN, "ada")) == 10
    assert await how_many(limits, Hit(TEN, "eve")) == 10
    assert await how_many(limits, Hit(THREE, "ada")) == 3


@pytest.mark.parametrize("rate", [Rate(10, 300), Rate(7, 60), Rate(1, 1), Rate(3, 86_400), Rate(300, 61)])
async def test_retry_after_is_enough_and_a_second_less_is_not(limits: Limits, rate: Rate) -> None:
    hit = Hit(Limit.at("some", rate), "ada")
    assert await how_many(limits, hit, tries=rate.count + 5) == rate.count
    wait = await wait_for(limits, hit)
    assert 1 <= wait <= rate.seconds
    assert not await passes(limits, hit, now=NOW + (wait - 1) * SECOND)
    assert await passes(limits, hit, now=NOW + wait * SECOND)


async def test_events_less_than_a_millisecond_apart_are_counted_one_by_one(limits: Limits) -> None:
    limit = Limit.at("fast", Rate(3, 1))
    assert limit.interval == 333_334
    fast, slow = Hit(Limit("fast", 700, 2 * 700), "ada"), Hit(Limit.at("slow", Rate(3, 60)), "ada")
    assert await how_many(limits, fast, slow) == 3
    assert [await how_many(limits, fast, now=NOW + later) for later in (1, 2, 3)] == [1, 1, 2]


async def test_of_200_at_once_just_so_many_pass(open_limits: Open) -> None:
    """Whichever process they ask, and some of them on two limits at once."""
    one, other = await open_limits(), await open_limits()
    limit = Limit.at("parallel", Rate(37, 3600))
    hits = [Hit(limit, "ada")], [Hit(limit, "ada"), Hit(Limit.at("wide", Rate(1000, 3600)), "")]
    tries = [passes((one, other)[n % 2], *hits[n // 2 % 2]) for n in range(200)]
    assert sum(await asyncio.gather(*tries)) == 37
    assert not await passes(one, hits[0][0])
    assert not await passes(other, hits[0][0])


async def test_what_one_process_counted_another_one_knows(open_limits: Open) -> None:
    one, other = await open_limits(), await open_limits()
    ada = Hit(TEN, "ada")
    assert await how_many(one, ada, tries=6) == 6
    assert await how_many(other, ada) == 4
    await one.forget(ada, now=NOW)
    assert await how_many(other, ada) == 10


async def test_who_has_proved_it_may_try_again_even_where_one_try_is_the_limit(limits: Limits) -> None:
    once = Hit(Limit.at("once", Rate(1, 300)), "ada")
    for _ in range(3):
        assert await how_many(limits, once, tries=2) == 1
        await limits.forget(once, now=NOW)


async def test_an_event_counts_on_all_of_its_limits_or_on_none(limits: Limits) -> None:
    both = Hit(TEN, "ada"), Hit(THREE, "all")
    assert await how_many(limits, *both) == 3
    assert await how_many(limits, both[0]) == 7
    assert await how_many(limits, *reversed(both)) == 0


async def test_of_several_limits_the_longest_wait_is_told(limits: Limits) -> None:
    slow, fast = Hit(Limit.at("slow", Rate(1, 900)), "ada"), Hit(Limit.at("fast", Rate(1, 10)), "ada")
    assert await passes(limits, slow, fast)
    for both in ((slow, fast), (fast, slow)):
        assert await wait_for(limits, *both) == 900
    assert await wait_for(limits, fast) == 10
    assert await wait_for(limits, slow, fast, now=NOW + 10 * SECOND) == 890


async def test_what_is_refused_is_not_counted(limits: Limits) -> None:
    ada = Hit(THREE, "ada")
    await how_many(limits, ada)
    assert await wait_for(limits, ada) == 1200
    assert await how_many(limits, ada, now=NOW + 1200 * SECOND) == 1


async def test_taken_back_an_event_was_none(limits: Limits) -> None:
    ada, all_ = Hit(TEN, "ada"), Hit(THREE, "all")
    await how_many(limits, ada, all_)
    await limits.take_back(ada, all_)
    assert await how_many(limits, ada, all_) == 1
    await limits.take_back(ada)
    assert await how_many(limits, ada) == 8
    await limits.take_back(Hit(TEN, "nobody"))
    assert await how_many(limits, Hit(TEN, "nobody")) == 10


async def test_forgotten_a_key_starts_afresh(limits: Limits) -> None:
    ada, all_ = Hit(TEN, "ada"), Hit(THREE, "all")
    await how_many(limits, ada, all_)
    await limits.forget(ada, all_, Hit(TEN, "nobody"), now=NOW)
    assert await how_many(limits, all_) == 3
    assert await how_many(limits, ada) == 10


async def test_looking_whether_a_limit_is_spent_counts_nothing(limits: Limits) -> None:
    ada = Hit(THREE, "ada")
    for left in (3, 2, 1):
        assert [await limits.is_spent(ada, NOW) for _ in range(5)] == [False] * 5, left
        assert await passes(limits, ada)
    assert await limits.is_spent(ada, NOW)
    assert not await limits.is_spent(ada, NOW + 1200 * SECOND)
    assert await how_many(limits, ada, now=NOW + 1200 * SECOND) == 1


@pytest.mark.parametrize("key", ["", "a" * 100_000, "\x00", "\udcff", "ådå 🔑", "'; DROP TABLE limits; --", "{}*?"])
async def test_a_key_may_be_whatever_a_stranger_types(limits: Limits, key: str) -> None:
    assert await how_many(limits, Hit(THREE, key)) == 3
    assert await how_many(limits, Hit(THREE, key + "x")) == 3


async def test_what_was_typed_is_not_to_be_found_where_it_is_counted(
    limits: Limits, session_store: dict[str, object]
) -> None:
    """Somebody may have typed the password where the name belongs."""
    await limits.hit(Hit(THREE, "seven quiet lanterns"), Hit(THREE, "ada@example.com"), now=NOW)
    if isinstance(limits, RedisLimits):
        prefix = str(session_store["redis__prefix"]).encode()
        kept = [key async for keys in limits._redis.scan(prefix) for key in keys]
        assert {len(key) for key in kept} == {len(prefix) + len("{limits}:") + 16}
    else:
        assert isinstance(limits, SqlLimits)
        kept = [await limits._db.fetch_value("SELECT key_hash FROM limits")]
        assert len(kept[0]) == 16
    assert not [key for key in kept if b"lanterns" in key or b"ada" in key]


async def test_nobody_waits_in_a_circle(limits: Limits) -> None:
    """Events that count on the same limits in another order each, keys that are forgotten, and the sweep meanwhile."""
    wide = Limit.at("wide", Rate(10_000, 36_000))
    hits = [Hit(wide, key) for key in "abcd"]

    async def one(number: int) -> None:
        turned = hits[number % 4 :] + hits[: number % 4]
        await limits.hit(*turned, now=NOW + number % 3 * HOUR)
        if number % 10 == 0:
            await limits.forget(*reversed(turned), now=NOW)
        if number % 10 == 5 and isinstance(limits, SqlLimits):
            async with limits._db.transaction() as tx:
                await limits.sweep(tx, NOW + 2 * HOUR)

    async with asyncio.timeout(30):
        await asyncio.gather(*(one(number) for number in range(200)))


async def test_in_the_database_what_is_past_is_swept_in_bites(database: Database) -> None:
    limits = SqlLimits(database, SECRET)
    for number in range(12):
        await limits.hit(Hit(THREE, f"early {number}"), now=NOW)
    await how_many(limits, Hit(THREE, "late"))
    expected = [(NOW, 0), (NOW + 1200 * SECOND - 1, 0), (NOW + 1200 * SECOND, 5), (NOW + 1200 * SECOND, 5)]
    for now, gone in [*expected, (NOW + 1200 * SECOND, 2), (NOW + HOUR, 1), (NOW + DAY, 0)]:
        async with database.transaction() as tx:
            assert await limits.sweep(tx, now, limit=5) == gone
    assert await database.fetch_value("SELECT COUNT(*) FROM limits") == 0


async def test_in_the_database_what_is_swept_made_no_difference(database: Database) -> None:
    limits = SqlLimits(database, SECRET)
    await how_many(limits, Hit(THREE, "ada"))
    async with database.transaction() as tx:
        await limits.sweep(tx, NOW + HOUR - 1)
    assert await how_many(limits, Hit(THREE, "ada"), now=NOW + HOUR - 1) == 2
    async with database.transaction() as tx:
        await limits.sweep(tx, NOW + 3 * HOUR)
    assert await how_many(limits, Hit(THREE, "ada"), now=NOW + 3 * HOUR) == 3


async def test_in_redis_a_key_lives_as_long_as_it_says_something(redis_url: str, redis_prefix: str) -> None:
    redis = await Redis.open(redis_url, redis_prefix)
    limits = RedisLimits(redis, SECRET)
    await limits.hit(Hit(THREE, "ada"), now=NOW)
    [[key]] = [keys async for keys in redis.scan(redis_prefix.encode())]
    assert 1_190_000 < await redis.execute("PTTL", key) <= 1_201_000
    await how_many(limits, Hit(THREE, "ada"))
    assert 3_590_000 < await redis.execute("PTTL", key) <= 3_601_000
    await limits.take_back(Hit(THREE, "ada"))
    assert 3_590_000 < await redis.execute("PTTL", key) <= 3_601_000
    await redis.close()


async def test_what_redis_cannot_count_is_refused_as_unavailable(tmp_path: Path) -> None:
    ada = Hit(TEN, "ada")
    with RedisServer(tmp_path / "redis") as server:
        redis = await Redis.open(server.url, "test:")
        limits = RedisLimits(redis, SECRET)
        await limits.hit(ada, now=NOW)
        server.kill()
        counted = limits.hit(ada, now=NOW), limits.is_spent(ada, NOW)
        for work in (*counted, limits.take_back(ada), limits.forget(ada, now=NOW)):
            with pytest.raises(Unavailable):
                await work
        server.start()
        assert await how_many(limits, ada) == 10
        await redis.close()


async def test_in_a_cluster_an_event_counts_on_several_limits_at_once(tmp_path: Path) -> None:
    with cluster(tmp_path, "secret") as nodes:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        for prefix in ("ost:", "a{b}:", "{"):
            redis = await Redis.open(f"redis+cluster://:secret@{hosts}", prefix)
            limits = RedisLimits(redis, SECRET)
            hits = [Hit(TEN, key) for key in "abcdefgh"]
            assert await how_many(limits, *hits) == 10
            await limits.take_back(*hits)
            assert await how_many(limits, *hits) == 1
            await limits.forget(*hits, now=NOW)
            assert await how_many(limits, *hits) == 10
            await redis.close()
