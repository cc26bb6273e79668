"""An application with Ostiary inside it, running, and clients of it that need no network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette

from ostiary.authorization import AssignmentCreate, RoleCreate
from ostiary.integrations import starlette
from tests.support.installation import Person, new_person

ORIGIN = "http://localhost:8000"


def browser_of(app: Any, **options: Any) -> httpx.AsyncClient:
    """A client of the application, with cookies of its own."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN, **options)


class Embedded:
    """A running application and a browser without cookies."""

    def __init__(self, auth: starlette.Auth, app: Starlette, client: httpx.AsyncClient, path: str) -> None:
        self.auth = auth
        self.app = app
        self.client = client
        self.path = path

    async def person(self, delivery: str = "cookie") -> Person:
        """Somebody whose client is this application's, signed in at Ostiary's path."""
        person = await new_person(self.auth.ostiary, delivery=delivery)
        person.client = browser_of(self.app, cookies=person.client.cookies)
        return person

    async def reader(self) -> Person:
        person, ostiary = await self.person(), self.auth.ostiary
        await ostiary.use.roles.create(ostiary.operator(), RoleCreate("reader", permissions=("documents.read",)))
        await ostiary.use.assignments.assign(ostiary.operator(), person.id, AssignmentCreate("reader", None))
        return person

    async def socket(self, path: str, headers: Mapping[str, str], *, denial: bool = True) -> list[dict[str, Any]]:
        """What the application sends to a WebSocket that is opened with these headers and closed by its own side.

        Args:
            denial: the server can send an answer instead of the handshake's (ASGI ``websocket.http.response``).
        """
        path, _, query = path.partition("?")
        sent: list[dict[str, Any]] = []
        received = iter([{"type": "websocket.connect"}])

        async def receive() -> dict[str, Any]:
            return next(received, {"type": "websocket.disconnect", "code": 1000})

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("203.0.113.7", 40000),
            "server": ("localhost", 8000),
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}} if denial else {},
        }
        await self.app(scope, receive, send)
        return sent


@asynccontextmanager
async def running(auth: starlette.Auth, app: Starlette, path: str = "") -> AsyncIterator[Embedded]:
    async with app.router.lifespan_context(app), browser_of(app) as client:
        yield Embedded(auth, app, client, path)
