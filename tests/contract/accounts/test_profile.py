"""What a person changes of their own account."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.app import Ostiary
from tests.support.installation import PASSWORD, new_client, new_person

ME = "/api/auth/me"


async def test_name_and_username_change_and_what_is_left_out_stays(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, name="Ada", username="ada")
    changed = (await person.request("PATCH", ME, {"name": "Ada Lovelace"})).json()["account"]
    assert (changed["name"], changed["username"]) == ("Ada Lovelace", "ada")
    changed = (await person.request("PATCH", ME, {"username": "Countess"})).json()["account"]
    assert (changed["name"], changed["username"]) == ("Ada Lovelace", "Countess")
    for removed in ("", None):
        changed = (await person.request("PATCH", ME, {"username": removed})).json()["account"]
        assert changed["username"] is None


async def test_a_username_signs_in_in_any_letter_case(ostiary: Ostiary) -> None:
    await new_person(ostiary, username="Ada.Lovelace")
    for typed in ("Ada.Lovelace", "ada.lovelace", " ADA.LOVELACE "):
        answer = await new_client(ostiary).post("/api/auth/login", json={"identifier": typed, "password": PASSWORD})
        assert answer.status_code == 200, typed


async def test_a_username_that_differs_only_in_case_is_taken(ostiary: Ostiary) -> None:
    await new_person(ostiary, username="ada")
    person = await new_person(ostiary)
    refused = await person.request("PATCH", ME, {"username": "ADA"})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (409, "username_taken", "username")
    body = {"email": "eve@example.com", "password": PASSWORD, "username": "Ada"}
    refused = await new_client(ostiary).post("/api/auth/register", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "username_taken")
    assert await ostiary.use.accounts.by_identifier("eve@example.com") is None


async def test_of_people_who_want_one_username_at_once_one_gets_it(ostiary: Ostiary) -> None:
    people = [await new_person(ostiary) for _ in range(4)]
    answers = await asyncio.gather(*(person.request("PATCH", ME, {"username": "wanted"}) for person in people))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "username", ["ab", "a" * 33, ".ada", "ada-", "a da", "ada@example.com", "adä", "\u0430da", "ada\n", "a/b"]
)
async def test_usernames_are_ascii_words_that_cannot_be_addresses(ostiary: Ostiary, username: str) -> None:
    person = await new_person(ostiary)
    refused = await person.request("PATCH", ME, {"username": username})
    assert (refused.status_code, refused.json()["field"]) == (400, "username")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_names_are_any_visible_text_of_one_line(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    for name in ("Ω Łukasz 🦉", "O'Brien, Jr.", "", "x" * 120):
        assert (await person.request("PATCH", ME, {"name": name})).json()["account"]["name"] == name
    for name in ("x" * 121, "a\nb", "a\u202eb", "\u0007"):
        refused = await person.request("PATCH", ME, {"name": name})
        assert (refused.status_code, refused.json()["field"]) == (400, "name"), name


async def test_nobody_changes_status_or_address_through_the_profile(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    for member in ("status", "email", "kind", "id", "email_verified"):
        refused = await person.request("PATCH", ME, {member: "active"})
        assert (refused.status_code, refused.json()["field"]) == (400, member)


async def test_a_deleted_account_is_nobody(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, delivery="token")
    await ostiary.use.account_administration.delete(ostiary.operator(), person.id)
    assert (await person.request("GET", ME)).status_code == 401
