"""How fast does a server start, and how much memory does it take, idle and after 10 000 requests?"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import httpx

from bench.figures import cores, plain
from bench.installation import PASSWORD, Server, ostiary_server
from bench.people import create_person

REQUESTS = 10_000
STARTS = 5


def main() -> None:
    core = cores()[0]
    with tempfile.TemporaryDirectory() as folder:
        create_person(Path(folder))
        starts = []
        for _ in range(STARTS):
            with ostiary_server(Path(folder), core) as server:
                starts.append(server.started_in)
        with ostiary_server(Path(folder), core) as server:
            idle = server.resident()
            _use(server)
            loaded = server.resident()
    started = statistics.median(starts)
    plain("start to the first 200", f"{started:.2f} s", "under 1 s", started < 1)
    plain("memory, idle", f"{idle:.0f} MiB", "under 70 MB", idle < 70e6 / 2**20)
    plain(f"memory, after {REQUESTS:,} requests", f"{loaded:.0f} MiB", "under 120 MB", loaded < 120e6 / 2**20)


def _use(server: Server) -> None:
    """Pages, sign-ins, tokens and reads, as people and applications ask for them."""
    with httpx.Client(base_url=f"http://localhost:{server.port}") as client:
        asked = 0
        while asked < REQUESTS:
            body = {"identifier": "ada@example.com", "password": PASSWORD, "delivery": "token"}
            tokens = client.post("/api/auth/login", json=body).raise_for_status().json()
            bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
            client.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).raise_for_status()
            client.post("/api/auth/register", json={"email": f"p{asked}@example.com", "password": PASSWORD})
            for path in ("/login", "/register", "/openapi.json", "/.well-known/jwks.json", "/account"):
                client.get(path, headers=bearer if path == "/account" else {})
            for _ in range(92):
                client.get("/api/auth/me", headers=bearer).raise_for_status()
            asked += 100


if __name__ == "__main__":
    main()
