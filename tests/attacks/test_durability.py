"""What was acknowledged is so: registrations and sign-outs, the server killed by SIGKILL in the middle of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from ostiary.app import Ostiary
from tests.support.installation import KEY, PASSWORD, new_person, settings_for_test
from tests.support.sessions import secret_set

CLIENTS = 8
REGISTRATIONS = 300


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@contextlib.asynccontextmanager
async def server(
    folder: Path, port: int, *arguments: str, **variables: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """``ostiary``, as somebody starts it, until it answers."""
    command = [sys.executable, "-m", "ostiary", *arguments, "--port", str(port)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")} | variables
    process = await asyncio.create_subprocess_exec(
        *command, env=environ, cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(30), httpx.AsyncClient() as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"http://localhost:{port}/readyz")).status_code == 200:
                        break
                assert process.returncode is None, "the server did not start"
                await asyncio.sleep(0.05)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Registrations:
    """Eight clients that register one address after another, until the server does not answer any more."""

    def __init__(self, port: int) -> None:
        self.url = f"http://localhost:{port}"
        self.numbers = iter(range(REGISTRATIONS))
        self.acknowledged: list[str] = []
        self.verified: list[str] = []
        self.half = asyncio.Event()
        self.killed = False

    async def run(self) -> None:
        await asyncio.gather(*(self._client(each) for each in range(CLIENTS)))

    async def _client(self, which: int) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as client:
            for number in self.numbers:
                email = f"person{number}@example.com"
                try:
                    await self._one(client, email, verify=which == 0)
                except httpx.TransportError:
                    assert self.killed, "the server died before it was killed"
                    return

    async def _one(self, client: httpx.AsyncClient, email: str, *, verify: bool) -> None:
        body = {"email": email, "password": PASSWORD, "delivery": "token"}
        answer = await client.post("/api/auth/register", json=body)
        assert answer.status_code == 200, answer.text
        self.acknowledged.append(email)
        if len(self.acknowledged) == REGISTRATIONS // 2:
            self.half.set()
        if verify:
            page = (await client.get("/dev/outbox")).text
            code = re.search(re.escape(email) + r".*?\b(\d{6})\b", page, re.DOTALL)
            if code is None:
                return  # pushed off the page by the mails of the seven others
            proof = {"flow": answer.json()["flow"], "code": code.group(1)}
            if (await client.post("/api/auth/verify", json=proof)).status_code == 200:
                self.verified.append(email)


async def test_every_acknowledged_registration_outlives_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    port, dev = free_port(), ("dev", "--data", str(folder))
    work = Registrations(port)
    async with server(tmp_path, port, *dev) as process:
        running = asyncio.create_task(work.run())
        await asyncio.wait([running, asyncio.create_task(work.half.wait())], return_when=asyncio.FIRST_COMPLETED)
        work.killed = True
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await running
    assert REGISTRATIONS // 2 <= len(work.acknowledged) < REGISTRATIONS
    assert work.verified
    async with server(tmp_path, port, *dev):
        await _assert_all_can_sign_in(work)
    connection = sqlite3.connect(folder / "ostiary.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    found = {row[0] for row in connection.execute("SELECT email FROM accounts")}
    connection.close()
    assert found >= set(work.acknowledged)


async def _assert_all_can_sign_in(work: Registrations) -> None:
    """By password: at once where the address was proved, with the challenge that is due where it was not."""
    emails = iter(work.acknowledged)

    async def client() -> None:
        async with httpx.AsyncClient(base_url=work.url, timeout=30) as opened:
            for email in emails:
                body = {"identifier": email, "password": PASSWORD, "delivery": "token"}
                answer = await opened.post("/api/auth/login", json=body)
                assert answer.status_code == 200, (email, answer.text)
                # A proof that was not acknowledged may have been kept all the same.
                assert answer.json()["status"] == "complete" or email not in work.verified, email

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


COOKIE = "__Host-ostiary_session"
SIGN_OUTS = 10
PRODUCTION = {
    "OSTIARY_ISSUER": "https://login.example.com",
    "OSTIARY_MASTER_KEY": KEY,
    "OSTIARY_MAIL_SENDER": "smtp",
    "OSTIARY_MAIL_HOST": "smtp.example.com",
    "OSTIARY_MAIL_FROM_ADDRESS": "no-reply@example.com",
}


class SignedIn:
    """A browser that is signed in; the cookies of https, over the plain connection behind a proxy."""

    def __init__(self, client: httpx.AsyncClient, answer: httpx.Response) -> None:
        self._client = client
        self._headers = {
            "Cookie": f"{COOKIE}={secret_set(answer, COOKIE)}",
            "X-CSRF-Token": answer.json()["csrf_token"],
        }

    async def sign_out(self) -> bool:
        """Whether the answer arrived."""
        try:
            answer = await self._client.post("/api/auth/logout", headers=self._headers)
        except httpx.TransportError:
            return False
        assert answer.status_code == 204, answer.text
        return True

    async def status(self) -> int:
        return (await self._client.get("/api/auth/me", headers=self._headers)).status_code


async def test_whoever_was_signed_out_before_a_kill_is_so_after_it(
    tmp_path: Path, session_store: dict[str, object]
) -> None:
    async with await Ostiary.open(settings_for_test(**session_store), migrate_first=True) as prepared:  # type: ignore[arg-type]
        person = await new_person(prepared)
    variables = {f"OSTIARY_{name.upper().replace('__', '_')}": str(value) for name, value in session_store.items()}
    port, variables = free_port(), PRODUCTION | variables
    body = {"identifier": person.email, "password": PASSWORD}
    async with httpx.AsyncClient(base_url=f"http://localhost:{port}", timeout=30) as client:
        async with server(tmp_path, port, "serve", **variables) as process:
            stays, *leave = [
                SignedIn(client, await client.post("/api/auth/login", json=body)) for _ in range(SIGN_OUTS + 1)
            ]
            leaving = [asyncio.create_task(each.sign_out()) for each in leave]
            await asyncio.wait(leaving, return_when=asyncio.FIRST_COMPLETED)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            answered = await asyncio.gather(*leaving)
        assert any(answered)
        async with server(tmp_path, port, "serve", **variables):
            for each, was_answered in zip(leave, answered, strict=True):
                assert await each.status() in ((401,) if was_answered else (200, 401))
            assert await stays.status() == 200
