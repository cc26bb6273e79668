"""Addresses that look alike: case never makes a second account, a look-alike never reaches somebody else's."""

from __future__ import annotations

import pytest

from ostiary.app import Ostiary
from tests.attacks.evidence import assert_refused, contents, later
from tests.support.installation import PASSWORD, code_for, new_client, new_person

OWNER = "Ada.Lovelace@example.com"
SAME = [
    "ada.lovelace@example.com",
    "ADA.LOVELACE@EXAMPLE.COM",
    "Ada.Lovelace@Example.Com",
    " ada.lovelace@example.com ",
]
REFUSED = {
    "full-width letters": "\uff41da.lovelace@example.com",
    "a superscript": "\u1d2cda.lovelace@example.com",
    "mathematical letters": "\U0001d41ada.lovelace@example.com",
    "a ligature": "a\ufb01@example.com",
    "a circled letter": "\u24d0da.lovelace@example.com",
    "a full-width full stop": "ada\uff0elovelace@example.com",
    "a full-width at": "ada.lovelace\uff20example.com",
    "a zero-width space": "ada.lovelace\u200b@example.com",
    "a soft hyphen": "ada.love\u00adlace@example.com",
    "a direction mark": "ada.lovelace\u202e@example.com",
    "a byte order mark": "\ufeffada.lovelace@example.com",
}
OTHERS = {
    "a Cyrillic a": "\u0430da.lovelace@example.com",
    "a dotless i": "ada.l\u0131velace@example.com",
    "an accent": "\u00e0da.lovelace@example.com",
    "a plus sign": "ada.lovelace+shop@example.com",
    "another plus sign": "ada.lovelace+bank@example.com",
    "without the dot": "adalovelace@example.com",
    "a Cyrillic domain": "ada.lovelace@ex\u0430mple.com",
    "another domain": "ada.lovelace@example.org",
}


async def test_letter_case_never_makes_a_second_account(ostiary: Ostiary) -> None:
    owner = await new_person(ostiary, OWNER)
    for spelling in SAME:
        answer = await new_client(ostiary).post("/api/auth/register", json={"email": spelling, "password": PASSWORD})
        assert answer.status_code == 200, spelling
        signed_in = await new_client(ostiary).post(
            "/api/auth/login", json={"identifier": spelling, "password": PASSWORD}
        )
        assert signed_in.json()["account"]["id"] == owner.id, spelling
    assert len((await contents(ostiary))["accounts"]) == 1


async def test_mail_goes_to_the_stored_address_never_to_the_typed_one(ostiary: Ostiary) -> None:
    await new_person(ostiary, OWNER)
    for spelling in SAME:
        await new_client(ostiary).post(
            "/api/auth/register", json={"email": spelling, "password": "another lantern, long"}
        )
    mails = await ostiary.use.mailer.outbox(100)
    assert len(mails) == 1 + len(SAME)
    assert {mail.to for mail in mails} == {OWNER}


async def test_compatibility_letters_and_invisible_ones_are_refused(ostiary: Ostiary) -> None:
    await new_person(ostiary, OWNER)
    person = await new_person(ostiary)
    before = await contents(ostiary, besides=["audit_events"])
    for case, spelling in REFUSED.items():
        body = {"email": spelling, "password": PASSWORD}
        assert_refused(await new_client(ostiary).post("/api/auth/register", json=body), 400, "invalid_request", case)
        assert_refused(await person.request("POST", "/api/auth/email", body), 400, "invalid_request", case)
        body = {"identifier": spelling, "password": PASSWORD}
        answer = await new_client(ostiary).post("/api/auth/login", json=body)
        assert_refused(answer, 401, "invalid_credentials", case)
    assert await contents(ostiary, besides=["audit_events"]) == before


async def test_a_lookalike_is_an_account_of_its_own(ostiary: Ostiary) -> None:
    """Whoever owns the look-alike gets their mail and their account; the owner's is not touched."""
    owner = await new_person(ostiary, OWNER)
    seen = {owner.id}
    for case, address in OTHERS.items():
        lookalike = await new_person(ostiary, address, password="quite another lantern")
        assert lookalike.id not in seen, case
        seen.add(lookalike.id)
        body = {"identifier": address, "password": owner.password}
        answer = await new_client(ostiary).post("/api/auth/login", json=body)
        assert_refused(answer, 401, "invalid_credentials", case)
    assert (await owner.request("GET", "/api/auth/me")).json()["account"]["email"] == OWNER


@pytest.mark.parametrize("spelling", ["B\u00dcCHER.example", "xn--bcher-kva.example", "bu\u0308cher.example"])
async def test_a_domain_in_its_own_letters_and_in_ascii_is_one(ostiary: Ostiary, spelling: str) -> None:
    owner = await new_person(ostiary, "ada@b\u00fccher.example")
    body = {"identifier": f"ada@{spelling}", "password": PASSWORD}
    answer = await new_client(ostiary).post("/api/auth/login", json=body)
    assert answer.json()["account"]["id"] == owner.id


async def test_a_lookalike_that_folds_to_a_waiting_account_proves_its_own_registration(ostiary: Ostiary) -> None:
    """Letters that only case-folding makes alike: the mail stays with the address that was there first."""
    first = {"email": "strasse@example.com", "password": PASSWORD}
    flow = (await new_client(ostiary).post("/api/auth/register", json=first)).json()["flow"]
    second = {"email": "stra\u00dfe@example.com", "password": "quite another lantern"}
    assert (await new_client(ostiary).post("/api/auth/register", json=second)).status_code == 200
    assert {mail.to for mail in await ostiary.use.mailer.outbox(10)} == {"strasse@example.com"}
    later(ostiary)
    resent = await new_client(ostiary).post("/api/auth/verify/resend", json={"flow": flow})
    proof = {"flow": resent.json()["flow"], "code": await code_for(ostiary, "strasse@example.com")}
    assert (await new_client(ostiary).post("/api/auth/verify", json=proof)).json()["account"]["email"] == first["email"]
