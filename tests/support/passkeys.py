"""People with passkeys, and sign-ins by passkey as a client without pages takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import httpx

from ostiary.app import Ostiary
from tests.support.authenticator import Authenticator, Key
from tests.support.installation import Person, new_client

Json = dict[str, Any]


async def begin_enrolment(person: Person, given: str = "") -> Json:
    """What the beginning answers: ``flow`` and ``challenge``."""
    return _ok(await person.request("POST", "/api/credentials/passkey", {"given": given}))


async def confirm(person: Person, flow: str, credential: Any, name: str = "") -> httpx.Response:
    body = {"flow": flow, "answer": {"method": "passkey", "credential": credential}, "name": name}
    answer = await person.request("POST", "/api/credentials/passkey/confirm", body)
    if answer.is_success and "x-csrf-token" in answer.headers:
        person.csrf = answer.headers["x-csrf-token"]
    return answer


async def add_passkey(person: Person, authenticator: Authenticator, given: str = "", name: str = "") -> Json:
    """Enrol a passkey of this authenticator; what the API shows of it."""
    begun = await begin_enrolment(person, given)
    made = authenticator.create(begun["challenge"], origin_of(person.ostiary))
    return _ok(await confirm(person, begun["flow"], made, name), 201)


async def passkeys_of(person: Person) -> list[Json]:
    listed = _ok(await person.request("GET", "/api/credentials"))["items"]
    return [each for each in listed if each["type"] == "passkey"]


@dataclass
class Attempt:
    """One client's flow. ``begun`` is what its beginning answered."""

    ostiary: Ostiary
    client: httpx.AsyncClient
    begun: Json
    headers: dict[str, str] | None = None

    @property
    def flow(self) -> str:
        flow: str = self.begun["flow"]
        return flow

    @classmethod
    async def begin(cls, ostiary: Ostiary, **request: Any) -> Self:
        """A sign-in; without ``identifier`` of nobody yet."""
        client = new_client(ostiary)
        return cls(ostiary, client, _ok(await client.post("/api/auth/flow", json=request)))

    @classmethod
    async def step_up(cls, person: Person, **request: Any) -> Self:
        begun = await person.request("POST", "/api/auth/flow", {"purpose": "step_up", **request})
        return cls(person.ostiary, person.client, _ok(begun), person.headers)

    @classmethod
    async def by_password(cls, person: Person) -> Self:
        """A sign-in that got as far as the password leads."""
        client = new_client(person.ostiary)
        body = {"identifier": person.email, "password": person.password}
        return cls(person.ostiary, client, _ok(await client.post("/api/auth/login", json=body)))

    async def options(self) -> Json:
        """The challenge of a passkey: ``{"publicKey": …}``."""
        challenge: Json = _ok(await self.ask())["challenge"]
        return challenge

    async def ask(self) -> httpx.Response:
        body = {"flow": self.flow, "method": "passkey"}
        return await self.client.post("/api/auth/flow/challenge", json=body, headers=self.headers)

    async def answer(self, credential: Any) -> httpx.Response:
        body = {"flow": self.flow, "answer": {"method": "passkey", "credential": credential}}
        return await self.client.post("/api/auth/flow/answer", json=body, headers=self.headers)

    async def shows(self, authenticator: Authenticator, key: Key | None = None, **forged: Any) -> httpx.Response:
        """Answer by an authenticator, as it is or forged."""
        return await self.answer(authenticator.get(await self.options(), origin_of(self.ostiary), key, **forged))


def origin_of(ostiary: Ostiary) -> str:
    """Of the pages."""
    return "/".join(ostiary.use.settings.issuer.split("/", 3)[:3])


def _ok(answer: httpx.Response, status: int = 200) -> Json:
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found
