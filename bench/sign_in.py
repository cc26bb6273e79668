"""What does a password sign-in cost beside the password hash itself?

Ours: the whole request of somebody in a browser that they have used before, from parsing to the durable session, in CPU
time of all threads. Baseline: Argon2id alone with the same parameters.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import uvloop
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from bench.figures import in_turn_async, line
from bench.installation import PASSWORD, open_in
from ostiary.accounts import AccountCreate

TIMES = 20
ROUNDS = 15


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ostiary = await open_in(Path(folder))
        account = AccountCreate(email="ada@example.com", password=PASSWORD)
        await ostiary.use.account_administration.create(ostiary.operator(), account)
        scope_and_body = _request("")
        cookie = await _ask(ostiary, *scope_and_body)
        scope_and_body = _request(cookie)

        async def sign_in() -> float:
            start = time.process_time()
            for _ in range(TIMES):
                await _ask(ostiary, *scope_and_body)
            return (time.process_time() - start) / TIMES

        async def hash_alone() -> float:
            start = time.process_time()
            for number in range(TIMES):
                Argon2id(salt=number.to_bytes(16, "big"), length=32, iterations=2, lanes=1, memory_cost=19_456).derive(
                    PASSWORD.encode()
                )
            return (time.process_time() - start) / TIMES

        await sign_in()
        ours, alone, ratio = await in_turn_async(sign_in, hash_alone, ROUNDS)
        await ostiary.close()
    line(
        "password sign-in, CPU",
        f"{ours * 1e3:.2f} ms",
        f"argon2id alone {alone * 1e3:.2f} ms",
        ratio,
        "at most 1.05 x",
        ratio <= 1.05,
    )


def _request(cookie: str) -> tuple[dict[str, object], bytes]:
    body = httpx.Request(
        "POST", "http://localhost:8000/", json={"identifier": "ada@example.com", "password": PASSWORD}
    ).content
    headers = [(b"host", b"localhost:8000"), (b"content-type", b"application/json"), (b"user-agent", b"bench")]
    if cookie:
        headers.append((b"cookie", cookie.encode()))
    scope: dict[str, object] = {
        "type": "http",
        "method": "POST",
        "path": "/api/auth/login",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
    }
    return scope, body


async def _ask(ostiary: object, scope: dict[str, object], body: bytes) -> str:
    """Signs in; returns the cookie that the browser is known by."""
    known = ""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal known
        for name, value in message.get("headers", ()):
            if name == b"set-cookie" and b"_device=" in value:
                known = value.partition(b";")[0].decode()
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"sign-in answered {message['status']}")

    await ostiary(dict(scope), receive, send)  # type: ignore[operator]
    return known


if __name__ == "__main__":
    uvloop.run(main())
