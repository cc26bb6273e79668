"""What was acknowledged is there: 300 registrations, the server killed by SIGKILL in the middle of them."""

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

from tests.support.installation import PASSWORD

CLIENTS = 8
REGISTRATIONS = 300


@contextlib.asynccontextmanager
async def server(folder: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """``ostiary dev``, as somebody starts it, until it answers."""
    command = [sys.executable, "-m", "ostiary", "dev", "--port", str(port), "--data", str(folder)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")}
    process = await asyncio.create_subprocess_exec(
        *command, env=environ, cwd=folder.parent, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
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
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    work = Registrations(port)
    async with server(folder, port) as process:
        running = asyncio.create_task(work.run())
        await asyncio.wait([running, asyncio.create_task(work.half.wait())], return_when=asyncio.FIRST_COMPLETED)
        work.killed = True
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await running
    assert REGISTRATIONS // 2 <= len(work.acknowledged) < REGISTRATIONS
    assert work.verified
    async with server(folder, port):
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
                expected = "complete" if email in work.verified else "challenge"
                assert answer.json()["status"] == expected, email

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
