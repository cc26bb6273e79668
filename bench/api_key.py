"""What does a request with an API key cost beside the same request with a session?

"Who am I", to the same server in the same run, by a key that is good in two networks and by a session cookie, on each
database. What is compared is time a request: both keep one core busy.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx

from bench.figures import cores, in_turn, line
from bench.installation import PASSWORD, Server, production_server
from bench.load import requests_per_second
from bench.people import EMAIL, create_person_with
from bench.stores import environment, settings_of

PATH = "/api/auth/me"
SECONDS = 3.0
ROUNDS = 7
GOAL = 1.2


def main() -> None:
    core = cores()[0]
    for store in ("SQLite", "PostgreSQL"):
        with tempfile.TemporaryDirectory() as folder, environment(store, Path(folder)) as environ:
            if environ is None:
                continue
            create_person_with(settings_of(environ))
            with production_server(core, environ) as server:
                _ask(store, server, *_credentials(server))


def _credentials(server: Server) -> tuple[dict[str, str], dict[str, str]]:
    """The headers of a request with a session, and of one with a key."""
    with httpx.Client(base_url=f"http://localhost:{server.port}") as client:
        signed_in = client.post("/api/auth/login", json={"identifier": EMAIL, "password": PASSWORD}).raise_for_status()
        cookies = [cookie.partition(";")[0] for cookie in signed_in.headers.get_list("set-cookie")]
        session = {"Cookie": "; ".join(cookies), "User-Agent": signed_in.request.headers["user-agent"]}
        token = {"X-CSRF-Token": signed_in.json()["csrf_token"]}
        new = {"name": "bench", "networks": ["127.0.0.0/8", "::1/128"]}
        made = client.post("/api/credentials/api-keys", json=new, headers=session | token).raise_for_status()
    return session, {"X-API-Key": made.json()["key"], "User-Agent": session["User-Agent"]}


def _ask(store: str, server: Server, session: dict[str, str], key: dict[str, str]) -> None:
    for headers in (session, key):
        requests_per_second(server.port, PATH, headers, 1.0)
    by_key, by_session, ratio = in_turn(
        lambda: 1e6 / requests_per_second(server.port, PATH, key, SECONDS),
        lambda: 1e6 / requests_per_second(server.port, PATH, session, SECONDS),
        ROUNDS,
    )
    line(
        f"GET {PATH}, API key, {store}",
        f"{by_key:,.0f} us",
        f"session cookie {by_session:,.0f} us",
        ratio,
        f"at most {GOAL:.2f} x",
        ratio <= GOAL,
    )


if __name__ == "__main__":
    main()
