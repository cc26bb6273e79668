"""The suite's own ground: what it leaves behind, and what it says did not run."""

from __future__ import annotations

import time

import pytest

from tests.support import services
from tests.support.time import ManualClock


def test_every_database_name_is_new_and_not_yet_abandoned() -> None:
    name = services.own_name()

    assert name != services.own_name()
    assert not services.abandoned(name)


@pytest.mark.parametrize("name", ["postgres", "ostiary", "ostiary_test_", "ostiary_test_x_1", "1_ostiary_test_1"])
def test_a_name_that_no_run_made_is_never_dropped(name: str) -> None:
    assert not services.abandoned(name)


def test_what_a_killed_run_left_more_than_an_hour_ago_is_dropped(postgres_server: services.Postgres) -> None:
    old, fresh = f"ostiary_test_{int(time.time()) - 3700}_ab", services.own_name()
    for name in old, fresh:
        postgres_server.execute(f"CREATE DATABASE {name}")
    try:
        postgres_server.drop_abandoned()
        assert old not in postgres_server.databases()
        assert fresh in postgres_server.databases()
    finally:
        postgres_server.drop(fresh)


def test_a_missing_service_skips_on_a_developers_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Redis is not there"):
        services.missing("Redis", "OSTIARY_TEST_REDIS", "connection refused")


def test_a_missing_service_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Redis is not there"):
        services.missing("Redis", "OSTIARY_TEST_REDIS", "connection refused")


def test_time_stands_still_until_it_is_turned(clock: ManualClock) -> None:
    before = clock()
    assert clock() == before
    clock.advance(1500)
    assert clock() == before + 1500


@pytest.mark.parametrize("which", range(2))
def test_redis_keys_are_under_an_own_prefix(which: int, redis_url: str, redis_prefix: str) -> None:
    import redis

    with redis.Redis.from_url(redis_url) as server:
        assert not list(server.scan_iter(redis_prefix + "*"))
        server.set(redis_prefix + "key", which)
