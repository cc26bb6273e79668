"""How many requests a second answer "who am I" with a session cookie, on SQLite?

Baseline: a plain Starlette route under the same uvicorn that returns the same body and asks nobody.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx

from bench.figures import cores, in_turn, line
from bench.installation import PASSWORD, ostiary_server, starlette_server
from bench.load import requests_per_second
from bench.people import create_person

SECONDS = 3.0
ROUNDS = 5


def main() -> None:
    core = cores()[0]
    with tempfile.TemporaryDirectory() as folder:
        create_person(Path(folder))
        with ostiary_server(Path(folder), core) as ours:
            answer = httpx.post(
                f"http://localhost:{ours.port}/api/auth/login",
                json={"identifier": "ada@example.com", "password": PASSWORD},
            )
            cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in answer.cookies.items())}
            me = httpx.get(f"http://localhost:{ours.port}/api/auth/me", headers=cookie)
            with starlette_server(Path(folder), core, me.content) as plain:
                for port, path in ((ours.port, "/api/auth/me"), (plain.port, "/")):
                    requests_per_second(port, path, cookie, 1.0)
                rate, baseline, ratio = in_turn(
                    lambda: requests_per_second(ours.port, "/api/auth/me", cookie, SECONDS),
                    lambda: requests_per_second(plain.port, "/", cookie, SECONDS),
                    ROUNDS,
                )
    line(
        "GET /api/auth/me with a session cookie, SQLite",
        f"{rate:,.0f}/s",
        f"plain Starlette route {baseline:,.0f}/s",
        ratio,
        "at least 0.70 x",
        ratio >= 0.7,
    )


if __name__ == "__main__":
    main()
