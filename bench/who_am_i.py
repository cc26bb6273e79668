"""How many requests a second answer "who am I" with a session cookie, on each session store?

Baseline: a plain Starlette route under the same uvicorn that returns the same body and asks nobody. On SQLite the same
question once more while somebody else's requests write: each commit makes the next request read again.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx

from bench.figures import cores, in_turn, line
from bench.installation import PASSWORD, Server, production_server, starlette_server
from bench.load import requests_per_second
from bench.people import EMAIL, create_person_with
from bench.stores import STORES, environment, settings_of
from ostiary.database import Database

SECONDS = 3.0
ROUNDS = 5
GOALS = {"SQLite": 0.7, "PostgreSQL": 0.35, "Redis": 0.35}
COMMITS_A_SECOND = 100


def main() -> None:
    core = cores()[0]
    for store in STORES:
        with tempfile.TemporaryDirectory() as folder, environment(store, Path(folder)) as environ:
            if environ is None:
                continue
            create_person_with(settings_of(environ))
            with production_server(core, environ) as ours:
                headers = _signed_in(ours)
                me = httpx.get(f"http://localhost:{ours.port}/api/auth/me", headers=headers).raise_for_status()
                with starlette_server(Path(folder), core, me.content) as plain:
                    _ask(store, ours, plain, headers, GOALS[store])
                    if store == "SQLite":
                        with _commits(environ["OSTIARY_DATABASE_URL"]):
                            _ask(f"SQLite, {COMMITS_A_SECOND} commits/s", ours, plain, headers, None)


def _signed_in(server: Server) -> dict[str, str]:
    answer = httpx.post(
        f"http://localhost:{server.port}/api/auth/login", json={"identifier": EMAIL, "password": PASSWORD}
    ).raise_for_status()
    cookies = [cookie.partition(";")[0] for cookie in answer.headers.get_list("set-cookie")]
    return {"Cookie": "; ".join(cookies), "User-Agent": answer.request.headers["user-agent"]}


def _ask(store: str, ours: Server, plain: Server, headers: dict[str, str], goal: float | None) -> None:
    for port, path in ((ours.port, "/api/auth/me"), (plain.port, "/")):
        requests_per_second(port, path, headers, 1.0)
    rate, baseline, ratio = in_turn(
        lambda: requests_per_second(ours.port, "/api/auth/me", headers, SECONDS),
        lambda: requests_per_second(plain.port, "/", headers, SECONDS),
        ROUNDS,
    )
    line(
        f"GET /api/auth/me, session cookie, {store}",
        f"{rate:,.0f}/s",
        f"plain Starlette route {baseline:,.0f}/s",
        ratio,
        "" if goal is None else f"at least {goal:.2f} x",
        goal is None or ratio >= goal,
    )


@contextlib.contextmanager
def _commits(url: str) -> Iterator[None]:
    """Another process's commits, as far as SQLite can tell, on the load's core."""
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_commit_until(url, stop)))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def _commit_until(url: str, stop: threading.Event) -> None:
    db = await Database.open(url)
    try:
        while not stop.is_set():
            async with db.transaction() as tx:
                await tx.bump("keys")
            await asyncio.sleep(1 / COMMITS_A_SECOND)
    finally:
        await db.close()


if __name__ == "__main__":
    main()
