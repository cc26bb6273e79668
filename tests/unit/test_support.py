"""The suite's own ground: what it leaves behind, and what it says did not run."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ostiary.app import Ostiary
from ostiary.crypto.keys import Key
from ostiary.database import Database, migrate
from tests.support import services
from tests.support.installation import new_administrator, new_client, settings_for_test
from tests.support.restoring import Pristine
from tests.support.rsa_keys import SUPPLY
from tests.support.sqlite import new_sqlite
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


# Databases that are used again

COLUMNS = """
    SELECT c.oid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
        pg_get_expr(adbin, adrelid)
    FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid AND NOT attisdropped AND attnum > 0
    LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'S') ORDER BY 1, 2
"""
CONSTRAINTS = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid >= 16384 ORDER BY 1, 2"
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
PROGRAMS = """
    SELECT proname, prosrc FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1
"""
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1"
TABLES = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"


async def everything(url: str) -> list[Any]:
    """The schema of a PostgreSQL database and every row in it."""
    connection = await asyncpg.connect(url)
    queries = (COLUMNS, CONSTRAINTS, INDEXES, PROGRAMS, SCHEMAS)
    found: list[Any] = [[tuple(row) for row in await connection.fetch(query)] for query in queries]
    for (table,) in sorted(map(tuple, await connection.fetch(TABLES))):
        rows = await connection.fetch(f"SELECT rows::text FROM {table} AS rows ORDER BY 1")
        found.append((table, [row[0] for row in rows]))
    found.append(await connection.fetchval("SHOW synchronous_commit"))
    await connection.close()
    return found


async def fill(url: str) -> None:
    """A row in every table: what an administrator and a visitor leave, and one of each other kind, whatever it says."""
    async with await Ostiary.open(settings_for_test(url)) as ostiary:
        await new_administrator(ostiary)
        assert (await new_client(ostiary).patch("/api/session/data", json={"cart": ["lamp"]})).status_code == 200
    connection = await asyncpg.connect(url)
    for (table,) in await connection.fetch(TABLES):
        if not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table})"):
            await insert_anything(connection, table)
    for (table,) in await connection.fetch(TABLES):
        assert await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table})")
    await connection.execute("UPDATE revisions SET value = value + 7; DELETE FROM role_permissions")
    await connection.execute("UPDATE roles SET description = 'x', builtin = 0; UPDATE migrations SET applied_at = 1")
    await connection.close()


async def insert_anything(connection: Any, table: str) -> None:
    columns = await connection.fetch(
        "SELECT attname, atttypid::regtype::text, CASE WHEN confrelid > 0 THEN confrelid::regclass::text END,"
        " (SELECT attname FROM pg_attribute WHERE attrelid = confrelid AND attnum = confkey[1])"
        " FROM pg_attribute AS a"
        " LEFT JOIN pg_constraint ON conrelid = attrelid AND contype = 'f' AND conkey[1] = attnum"
        " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
        table,
    )
    values: list[Any] = []
    for _, kind, parent, key in columns:
        if parent is None:
            values.append({"bytea": b"1", "bigint": 1, "text": "{}"}[kind])
        else:
            values.append(await connection.fetchval(f"SELECT {key} FROM {parent} LIMIT 1"))
    names = ", ".join(name for name, *_ in columns)
    numbers = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await connection.execute(f"INSERT INTO {table} ({names}) VALUES ({numbers})", *values)


async def given_back(server: services.Postgres, work: Any) -> tuple[list[Any], list[Any], bool]:
    """What is in a database before, and in the one that is lent next after ``work``; whether that is the same one."""
    name = await asyncio.to_thread(server.lend_migrated)
    before = await everything(server.url(name))
    await work(server.url(name))
    assert await everything(server.url(name)) != before
    await asyncio.to_thread(server.take_back, name)
    following = await asyncio.to_thread(server.lend_migrated)
    after = await everything(server.url(following))
    await asyncio.to_thread(server.take_back, following)
    return before, after, name == following


async def run_in(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def test_a_migrated_database_is_one(postgres_url: str, empty_postgres_url: str) -> None:
    made = await Database.open(empty_postgres_url)
    await migrate(made, lambda: services.MIGRATED_AT)
    await made.close()
    assert (await everything(postgres_url))[:-1] == (await everything(empty_postgres_url))[:-1]


async def test_a_database_that_was_filled_is_lent_again_as_the_migrations_left_it(
    postgres_server: services.Postgres,
) -> None:
    before, after, same = await given_back(postgres_server, fill)
    assert after == before
    assert same


async def test_a_database_whose_schema_was_changed_is_not_lent_again(postgres_server: services.Postgres) -> None:
    before, after, same = await given_back(
        postgres_server, lambda url: run_in(url, "DROP TABLE limits", "CREATE SCHEMA x")
    )
    assert after == before
    assert not same


CHANGES = [
    "CREATE TABLE late (a int)",
    "CREATE TEMPORARY TABLE late (a int)",
    "DROP TABLE limits",
    "DROP TABLE accounts CASCADE",
    "ALTER TABLE limits RENAME TO late",
    "ALTER TABLE limits RENAME COLUMN due TO late",
    "ALTER TABLE roles ADD COLUMN late int",
    "ALTER TABLE roles DROP COLUMN description",
    "ALTER TABLE roles ALTER COLUMN description DROP NOT NULL",
    "ALTER TABLE roles ALTER COLUMN description SET DEFAULT 'x'",
    "ALTER TABLE roles ALTER COLUMN builtin TYPE text",
    "ALTER TABLE roles ADD CONSTRAINT late CHECK (description <> 'x')",
    "ALTER TABLE role_permissions DROP CONSTRAINT role_permissions_role_fkey",
    "ALTER TABLE roles ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE limits SET UNLOGGED",
    "CREATE INDEX late ON roles (description)",
    "DROP INDEX flows_by_expiry",
    "CREATE FUNCTION late() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE RULE late AS ON DELETE TO limits DO INSTEAD NOTHING",
    "CREATE VIEW late AS SELECT 1",
    "CREATE TYPE late AS ENUM ('a')",
    "CREATE SCHEMA late",
    "CREATE SEQUENCE late",
    "COMMENT ON TABLE roles IS 'late'",
    "GRANT SELECT ON roles TO PUBLIC",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    "DROP SCHEMA public CASCADE; CREATE SCHEMA public",
]


async def test_every_change_of_the_schema_is_noticed(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    pristine = await Pristine.of(connection)
    noticed = {}
    for change in CHANGES:
        await connection.execute(f"BEGIN; {change}")
        noticed[change] = not await pristine.restore(connection)
        await connection.execute("ROLLBACK")
    assert noticed == dict.fromkeys(CHANGES, True)
    assert await pristine.restore(connection)
    await connection.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem TO 64', current_database()); END $$"
    )
    assert not await pristine.restore(connection)
    await connection.close()


async def test_who_still_writes_when_a_database_is_given_back_is_ended_and_leaves_nothing(
    postgres_server: services.Postgres,
) -> None:
    open_still = []

    async def work(url: str) -> None:
        await fill(url)
        writer = await asyncpg.connect(url)
        await writer.execute("BEGIN; INSERT INTO role_permissions VALUES ('administrator', 'late')")
        open_still.append(writer)

    before, after, _ = await given_back(postgres_server, work)
    assert after == before
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await open_still[0].execute("COMMIT")
    open_still[0].terminate()


async def test_a_database_of_which_every_connection_was_ended_is_lent_again(postgres_server: services.Postgres) -> None:
    async def work(url: str) -> None:
        await fill(url)
        name = url.rpartition("/")[2]
        query = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        await asyncio.to_thread(postgres_server.execute, query)

    before, after, same = await given_back(postgres_server, work)
    assert after == before
    assert same


async def test_a_sequence_goes_on_where_it_was(empty_postgres_url: str) -> None:
    connection = await asyncpg.connect(empty_postgres_url)
    await connection.execute(
        "CREATE TABLE parents (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, made bytea);"
        "CREATE TABLE a_child (id int GENERATED BY DEFAULT AS IDENTITY, parent int REFERENCES parents);"
        "INSERT INTO parents (made) VALUES ('\\x00ff'), (NULL)"
    )
    pristine = await Pristine.of(connection)
    add = "INSERT INTO parents (made) VALUES ('x') RETURNING id"
    add_child = "INSERT INTO a_child (parent) VALUES (3) RETURNING id"
    for _ in range(2):
        assert [await connection.fetchval(add), await connection.fetchval(add_child)] == [3, 1]
        assert await pristine.restore(connection)
        assert [tuple(row) for row in await connection.fetch("SELECT id, made FROM parents ORDER BY id")] == [
            (1, b"\x00\xff"),
            (2, None),
        ]
    await connection.close()


async def test_an_sqlite_database_is_as_migrating_makes_it_and_nobody_elses(tmp_path: Path) -> None:
    urls = [new_sqlite(tmp_path / "copy.db"), new_sqlite(tmp_path / "other.db"), f"sqlite:///{tmp_path / 'made.db'}"]
    made = await Database.open(urls[2])
    await migrate(made, lambda: services.MIGRATED_AT)
    await made.close()
    (tmp_path / "other.db").unlink()
    dumps = []
    for name in ("copy.db", "made.db"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        connection = sqlite3.connect(tmp_path / name)
        dumps.append(list(connection.iterdump()))
        connection.close()
    assert dumps[0] == dumps[1]
    async with await Ostiary.open(settings_for_test(urls[0])):
        pass


def test_of_the_keys_that_one_test_makes_none_is_there_twice() -> None:
    made = [Key.generate("RS256") for _ in range(SUPPLY)]
    assert len({key.kid for key in made}) == SUPPLY
    assert Key.generate("RS256").kid == made[0].kid
    assert Key.from_der(made[0].to_der(), "RS256").kid == made[0].kid
