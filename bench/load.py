"""A closed loop of requests over a few connections, in a process of its own: ``python -m bench.load``.

Writes the bytes of one prepared request and looks for the length of the answer, so that the client costs a fraction of
what any server does. Prints requests a second, and how many answers were not 200.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from functools import partial
from typing import cast

from bench.figures import cores


def requests_per_second(
    port: int, path: str, headers: dict[str, str], seconds: float, connections: int = 8, *, body: bytes = b""
) -> float:
    """Load a server from another process on the load's core: GET, or POST where there is a ``body``.

    Raises:
        RuntimeError: an answer was not 200.
    """
    lines = [
        f"{'POST' if body else 'GET'} {path} HTTP/1.1",
        f"Host: localhost:{port}",
        *([f"Content-Length: {len(body)}"] if body else []),
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    request = "\r\n".join(lines) + "\r\n\r\n"
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", str(port), str(seconds), str(connections), str(cores()[1])],
        input=request.encode() + body,
        capture_output=True,
        check=True,
    )
    rate, bad = done.stdout.split()
    if int(bad):
        raise RuntimeError(f"{int(bad)} answers were not 200")
    return float(rate)


def rotations_per_second(port: int, path: str, form: str, tokens: list[str], seconds: float) -> float:
    """The same with a refresh token that each answer replaces: a chain on each connection, begun by one of ``tokens``.

    Args:
        form: of the request, with ``@TOKEN@`` in it, in whose place each token stands.
    """
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: @LENGTH@\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", str(port), str(seconds), str(len(tokens)), str(cores()[1]), *tokens],
        input=(head + form).encode(),
        capture_output=True,
        check=True,
    )
    rate, bad = done.stdout.split()
    if int(bad):
        raise RuntimeError(f"{int(bad)} answers were not 200")
    return float(rate)


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, until: float, token: bytes = b"") -> None:
        self._template = request
        self._request = _with_token(request, token) if token else request
        self._chained = bool(token)
        self._until = until
        self._received = b""
        self._expected = 0
        self.answers = 0
        self.bad = 0
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its class
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._expected:
            head, found, _ = self._received.partition(b"\r\n\r\n")
            if not found:
                return
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self._expected = len(head) + 4 + int(length)
        if len(self._received) < self._expected:
            return
        self.answers += 1
        self.bad += not self._received.startswith(b"HTTP/1.1 200")
        if self._chained:
            token = self._received.partition(b'"refresh_token":"')[2].partition(b'"')[0]
            self._request = _with_token(self._template, token)
        self._received, self._expected = b"", 0
        if time.perf_counter() < self._until:
            self._transport.write(self._request)
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)


def _with_token(template: bytes, token: bytes) -> bytes:
    head, _, form = template.partition(b"\r\n\r\n")
    form = form.replace(b"@TOKEN@", token)
    return head.replace(b"@LENGTH@", b"%d" % len(form)) + b"\r\n\r\n" + form


async def _run(port: int, seconds: float, connections: int, request: bytes, tokens: list[str]) -> tuple[float, int]:
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    made = [
        (await loop.create_connection(partial(_Connection, request, start + seconds, token), "127.0.0.1", port))[1]
        for token in [each.encode() for each in tokens] or [b""] * connections
    ]
    await asyncio.gather(*(connection.closed for connection in made))
    taken = time.perf_counter() - start
    return sum(connection.answers for connection in made) / taken, sum(connection.bad for connection in made)


def main() -> None:
    import uvloop

    port, seconds, connections, core = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    os.sched_setaffinity(0, {core})
    rate, bad = uvloop.run(_run(port, seconds, connections, sys.stdin.buffer.read(), sys.argv[5:]))
    print(rate, bad)


if __name__ == "__main__":
    main()
