"""An installation for a test: in this process with time that is turned, or live on a port for a browser."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx
import uvloop
from starlette.types import Receive, Scope, Send

from ostiary.app import Ostiary
from ostiary.base.clock import Clock, system_clock
from ostiary.settings import Settings, load
from tests.support.https import Authority
from tests.support.sqlite import new_sqlite

PASSWORD = "seven quiet lanterns"
KEY = "4f" * 32


def settings_for_test(database_url: str, issuer: str = "http://localhost:8000", **changed: object) -> Settings:
    """Development settings over ``database_url``; ``changed`` by path, with ``__`` for the dot."""
    overrides: Mapping[str, object] = {
        "dev": True,
        "issuer": issuer,
        "master_key": KEY,
        "database.url": database_url,
        "limits.login_address": "100000/1m",
        "limits.register_address": "100000/1m",
        "limits.verify_address": "100000/1m",
        "limits.anonymous_address": "100000/1m",
        "limits.login_account": "100000/1m",
        "limits.mail_account": "100000/1m",
        "limits.login_total": "100000/1m",
        "limits.suspicion_account": "100000/1m",
        "limits.second_factor_account": "100000/1m",
        "limits.recover_address": "100000/1m",
        "limits.sms_account": "100000/1m",
        "limits.sms_total": "100000/1m",
        "limits.authorize_address": "100000/1m",
        "limits.device_code_address": "100000/1m",
        "limits.client_registration_address": "100000/1m",
        **{name.replace("__", "."): value for name, value in changed.items()},
    }
    return load({}, None, overrides)


def new_client(ostiary: Ostiary, **options: Any) -> httpx.AsyncClient:
    """A client, with cookies of its own, that talks to the installation without a network between them."""
    transport = httpx.ASGITransport(app=ostiary, client=("203.0.113.7", 40000))
    return httpx.AsyncClient(transport=transport, base_url=ostiary.use.settings.issuer, **options)


async def code_for(ostiary: Ostiary, address: str) -> str:
    """The code in the newest mail to ``address``."""
    return _found(r"^\s*(\d{6})\s*$", await _newest(ostiary, address))


async def link_for(ostiary: Ostiary, address: str) -> str:
    """The token of the link in the newest mail to ``address``."""
    return _found(r"/verify\?token=([\w-]+)", await _newest(ostiary, address))


async def _newest(ostiary: Ostiary, address: str) -> str:
    return next(mail.text for mail in await ostiary.use.mailer.outbox(500) if mail.to == address)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    assert match is not None, text
    return match.group(1)


@dataclass
class Person:
    """Somebody with a verified account and a client of their own, signed in by whichever delivery was asked for."""

    ostiary: Ostiary
    client: httpx.AsyncClient
    id: str
    email: str
    password: str
    csrf: str | None = None
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """What makes a request of this person's client authenticated and, where needed, free of CSRF suspicion."""
        if self.csrf is not None:
            return {"X-CSRF-Token": self.csrf}
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def request(self, method: str, path: str, json: Any = None) -> httpx.Response:
        return await self.client.request(method, path, json=json, headers=self.headers)

    async def sign_in(self, delivery: str = "cookie") -> Self:
        """Sign in anew, in a new client."""
        self.client = new_client(self.ostiary)
        answer = await self.client.post(
            "/api/auth/login", json={"identifier": self.email, "password": self.password, "delivery": delivery}
        )
        assert answer.status_code == 200, answer.text
        self.tokens = answer.json()
        self.csrf = self.tokens.get("csrf_token")
        return self


async def new_person(
    ostiary: Ostiary, email: str | None = None, *, delivery: str = "cookie", password: str = PASSWORD, **fields: str
) -> Person:
    """Register over HTTP, prove the address by the code, and be signed in."""
    email = email or f"person-{secrets.token_hex(6)}@example.com"
    client = new_client(ostiary)
    body = {"email": email, "password": password, "delivery": delivery, **fields}
    registered = await client.post("/api/auth/register", json=body)
    assert registered.status_code == 200, registered.text
    proof = {"flow": registered.json()["flow"], "code": await code_for(ostiary, email)}
    verified = await client.post("/api/auth/verify", json=proof)
    assert verified.status_code == 200, verified.text
    answer = verified.json()
    return Person(ostiary, client, answer["account"]["id"], email, password, answer.get("csrf_token"), answer)


async def new_administrator(ostiary: Ostiary, *, delivery: str = "cookie") -> Person:
    """A person with the built-in role everywhere."""
    from ostiary.authorization import AssignmentCreate

    person = await new_person(ostiary, delivery=delivery)
    await ostiary.use.assignments.assign(ostiary.operator(), person.id, AssignmentCreate("administrator", None))
    return person


class Request(NamedTuple):
    """A request as it reached a server; header names in lower case."""

    method: str
    host: str
    target: str
    headers: dict[str, str]
    body: str = ""

    @property
    def cookies(self) -> list[str]:
        """``name=value``, in the order of the header; values may be there twice."""
        header = self.headers.get("cookie", "")
        return header.split("; ") if header else []


class LiveServer:
    """The installation behind uvicorn, on a free port of this machine, in a thread with a loop of its own.

    The loop is the one that ``ostiary serve`` has; asyncio's own leaves Nagle's algorithm on for a socket that it is
    given open, which costs 40 ms a request.

    With an ``authority`` it speaks TLS and is as in production: the issuer is https, and development mode is off.

    Attributes:
        requests: what has reached it, oldest first.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "localhost",
        authority: Authority | None = None,
        clock: Clock = system_clock,
        **changed: object,
    ) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'http' if authority is None else 'https'}://{host}:{self.port}"
        changed = {"dev": authority is None, **changed}
        self._settings = settings_for_test(new_sqlite(folder / "live.db"), self.url, **changed)
        self._authority = authority
        self._clock = clock
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._run()), daemon=True)
        self.setup_link: str | None = None
        self.requests: list[Request] = []
        self.ostiary: Ostiary

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30), "the server did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(15)

    def call(self, work: Any) -> Any:
        """Run a coroutine in the server's loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _run(self) -> None:
        import uvicorn

        self._loop = asyncio.get_running_loop()
        self.ostiary = await Ostiary.open(self._settings, clock=self._clock)
        await self.ostiary.start()
        self.setup_link = await self.ostiary.use.first_administrator.link(self.ostiary.operator())
        certificate = (None, None) if self._authority is None else (self._authority.chain, self._authority.key)
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",
            lifespan="off",
            log_level="warning",
            server_header=False,
            ssl_certfile=certificate[0],
            ssl_keyfile=certificate[1],
        )
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        self._ready.set()
        await serving
        await self.ostiary.close()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            target = b"?".join(filter(None, (scope["raw_path"], scope["query_string"]))).decode("latin-1")
            self.requests.append(Request(scope["method"], headers.get("host", ""), target, headers))
        await self.ostiary(scope, receive, send)
