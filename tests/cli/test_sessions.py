"""`ostiary sessions migrate`: a running installation changes its session store, and nobody is signed out."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.errors import ConfigurationError
from tests.cli.conftest import CommandLine
from tests.support.installation import KEY, Person, new_client, new_person, settings_for_test
from tests.support.sessions import another, opens, recorded, secret_of, sign_in, status


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


class _Redis:
    """Which Redis both the servers of this test and the command know."""

    def __init__(self, url: str, prefix: str) -> None:
        self.settings: dict[str, Any] = {"redis__url": url, "redis__prefix": prefix}
        self.variables = {"OSTIARY_REDIS_URL": url, "OSTIARY_REDIS_PREFIX": prefix}


@pytest.fixture
def redis(redis_url: str, redis_prefix: str) -> _Redis:
    return _Redis(redis_url, redis_prefix)


async def _migrate(
    folder: Path, url: str, to: str, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    line = CommandLine(folder)
    known = {"OSTIARY_DATABASE_URL": url, "OSTIARY_MASTER_KEY": KEY, **variables}
    command = ("sessions", "migrate", "--to", to, *options)
    return await asyncio.to_thread(lambda: line(*command, data=False, **known))


async def _server(url: str, **settings: Any) -> Ostiary:
    return await Ostiary.open(settings_for_test(url, **settings), migrate_first=True)


async def _ask_all_the_time(person: Person, stop: asyncio.Event) -> set[int]:
    seen = set()
    while not stop.is_set():
        seen.add(await status(person))
        await asyncio.sleep(0)
    return seen


async def test_nobody_is_signed_out_while_sessions_move_there_and_back(tmp_path: Path, url: str, redis: _Redis) -> None:
    server = await _server(url, **redis.settings)
    ada, ben, eve = [await new_person(server) for _ in range(3)]
    remembered = await another(ada, remember=True)
    await ada.request("PATCH", "/api/session/data", json={"cart": ["lamp"]})
    visitor = new_client(server)
    await visitor.patch("/api/session/data", json={"cart": ["chair"]})
    stop = asyncio.Event()
    asking = asyncio.create_task(_ask_all_the_time(ben, stop))
    there = await _migrate(tmp_path, url, "redis", "--json", **redis.variables)
    stop.set()
    assert (there.returncode, json.loads(there.stdout)) == (0, {"sessions": 5}), there.stderr
    assert 'set sessions.store = "redis"' in there.stderr
    assert await asking == {200}
    assert await server.use.db.fetch_value("SELECT COUNT(*) FROM sessions") == 0

    for person in (ada, ben, remembered):
        assert await status(person) == 200
    assert (await ada.request("GET", "/api/session/data")).json() == {"cart": ["lamp"]}
    assert (await visitor.get("/api/session/data")).json() == {"cart": ["chair"]}
    listed = (await ada.request("GET", "/api/sessions")).json()["items"]
    assert len(listed) == 2
    secret = secret_of(eve.client)
    assert (await eve.request("POST", "/api/auth/logout")).status_code == 204
    await server.close()

    server = await _server(url, **redis.settings, sessions__store="redis")
    assert await opens(server, secret_of(ada.client))
    assert not await opens(server, secret)
    carried = await sign_in(server, ada.email, _with_cookies(server, visitor))
    assert carried.status_code == 200
    back = await _migrate(tmp_path, url, "database", **redis.variables, OSTIARY_SESSIONS_STORE="redis")
    assert back.returncode == 0, back.stderr
    assert await opens(server, secret_of(remembered.client))
    await server.close()

    server = await _server(url)  # without Redis: nothing is kept there any more
    for person in (ada, ben, remembered):
        assert await opens(server, secret_of(person.client))
    assert not await opens(server, secret)
    ada.ostiary = server
    assert [one["to"] for one in await _moves(server)] == ["redis", "database"]
    assert len(await recorded(ada, "session.ended")) == 0
    await server.close()


def _with_cookies(server: Ostiary, before: Any) -> Any:
    client = new_client(server)
    client.cookies.update(dict(before.cookies))
    return client


async def _moves(server: Ostiary) -> list[dict[str, Any]]:
    found = await server.use.audit.list(server.operator(), _query())
    return [event.data for event in reversed(found.items) if event.event == "sessions.migrated"]


def _query() -> Any:
    from ostiary.authorization import AuditQuery

    return AuditQuery(limit=200)


async def test_what_ended_while_it_moved_does_not_come_back(tmp_path: Path, url: str, redis: _Redis) -> None:
    server = await _server(url, **redis.settings)
    people = [await new_person(server) for _ in range(8)]
    moving = asyncio.create_task(_migrate(tmp_path, url, "redis", **redis.variables))
    left = 0
    while not moving.done() and left < len(people):
        assert (await people[left].request("POST", "/api/auth/logout")).status_code == 204
        left += 1
        await asyncio.sleep(0.15)  # the process needs about a second: some sign out before, some during, some after
    assert (await moving).returncode == 0
    for person in people[left:]:
        assert (await person.request("POST", "/api/auth/logout")).status_code == 204
    for person in people:
        assert await status(person) == 401
    await server.close()


async def test_what_ends_at_the_very_moment_it_arrives_does_not_come_back(url: str, redis: _Redis) -> None:
    server = await _server(url, **redis.settings, sessions__store="redis")
    person = await new_person(server)
    for _ in range(4):
        leaving = [await another(person) for _ in range(12)]
        moving = asyncio.create_task(server.use.session_migration(server.operator(), "database"))
        answers = await asyncio.gather(*(_sign_out(each, 2 * turn) for turn, each in enumerate(leaving)))
        await moving
        assert answers == [204] * len(leaving)
        assert not any([await opens(server, secret_of(each.client)) for each in leaving])
    await server.close()


async def _sign_out(person: Person, wait: int) -> int:
    """Keeps its cookies, to be shown once more; ``wait`` in milliseconds."""
    await asyncio.sleep(wait / 1000)
    client = new_client(person.ostiary, cookies=person.client.cookies)
    return (await client.post("/api/auth/logout", headers=person.headers)).status_code


async def test_a_server_without_redis_does_not_say_that_nobody_is_signed_in(
    tmp_path: Path, url: str, redis: _Redis
) -> None:
    server = await _server(url)
    person = await new_person(server)
    assert (await _migrate(tmp_path, url, "redis", **redis.variables)).returncode == 0
    answer = await person.request("GET", "/api/auth/me")
    assert (answer.status_code, answer.json()["code"], answer.headers.get("set-cookie")) == (503, "unavailable", None)
    await server.close()
    with pytest.raises(ConfigurationError, match=r"redis\.url: is not set, but sessions are kept in Redis"):
        await _server(url)
    again = await _server(url, **redis.settings)
    assert await opens(again, secret_of(person.client))
    await again.close()


async def test_without_a_second_store_the_command_says_what_to_set(tmp_path: Path, sqlite_url: str) -> None:
    await (await _server(sqlite_url)).close()
    refused = await _migrate(tmp_path, sqlite_url, "redis")
    assert refused.returncode == 4
    assert "OSTIARY_REDIS_URL" in refused.stderr
