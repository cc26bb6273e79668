"""What tests do with sessions: sign in by another device, show a secret that has had its day, look in the list."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import httpx
import msgspec

from ostiary.app import Ostiary
from ostiary.sessions import Session, Sessions
from tests.support.installation import PASSWORD, Person, new_client

COOKIE = "ostiary_session"


def facade(ostiary: Ostiary) -> Sessions:
    """The sessions of an installation, for what has no door of its own."""
    return ostiary.use.sessions


def secret_of(client: httpx.AsyncClient) -> str:
    """What opens the session of this client."""
    return client.cookies[COOKIE]


def cookies_set(answer: httpx.Response, name: str = COOKIE) -> list[str]:
    """The ``Set-Cookie`` values of an answer that give or take a session."""
    return [value for value in answer.headers.get_list("set-cookie") if value.startswith(name + "=")]


def secret_set(answer: httpx.Response, name: str = COOKIE) -> str | None:
    """The secret that an answer gives the browser; None where it gives none."""
    for value in cookies_set(answer, name):
        return SimpleCookie(value)[name].value or None
    return None


async def show(
    ostiary: Ostiary, secret: str, path: str = "/api/auth/me", method: str = "GET", json: Any = None, **headers: str
) -> httpx.Response:
    """A request with this secret and no other cookie; ``User_Agent`` is a header, as are others."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with new_client(ostiary, headers={"Cookie": f"{COOKIE}={secret}", **sent}) as client:
        return await client.request(method, path, json=json)


async def opens(ostiary: Ostiary, secret: str) -> bool:
    """Whether somebody is signed in by this secret."""
    answer = await show(ostiary, secret)
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


async def status(person: Person) -> int:
    """What this person's client is answered when it asks who it is."""
    return (await person.request("GET", "/api/auth/me")).status_code


async def current_id(person: Person) -> str:
    """The public id of this person's own sign-in."""
    answer = await person.request("GET", "/api/auth/me")
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["sign_in"]
    return found


async def another(person: Person, *, remember: bool = False, **options: Any) -> Person:
    """The same person, signed in by cookie with another client; ``options`` are the client's."""
    client = new_client(person.ostiary, **options)
    body = {"identifier": person.email, "password": person.password, "remember": remember}
    answer = await client.post("/api/auth/login", json=body)
    assert answer.status_code == 200, answer.text
    return Person(person.ostiary, client, person.id, person.email, person.password, answer.json()["csrf_token"])


async def sign_in(
    ostiary: Ostiary, email: str, client: httpx.AsyncClient | None = None, password: str = PASSWORD, **body: Any
) -> httpx.Response:
    """Try to sign in, in a browser that has nothing yet or in ``client``; another request may have signed it in."""
    body = {"identifier": email, "password": password, **body}
    return await (client or new_client(ostiary)).post("/api/auth/login", json=body)


async def open_sessions(person: Person) -> list[Session]:
    """The sessions of an account that are open, as they are kept."""
    return await facade(person.ostiary).of_account(person.id, person.ostiary.use.clock())


async def recorded(person: Person, event: str) -> list[dict[str, Any]]:
    """The details of what the audit log has of this kind about an account, oldest first."""
    rows = await person.ostiary.use.db.fetch_all(
        _Recorded,
        "SELECT data FROM audit_events WHERE event = :event AND account_id = :id ORDER BY id",
        event=event,
        id=person.id,
    )
    return [msgspec.json.decode(row.data) for row in rows]


class _Recorded(msgspec.Struct, frozen=True):
    data: bytes
