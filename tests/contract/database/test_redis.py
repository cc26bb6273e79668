"""Redis behind its face: one server, Sentinels, a cluster; and each of them away, back, paused and restarted."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from redis.exceptions import ResponseError

from ostiary.database import redis as module
from ostiary.database.redis import Redis, Script
from ostiary.database.redis_url import parse_redis_url
from ostiary.errors import ConfigurationError, Unavailable
from tests.support.https import Authority
from tests.support.redis_servers import RedisServer, Watched, cluster, free_port, watched

PASSWORD = "p@ss:w/rd?"
IN_URL = quote(PASSWORD, safe="")
SWAP = Script("local old = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[1], ARGV[1]) return old")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that only this test has."""
    with RedisServer(tmp_path / "redis") as started:
        yield started


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    """The nodes of a cluster."""
    with cluster(tmp_path_factory.mktemp("cluster"), PASSWORD) as started:
        yield started


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[Watched]:
    """A master, its replica and a Sentinel."""
    with watched(tmp_path, PASSWORD) as started:
        yield started


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Redis]:
    redis = await Redis.open(url, "t:")
    try:
        yield redis
    finally:
        await redis.close()


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    async with opened(server.url) as it:
        yield it


def cluster_url(nodes: list[RedisServer]) -> str:
    return f"redis+cluster://:{IN_URL}@" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)


def sentinel_url(trio: Watched, *before: int) -> str:
    hosts = ",".join(f"127.0.0.1:{port}" for port in (*before, trio.sentinel.port))
    return f"redis+sentinel://:{IN_URL}@{hosts}/{trio.name}/0?sentinel_password={IN_URL}"


async def use_everything(redis: Redis, keys: int = 12) -> None:
    """Write and read by each method; with so many keys every node of a cluster has some."""
    names = [redis.prefix + bytes([number, 0, 255]) for number in range(keys)]
    assert [await redis.execute("SET", name, b"1:" + name) for name in names] == [b"OK"] * keys
    assert await redis.pipeline([("GET", name) for name in names]) == [b"1:" + name for name in names]
    assert [await redis.script(SWAP, [name], [7]) for name in names] == [b"1:" + name for name in names]
    assert await redis.pipeline([("GETDEL", name) for name in names]) == [b"7"] * keys
    assert await redis.execute("GET", names[0]) is None


async def until_it_answers(redis: Redis) -> None:
    """Whatever fails meanwhile fails as Unavailable."""
    async with asyncio.timeout(30):
        while True:
            try:
                await redis.execute("SET", b"t:probe", 1)
            except Unavailable:
                await asyncio.sleep(0.02)
            else:
                return


async def assert_unavailable(redis: Redis, *command: bytes | str | int) -> None:
    """Refused, and that within the time a request may wait; the limit here is only so that a test cannot hang."""
    async with asyncio.timeout(10):
        with pytest.raises(Unavailable) as caught:
            await redis.execute(*(command or ("GET", b"t:any")))
    assert caught.value.retry_after == 1


# Forms of URL


async def test_one_server(redis: Redis) -> None:
    await use_everything(redis)


