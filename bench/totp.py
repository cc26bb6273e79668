"""What does a sign-in's code of an authenticator app cost beside a request with a session?

Ours: the answer with the code, from parsing to the durable step-up, in CPU time of all threads; every code is new,
since the clock is turned. Baseline: "who am I" with the session, in the same process and run.
"""

from __future__ import annotations

import base64
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from bench.figures import in_turn_async, line
from bench.installation import PASSWORD, settings_in
from ostiary.accounts import AccountCreate
from ostiary.app import Ostiary
from ostiary.base.clock import system_clock
from ostiary.crypto.otp import hotp, time_step

TIMES = 50
ROUNDS = 15
STEP = 30_000
EMAIL = "ada@example.com"


class Clock:
    def __init__(self) -> None:
        self.now = system_clock()

    def __call__(self) -> int:
        return self.now


class Browser:
    """One browser that talks to the installation without a network between them."""

    def __init__(self, ostiary: Ostiary) -> None:
        self._ostiary = ostiary
        self._cookies: dict[str, str] = {}
        self.csrf = ""

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        headers = [(b"host", b"localhost:8000"), (b"content-type", b"application/json"), (b"user-agent", b"bench")]
        headers.append((b"x-csrf-token", self.csrf.encode()))
        headers.append((b"cookie", "; ".join(f"{name}={value}" for name, value in self._cookies.items()).encode()))
        answer: dict[str, Any] = {}

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            answer["status"] = message.get("status", answer.get("status"))
            answer["body"] = message.get("body", b"")
            for name, value in message.get("headers", ()):
                if name == b"set-cookie":
                    pair = value.decode().partition(";")[0]
                    self._cookies[pair.partition("=")[0]] = pair.partition("=")[2]

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
        }
        await self._ostiary(scope, receive, send)  # type: ignore[arg-type]
        if answer["status"] >= 300:
            raise RuntimeError(f"{method} {path} answered {answer['status']}: {answer['body'].decode()}")
        found = json.loads(answer["body"])
        self.csrf = found.get("csrf_token") or self.csrf
        return found


async def main() -> None:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        async with await Ostiary.open(settings_in(Path(folder)), clock=clock, migrate_first=True) as ostiary:
            await ostiary.use.account_administration.create(
                ostiary.operator(), AccountCreate(email=EMAIL, password=PASSWORD)
            )
            browser = Browser(ostiary)
            await browser.ask("POST", "/api/auth/login", {"identifier": EMAIL, "password": PASSWORD})
            secret = await _add_app(browser, clock)

            async def codes() -> float:
                spent = 0.0
                for _ in range(TIMES):
                    clock.now += STEP
                    begun = await browser.ask("POST", "/api/auth/flow", {"purpose": "step_up", "acr_values": "aal2"})
                    code = hotp(secret, time_step(clock.now))
                    answer = {"flow": begun["flow"], "answer": {"method": "totp", "code": code}}
                    start = time.process_time()
                    await browser.ask("POST", "/api/auth/flow/answer", answer)
                    spent += time.process_time() - start
                return spent / TIMES

            async def sessions() -> float:
                start = time.process_time()
                for _ in range(TIMES):
                    await browser.ask("GET", "/api/auth/me")
                return (time.process_time() - start) / TIMES

            await codes()
            ours, session, ratio = await in_turn_async(codes, sessions, ROUNDS)
    line(
        "step-up by a code of an authenticator app, CPU",
        f"{ours * 1e3:.2f} ms",
        f"who am I, session cookie {session * 1e3:.2f} ms",
        ratio,
        "-",
        reached=True,
    )


async def _add_app(browser: Browser, clock: Clock) -> bytes:
    begun = await browser.ask("POST", "/api/credentials/totp", {})
    secret = base64.b32decode(begun["challenge"]["secret"].replace(" ", ""))
    answer = {"method": "totp", "code": hotp(secret, time_step(clock.now))}
    await browser.ask("POST", "/api/credentials/totp/confirm", {"flow": begun["flow"], "answer": answer})
    return secret


if __name__ == "__main__":
    uvloop.run(main())
