"""Passwords in use: one spelling or another, changed, upgraded, and too many at once."""

from __future__ import annotations

import asyncio
import random
import unicodedata
from collections import Counter

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ostiary.app import Ostiary
from ostiary.base.clock import SECOND
from tests.support.installation import PASSWORD, Person, new_client, new_person, settings_for_test
from tests.support.time import ManualClock

CHANGE = "/api/credentials/password"
NEW = "nine brisk umbrellas"


async def _login(ostiary: Ostiary, identifier: str, password: str) -> tuple[int, str]:
    answer = await new_client(ostiary).post("/api/auth/login", json={"identifier": identifier, "password": password})
    return answer.status_code, answer.json().get("code") or answer.json()["status"]


async def _hash(person: Person) -> str:
    return str(await person.ostiary.use.passwords.stored(person.id))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_compatible_spellings_of_one_password_are_one(ostiary: Ostiary) -> None:
    # Å in one character and in two, a ligature, a full-width digit, and the ohm sign.
    password = "\u00c5ngstr\u00f6m \ufb01nds \uff17 \u2126 lanterns"
    person = await new_person(ostiary, password=password)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert await _login(ostiary, person.email, unicodedata.normalize(form, password)) == (200, "complete"), form
    assert (await _login(ostiary, person.email, password.lower()))[0] == 401


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_longest_password_signs_in_in_every_spelling(ostiary: Ostiary) -> None:
    password = "".join(random.Random(800_63).choices([chr(point) for point in range(0x1E00, 0x1E90)], k=256))
    person = await new_person(ostiary, password=password)
    decomposed = unicodedata.normalize("NFD", password)
    assert len(decomposed) > 512
    assert await _login(ostiary, person.email, decomposed) == (200, "complete")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("kdw8#rLq2vT", "too_short"),
        ("e\u0301" * 11, "too_short"),  # counted in normal form
        ("x9 " * 86, "too_long"),
        ("passwordpassword", "common"),
        ("qwertyuiopasdf", "common"),
        ("ADA-lovelace-rocks", "own_name"),
        ("my lovelace lanterns", "own_name"),
        ("countess-of-lanterns", "own_name"),
        ("i own example for real", "own_name"),
    ],
)
async def test_a_weak_password_is_refused_with_its_reason(ostiary: Ostiary, password: str, reason: str) -> None:
    own = {"email": "ada.lovelace@example.com", "username": "countess", "name": "Ada Lovelace"}
    refused = await new_client(ostiary).post("/api/auth/register", json={"password": password, **own})
    assert (refused.status_code, refused.json()["code"], refused.json()["reason"]) == (400, "weak_password", reason)
    assert refused.json()["field"] == "password"
    person = await new_person(ostiary, **own)
    body = {"current_password": PASSWORD, "new_password": password}
    assert (await person.request("PUT", CHANGE, body)).json()["reason"] == reason
    assert await ostiary.use.db.fetch_value("SELECT COUNT(*) FROM accounts") == 1


async def test_changing_needs_the_old_one_ends_the_others_and_is_told_by_mail(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    other = await Person(ostiary, new_client(ostiary), person.id, person.email, person.password).sign_in()
    phone = await Person(ostiary, new_client(ostiary), person.id, person.email, person.password).sign_in("token")
    refused = await person.request("PUT", CHANGE, {"current_password": "not the password", "new_password": NEW})
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
    assert refused.json()["field"] == "current_password"
    assert await _login(ostiary, person.email, PASSWORD) == (200, "complete")

    clock.advance(SECOND)
    changed = await person.request("PUT", CHANGE, {"current_password": PASSWORD, "new_password": NEW})
    assert changed.status_code == 204
    statuses = [(await one.request("GET", "/api/auth/me")).status_code for one in (person, other)]
    assert statuses == [200, 401]
    refresh = {"refresh_token": phone.tokens["refresh_token"]}
    assert (await phone.client.post("/api/auth/refresh", json=refresh)).status_code == 401
    assert await _login(ostiary, person.email, PASSWORD) == (401, "invalid_credentials")
    assert await _login(ostiary, person.email, NEW) == (200, "complete")
    (notice,) = [mail for mail in await ostiary.use.mailer.outbox(100) if "password" in mail.subject]
    assert (notice.to, notice.subject) == (person.email, "Your password for Ostiary was changed")
    assert "203.0.113.7" in notice.text
    assert PASSWORD not in notice.text
    assert NEW not in notice.text


async def test_a_hash_with_older_parameters_is_upgraded_at_the_next_sign_in(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    older = Argon2id(salt=b"sixteen bytes ok", length=32, iterations=3, lanes=1, memory_cost=8192)
    phc = older.derive_phc_encoded(PASSWORD.encode())
    async with ostiary.use.db.transaction() as tx:
        await tx.execute("UPDATE passwords SET hash = :phc WHERE account_id = :id", phc=phc, id=person.id)
    changed_at = await ostiary.use.passwords.changed_at(person.id)

    assert await _login(ostiary, person.email, "not the password") == (401, "invalid_credentials")
    assert await _hash(person) == phc
    assert await _login(ostiary, person.email, PASSWORD) == (200, "complete")
    upgraded = await _hash(person)
    assert upgraded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await ostiary.use.passwords.changed_at(person.id) == changed_at
    assert await _login(ostiary, person.email, PASSWORD) == (200, "complete")
    assert await _hash(person) == upgraded
    rehashed = "SELECT COUNT(*) FROM audit_events WHERE event = 'password.rehashed'"
    assert await ostiary.use.db.fetch_value(rehashed) == 1


async def test_too_many_at_once_are_told_to_wait_and_are_not_failures(sqlite_url: str, clock: ManualClock) -> None:
    settings = settings_for_test(sqlite_url, passwords__queue=1, limits__login_account="100/1h")
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        person = await new_person(opened)
        client = new_client(opened)
        body = {"identifier": person.email, "password": "not the password"}
        answers = await asyncio.gather(*(client.post("/api/auth/login", json=body) for _ in range(30)))
        found = Counter(answer.status_code for answer in answers)
        assert found.keys() == {401, 503}
        for answer in answers:
            if answer.status_code == 503:
                assert (answer.headers["retry-after"], answer.json()["code"]) == ("1", "unavailable")
        failures = "SELECT COUNT(*) FROM audit_events WHERE event = 'sign_in.failed'"
        assert await opened.use.db.fetch_value(failures) == found[401]
        # A registration that finds no place leaves nothing behind, either.
        bodies = [{"email": f"a{number}@example.com", "password": PASSWORD} for number in range(30)]
        answers = await asyncio.gather(*(client.post("/api/auth/register", json=one) for one in bodies))
        made = Counter(answer.status_code for answer in answers)
        assert made.keys() == {200, 503}
        assert await opened.use.db.fetch_value("SELECT COUNT(*) FROM accounts") == 1 + made[200]


async def test_a_try_that_found_no_place_does_not_count_against_the_account(
    sqlite_url: str, clock: ManualClock
) -> None:
    settings = settings_for_test(sqlite_url, passwords__queue=1, limits__login_account="10/1h")
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        person = await new_person(opened)
        client = new_client(opened)
        body = {"identifier": person.email, "password": "not the password"}
        answers = await asyncio.gather(*(client.post("/api/auth/login", json=body) for _ in range(10)))
        refused = Counter(answer.status_code for answer in answers)
        assert refused[503] > 0
        assert await _login(opened, person.email, PASSWORD) == (200, "complete")
