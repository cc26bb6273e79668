"""Accounts under administration: made, listed, changed, disabled, deleted; and the sweep of those never proved."""

from __future__ import annotations

from typing import Any

from ostiary.app import Ostiary
from ostiary.base.clock import DAY, SECOND
from tests.support.installation import PASSWORD, Person, code_for, new_administrator, new_client, new_person
from tests.support.time import ManualClock

PATH = "/api/accounts"


async def _create(administrator: Person, **body: Any) -> dict[str, Any]:
    created = await administrator.request("POST", PATH, body)
    assert created.status_code == 201, created.text
    account: dict[str, Any] = created.json()
    return account


async def _login(ostiary: Ostiary, identifier: str, password: str = PASSWORD) -> tuple[int, str]:
    answer = await new_client(ostiary).post("/api/auth/login", json={"identifier": identifier, "password": password})
    return answer.status_code, answer.json().get("code") or answer.json()["status"]


async def test_an_account_that_an_administrator_makes_signs_in_at_once(ostiary: Ostiary) -> None:
    administrator = await new_administrator(ostiary)
    made = await _create(administrator, email="ada@example.com", username="ada", name="Ada", password=PASSWORD)
    assert made | {"kind": "user", "status": "active", "email_verified": True} == made
    assert (await administrator.request("GET", f"{PATH}/{made['id']}")).json() == made
    assert await _login(ostiary, "ada") == (200, "complete")


async def test_an_account_without_a_password_does_not_sign_in(ostiary: Ostiary) -> None:
    administrator = await new_administrator(ostiary)
    await _create(administrator, email="ada@example.com")
    assert await _login(ostiary, "ada@example.com") == (401, "invalid_credentials")
    service = await _create(administrator, kind="service", name="Nightly export")
    assert service["email"] is None


async def test_what_cannot_be_an_account_is_refused(ostiary: Ostiary) -> None:
    administrator = await new_administrator(ostiary)
    for body, field in (
        ({}, None),
        ({"name": "Ada"}, "email"),
        ({"email": "no address"}, "email"),
        ({"kind": "service", "name": "Export", "password": PASSWORD}, "password"),
        ({"kind": "robot", "email": "a@example.com"}, "kind"),
        ({"email": "a@example.com", "password": "short"}, "password"),
        ({"email": "a@example.com", "status": "disabled"}, "status"),
    ):
        refused = await administrator.request("POST", PATH, body)
        assert (refused.status_code, refused.json().get("field")) == (400, field), body


async def test_an_address_or_username_in_use_is_a_conflict(ostiary: Ostiary) -> None:
    administrator = await new_administrator(ostiary)
    ada = await _create(administrator, email="Ada@example.com", username="ada")
    eve = await _create(administrator, email="eve@example.com", username="eve")
    for body in ({"email": "ada@EXAMPLE.com"}, {"email": "new@example.com", "username": "ADA"}):
        assert (await administrator.request("POST", PATH, body)).status_code == 409
    for change in ({"email": "ADA@example.com"}, {"username": "Ada"}):
        refused = await administrator.request("PATCH", f"{PATH}/{eve['id']}", change)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert (await administrator.request("GET", f"{PATH}/{eve['id']}")).json() == eve
    same = await administrator.request("PATCH", f"{PATH}/{ada['id']}", {"email": "ada@example.com"})
    assert same.json()["email"] == "ada@example.com"