async def test_one_server_with_a_user_a_password_and_another_database(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis", password=PASSWORD) as server:
        server.ask("ACL", "SETUSER", "ostiary", "on", f">{PASSWORD}", "~t:*", "+@all")
        async with opened(f"redis://ostiary:{IN_URL}@127.0.0.1:{server.port}/3") as redis:
            await use_everything(redis)
            await redis.execute("SET", b"t:kept", 1)
        assert server.ask("INFO", "keyspace")["db3"]["keys"] == 1


async def test_tls_is_spoken_with_a_server_whose_certificate_is_good_and_with_no_other(tmp_path: Path) -> None:
    authority = Authority(tmp_path, ["localhost"], ["127.0.0.1"])
    tls = ("--tls-cert-file", str(authority.chain), "--tls-key-file", str(authority.key), "--tls-auth-clients", "no")
    port = free_port()
    with RedisServer(tmp_path / "redis", "--tls-port", str(port), *tls):
        async with opened(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority.chain}") as redis:
            await use_everything(redis)
        with pytest.raises(Unavailable):
            await Redis.open(f"rediss://127.0.0.1:{port}/0", "t:")


async def test_sentinels_tell_where_the_master_is_even_when_others_are_away_or_silent(trio: Watched) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with opened(sentinel_url(trio, free_port(), silent.getsockname()[1])) as redis:
            await use_everything(redis)


async def test_a_cluster_whose_keys_are_on_different_nodes(nodes: list[RedisServer]) -> None:
    async with opened(cluster_url(nodes[:1])) as redis:
        await use_everything(redis)
        await redis.pipeline([("SET", b"t:%d" % number, 1) for number in range(30)])
    assert all(node.ask("DBSIZE") for node in nodes)


@pytest.mark.parametrize("kind", ["server", "cluster"])
async def test_every_key_with_a_beginning_is_found_and_no_other(
    kind: str, server: RedisServer, nodes: list[RedisServer]
) -> None:
    async with opened(server.url if kind == "server" else cluster_url(nodes)) as redis:
        keys = {b"t*[x]\\:%d" % number for number in range(2_500)}
        await redis.pipeline([("SET", key, 1) for key in [*keys, b"tt[x]\\:1", b"t*x\\:1"]])
        assert {key async for some in redis.scan(b"t*[x]\\:") for key in some} == keys


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://localhost", "must begin with"),
        ("redis+file://localhost", "must begin with"),
        ("redis://", "a host that can not be read"),
        ("redis://u:hunter2@localhost:port/0", "a host that can not be read"),
        ("redis://u:hunter2@localhost:99999/0", "a host that can not be read"),
        ("redis://u:hunter2@a,b/0", "more than one host"),
        ("redis://u:hunter2@localhost/name", "not the number of a database"),
        ("redis+sentinel://u:hunter2@localhost", "name of the master"),
        ("redis+cluster://u:hunter2@localhost/1", "only one"),
        ("redis://u:hunter2@localhost/0?pasword=hunter2", "pasword"),
        ("redis://u:hunter2@localhost/0?ssl_ca_certs=ca.pem", "ssl_ca_certs"),
        ("rediss://u:hunter2@localhost/0?ssl_ca_certs=/hunter2/ca.pem", "a file that is not there"),
    ],
)
async def test_a_url_that_can_not_be_read_is_a_fault_of_the_configuration_and_its_password_is_not_shown(
    url: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        await Redis.open(url, "t:")
    assert "hunter2" not in str(caught.value)


def test_hosts_may_be_addresses_of_version_6_and_ports_be_left_out() -> None:
    parsed = parse_redis_url("rediss+sentinel://[::1]:5000,name/master")
    assert parsed.hosts == (("::1", 5000), ("name", 26379))
    assert (parsed.tls, parsed.master, parsed.db) == (True, "master", 0)
    assert parse_redis_url("redis+cluster://a,b").hosts == (("a", 6379), ("b", 6379))
    assert PASSWORD not in repr(parse_redis_url(f"redis://:{IN_URL}@a/0"))


# What is found out when it is opened


@pytest.mark.parametrize("credentials", ["", ":wrong@", "nobody:wrong@"])
async def test_a_wrong_password_is_a_fault_of_the_configuration(
    credentials: str, tmp_path: Path, nodes: list[RedisServer]
) -> None:
    with RedisServer(tmp_path / "redis", password=PASSWORD) as server, pytest.raises(ConfigurationError):
        await Redis.open(f"redis://{credentials}127.0.0.1:{server.port}/0", "t:")
    with pytest.raises(ConfigurationError):
        await Redis.open(f"redis+cluster://{credentials}127.0.0.1:{nodes[0].port}", "t:")


async def test_a_wrong_password_or_name_at_the_sentinels_is_a_fault_of_the_configuration(trio: Watched) -> None:
    good = sentinel_url(trio)
    for bad in (
        good.replace(f"={IN_URL}", "=wrong"),
        good.replace(f":{IN_URL}@", ":wrong@"),
        good.replace(f"/{trio.name}/", "/other/"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            await Redis.open(bad, "t:")
        assert "wrong" not in str(caught.value)


async def test_a_url_of_another_kind_of_redis_says_which_kind_it_is(
    server: RedisServer, trio: Watched, nodes: list[RedisServer]
) -> None:
    with pytest.raises(ConfigurationError, match=r"redis\+cluster://"):
        await Redis.open(f"redis://:{IN_URL}@127.0.0.1:{nodes[0].port}", "t:")
    with pytest.raises(ConfigurationError, match=r"redis\+sentinel://"):
        await Redis.open(f"redis://:{IN_URL}@127.0.0.1:{trio.sentinel.port}", "t:")
    with pytest.raises(ConfigurationError, match="not enabled"):
        await Redis.open(f"redis+cluster://127.0.0.1:{server.port}", "t:")


async def test_a_database_that_the_server_does_not_have_is_a_fault_of_the_configuration(server: RedisServer) -> None:
    with pytest.raises(ConfigurationError, match="out of range"):
        await Redis.open(f"redis://127.0.0.1:{server.port}/4711", "t:")


async def test_a_redis_that_is_too_old_is_refused() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while command := await reader.read(4096):
            info = b"redis_version:6.0.16\r\n"
            writer.write(b"$%d\r\n%s\r\n" % (len(info), info) if b"INFO" in command else b"+OK\r\n")
        writer.close()

    old = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with old:
        with pytest.raises(ConfigurationError, match=r"6\.2 or newer.*6\.0\.16"):
            await Redis.open(f"redis://127.0.0.1:{old.sockets[0].getsockname()[1]}", "t:")


async def test_a_redis_that_drops_keys_when_it_is_full_is_warned_of(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    async with opened(server.url):
        assert caplog.messages == []  # without a limit it drops nothing
    server.ask("CONFIG", "SET", "maxmemory", "64mb")
    async with opened(server.url) as redis:
        await use_everything(redis)
    assert len(caplog.messages) == 1
    assert "allkeys-lru" in caplog.messages[0]


@pytest.mark.parametrize("scheme", ["redis", "redis+sentinel", "redis+cluster"])
async def test_a_redis_that_is_not_there_is_unavailable(scheme: str) -> None:
    path = "/master/0" if "sentinel" in scheme else ""
    with pytest.raises(Unavailable):
        await Redis.open(f"{scheme}://127.0.0.1:{free_port()}{path}", "t:")


async def test_a_redis_that_is_paused_when_it_is_opened_is_unavailable(server: RedisServer) -> None:
    server.pause()
    async with asyncio.timeout(10):
        with pytest.raises(Unavailable):
            await Redis.open(server.url, "t:")


# Scripts


async def test_a_script_that_redis_has_forgotten_is_sent_again(redis: Redis, server: RedisServer) -> None:
    await redis.script(SWAP, [b"t:x"], [1])
    server.ask("SCRIPT", "FLUSH")
    assert await redis.script(SWAP, [b"t:x"], [2]) == b"1"
    assert server.ask("SCRIPT EXISTS", SWAP.sha1) == [True]


async def test_a_mistake_in_a_script_is_not_taken_for_a_redis_that_is_away(redis: Redis) -> None:
    with pytest.raises(ResponseError):
        await redis.script(Script("return nonsense()"), [b"t:x"], [])
    with pytest.raises(ResponseError):
        await redis.pipeline([("SET", b"t:x", 1), ("LPOP", b"t:x")])


# Away and back


async def test_a_server_that_went_away_is_unavailable_until_it_is_back(
    redis: Redis, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    await use_everything(redis)
    server.kill()
    for _ in range(5):
        await assert_unavailable(redis)
        with pytest.raises(Unavailable):
            await redis.pipeline([("GET", b"t:any")])
    assert [record.levelno for record in caplog.records] == [logging.WARNING], "said once, not once a request"
    server.start()
    await until_it_answers(redis)
    await use_everything(redis)


async def test_a_server_that_was_restarted_between_two_requests_is_not_even_noticed(
    redis: Redis, server: RedisServer
) -> None:
    await asyncio.gather(*(redis.execute("SET", b"t:%d" % n, 1) for n in range(10)))
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    await use_everything(redis)


async def test_a_paused_server_is_unavailable_and_no_answer_of_before_is_given_to_a_later_request(
    redis: Redis, server: RedisServer
) -> None:
    names = [b"t:%d" % number for number in range(200)]
    await redis.pipeline([("SET", name, name) for name in names])
    await asyncio.gather(*(redis.execute("GET", name) for name in names))
    server.pause()
    await asyncio.gather(*(assert_unavailable(redis, "GET", name) for name in names))
    server.resume()
    await until_it_answers(redis)
    for _ in range(5):
        assert await asyncio.gather(*(redis.execute("GET", name) for name in reversed(names))) == names[::-1]


async def test_a_command_that_was_cut_short_is_not_sent_again(redis: Redis, server: RedisServer) -> None:
    await redis.execute("SET", b"t:count", 0)
    server.pause()
    await assert_unavailable(redis, "INCR", b"t:count")
    server.resume()
    await until_it_answers(redis)
    assert await redis.execute("GET", b"t:count") in (b"0", b"1")


async def test_a_request_that_was_given_up_leaves_no_answer_for_another_one(redis: Redis, server: RedisServer) -> None:
    waiting = asyncio.create_task(redis.execute("BLPOP", b"t:list", 0))
    await asyncio.to_thread(lambda: _until_blocked(server))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    server.ask("RPUSH", "t:list", "of the other one")
    await use_everything(redis)


async def test_a_command_whose_connection_breaks_is_not_sent_again(redis: Redis, server: RedisServer) -> None:
    waiting = asyncio.create_task(redis.execute("BLPOP", b"t:list", 0))
    await asyncio.to_thread(lambda: _until_blocked(server))
    server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    with pytest.raises(Unavailable):
        await waiting
    assert server.ask("INFO", "commandstats")["cmdstat_blpop"]["calls"] == 1
    await use_everything(redis)


def _until_blocked(server: RedisServer) -> None:
    while not server.ask("INFO", "clients")["blocked_clients"]:
        pass


async def test_a_server_that_runs_somebody_elses_endless_script_is_unavailable(
    redis: Redis, server: RedisServer
) -> None:
    server.ask("CONFIG", "SET", "busy-reply-threshold", "1")
    endless = asyncio.create_task(asyncio.to_thread(_run_endless, server))
    try:
        with pytest.raises(Unavailable):
            await _until_busy(redis)
    finally:
        server.ask("SCRIPT", "KILL")
        await endless
    await use_everything(redis)


async def _until_busy(redis: Redis) -> None:
    async with asyncio.timeout(10):
        while True:  # some milliseconds pass until Redis says so
            await redis.execute("GET", b"t:any")


def _run_endless(server: RedisServer) -> None:
    with pytest.raises(ResponseError):
        server.ask("EVAL", "while true do end", "0")


async def test_a_full_server_is_unavailable(redis: Redis, server: RedisServer) -> None:
    server.ask("CONFIG", "SET", "maxmemory", "1")
    await assert_unavailable(redis, "SET", b"t:x", 1)
    with pytest.raises(Unavailable):
        await redis.script(SWAP, [b"t:x"], [1])


async def test_a_server_that_has_become_a_replica_is_unavailable_for_writing(redis: Redis, server: RedisServer) -> None:
    server.ask("REPLICAOF", "127.0.0.1", str(free_port()))
    await assert_unavailable(redis, "SET", b"t:x", 1)
    with pytest.raises(Unavailable):
        await redis.script(SWAP, [b"t:x"], [1])
    server.ask("REPLICAOF", "NO", "ONE")
    await use_everything(redis)


async def test_more_requests_than_connections_wait_for_each_other(redis: Redis, server: RedisServer) -> None:
    answers = await asyncio.gather(*(redis.execute("INCR", b"t:count") for _ in range(2_000)))
    assert sorted(answers) == list(range(1, 2_001))
    assert server.ask("INFO", "clients")["connected_clients"] <= module._CONNECTIONS + 1


async def test_when_the_master_is_away_its_replica_takes_its_place_and_when_it_is_back_nothing_is_read_from_it(
    trio: Watched,
) -> None:
    async with opened(sentinel_url(trio)) as redis:
        await asyncio.gather(*(redis.execute("SET", b"t:%d" % n, 1) for n in range(10)))
        await redis.execute("WAIT", 1, 0)
        trio.master.kill()
        await assert_unavailable(redis)
        await until_it_answers(redis)
        await use_everything(redis)
        assert await redis.execute("GET", b"t:9") == b"1"
        await redis.execute("SET", b"t:9", "of the new master")
        trio.master.start()  # for a moment it takes itself for the master still
        assert await redis.execute("GET", b"t:9") == b"of the new master"


async def test_a_master_that_only_pauses_is_replaced_as_well(trio: Watched) -> None:
    async with opened(sentinel_url(trio)) as redis:
        await use_everything(redis)
        trio.master.pause()
        await assert_unavailable(redis)
        await until_it_answers(redis)
        assert trio.replica.ask("GET", "t:probe") == "1"


async def test_a_node_that_pauses_makes_its_keys_unavailable_and_recovers_by_itself(nodes: list[RedisServer]) -> None:
    async with opened(cluster_url(nodes)) as redis:
        await redis.pipeline([("SET", b"t:%d" % n, 0) for n in range(12)])
        nodes[0].pause()
        try:
            commands = (redis.execute("INCR", b"t:%d" % n) for n in range(12))
            async with asyncio.timeout(20):
                results = await asyncio.gather(*commands, return_exceptions=True)
            assert Unavailable in {type(result) for result in results} <= {Unavailable, int}
            with pytest.raises(Unavailable):
                await redis.pipeline([("GET", b"t:%d" % n) for n in range(12)])
        finally:
            nodes[0].resume()
        async with asyncio.timeout(30):
            while True:
                try:
                    await use_everything(redis)
                except Unavailable:
                    await asyncio.sleep(0.02)
                else:
                    break
        counted = await redis.pipeline([("GET", b"t:%d" % n) for n in range(12)])
        assert set(counted) <= {b"0", b"1"}, "nothing was sent twice"
