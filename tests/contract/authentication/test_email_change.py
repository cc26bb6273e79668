"""A change of address, from the request to the proof, for those who use it well and those who do not."""

from __future__ import annotations

import httpx

from ostiary.app import Ostiary
from ostiary.base.clock import DAY, SECOND
from tests.support.installation import PASSWORD, Person, code_for, link_for, new_administrator, new_client, new_person
from tests.support.time import ManualClock

PATH, VERIFY = "/api/auth/email", "/api/auth/verify"
OLD, NEW = "old@example.com", "new@example.com"
REGISTERED, IN_USE = "Confirm your e-mail address for Ostiary", "You already have an account at Ostiary"
CONFIRM, REQUESTED = "Confirm your new e-mail address for Ostiary", "A new e-mail address for your account at Ostiary"
CHANGED = "Your e-mail address for Ostiary was changed"


async def _begin(person: Person, email: str = NEW, password: str = PASSWORD) -> httpx.Response:
    return await person.request("POST", PATH, {"email": email, "password": password})


async def _mails(ostiary: Ostiary) -> list[tuple[str, str]]:
    return sorted((mail.to, mail.subject) for mail in await ostiary.use.mailer.outbox(500))


async def _address(person: Person) -> str:
    me = (await person.request("GET", "/api/auth/me")).json()
    address: str = me["account"]["email"]
    return address


async def test_the_new_address_counts_once_it_is_proved_and_both_are_told(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary, OLD)
    clock.advance(SECOND)
    begun = await _begin(person)
    assert begun.json() | {"status": "challenge", "purpose": "change_email", "sent_to": NEW} == begun.json()
    assert await _address(person) == OLD
    clock.advance(SECOND)
    proof = {"flow": begun.json()["flow"], "code": await code_for(ostiary, NEW)}
    changed = await person.request("POST", VERIFY, proof)
    assert (changed.status_code, changed.json()["status"], changed.json()["account"]["email"]) == (200, "changed", NEW)
    assert await _address(person) == NEW
    told = [(NEW, CONFIRM), (NEW, CHANGED), (OLD, REGISTERED), (OLD, REQUESTED), (OLD, CHANGED)]
    assert await _mails(ostiary) == sorted(told)
    for identifier, status in ((OLD, 401), (NEW, 200)):
        body = {"identifier": identifier, "password": PASSWORD}
        assert (await new_client(ostiary).post("/api/auth/login", json=body)).status_code == status
    assert (await person.request("POST", VERIFY, proof)).status_code == 400


async def test_it_needs_the_password(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, OLD)
    refused = await _begin(person, password="not the password")
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
        401,
        "invalid_credentials",
        "password",
    )
    assert (await _begin(person, "no address")).json()["field"] == "email"
    assert await _mails(ostiary) == [(OLD, REGISTERED)]


async def test_an_address_in_use_gets_the_same_answer_and_its_owner_a_mail(ostiary: Ostiary) -> None:
    await new_person(ostiary, NEW)
    person = await new_person(ostiary, OLD)
    begun = await _begin(person, "NEW@example.com")
    assert begun.json().keys() == {"status", "flow", "purpose", "next", "sent_to", "expires_in"}
    assert (begun.json()["purpose"], begun.json()["sent_to"]) == ("change_email", "NEW@example.com")
    assert (NEW, IN_USE) in await _mails(ostiary)
    assert CONFIRM not in {subject for _, subject in await _mails(ostiary)}
    for code in ("000000", "123456"):
        proof = {"flow": begun.json()["flow"], "code": code}
        assert (await person.request("POST", VERIFY, proof)).status_code == 400
    assert await _address(person) == OLD


async def test_an_address_that_somebody_proved_meanwhile_is_a_conflict(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary, OLD)
    clock.advance(SECOND)
    flow = (await _begin(person)).json()["flow"]
    code = await code_for(ostiary, NEW)
    clock.advance(SECOND)
    await new_person(ostiary, NEW)
    refused = await person.request("POST", VERIFY, {"flow": flow, "code": code})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert await _address(person) == OLD


async def test_an_account_that_never_proved_the_address_does_not_keep_it(ostiary: Ostiary, clock: ManualClock) -> None:
    squatter = {"email": NEW, "password": "somebody else entirely"}
    await new_client(ostiary).post("/api/auth/register", json=squatter)
    person = await new_person(ostiary, OLD)
    clock.advance(SECOND)
    flow = (await _begin(person)).json()["flow"]
    changed = await person.request("POST", VERIFY, {"flow": flow, "code": await code_for(ostiary, NEW)})
    assert changed.status_code == 200
    assert await ostiary.use.db.fetch_value("SELECT COUNT(*) FROM accounts") == 1


async def test_the_link_works_with_the_flow_or_with_the_password_and_not_alone(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary, OLD)
    clock.advance(SECOND)
    await _begin(person)
    token = await link_for(ostiary, NEW)
    elsewhere = new_client(ostiary)
    for proof in ({"token": token}, {"token": token, "flow": "A" * 43}):
        assert (await elsewhere.post(VERIFY, json=proof)).json()["field"] == "password"
    assert (await elsewhere.post(VERIFY, json={"token": token, "password": "not it at all"})).status_code == 401
    changed = await elsewhere.post(VERIFY, json={"token": token, "password": PASSWORD})
    assert changed.json()["status"] == "changed"
    assert not changed.headers.get_list("set-cookie")  # a proof of the address is no sign-in
    assert await _address(person) == NEW


async def test_somebody_else_who_is_signed_in_does_not_end_it(ostiary: Ostiary, clock: ManualClock) -> None:
    person, other = await new_person(ostiary, OLD), await new_person(ostiary)
    clock.advance(SECOND)
    proof = {"flow": (await _begin(person)).json()["flow"], "code": await code_for(ostiary, NEW)}
    assert (await other.request("POST", VERIFY, proof)).status_code == 401
    assert (await person.request("POST", VERIFY, proof)).status_code == 200


async def test_it_ends_with_the_password_with_time_and_with_the_account(ostiary: Ostiary, clock: ManualClock) -> None:
    administrator = await new_administrator(ostiary)
    for number, way in enumerate(("password", "time", "disabled")):
        person = await new_person(ostiary)
        clock.advance(SECOND)
        address = f"new{number}@example.com"
        proof = {"flow": (await _begin(person, address)).json()["flow"], "code": await code_for(ostiary, address)}
        if way == "password":
            body = {"current_password": PASSWORD, "new_password": "nine brisk umbrellas"}
            assert (await person.request("PUT", "/api/credentials/password", body)).status_code == 204
        elif way == "time":
            clock.advance(DAY)
        else:
            await administrator.request("PATCH", f"/api/accounts/{person.id}", {"status": "disabled"})
        refused = await new_client(ostiary).post(VERIFY, json=proof)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_challenge"), way
