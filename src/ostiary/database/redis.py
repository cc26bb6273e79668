"""Redis by redis-py: one server, servers behind Sentinels, or a cluster, behind one small face.

Nothing is sent twice: who has waited in vain does not know whether the command was carried out. A connection on which
an answer is still due is closed, so that nobody else reads it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, NoReturn

from ostiary.database.redis_url import RedisUrl, parse_redis_url
from ostiary.errors import ConfigurationError, Unavailable

try:
    from hiredis import pack_command
    from redis import exceptions
    from redis.asyncio import Redis as Server
    from redis.asyncio import RedisCluster, Sentinel
    from redis.asyncio.cluster import ClusterNode
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
except ImportError as error:
    raise ConfigurationError(["Redis needs a driver: pip install 'ostiary[redis]'"]) from error

_log = logging.getLogger("ostiary.database")

Argument = bytes | str | int
Command = tuple[Argument, ...]

_PATIENCE = 1.5  # seconds that a command may take, with finding the server and waiting for a connection
_CONNECT = 1.0  # seconds that a connection may take
_SENTINEL = 0.4  # seconds that a Sentinel may take, so that there is time to ask another one
_SILENCE = 10.0  # seconds between two warnings that Redis is away
_CONNECTIONS = 64  # to one server; who comes when all are in use waits
_OLDEST = (6, 2)

_DRIVER = (exceptions.RedisError, exceptions.RedisClusterException, OSError)  # TimeoutError is an OSError
_OUT_OF_ORDER = (
    OSError,
    exceptions.ConnectionError,  # LOADING and wrong passwords are among these
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.ClusterError,  # CLUSTERDOWN and MASTERDOWN are among these
    exceptions.TryAgainError,
    exceptions.RedisClusterException,
)
# Codes that redis-py has no class for, and what Redis 6.2 hides in the error of a script.
_OUT_OF_ORDER_CODES = re.compile(r"(^|-)(BUSY|MISCONF|NOREPLICAS|READONLY|OOM|MASTERDOWN|CLUSTERDOWN) ")
_SPECIAL = re.compile(rb"[\\*?\[\]]")  # in a pattern of keys
_WRONG_SETTINGS = (
    exceptions.AuthenticationError,
    exceptions.AuthenticationWrongNumberOfArgsError,
    exceptions.NoPermissionError,
)


def _is_out_of_order(error: BaseException) -> bool:
    by_code = isinstance(error, exceptions.ResponseError) and _OUT_OF_ORDER_CODES.search(str(error))
    return bool(by_code) or isinstance(error, _OUT_OF_ORDER)


def _is_wrong_settings(error: Exception) -> bool:
    if isinstance(error, exceptions.RedisClusterException):  # hides what its last node answered
        return isinstance(error.__cause__, _WRONG_SETTINGS) or "not enabled" in str(error)
    return isinstance(error, _WRONG_SETTINGS) or not _is_out_of_order(error)


class Script:
    """A Lua script, which Redis keeps and runs by its SHA-1. Made once, of constants."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha1 = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Redis:
    """An open Redis, used from one event loop. Values are bytes in answers; a missing one is None.

    Everything raises :class:`~ostiary.errors.Unavailable` when Redis is down, busy, or takes too long, within
    two seconds. Whether a command that was cut short has been carried out is not known.

    Attributes:
        prefix: begins every key of this installation. Whoever makes a key puts it there.
    """

    _mode = "standalone"

    def __init__(self, client: Any, prefix: str, sentinels: Sentinel | None = None) -> None:
        self._client = client
        self._sentinels = sentinels
        self._room = asyncio.Semaphore(_CONNECTIONS)
        self._waiting: list[tuple[Command, asyncio.Future[Any]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._warns_from = 0.0
        self.prefix = prefix.encode()

    @staticmethod
    async def open(url: str, prefix: str) -> Redis:
        """Open a Redis as :func:`~ostiary.database.redis_url.parse_redis_url` describes it, and see that it answers.

        Args:
            url: which Redis; may hold a password and is never shown.
            prefix: begins every key.

        Raises:
            ConfigurationError: the URL, the password or the version is wrong.
            Unavailable: it does not answer.
        """
        opened = _connected(parse_redis_url(url), prefix)
        try:
            await opened._check()
        except BaseException:
            await opened.close()
            raise
        return opened

    async def execute(self, *command: Argument) -> Any:
        """Have one command carried out and return its answer as Redis gives it (RESP 2)."""
        return await self._ask(command)

    async def pipeline(self, commands: Sequence[Command]) -> list[Any]:
        """Have several carried out in one round trip and return their answers. Others' may come in between."""
        if not commands:
            return []
        try:
            async with asyncio.timeout(_PATIENCE), self._room:
                answers = await self._converse(commands)
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
        except _DRIVER as error:
            self._raise(error)
        return answers

    async def script(self, script: Script, keys: Sequence[bytes], args: Sequence[Argument]) -> Any:
        """Run a script, which is atomic. On a cluster all ``keys`` must be of one slot."""
        try:
            return await self._ask(("EVALSHA", script.sha1, len(keys), *keys, *args))
        except exceptions.NoScriptError:  # so it was not run: Redis is new, or has forgotten its scripts
            return await self._ask(("EVAL", script.text, len(keys), *keys, *args))

    async def scan(self, beginning: bytes) -> AsyncIterator[list[bytes]]:
        """The keys that begin so, in lists. What comes or goes meanwhile may be missed, a key may come twice."""
        pattern = _SPECIAL.sub(rb"\\\g<0>", beginning) + b"*"
        for node in self._nodes():
            cursor = b""
            while cursor != b"0":
                cursor, keys = await self._ask(("SCAN", cursor or b"0", "MATCH", pattern, "COUNT", 1000), node)
                if keys:
                    yield keys

    async def close(self) -> None:
        """Close every connection. Whoever waits for an answer gets Unavailable."""
        await self._client.aclose()
        if self._sentinels is not None:
            await self._sentinels.aclose()

    async def _ask(self, command: Command, node: Any = None) -> Any:
        try:
            return await self._carry_out(command, node)
        except _DRIVER as error:
            self._raise(error)

    async def _carry_out(self, command: Command, node: Any) -> Any:
        """Send a command along with all that others ask for in the same turn of the loop: one write for many."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._send)
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((command, answer))
        return await answer

    def _send(self) -> None:
        together, self._waiting = self._waiting, []
        task = asyncio.create_task(self._deliver(together))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, together: list[tuple[Command, asyncio.Future[Any]]]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE), self._room:
                answers = await self._converse([command for command, _ in together])
        except Exception as error:  # noqa: BLE001 - those who asked get it, each of them
            answers = [error] * len(together)
        for (_, waiting), answer in zip(together, answers, strict=True):
            if waiting.done():
                continue  # whoever asked has gone
            if isinstance(answer, Exception):
                waiting.set_exception(answer)
            else:
                waiting.set_result(answer)

    async def _converse(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands over one connection and read an answer to each, which may be an error.

        The client's own way costs twice as much: it packs in Python, and counts for whom might want to know.
        """
        pool = self._client.connection_pool
        connection = pool.get_available_connection()
        try:
            if not connection.is_connected or await connection.can_read():  # which means that it was closed
                await pool.ensure_connection(connection)
            packed = b"".join(pack_command(command) for command in commands)  # type: ignore[arg-type]  # its stub is wrong
            await connection.send_packed_command(packed)
            answers = [await _answer(connection) for _ in commands]
        finally:
            await pool.release(connection)
        return answers

    def _nodes(self) -> list[Any]:
        """What has keys of its own; None for all there is."""
        return [None]

    def _raise(self, error: Exception) -> NoReturn:
        """Raise what the rest of the house knows it by; a mistake in a command or a script stays what it is."""
        if not _is_out_of_order(error):
            raise error
        now = asyncio.get_running_loop().time()
        if now >= self._warns_from:
            self._warns_from = now + _SILENCE
            _log.warning("Redis is unavailable: %s", str(error) or type(error).__name__)
        raise Unavailable(retry_after=1) from error

    async def _check(self) -> None:
        try:
            async with asyncio.timeout(2 * _PATIENCE):
                await self._find_servers()
                for node in self._nodes():
                    _check_server((await self._carry_out(("INFO",), node)).decode(), self._mode)
        except _DRIVER as error:
            if _is_wrong_settings(error):
                raise ConfigurationError([f"Redis can not be used: {error}"]) from error
            self._raise(error)

    async def _find_servers(self) -> None:
        if self._sentinels is not None:
            await _ask_for_master(self._sentinels, self._client.connection_pool.service_name)


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except exceptions.ResponseError as error:
        return error


class _RedisCluster(Redis):
    _mode = "cluster"

    async def pipeline(self, commands: Sequence[Command]) -> list[Any]:
        # redis-py's own pipeline sends a command once more when its node did not answer.
        answers = await asyncio.gather(*(self.execute(*command) for command in commands), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return answers

    async def _carry_out(self, command: Command, node: Any) -> Any:
        async with asyncio.timeout(_PATIENCE), self._room:
            return await (node or self._client).execute_command(*command)

    def _nodes(self) -> list[Any]:
        nodes: list[Any] = self._client.get_primaries()
        return nodes

    async def _find_servers(self) -> None:
        await self._client.initialize()


def _connected(url: RedisUrl, prefix: str) -> Redis:
    common: dict[str, Any] = {
        "protocol": 2,
        "driver_info": None,
        "client_name": "ostiary",
        "ssl": url.tls,
        **{name: path for name, path in url.options.items() if name.startswith("ssl_")},
    }
    own = common | {
        "username": url.username,
        "password": url.password,
        "max_connections": _CONNECTIONS,
        "socket_connect_timeout": _CONNECT,
        "socket_timeout": None,  # the time limit of a command is around all of it
    }
    if url.kind == "cluster":
        return _RedisCluster(_cluster(url, own), prefix)
    if url.kind == "server":
        host, port = url.hosts[0]
        return Redis(Server(host=host, port=port, db=url.db, retry=_once(), **own), prefix)
    sentinels = _sentinels(url, common)
    return Redis(sentinels.master_for(url.master, db=url.db, retry=_once(), **own), prefix, sentinels)


def _sentinels(url: RedisUrl, common: dict[str, Any]) -> Sentinel:
    limits = {"socket_connect_timeout": _SENTINEL, "socket_timeout": _SENTINEL, "retry": _once()}
    credentials = {name: url.options.get(f"sentinel_{name}") for name in ("username", "password")}
    return Sentinel(url.hosts, sentinel_kwargs=common | limits | credentials)  # type: ignore[no-untyped-call]


def _cluster(url: RedisUrl, own: dict[str, Any]) -> RedisCluster:
    # By its own time limit the client learns that a node is away, and asks the others who has taken its place.
    client = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in url.hosts],
        retry=_once(),
        **own | {"socket_timeout": _CONNECT},
    )
    # Answers are not made into Python's types, which differ from one release of redis-py to another.
    for name in [name for name in client.response_callbacks if not name.startswith(("CLUSTER", "COMMAND"))]:
        del client.response_callbacks[name]
    return client


def _once() -> Retry:
    return Retry(NoBackoff(), 0)


async def _ask_for_master(sentinels: Sentinel, master: str) -> None:
    """redis-py says the same of a name that no Sentinel knows, of a wrong password and of Sentinels that are away."""
    for sentinel in sentinels.sentinels:
        try:
            found = await sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master)  # type: ignore[no-untyped-call]
        except _WRONG_SETTINGS:
            raise
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError):
            continue
        if found is None:
            raise ConfigurationError(["the Sentinels know no Redis of the name in the Redis URL"])
        return


def _check_server(info: str, mode: str) -> None:
    facts = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    version, is_mode = facts.get("redis_version", "0"), facts.get("redis_mode", mode)
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        raise ConfigurationError([f"Redis 6.2 or newer is needed; this is {version}"])
    if is_mode != mode:
        raise ConfigurationError([f"the Redis URL leads to a {is_mode}; write redis+{is_mode}://"])
    if facts.get("maxmemory", "0") != "0" and facts.get("maxmemory_policy") != "noeviction":
        _log.warning(
            "Redis drops keys when its memory is full (maxmemory-policy %s), which signs people out; set noeviction",
            facts.get("maxmemory_policy"),
        )