async def test_a_list_is_read_page_by_page_and_misses_nothing(ostiary: Ostiary, clock: ManualClock) -> None:
    administrator = await new_administrator(ostiary)
    made = [administrator.id]
    for number in range(6):
        clock.advance(1)
        made.append((await _create(administrator, email=f"a{number}@example.com"))["id"])
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await administrator.request("GET", f"{PATH}?limit=3{cursor}")).json()
        seen += [account["id"] for account in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
        # What is deleted between two pages shifts nothing.
        await administrator.request("DELETE", f"{PATH}/{made[1]}")
    assert seen == made
    for wrong in ("limit=0", "limit=201", "limit=x", "cursor=%00", "cursor=A", "page=2"):
        assert (await administrator.request("GET", f"{PATH}?{wrong}")).status_code == 400, wrong


async def test_a_disabled_account_is_signed_out_everywhere_and_cannot_sign_in(ostiary: Ostiary) -> None:
    administrator, person = await new_administrator(ostiary), await new_person(ostiary)
    path = f"{PATH}/{person.id}"
    assert (await administrator.request("PATCH", path, {"status": "disabled"})).json()["status"] == "disabled"
    assert (await person.request("GET", "/api/auth/me")).status_code == 401
    assert await _login(ostiary, person.email) == (403, "account_disabled")
    assert await _login(ostiary, person.email, "not the password") == (401, "invalid_credentials")
    assert (await administrator.request("PATCH", path, {"status": "active"})).json()["status"] == "active"
    assert (await person.request("GET", "/api/auth/me")).status_code == 401
    assert await _login(ostiary, person.email) == (200, "complete")
    for event in ("account.disabled", "account.enabled"):
        listed = await administrator.request("GET", f"/api/audit?event={event}&account_id={person.id}")
        assert len(listed.json()["items"]) == 1


async def test_what_is_deleted_is_gone_with_all_that_belonged_to_it(ostiary: Ostiary, clock: ManualClock) -> None:
    administrator, person = await new_administrator(ostiary), await new_person(ostiary, "ada@example.com")
    path = f"{PATH}/{person.id}"
    await administrator.request("POST", f"{path}/grants", {"permission": "documents.read", "effect": "allow"})
    assert (await administrator.request("DELETE", path)).status_code == 204
    for method in ("GET", "DELETE"):
        assert (await administrator.request(method, path)).status_code == 404
    assert (await administrator.request("PATCH", path, {"name": "Ada"})).status_code == 404
    assert (await person.request("GET", "/api/auth/me")).status_code == 401
    for table in ("passwords", "sessions", "refresh_families", "direct_grants", "flows"):
        left = "SELECT COUNT(*) FROM " + table + " WHERE account_id = :id"
        assert await ostiary.use.db.fetch_value(left, id=person.id) == 0
    clock.advance(SECOND)
    assert (await new_person(ostiary, "ada@example.com")).id != person.id


async def test_without_permission_none_of_it_is_there(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    for method, path, body in (
        ("GET", PATH, None),
        ("POST", PATH, {"email": "a@example.com"}),
        ("GET", f"{PATH}/{person.id}", None),
        ("PATCH", f"{PATH}/{person.id}", {"name": "x"}),
        ("DELETE", f"{PATH}/{person.id}", None),
    ):
        refused = await person.request(method, path, body)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert refused.json()["permission"].startswith("ostiary.accounts.")
        assert (await new_client(ostiary).request(method, path, json=body)).status_code == 401


async def test_accounts_whose_address_nobody_proves_are_swept(ostiary: Ostiary, clock: ManualClock) -> None:
    body = {"email": "ada@example.com", "password": PASSWORD, "username": "ada"}
    async with new_client(ostiary) as client:
        assert (await client.post("/api/auth/register", json=body)).status_code == 200
        kept = await new_person(ostiary)
        sweep = ostiary._sweeper
        clock.advance(7 * DAY)
        await sweep(clock.now)
        assert await ostiary.use.accounts.by_identifier("ada@example.com") is not None
        clock.advance(1)
        await sweep(clock.now)
        assert await ostiary.use.accounts.by_identifier("ada@example.com") is None
        assert await ostiary.use.accounts.get(kept.id) is not None
        assert (await client.post("/api/auth/register", json=body)).status_code == 200  # address and username are free


async def test_an_account_waiting_for_its_proof_is_not_proved_by_an_address_that_it_lost(ostiary: Ostiary) -> None:
    administrator = await new_administrator(ostiary)
    async with new_client(ostiary) as client:
        begun = await client.post("/api/auth/register", json={"email": "old@example.com", "password": PASSWORD})
        proof = {"flow": begun.json()["flow"], "code": await code_for(ostiary, "old@example.com")}
        account = await ostiary.use.accounts.by_identifier("old@example.com")
        assert account is not None
        changed = await administrator.request("PATCH", f"{PATH}/{account.id}", {"email": "new@example.com"})
        assert changed.json()["status"] == "pending"
        refused = await client.post("/api/auth/verify", json=proof)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_challenge")
    assert (await administrator.request("GET", f"{PATH}/{account.id}")).json()["status"] == "pending"
