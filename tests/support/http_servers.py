"""A real HTTP server for what Ostiary asks others: it keeps what it was asked, and answers as it is told to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import NamedTuple

from tests.support.installation import Request


class Reply(NamedTuple):
    """``raw`` is sent as it is, in the place of an answer; an empty one is silence until whoever asked goes away."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None


SILENCE = Reply(raw=b"")


class HttpServer:
    """Answers with the first of ``replies``, and when there is none left by ``answer``.

    Attributes:
        requests: what was asked, oldest first.
        url: where it is, without a slash at the end.
    """

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.requests: list[Request] = []
        self.replies: list[Reply] = []
        self.url = ""
        self._answer = answer
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[asyncio.create_task(self._serve(reader, writer))] = writer

    async def close(self) -> None:
        for task, writer in self._open.items():
            task.cancel()
            writer.transport.abort()  # TLS would wait for a goodbye
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.requests.append(await _read(reader))
                reply = self.replies.pop(0) if self.replies else self._answer(self.requests[-1])
                writer.write(_written(reply) if reply.raw is None else reply.raw)
                await writer.drain()
                if reply.raw is not None:
                    await reader.read()  # until whoever asked goes away
                    return
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serve_http(
    answer: Callable[[Request], Reply] = lambda _: Reply(), *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[HttpServer]:
    """A server on a free port of this machine."""
    server = HttpServer(answer)
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0, ssl=tls)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        server.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
        try:
            yield server
        finally:
            await server.close()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, headers["host"], target, headers, body.decode())


def _written(reply: Reply) -> bytes:
    headers = (("Content-Length", str(len(reply.body))), *reply.headers)
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}", *(f"{a}: {b}" for a, b in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + reply.body
