"""No secret is in a log, an error, the audit log, a repr, or in clear in the database."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from ostiary.app import Ostiary
from ostiary.authentication import (
    EmailChangeRequest,
    FirstAdministratorRequest,
    PasswordChangeRequest,
    RegistrationRequest,
    SignInRequest,
    VerificationRequest,
)
from ostiary.base.pages import PageQuery
from tests.attacks.evidence import contents, later
from tests.support.installation import KEY, Person, code_for, link_for, new_client, settings_for_test
from tests.support.time import ManualClock

PASSWORDS = ["seven quiet lanterns", "eight loud lanterns!", "a guess that was wrong"]


class Journey:
    """Everything that a person does, with all that was ever secret on the way."""

    def __init__(self, ostiary: Ostiary) -> None:
        self.ostiary = ostiary
        self.secrets: set[str] = {KEY, bytes.fromhex(KEY).decode("latin-1"), *PASSWORDS}
        self.errors: list[str] = []

    async def send(self, client: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:
        answer = await client.request(method, path, **more)
        self.secrets.update(cookie.value or "" for cookie in client.cookies.jar)
        if answer.status_code >= 400:
            self.errors.append(answer.text)
        elif answer.headers.get("content-type") == "application/json":
            members = answer.json()
            names = ("flow", "access_token", "refresh_token", "csrf_token")
            self.secrets.update(members[name] for name in names if isinstance(members.get(name), str))
        return answer

    async def mailed(self, address: str) -> tuple[str, str]:
        code, link = await code_for(self.ostiary, address), await link_for(self.ostiary, address)
        self.secrets |= {link}
        return code, link

    async def run(self) -> None:
        link = await self.ostiary.use.first_administrator.link(self.ostiary.operator()) or ""
        self.secrets.add(link.partition("token=")[2])
        client = new_client(self.ostiary)
        for delivery, address in {
            "cookie": "a@example.com",
            "token": "b@example.com",
            "token_cookie": "c@example.com",
        }.items():
            later(self.ostiary)
            await self._one(client, delivery, address)
            client = new_client(self.ostiary)
        body = {"identifier": "a@example.com", "password": PASSWORDS[2]}
        await self.send(client, "POST", "/api/auth/login", json=body)
        await self.send(client, "POST", "/login", data=body)
        await self.send(client, "POST", "/api/auth/login", json={**body, PASSWORDS[2]: 1, "delivery": 1})
        await self.send(
            client, "POST", "/api/auth/login", content=str(body), headers={"content-type": "application/json"}
        )
        for token in list(self.secrets):
            if token.isascii() and token.isprintable():
                await self.send(client, "GET", "/api/auth/me", headers={"Authorization": f"Bearer {token}"})
                await self.send(client, "POST", "/api/auth/refresh", json={"refresh_token": token})
                await self.send(client, "POST", "/api/auth/verify", json={"token": token, "password": PASSWORDS[2]})
        self.secrets.discard("")

    async def _one(self, client: httpx.AsyncClient, delivery: str, address: str) -> None:
        body = {"email": address, "password": PASSWORDS[0], "delivery": delivery}
        flow = (await self.send(client, "POST", "/api/auth/register", json=body)).json()["flow"]
        code, _ = await self.mailed(address)
        await self.send(
            client, "POST", "/api/auth/verify", json={"flow": flow, "code": f"{(int(code) + 1) % 10**6:06d}"}
        )
        answer = (await self.send(client, "POST", "/api/auth/verify", json={"flow": flow, "code": code})).json()
        person = Person(
            self.ostiary, client, answer["account"]["id"], address, PASSWORDS[0], answer.get("csrf_token"), answer
        )
        change = {"current_password": PASSWORDS[0], "new_password": PASSWORDS[1]}
        wrong = {**change, "current_password": PASSWORDS[2]}
        for password_change in (wrong, change):
            await self.send(client, "PUT", "/api/credentials/password", json=password_change, headers=person.headers)
        later(self.ostiary)
        body = {"email": f"new-{address}", "password": PASSWORDS[1]}
        flow = (await self.send(client, "POST", "/api/auth/email", json=body, headers=person.headers)).json()["flow"]
        code, _ = await self.mailed(f"new-{address}")
        proof = {"flow": flow, "code": code}
        await self.send(client, "POST", "/api/auth/verify", json=proof, headers=person.headers)
        if delivery == "cookie":
            await self.send(client, "GET", "/account")
            await self.send(client, "PATCH", "/api/session/data", json={"cart": 1}, headers=person.headers)


@pytest.fixture
async def journey(sqlite_url: str, clock: ManualClock, caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.DEBUG)
    async with await Ostiary.open(settings_for_test(sqlite_url), clock=clock, migrate_first=True) as ostiary:
        made = Journey(ostiary)
        await made.run()
        assert len(made.secrets) > 20
        yield made


async def test_no_secret_is_in_a_log_at_its_most_talkative(journey: Journey, caplog: pytest.LogCaptureFixture) -> None:
    logged = "\n".join(
        f"{record.getMessage()} {record.args} {record.exc_text} {record.exc_info}"
        for record in caplog.records
        if not record.name.startswith("httpx")  # the client of the test
    )
    assert_none(journey.secrets, logged)


async def test_no_secret_is_in_an_error(journey: Journey) -> None:
    assert len(journey.errors) > 20
    own_input = {PASSWORDS[2]}  # the name of an unknown member is told to who sent it
    assert_none(journey.secrets - own_input, "\n".join(journey.errors))


async def test_no_secret_is_in_the_audit_log(journey: Journey) -> None:
    rows = (await contents(journey.ostiary))["audit_events"]
    assert len(rows) > 20
    assert_none(journey.secrets, repr(rows))


async def test_no_secret_is_in_clear_in_the_files_of_the_database(journey: Journey) -> None:
    """Nor in its write-ahead log, nor in a page that was freed: what is stored are hashes and sealed values."""
    path = Path(journey.ostiary.use.settings.database.url.removeprefix("sqlite:///"))
    files = [file for file in path.parent.iterdir() if file.name.startswith(path.name)]
    assert {file.name for file in files} >= {path.name, path.name + "-wal"}
    stored = b"".join(file.read_bytes() for file in files)
    assert b"a@example.com" in stored
    for secret in journey.secrets:
        assert secret.encode() not in stored, secret[:12]
        assert secret.encode().hex().encode() not in stored, secret[:12]
    with sqlite3.connect(path) as connection:
        private = connection.execute("SELECT sealed_private FROM signing_keys").fetchall()
    assert private
    assert all(b'"d"' not in row[0] and b"PRIVATE" not in row[0] for row in private)


async def test_no_code_is_stored_so_that_the_database_alone_tells_it(journey: Journey) -> None:
    """Six digits are hashed with their flow: one table of a million hashes does not open them all."""
    later(journey.ostiary)
    client = new_client(journey.ostiary)
    body = {"email": "d@example.com", "password": PASSWORDS[0]}
    await client.post("/api/auth/register", json=body)
    code = await code_for(journey.ostiary, "d@example.com")
    rows = (await contents(journey.ostiary))["flows"]
    assert all(hashlib.sha256(code.encode()).digest() not in row for row in rows)
    assert all(code not in row and code.encode() not in row for row in rows)


async def test_what_holds_a_secret_does_not_show_it(journey: Journey) -> None:
    secret = "seven quiet lanterns"
    shown: list[object] = [
        RegistrationRequest("a@example.com", secret),
        SignInRequest("a@example.com", secret),
        VerificationRequest(flow=secret, code=secret, token=secret, password=secret),
        PasswordChangeRequest(secret, secret),
        EmailChangeRequest("a@example.com", secret),
        FirstAdministratorRequest(secret, "a@example.com", secret),
        journey.ostiary.use.settings,
        journey.ostiary.use.keys.signing_key("ES256", journey.ostiary.use.clock()),
        *await journey.ostiary.use.mailer.outbox(100),
    ]
    text = "".join(map(repr, shown)) + "".join(map(str, shown))
    assert_none(journey.secrets, text)


async def test_no_answer_of_the_api_holds_the_hash_of_a_password(journey: Journey) -> None:
    operator = journey.ostiary.operator()
    page = await journey.ostiary.use.account_administration.list(operator, PageQuery())
    assert b"argon2" not in msgspec.json.encode(page)


def assert_none(secrets: set[str], text: str) -> None:
    found = sorted(secret[:12] for secret in secrets if secret in text)
    assert found == []
