"""Accounts from elsewhere: what is taken, what is refused and why, and that nothing is ever half there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ostiary.accounts import AccountCreate
from ostiary.accounts.import_row import Refusal
from ostiary.app import Ostiary
from ostiary.audit import Event, read
from ostiary.authorization import Caller
from ostiary.base.clock import DAY
from ostiary.errors import Forbidden, Unauthenticated
from tests.attacks.evidence import contents
from tests.support.foreign_hashes import VECTORS, vector
from tests.support.importing import import_lines, stored_hash
from tests.support.installation import new_administrator, new_client, new_person
from tests.support.time import ManualClock

HASH = vector("passlib phpass, WordPress").password_hash
ADA = {"email": "ada@example.com", "email_verified": True}


async def refusals(ostiary: Ostiary, *members: dict[str, Any], **options: Any) -> list[tuple[int, str, str | None]]:
    """The number, code and field of each line that is refused; the others are imported."""
    summary, refused = await import_lines(ostiary, members, **options)
    assert summary.refused == len(refused)
    assert summary.lines == len(members)
    return [(each.line, each.code.value, each.field) for each in refused]


async def account_of(ostiary: Ostiary, email: str) -> dict[str, Any] | None:
    administrator = await new_administrator(ostiary)
    listed = (await administrator.request("GET", "/api/accounts?limit=200")).json()["items"]
    return next((account for account in listed if account["email"] == email), None)


async def test_an_account_is_what_its_line_says(ostiary: Ostiary) -> None:
    line = ADA | {
        "username": "Ada",
        "name": "Ada Lovelace",
        "password_hash": HASH,
        "created_at": "2019-12-10T01:00:00+01:00",
    }
    service = {"kind": "service", "username": "export", "name": "Nightly export", "created_at": "2020-01-01T00:00:00Z"}
    gone = {"email": "eve@example.com", "email_verified": True, "disabled": True}
    summary, _ = await import_lines(ostiary, [line, service, gone, {"email": "bob@example.com"}])
    assert (summary.created, summary.pending, summary.refused) == (4, 1, 0)
    ada = await account_of(ostiary, "ada@example.com")
    assert ada is not None
    assert (
        ada
        | {
            "kind": "user",
            "status": "active",
            "email_verified": True,
            "username": "Ada",
            "name": "Ada Lovelace",
            "created_at": "2019-12-10T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:00.000Z",
        }
        == ada
    )
    eve, bob = await account_of(ostiary, "eve@example.com"), await account_of(ostiary, "bob@example.com")
    assert (eve and eve["status"], bob and bob["status"], bob and bob["email_verified"]) == (
        "disabled",
        "pending",
        False,
    )
    assert await stored_hash(ostiary, "bob@example.com") is None


REFUSED: list[tuple[dict[str, Any], Refusal, str | None]] = [
    ({}, Refusal.EMAIL_MISSING, "email"),
    ({"email": ""}, Refusal.EMAIL_MISSING, "email"),
    ({"name": "Ada", "username": "ada"}, Refusal.EMAIL_MISSING, "email"),
    ({"kind": "service", "name": "Export"}, Refusal.IDENTIFIER_MISSING, None),
    ({"email": "no address"}, Refusal.INVALID_EMAIL, "email"),
    ({"email": "\uff41da@example.com"}, Refusal.INVALID_EMAIL, "email"),
    ({"email": "a" * 300 + "@example.com"}, Refusal.INVALID_EMAIL, "email"),
    (ADA | {"username": "a"}, Refusal.INVALID_USERNAME, "username"),
    (ADA | {"username": "ada@example.com"}, Refusal.INVALID_USERNAME, "username"),
    (ADA | {"name": "a" * 121}, Refusal.INVALID_NAME, "name"),
    (ADA | {"name": "Ada\0"}, Refusal.CONTROL_CHARACTER, "name"),
    (ADA | {"name": "Ada\x1b[31m"}, Refusal.CONTROL_CHARACTER, "name"),
    ({"email": "ada@example.com\n"}, Refusal.CONTROL_CHARACTER, "email"),
    (ADA | {"password_hash": HASH + "\0"}, Refusal.CONTROL_CHARACTER, "password_hash"),
    (ADA | {"emailVerified": True}, Refusal.UNKNOWN_MEMBER, "emailVerified"),
    ({"email": 7}, Refusal.INVALID_MEMBER, "email"),
    (ADA | {"email_verified": "true"}, Refusal.INVALID_MEMBER, "email_verified"),
    (ADA | {"disabled": 1}, Refusal.INVALID_MEMBER, "disabled"),
    (ADA | {"kind": "robot"}, Refusal.INVALID_MEMBER, "kind"),
    (ADA | {"firebase_rounds": "8"}, Refusal.INVALID_MEMBER, "firebase_rounds"),
    (ADA | {"created_at": "2019-12-10"}, Refusal.INVALID_CREATED_AT, "created_at"),
    (ADA | {"created_at": "2019-12-10T00:00:00"}, Refusal.INVALID_CREATED_AT, "created_at"),
    (ADA | {"created_at": "1969-12-31T23:59:59Z"}, Refusal.INVALID_CREATED_AT, "created_at"),
    (ADA | {"created_at": "2026-01-01T00:00:01Z"}, Refusal.INVALID_CREATED_AT, "created_at"),
    (ADA | {"created_at": 1_700_000_000}, Refusal.INVALID_CREATED_AT, "created_at"),
    ({"kind": "service", "username": "export", "password_hash": HASH}, Refusal.PASSWORD_NOT_ALLOWED, "password_hash"),
    (ADA | {"password_hash": "secret"}, Refusal.UNKNOWN_PASSWORD_FORMAT, "password_hash"),
    (ADA | {"password_hash": HASH, "password_format": "md5"}, Refusal.UNKNOWN_PASSWORD_FORMAT, "password_hash"),
    (ADA | {"password_hash": HASH, "password_format": "bcrypt"}, Refusal.INVALID_PASSWORD_HASH, "password_hash"),
    (ADA | {"password_hash": HASH[:-1]}, Refusal.INVALID_PASSWORD_HASH, "password_hash"),
    (ADA | {"password_hash": "$2b$20$" + "." * 53}, Refusal.COSTLY_PASSWORD_HASH, "password_hash"),
    (ADA | {"password_hash": ["a"]}, Refusal.INVALID_MEMBER, "password_hash"),
]


async def test_what_cannot_be_an_account_is_refused_by_line_and_the_rest_is_imported(ostiary: Ostiary) -> None:
    lines: list[dict[str, Any]] = []
    for number, (members, _, _) in enumerate(REFUSED):
        lines += [members, {"email": f"good{number}@example.com", "email_verified": True}]
    seen = await refusals(ostiary, *lines)
    assert seen == [(2 * number + 1, code, field) for number, (_, code, field) in enumerate(REFUSED)]
    assert await ostiary.use.db.fetch_value("SELECT COUNT(*) FROM accounts") == len(REFUSED)


async def test_what_somebody_has_already_is_refused(ostiary: Ostiary, clock: ManualClock) -> None:
    await new_person(ostiary, "ada@example.com", username="ada")
    await ostiary.use.account_administration.create(ostiary.operator(), AccountCreate(email="bob@example.com"))
    seen = await refusals(
        ostiary,
        {"email": "Ada@Example.com", "email_verified": True},
        {"email": "eve@example.com", "username": "ADA"},
        {"email": "bob@example.com"},
        {"email": "fay@example.com", "username": "fay"},
    )
    assert seen == [(1, "email_taken", "email"), (2, "username_taken", "username"), (3, "email_taken", "email")]
    clock.advance(1)
    other_line_of_the_same = {"email": "fay@example.com", "username": "fay", "name": "Fay"}
    assert await refusals(ostiary, other_line_of_the_same) == [(1, "email_taken", "email")]


@pytest.mark.parametrize("batch", [1, 3, 1000])
@pytest.mark.parametrize("dry_run", [False, True])
async def test_duplicates_in_the_lines_are_refused(ostiary: Ostiary, batch: int, dry_run: bool) -> None:
    seen = await refusals(
        ostiary,
        ADA | {"username": "ada"},
        ADA | {"username": "ada"},
        {"email": "ADA@example.com"},
        {"email": "other@example.com", "username": "Ada"},
        {"email": "other@example.com", "username": "other"},
        {"kind": "service", "username": "OTHER"},
        batch=batch,
        dry_run=dry_run,
    )
    assert seen == [
        (2, "duplicate_email", "email"),
        (3, "duplicate_email", "email"),
        (4, "duplicate_username", "username"),
        (6, "duplicate_username", "username"),
    ]


async def test_asked_again_it_skips_what_it_has_done_and_does_the_rest(ostiary: Ostiary, clock: ManualClock) -> None:
    lines: list[dict[str, Any]] = [
        {"email": f"person{number}@example.com", "email_verified": True, "password_hash": found.password_hash}
        | found.members
        for number, found in enumerate(VECTORS[:20])
    ]
    lines.append({"kind": "service", "username": "export"})
    summary, _ = await import_lines(ostiary, lines[:7], batch=3)
    assert (summary.created, summary.skipped) == (7, 0)
    before = await contents(ostiary)
    clock.advance(1)
    summary, refused = await import_lines(ostiary, lines, batch=4)
    assert (summary.created, summary.skipped, refused) == (14, 7, [])
    clock.advance(1)
    after = await contents(ostiary)
    assert set(before["accounts"]) < set(after["accounts"])
    assert set(before["passwords"]) < set(after["passwords"])
    assert (len(after["accounts"]), len(after["passwords"])) == (21, 20)
    summary, refused = await import_lines(ostiary, lines)
    assert (summary.created, summary.skipped, refused) == (0, 21, [])
    assert await contents(ostiary, besides=["revisions"]) == {
        table: rows for table, rows in after.items() if table != "revisions"
    }


async def test_another_hash_for_the_same_address_is_another_line(ostiary: Ostiary, clock: ManualClock) -> None:
    """So whoever corrects the parameters of Firebase learns that the accounts that are there have the old ones."""
    await import_lines(ostiary, [ADA | {"password_hash": HASH}])
    before = await stored_hash(ostiary, "ada@example.com")
    clock.advance(1)
    again = ADA | {"password_hash": vector("phpass of npm").password_hash}
    assert await refusals(ostiary, again) == [(1, "email_taken", "email")]
    assert await stored_hash(ostiary, "ada@example.com") == before


async def test_two_imports_of_the_same_lines_at_once_make_each_account_once(ostiary: Ostiary) -> None:
    lines = [{"email": f"person{number}@example.com", "password_hash": HASH} for number in range(60)]
    done = await asyncio.gather(*(import_lines(ostiary, lines, batch=7) for _ in range(4)))
    assert sum(summary.created for summary, _ in done) == 60
    assert await ostiary.use.db.fetch_value("SELECT COUNT(*) FROM accounts") == 60
    assert await ostiary.use.db.fetch_value("SELECT COUNT(*) FROM passwords") == 60


async def test_a_dry_run_writes_nothing_and_tells_the_same(ostiary: Ostiary, clock: ManualClock) -> None:
    await new_person(ostiary, "taken@example.com", username="taken")
    client = new_client(ostiary)
    body = {"email": "waiting@example.com", "password": "seven quiet lanterns"}
    assert (await client.post("/api/auth/register", json=body)).status_code == 200
    lines: list[dict[str, Any]] = [
        ADA | {"password_hash": HASH},
        ADA,
        {"email": "taken@example.com"},
        {"email": "new@example.com", "username": "taken"},
        {"email": "waiting@example.com", "email_verified": True},
        {"email": "waiting@example.com"},
        {"email": "no address"},
        {"email": "pending@example.com"},
    ]
    before = await contents(ostiary)
    rehearsed, would_refuse = await import_lines(ostiary, lines, dry_run=True, batch=3)
    assert await contents(ostiary) == before
    clock.advance(1)
    done, refused = await import_lines(ostiary, lines, batch=3)
    assert (rehearsed.dry_run, done.dry_run) == (True, False)
    assert would_refuse == refused
    assert (rehearsed.created, rehearsed.pending, rehearsed.refused) == (done.created, done.pending, done.refused)
    assert done.created == 3
    clock.advance(1)
    rehearsed, _ = await import_lines(ostiary, lines, dry_run=True)
    assert rehearsed.skipped == 3


async def test_imported_accounts_wait_for_the_proof_of_their_address_as_long_as_it_takes(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    old = {"email": "old@example.com", "created_at": "2001-01-01T00:00:00Z", "password_hash": HASH}
    await import_lines(ostiary, [old])
    body = {"email": "came-and-went@example.com", "password": "seven quiet lanterns"}
    assert (await new_client(ostiary).post("/api/auth/register", json=body)).status_code == 200
    clock.advance(400 * DAY)
    await ostiary._sweeper(clock())
    assert await account_of(ostiary, "old@example.com")
    assert await account_of(ostiary, "came-and-went@example.com") is None


async def test_who_registered_an_address_and_did_not_prove_it_makes_room_for_its_proved_owner(ostiary: Ostiary) -> None:
    body = {"email": "ada@example.com", "username": "ada", "password": "a password of a squatter"}
    assert (await new_client(ostiary).post("/api/auth/register", json=body)).status_code == 200
    assert await refusals(ostiary, ADA | {"email_verified": False}) == [(1, "email_taken", "email")]
    assert await refusals(ostiary, ADA | {"username": "ada", "password_hash": HASH}) == []
    ada = await account_of(ostiary, "ada@example.com")
    assert ada
    assert (ada["status"], ada["email_verified"]) == ("active", True)
    login = {"identifier": "ada@example.com", "password": body["password"]}
    assert (await new_client(ostiary).post("/api/auth/login", json=login)).status_code == 401


async def test_it_takes_the_permission_to_create_accounts(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    before = await contents(ostiary)
    for caller, refusal in (
        (Caller("account", person.id, authorizer=ostiary.use.authorizer), Forbidden),
        (Caller.anonymous(), Unauthenticated),
    ):
        for dry_run in (False, True):
            with pytest.raises(refusal):
                await import_lines(ostiary, [ADA], caller=caller, dry_run=dry_run)
    assert await contents(ostiary) == before


async def test_each_batch_is_on_record_with_how_many_and_without_a_secret(ostiary: Ostiary, clock: ManualClock) -> None:
    lines: list[dict[str, Any]] = [ADA | {"password_hash": HASH}, {"email": "no address"}, {"email": "bob@example.com"}]
    await import_lines(ostiary, lines, batch=2, source="people.jsonl")
    events = (await read(ostiary.use.db, event=Event.ACCOUNTS_IMPORTED)).items
    assert sorted((event.data["first_line"], event.data["last_line"], event.data["created"]) for event in events) == [
        (1, 2, 1),
        (3, 3, 1),
    ]
    assert {(event.actor, event.data["source"]) for event in events} == {("operator", "people.jsonl")}
    assert HASH[5:] not in str(events)
    clock.advance(1)
    await import_lines(ostiary, lines, source="people.jsonl")
    assert len((await read(ostiary.use.db, event=Event.ACCOUNTS_IMPORTED)).items) == 2
