"""Import opens no way in: not to whoever registered somebody's address elsewhere, and not to who measures time."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ostiary.app import Ostiary
from tests.attacks.evidence import assert_refused, later
from tests.attacks.test_enumeration import assert_alike, shape
from tests.support.foreign_hashes import vector
from tests.support.importing import import_lines, stored_hash
from tests.support.installation import PASSWORD, code_for, link_for, new_administrator, new_client, new_person

ADDRESS = "victim@example.com"
SQUATTERS = vector("phpass of npm")
"""The attacker registered the victim's address at the source, where nobody asked for proof, with this password."""
LINE: dict[str, Any] = {"email": ADDRESS, "username": "victim", "name": "Eve was here"} | SQUATTERS.members


async def post(ostiary: Ostiary, path: str, **body: str) -> httpx.Response:
    later(ostiary)
    return await new_client(ostiary).post(path, json=body)


async def sign_in(ostiary: Ostiary, password: str) -> httpx.Response:
    return await post(ostiary, "/api/auth/login", identifier=ADDRESS, password=password)


async def test_an_imported_address_without_proof_lets_nobody_in_who_has_not_its_mail_box(ostiary: Ostiary) -> None:
    await import_lines(ostiary, [LINE])
    challenge = (await sign_in(ostiary, SQUATTERS.password)).json()
    assert challenge["status"] == "challenge"
    assert_refused(
        await post(ostiary, "/api/auth/verify", flow=challenge["flow"], code="000000"), 400, "invalid_challenge"
    )
    link = await link_for(ostiary, ADDRESS)  # the victim opens it: it asks for the password, which she does not know
    assert_refused(await post(ostiary, "/api/auth/verify", token=link), 401, "invalid_credentials")
    assert_refused(await post(ostiary, "/api/auth/verify", token=link, password=PASSWORD), 401, "invalid_credentials")


async def test_the_owner_of_the_mail_box_registers_and_the_imported_password_is_gone(ostiary: Ostiary) -> None:
    await import_lines(ostiary, [LINE])
    attackers = (await sign_in(ostiary, SQUATTERS.password)).json()
    early = await code_for(ostiary, ADDRESS)
    registered = (await post(ostiary, "/api/auth/register", email=ADDRESS, password=PASSWORD)).json()
    answer = await post(ostiary, "/api/auth/verify", flow=registered["flow"], code=await code_for(ostiary, ADDRESS))
    account = answer.json()["account"]
    assert (account["name"], account["username"], account["email_verified"]) == ("", None, True)
    assert_refused(await sign_in(ostiary, SQUATTERS.password), 401, "invalid_credentials")
    assert_refused(
        await post(ostiary, "/api/auth/verify", flow=attackers["flow"], code=early), 400, "invalid_challenge"
    )
    assert (await sign_in(ostiary, PASSWORD)).json()["status"] == "complete"


@pytest.mark.parametrize("verified", [False, True])
async def test_an_import_changes_no_account_that_is_there(ostiary: Ostiary, verified: bool) -> None:
    await new_person(ostiary, ADDRESS)
    before = await stored_hash(ostiary, ADDRESS)
    summary, refused = await import_lines(ostiary, [LINE | {"email_verified": verified}])
    assert (summary.created, [each.code.value for each in refused]) == (0, ["email_taken"])
    assert await stored_hash(ostiary, ADDRESS) == before
    assert_refused(await sign_in(ostiary, SQUATTERS.password), 401, "invalid_credentials")


async def test_enabling_an_imported_account_does_not_vouch_for_its_address(ostiary: Ostiary) -> None:
    await import_lines(ostiary, [LINE | {"disabled": True}])
    administrator = await new_administrator(ostiary)
    listed = (await administrator.request("GET", "/api/accounts")).json()["items"]
    path = "/api/accounts/" + next(account["id"] for account in listed if account["email"] == ADDRESS)
    account = (await administrator.request("PATCH", path, {"status": "active"})).json()
    assert (account["status"], account["email_verified"]) == ("pending", False)


async def test_a_wrong_password_for_an_imported_account_is_the_same_answer_as_no_account(ostiary: Ostiary) -> None:
    await import_lines(ostiary, [LINE, {"email": "ada@example.com"}])
    seen = [
        shape(await post(ostiary, "/api/auth/login", identifier=identifier, password="a wrong password"))
        for identifier in (ADDRESS, "victim", "ada@example.com", "nobody@example.com")
    ]
    assert all(each == seen[0] for each in seen)


@pytest.mark.alone
@pytest.mark.parametrize("name", ["passlib ldap_salted_sha1", "aspnet v2", "phpass of npm"])
async def test_a_wrong_password_for_a_fast_imported_hash_takes_the_time_of_no_account(
    sqlite: Ostiary, name: str
) -> None:
    await import_lines(sqlite, [{"email": ADDRESS, "email_verified": True} | vector(name).members])
    client = new_client(sqlite)

    async def try_it(identifier: str) -> None:
        body = {"identifier": identifier, "password": "a wrong password"}
        assert (await client.post("/api/auth/login", json=body)).status_code == 401

    await try_it(ADDRESS)
    await assert_alike(lambda: try_it(ADDRESS), lambda: try_it("nobody@example.com"))
