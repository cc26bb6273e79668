"""What only the store in Redis has: keys that go by themselves, one round trip, few bytes, nodes that share keys."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import DAY, MINUTE, SECOND
from ostiary.sessions import GRACE
from tests.support.installation import Person, new_client, new_person, settings_for_test
from tests.support.redis_servers import RedisServer, cluster, watched
from tests.support.sessions import another, facade, opens, secret_of, secret_set, show, sign_in, status
from tests.support.time import ManualClock

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
IDLE, ABSOLUTE = 7 * DAY, 30 * DAY


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that only this test has."""
    with RedisServer(tmp_path / "redis") as started:
        yield started


@asynccontextmanager
async def over(url: str, sqlite_url: str, clock: ManualClock, **changed: object) -> AsyncIterator[Ostiary]:
    """An installation that keeps its sessions in this Redis, and the rest in SQLite."""
    in_redis: dict[str, object] = {"sessions__store": "redis", "redis__url": url}
    settings = settings_for_test(sqlite_url, **{**in_redis, **changed})  # type: ignore[arg-type]
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        yield opened


@pytest.fixture
async def ostiary(server: RedisServer, sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    async with over(server.url, sqlite_url, clock) as opened:
        yield opened


def keys(server: RedisServer, kind: str) -> list[bytes]:
    """The keys of sessions (``s``), of accounts (``a``) or of data (``d``)."""
    found: list[bytes] = server.raw("KEYS", f"ost:{kind}:*")
    return found


def lives(server: RedisServer, kind: str) -> int:
    """How long the one key of this kind has left, rounded to the minute."""
    [key] = keys(server, kind)
    left: int = server.raw("PTTL", key)
    return round(left / MINUTE) * MINUTE


async def keep(person: Person, **data: object) -> None:
    assert (await person.request("PATCH", "/api/session/data", data)).status_code == 200


async def test_what_has_expired_goes_by_itself(ostiary: Ostiary, server: RedisServer) -> None:
    await keep(await new_person(ostiary), cart="apple")
    assert {kind: lives(server, kind) for kind in "sad"} == {"s": IDLE, "a": ABSOLUTE, "d": IDLE}


async def test_use_lets_a_session_and_its_data_live_on_but_no_longer_than_it_may(
    ostiary: Ostiary, server: RedisServer, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    await keep(person, cart="apple")
    for left in (IDLE, IDLE, IDLE, 6 * DAY):
        clock.advance(6 * DAY)
        for kind in "sd":
            server.raw("PEXPIRE", keys(server, kind)[0], DAY)
        assert await status(person) == 200
        assert {kind: lives(server, kind) for kind in "sd"} == {"s": left, "d": left}


async def test_data_lives_as_long_as_its_session_also_when_it_is_kept_with_the_secret_before(
    ostiary: Ostiary, server: RedisServer, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    before = secret_of(person.client)
    found = await facade(ostiary).find(before, clock.now)
    assert found is not None
    assert await facade(ostiary).rotate(found.session, clock.now) is not None
    assert sorted(round(server.raw("PTTL", key) / SECOND) * SECOND for key in keys(server, "s")) == [GRACE, IDLE]
    await show(ostiary, before, "/api/session/data", "PATCH", {"cart": 1}, X_CSRF_Token=person.csrf or "")
    assert lives(server, "d") == IDLE


async def test_a_session_is_read_in_one_round_trip_and_written_at_most_once_in_a_tenth_of_its_window(
    ostiary: Ostiary, server: RedisServer, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    assert await status(person) == 200

    async def commands() -> Counter[str]:
        server.ask("CONFIG", "RESETSTAT")
        assert await status(person) == 200
        sent = {
            name.removeprefix("cmdstat_"): line["calls"] for name, line in server.ask("INFO", "commandstats").items()
        }
        return Counter({name: calls for name, calls in sent.items() if name not in ("config|resetstat", "hello")})

    assert await commands() == {"evalsha": 1, "get": 1}  # the script gets the session
    clock.advance(IDLE // 10 - 1)
    assert "setrange" not in await commands()
    clock.advance(1)
    assert (await commands())["setrange"] == 1
    assert "setrange" not in await commands()


async def test_a_session_takes_300_bytes_with_its_place_in_the_list_of_its_account(
    ostiary: Ostiary, server: RedisServer
) -> None:
    person = await new_person(ostiary)
    await person.request("POST", "/api/auth/logout")
    await another(person, headers={"User-Agent": CHROME})
    [session], [account] = keys(server, "s"), keys(server, "a")
    assert server.raw("MEMORY", "USAGE", session) + server.raw("MEMORY", "USAGE", account) <= 300


async def test_what_redis_has_forgotten_is_gone_from_the_list_too(ostiary: Ostiary, server: RedisServer) -> None:
    person = await new_person(ostiary)
    second = await another(person)
    [forgotten] = [key for key in keys(server, "s") if key == b"ost:s:" + _hash(second)]
    server.raw("DEL", forgotten)
    assert [await status(one) for one in (person, second)] == [200, 401]
    assert len((await person.request("GET", "/api/sessions")).json()["items"]) == 1
    assert server.raw("ZCARD", keys(server, "a")[0]) == 1


def _hash(person: Person) -> bytes:
    from ostiary.base.tokens import digest

    return digest(secret_of(person.client))


async def test_the_list_of_an_account_holds_nothing_that_has_expired(
    ostiary: Ostiary, server: RedisServer, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    for _ in range(3):
        clock.advance(ABSOLUTE + MINUTE)
        await another(person)
    assert server.raw("ZCARD", keys(server, "a")[0]) == 1


async def test_ending_leaves_nothing_behind(ostiary: Ostiary, server: RedisServer) -> None:
    person = await new_person(ostiary)
    await keep(person, cart="apple")
    others = [await another(person) for _ in range(3)]
    await keep(others[0], cart="pear")
    assert (await person.request("DELETE", "/api/sessions")).json() == {"ended": 3}
    assert [len(keys(server, kind)) for kind in "sa"] == [1, 1]
    assert await status(person) == 200
    await person.request("POST", "/api/auth/logout")
    assert [keys(server, kind) for kind in "sa"] == [[], []]
    assert {server.raw("GET", key) for key in keys(server, "d")} == {b"\xff" * 4}, "without what was in it"
    assert all(server.raw("PTTL", key) <= GRACE for key in keys(server, "d")), "and soon gone"


async def test_of_many_requests_that_change_one_secret_one_does_and_the_others_leave_nothing_behind(
    ostiary: Ostiary, server: RedisServer, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    found = await facade(ostiary).find(secret_of(person.client), clock.now)
    assert found is not None
    rotated = await asyncio.gather(*(facade(ostiary).rotate(found.session, clock.now) for _ in range(30)))
    [(secret, _)] = [one for one in rotated if one is not None]
    assert await opens(ostiary, secret)
    assert len(keys(server, "s")) == 2  # the one before is good for some seconds more
    assert server.raw("ZCARD", keys(server, "a")[0]) == 1


async def test_two_sign_ins_at_once_in_one_browser_succeed_and_what_was_kept_is_not_lost(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, visitor = await new_person(ostiary), new_client(ostiary)
    await visitor.patch("/api/session/data", json={"cart": ["apple"]})
    cookies = {"ostiary_session": secret_of(visitor)}
    tabs = [new_client(ostiary, cookies=cookies) for _ in range(2)]
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*(sign_in(ostiary, person.email, tab) for tab in tabs))
    assert [answer.status_code for answer in answers] == [200, 200]
    kept = [await show(ostiary, secret_set(answer) or "", "/api/session/data") for answer in answers]
    assert {"cart": ["apple"]} in [each.json() for each in kept]


async def test_whoever_names_the_session_of_another_account_ends_nothing(ostiary: Ostiary, clock: ManualClock) -> None:
    person, stranger = await new_person(ostiary), await new_person(ostiary)
    found = await facade(ostiary).find(secret_of(person.client), clock.now)
    assert found is not None
    for account in (stranger.id, None):
        async with ostiary.use.db.transaction() as tx:
            await facade(ostiary).end(tx, found.session.id, account, clock.now)
        assert await status(person) == 200
    async with ostiary.use.db.transaction() as tx:
        await facade(ostiary).end(tx, found.session.id, person.id, clock.now)
    assert await status(person) == 401


async def test_what_a_newer_version_has_written_signs_nobody_out(ostiary: Ostiary, server: RedisServer) -> None:
    person = await new_person(ostiary)
    [key] = keys(server, "s")
    server.raw("SETRANGE", key, 0, b"\xff")
    answer = await person.request("GET", "/api/auth/me")
    assert answer.status_code == 503
    assert "set-cookie" not in answer.headers
    server.raw("SETRANGE", key, 0, b"\x01")
    assert await status(person) == 200


async def test_sign_ins_of_different_installations_in_one_redis_do_not_meet(
    server: RedisServer, tmp_path: Path, clock: ManualClock
) -> None:
    first, second = f"sqlite:///{tmp_path / 'first.db'}", f"sqlite:///{tmp_path / 'second.db'}"
    async with over(server.url, first, clock) as one, over(server.url, second, clock, redis__prefix="o*?[") as two:
        ada, ben = await new_person(one), await new_person(two)
        assert not await opens(two, secret_of(ada.client))
        assert not await opens(one, secret_of(ben.client))
        assert [await status(person) for person in (ada, ben)] == [200, 200]


async def use_everything(ostiary: Ostiary, clock: ManualClock) -> None:
    """Sign in, keep data, change the secret, list, end one, end all, sign out."""
    visitor = new_client(ostiary)
    assert (await visitor.patch("/api/session/data", json={"cart": ["apple"]})).status_code == 200
    person = await new_person(ostiary)
    assert (await sign_in(ostiary, person.email, visitor)).status_code == 200
    assert (await visitor.get("/api/session/data")).json() == {"cart": ["apple"]}
    others = [await another(person) for _ in range(5)]
    found = await facade(ostiary).find(secret_of(person.client), clock.now)
    assert found is not None
    rotated = await facade(ostiary).rotate(found.session, clock.now)
    assert rotated is not None
    assert [await opens(ostiary, secret) for secret in (rotated[0], secret_of(person.client))] == [True, True]
    listed = (await others[0].request("GET", "/api/sessions")).json()["items"]
    assert len(listed) == 7
    assert found.session.id in [item["id"] for item in listed]
    assert (await others[0].request("DELETE", f"/api/sessions/{found.session.id}")).status_code == 204
    assert [await opens(ostiary, secret) for secret in (rotated[0], secret_of(person.client))] == [False, False]
    assert (await others[0].request("DELETE", "/api/sessions")).json() == {"ended": 5}
    assert [await status(one) for one in others] == [200, 401, 401, 401, 401]
    await others[0].request("POST", "/api/auth/logout")
    assert await status(others[0]) == 401


async def test_all_of_it_in_a_cluster(tmp_path: Path, sqlite_url: str, clock: ManualClock) -> None:
    with cluster(tmp_path, "secret") as nodes:
        url = f"redis+cluster://:secret@127.0.0.1:{nodes[0].port}"
        async with over(url, sqlite_url, clock, sessions__max_per_account=7) as ostiary:
            await use_everything(ostiary, clock)
            await asyncio.gather(*(new_person(ostiary) for _ in range(12)))
            await ostiary.use.session_migration(ostiary.operator(), "database")
        assert [node.raw("KEYS", "ost:[sa]:*") for node in nodes] == [[], [], []]


async def test_all_of_it_behind_sentinels(tmp_path: Path, sqlite_url: str, clock: ManualClock) -> None:
    with watched(tmp_path, "secret") as trio:
        url = f"redis+sentinel://:secret@127.0.0.1:{trio.sentinel.port}/{trio.name}/0?sentinel_password=secret"
        async with over(url, sqlite_url, clock) as ostiary:
            await use_everything(ostiary, clock)
