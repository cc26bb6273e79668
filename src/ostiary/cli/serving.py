"""The HTTP server of `ostiary dev` and `ostiary serve`: uvicorn on sockets of ours, stopped by a signal."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence

from ostiary.app import Ostiary
from ostiary.errors import ConfigurationError
from ostiary.settings import Settings

try:
    import uvicorn
    import uvloop
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
except ImportError as cause:
    raise ConfigurationError(
        [f"the server is not installed ({cause.name} is missing): pip install 'ostiary[server]'"]
    ) from cause

_BACKLOG = 2048
_CONNECTIONS = 1000
"""Connections and running requests of one process; the next one is answered 503."""
_HEAD = 128 * 1024
"""Bytes of a request line and headers that are gathered, well beyond what ``server.max_header`` may be."""

Ready = Callable[[Ostiary], Awaitable[None]]


@contextlib.contextmanager
def listening(addresses: Sequence[str], port: int) -> Iterator[list[socket.socket]]:
    """Sockets on every one of ``addresses``, names or numbers; those of a family that this machine lacks are left out.

    Raises:
        ConfigurationError: the port is taken, or none of the addresses can be listened on.
    """
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        lacking = ""
        for family, address in _resolved(addresses, port):
            try:
                found = socket.create_server(address, family=family, backlog=_BACKLOG)
            except OSError as cause:
                lacking = _reason(address[0], port, cause)
                if cause.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise ConfigurationError([lacking]) from cause
            else:
                sockets.append(opened.enter_context(found))
        if not sockets:
            raise ConfigurationError([lacking])
        yield sockets


def run(settings: Settings, sockets: list[socket.socket], *, migrate_first: bool, grace: int, ready: Ready) -> None:
    """Serve until SIGINT or SIGTERM, then answer what has been asked and close the database.

    Args:
        grace: seconds that running requests get to end.
        ready: called when requests are answered.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, sockets, migrate_first, grace, ready))


async def _serve(
    settings: Settings, sockets: list[socket.socket], migrate_first: bool, grace: int, ready: Ready
) -> None:
    async with await Ostiary.open(settings, migrate_first=migrate_first) as ostiary:
        await ostiary.start()
        config = uvicorn.Config(
            ostiary,
            http=_BoundedProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # Ostiary reads them itself, from proxies that the settings trust
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=grace,
        )
        await _Server(config, lambda: ready(ostiary)).serve(sockets)


class _Server(uvicorn.Server):
    """Says when it is ready, and takes a signal as the end of serving, not of the process."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own way raises the signal again at the end, which would kill us before the database is closed.
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)


class _BoundedProtocol(HttpToolsProtocol):
    """Ends a connection whose request line and headers have no end; uvicorn would gather them all in memory."""

    _in_head = True
    _gathered = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._gathered += len(data)
        if self._in_head and self._gathered > _HEAD and not self.transport.is_closing():
            self.send_400_response("The request headers are too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._gathered = True, 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()


def _resolved(addresses: Sequence[str], port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    found: dict[tuple[socket.AddressFamily, tuple[str, int]], None] = {}
    for name in addresses:
        try:
            infos = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except (socket.gaierror, UnicodeError) as cause:
            raise ConfigurationError([f"server.host: {name} is not an address of this machine"]) from cause
        found.update({(family, (str(address[0]), port)): None for family, _, _, _, address in infos})
    return list(found)


def _reason(host: str, port: int, cause: OSError) -> str:
    if cause.errno == errno.EADDRINUSE:
        return f"port {port} is taken: stop the program that listens on it, or choose another one with --port"
    if cause.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} may not be opened by this user: choose one above 1023 with --port"
    return f"{host} port {port} cannot be listened on: {cause.strerror}"
