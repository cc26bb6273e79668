"""How many tokens a second, beside oidc-provider of npm with everything in memory, and the same algorithm?

Ostiary stores durably, in SQLite. Each is one process on one core. Needs Node: ``npm ci`` in ``bench/peers``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.figures import cores, in_turn, line
from bench.installation import Server, free_port, ostiary_server
from bench.load import requests_per_second, rotations_per_second
from ostiary.app import Ostiary
from ostiary.settings import dev_settings
from tests.support.installation import new_person
from tests.support.oauth import new_api, new_application

SECONDS = 3.0
ROUNDS = 3
CONNECTIONS = 8
PEERS = Path(__file__).parent / "peers"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_SCOPE = "openid email offline_access"


def main() -> None:
    core = cores()[0]
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        seeded = asyncio.run(_seed(Path(folder), port))
        with ostiary_server(Path(folder), core, port) as ours, _oidc_provider(core) as theirs:
            with urllib.request.urlopen(f"http://localhost:{theirs.port}/__seed") as answer:
                peer = json.load(answer)
            peer |= {"robot": ("bench", _SECRET), "web": ("bench", _SECRET)}
            _compare(ours, seeded, theirs, peer)


_SECRET = "a secret of the bench, not of anybody"


def _compare(ours: Server, seeded: dict[str, Any], theirs: Server, peer: dict[str, Any]) -> None:
    for question, goal, ask in _QUESTIONS:
        for server, known, paths in ((ours, seeded, _OURS), (theirs, peer, _THEIRS)):
            ask(server.port, known, paths, 1.0)
        rate, baseline, ratio = in_turn(
            lambda ask=ask: ask(ours.port, seeded, _OURS, SECONDS),  # type: ignore[misc]
            lambda ask=ask: ask(theirs.port, peer, _THEIRS, SECONDS),  # type: ignore[misc]
            ROUNDS,
        )
        reached = goal is None or ratio >= goal
        said = "" if goal is None else f"at least {goal:.0f} x"
        line(question, f"{rate:,.0f}/s", f"oidc-provider, in memory {baseline:,.0f}/s", ratio, said, reached)


_OURS = {
    "token": "/oauth/token",
    "introspect": "/oauth/introspect",
    "userinfo": "/oauth/userinfo",
    "jwks": "/.well-known/jwks.json",
}
_THEIRS = {"token": "/token", "introspect": "/token/introspection", "userinfo": "/me", "jwks": "/jwks"}
Paths = dict[str, str]
Known = dict[str, Any]


def _client(pair: tuple[str, str]) -> dict[str, str]:
    return {"client_id": pair[0], "client_secret": pair[1]}


def _client_credentials(port: int, known: Known, paths: Paths, seconds: float) -> float:
    body = urlencode({"grant_type": "client_credentials", "scope": "read", **_client(known["robot"])}).encode()
    return requests_per_second(port, paths["token"], FORM, seconds, CONNECTIONS, body=body)


def _refresh(port: int, known: Known, paths: Paths, seconds: float) -> float:
    form = urlencode({"grant_type": "refresh_token", **_client(known["web"])}) + "&refresh_token=@TOKEN@"
    tokens = [known["refresh"].pop() for _ in range(CONNECTIONS)]
    return rotations_per_second(port, paths["token"], form, tokens, seconds)


def _introspect(port: int, known: Known, paths: Paths, seconds: float) -> float:
    body = urlencode({"token": known["access"][0], **_client(known["web"])}).encode()
    return requests_per_second(port, paths["introspect"], FORM, seconds, CONNECTIONS, body=body)


def _userinfo(port: int, known: Known, paths: Paths, seconds: float) -> float:
    headers = {"Authorization": f"Bearer {known['access'][0]}"}
    return requests_per_second(port, paths["userinfo"], headers, seconds, CONNECTIONS)


def _discovery(port: int, known: Known, paths: Paths, seconds: float) -> float:
    return requests_per_second(port, "/.well-known/openid-configuration", {}, seconds, CONNECTIONS)


def _jwks(port: int, known: Known, paths: Paths, seconds: float) -> float:
    return requests_per_second(port, paths["jwks"], {}, seconds, CONNECTIONS)


_QUESTIONS: tuple[tuple[str, float | None, Callable[[int, Known, Paths, float], float]], ...] = (
    ("client credentials, ES256, SQLite", 2, _client_credentials),
    ("refresh with rotation and ID token, ES256, SQLite", 2, _refresh),
    ("introspection, SQLite", 2, _introspect),
    ("userinfo, SQLite", 2, _userinfo),
    ("discovery", None, _discovery),
    ("JWKS", None, _jwks),
)


async def _seed(folder: Path, port: int) -> Known:
    """An installation with a client of each kind, and tokens of one person."""
    async with await Ostiary.open(dev_settings(folder, port), migrate_first=True) as ostiary:
        await new_api(ostiary, scopes={"read": "Read"})
        method = "client_secret_post"
        robot = await new_application(
            ostiary,
            redirect_uris=[],
            grant_types=["client_credentials"],
            scope="read",
            token_endpoint_auth_method=method,
        )
        web = await new_application(ostiary, trusted=True, id_token_signed_response_alg="ES256")
        person = await new_person(ostiary)
        tokens = [await web.tokens(person, scope=_SCOPE) for _ in range(40)]
        from ostiary.oauth import ClientChange

        change = ClientChange({"token_endpoint_auth_method": method})
        await ostiary.use.oauth.clients.change(ostiary.operator(), web.id, change)
    return {
        "robot": (robot.id, robot.secret),
        "web": (web.id, web.secret),
        "refresh": [each["refresh_token"] for each in tokens],
        "access": [each["access_token"] for each in tokens],
    }


@contextlib.contextmanager
def _oidc_provider(core: int) -> Iterator[Server]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise SystemExit("oidc-provider needs Node")
    subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=PEERS, check=True)
    port = free_port()
    program = [node, str(PEERS / "oidc_provider.mjs"), str(port)]
    server = Server(program, port, core, "/.well-known/openid-configuration", {"NODE_ENV": "production"}, command=True)
    try:
        yield server
    finally:
        server.stop()


if __name__ == "__main__":
    main()
