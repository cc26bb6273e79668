"""People who have set up a second factor, and sign-ins as a client takes them, step by step."""

from __future__ import annotations

import base64
import itertools
import re
from dataclasses import dataclass
from typing import Any, Self

import httpx

from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE
from ostiary.crypto.otp import hotp, time_step
from tests.attacks.evidence import later
from tests.support.installation import Person, new_client, new_person
from tests.support.time import ManualClock


@dataclass
class Attempt:
    """One client's sign-in or recovery. ``begun`` is what its beginning answered."""

    ostiary: Ostiary
    client: httpx.AsyncClient
    begun: dict[str, Any]

    @property
    def flow(self) -> str:
        flow: str = self.begun["flow"]
        return flow

    @classmethod
    async def begin(cls, ostiary: Ostiary, identifier: str, **more: Any) -> Self:
        """Begin with the name alone."""
        client = new_client(ostiary)
        return cls(ostiary, client, _ok(await client.post("/api/auth/flow", json={"identifier": identifier, **more})))

    @classmethod
    async def by_password(cls, ostiary: Ostiary, person: Person) -> Self:
        """Get as far as the password leads."""
        client = new_client(ostiary)
        body = {"identifier": person.email, "password": person.password}
        return cls(ostiary, client, _ok(await client.post("/api/auth/login", json=body)))

    async def ask(self, method: str) -> httpx.Response:
        """Have the challenge of a step made; a message that it sends is the newest then."""
        later(self.ostiary)
        return await self.client.post("/api/auth/flow/challenge", json={"flow": self.flow, "method": method})

    async def answer(self, method: str, code: str, **more: Any) -> httpx.Response:
        body = {"flow": self.flow, "answer": {"method": method, "code": code}, **more}
        return await self.client.post("/api/auth/flow/answer", json=body)


@dataclass
class App:
    """An authenticator app."""

    secret: bytes
    clock: ManualClock

    def code(self, steps: int = 0) -> str:
        """What it shows, so many steps from now."""
        return hotp(self.secret, time_step(self.clock()) + steps)

    def wrong(self, number: int = 1) -> str:
        """A code that it does not show now; others for other numbers."""
        near = {self.code(steps) for steps in range(-1, 2)}
        codes = (f"{code:06d}" for code in range(10**6))
        return next(itertools.islice((code for code in codes if code not in near), number, None))


async def add_app(person: Person, clock: ManualClock) -> App:
    """Give the person an app; its first code can be used from now on."""
    begun = _ok(await person.request("POST", "/api/credentials/totp", {}))
    app = App(base64.b32decode(begun["challenge"]["secret"].replace(" ", "")), clock)
    body = {"flow": begun["flow"], "answer": {"method": "totp", "code": app.code()}}
    added = await person.request("POST", "/api/credentials/totp/confirm", body)
    assert added.status_code == 201, added.text
    clock.advance(MINUTE)
    return app


async def new_person_with_app(ostiary: Ostiary, clock: ManualClock, email: str | None = None) -> tuple[Person, App]:
    person = await new_person(ostiary, email)
    return person, await add_app(person, clock)


async def new_recovery_codes(person: Person) -> list[str]:
    codes: list[str] = _ok(await person.request("POST", "/api/credentials/recovery_code"))["codes"]
    return codes


async def mailed(ostiary: Ostiary, address: str) -> tuple[str, str]:
    """Code and token of the link in the newest mail to ``address`` that has such."""
    for mail in await ostiary.use.mailer.outbox(500):
        link = re.search(r"/login/link\?token=([\w-]+)", mail.text)
        if link is not None and mail.to == address:
            return re.findall(r"^\s*(\d{6})\s*$", mail.text, re.MULTILINE)[0], link[1]
    raise AssertionError(f"no code was mailed to {address}")


def _ok(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
