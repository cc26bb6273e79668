"""A stolen passkey that its owner removes while the thief signs in with it."""

from __future__ import annotations

import asyncio
import sqlite3

from ostiary.app import Ostiary
from tests.support.authenticator import Authenticator
from tests.support.installation import Person, new_person
from tests.support.passkeys import Attempt, add_passkey

_IN_ORDER = "SELECT event FROM audit_events WHERE account_id = ? ORDER BY rowid"


async def test_no_sign_in_follows_the_removal_of_its_passkey(sqlite: Ostiary) -> None:
    refused = 0
    for delay in range(24):
        person, authenticator = await new_person(sqlite), Authenticator()
        passkey = await add_passkey(person, authenticator)
        attempt = await Attempt.begin(sqlite)
        credential = authenticator.get(await attempt.options())
        removal = asyncio.create_task(_remove(person, passkey["id"], delay))
        body = {"flow": attempt.flow, "answer": {"method": "passkey", "credential": credential}}
        answer = await attempt.client.post("/api/auth/flow/answer", json=body)
        assert await removal == 204
        assert answer.status_code in (200, 400, 401), answer.text
        events = _events(sqlite, person.id)
        last = events[events.index("credential.removed") :]
        assert "sign_in.succeeded" not in last, delay
        refused += answer.status_code != 200
    assert refused, "the removal came first, now and then"


async def _remove(person: Person, credential_id: str, delay: int) -> int:
    for _ in range(delay):
        await asyncio.sleep(0)
    return (await person.request("DELETE", f"/api/credentials/{credential_id}")).status_code


def _events(ostiary: Ostiary, account_id: str) -> list[str]:
    connection = sqlite3.connect(ostiary.use.settings.database.url.removeprefix("sqlite:///"))
    try:
        return [row[0] for row in connection.execute(_IN_ORDER, (account_id,))]
    finally:
        connection.close()
