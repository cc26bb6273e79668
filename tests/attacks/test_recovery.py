"""Whoever has somebody's mail box, and whoever asks whose address has an account."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from ostiary.accounts import AccountChange
from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE
from tests.attacks.evidence import assert_refused, contents, later
from tests.attacks.test_enumeration import assert_alike, shape
from tests.conftest import OpenInstallation
from tests.support.authenticator import Authenticator
from tests.support.installation import PASSWORD, Person, code_for, new_client, new_person
from tests.support.passkeys import add_passkey
from tests.support.second_factors import Attempt, add_app, mailed, new_person_with_app, new_recovery_codes
from tests.support.sessions import opens, secret_of
from tests.support.time import ManualClock

KNOWN, UNKNOWN = "ada@example.com", "nobody@example.com"
FLOW, ANSWER = "/api/auth/flow", "/api/auth/flow/answer"
CHALLENGE = FLOW + "/challenge"
NEW = "nine patient herons"


async def recovering(ostiary: Ostiary, email: str) -> tuple[Attempt, httpx.Response]:
    """A recovery by who reads the mail of this address, and what came of that."""
    later(ostiary)
    attempt = await Attempt.begin(ostiary, email, purpose="recover")
    code, _ = await mailed(ostiary, email)
    return attempt, await attempt.answer("email_code", code)


async def new_password(attempt: Attempt, password: str = NEW) -> httpx.Response:
    body = {"flow": attempt.flow, "answer": {"method": "new_password", "password": password}}
    return await attempt.client.post(ANSWER, json=body)


async def by_mail(ostiary: Ostiary, email: str, **more: object) -> tuple[Attempt, httpx.Response]:
    """A sign-in by the mailed code alone, and what came of that."""
    attempt = await Attempt.begin(ostiary, email, **more)
    await attempt.ask("email_code")
    code, _ = await mailed(ostiary, email)
    return attempt, await attempt.answer("email_code", code)


async def disable(ostiary: Ostiary, person: Person) -> None:
    change = AccountChange(status="disabled")
    await ostiary.use.account_administration.change(ostiary.operator(), person.id, change)


# Who has an account


async def test_a_recovery_of_a_name_that_nobody_has_is_the_same_answer(ostiary: Ostiary, clock: ManualClock) -> None:
    await new_person_with_app(ostiary, clock, KNOWN)
    pending = {"email": "pending@example.com", "password": PASSWORD}
    assert (await new_client(ostiary).post("/api/auth/register", json=pending)).status_code == 200
    disabled = await new_person(ostiary, "disabled@example.com")
    await disable(ostiary, disabled)
    seen = []
    for identifier in (KNOWN, UNKNOWN, "pending@example.com", "disabled@example.com", "nobody", "", "@", "a" * 300):
        later(ostiary)
        client = new_client(ostiary)
        before = await contents(ostiary)
        begun = await client.post(FLOW, json={"purpose": "recover", "identifier": identifier})
        flow = begun.json()["flow"]
        again = await client.post(CHALLENGE, json={"flow": flow, "method": "email_code"})
        body = {"flow": flow, "answer": {"method": "email_code", "code": "x"}}
        wrong = await client.post(ANSWER, json=body)
        added = {table: len(rows) - len(before[table]) for table, rows in (await contents(ostiary)).items()}
        problem = wrong.json() | {"request_id": ""}
        seen.append((shape(begun), shape(again), wrong.status_code, problem, added))
        assert begun.json()["sent_to"] == again.json()["sent_to"] == identifier
    assert all(each == seen[0] for each in seen)
    assert seen[0][4]["messages"] == 2
    sent = {mail.to for mail in await ostiary.use.mailer.outbox(500) if "/login/link" in mail.text}
    assert sent == {KNOWN}


async def test_mails_are_counted_alike_whoever_has_the_name(installation: OpenInstallation) -> None:
    ostiary = await installation(limits__mail_account="3/1h")
    await new_person(ostiary, KNOWN)  # which takes one of them
    for identifier, left in ((KNOWN, 2), (UNKNOWN, 3)):
        bodies = [{"purpose": "recover", "identifier": identifier}] * (left + 1)
        answers = [await new_client(ostiary).post(FLOW, json=body) for body in bodies]
        assert [answer.status_code for answer in answers] == [200] * left + [429]
        assert_refused(answers[-1], 429, "rate_limited")
        assert int(answers[-1].headers["retry-after"]) > 0


@pytest.mark.alone
async def test_a_recovery_takes_the_same_time_whoever_has_the_name(sqlite: Ostiary) -> None:
    await new_person(sqlite, KNOWN)
    client = new_client(sqlite)

    async def try_it(identifier: str) -> None:
        answer = await client.post(FLOW, json={"purpose": "recover", "identifier": identifier})
        assert answer.status_code == 200

    await assert_alike(lambda: try_it(KNOWN), lambda: try_it(UNKNOWN))


@pytest.mark.alone
async def test_a_sign_in_by_mail_takes_the_same_time_whoever_has_the_name(sqlite: Ostiary, clock: ManualClock) -> None:
    await new_person_with_app(sqlite, clock, KNOWN)
    client = new_client(sqlite)

    async def try_it(identifier: str) -> None:
        begun = await client.post(FLOW, json={"identifier": identifier})
        body = {"flow": begun.json()["flow"], "method": "email_code"}
        assert (await client.post(CHALLENGE, json=body)).status_code == 200

    await assert_alike(lambda: try_it(KNOWN), lambda: try_it(UNKNOWN))


@pytest.mark.alone
async def test_a_wrong_code_takes_the_same_time_whoever_has_the_name(sqlite: Ostiary) -> None:
    await new_person(sqlite, KNOWN)
    client = new_client(sqlite)
    flows: dict[str, list[str]] = {}
    for identifier in (KNOWN, UNKNOWN):
        begun = [await client.post(FLOW, json={"purpose": "recover", "identifier": identifier}) for _ in range(45)]
        flows[identifier] = [answer.json()["flow"] for answer in begun for _ in range(5)]

    async def try_it(identifier: str) -> None:
        body = {"flow": flows[identifier].pop(), "answer": {"method": "email_code", "code": "x"}}
        assert (await client.post(ANSWER, json=body)).status_code == 400

    await assert_alike(lambda: try_it(KNOWN), lambda: try_it(UNKNOWN))


# Who has the mail box


async def test_the_mail_box_alone_sets_no_new_password_where_there_is_a_second_factor(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, app = await new_person_with_app(ostiary, clock, KNOWN)
    attempt, step = await recovering(ostiary, KNOWN)
    assert step.json()["next"] == ["totp"]
    assert_refused(await new_password(attempt), 400, "invalid_challenge")
    assert_refused(await attempt.answer("totp", app.wrong()), 400, "invalid_challenge")
    assert_refused(await new_password(attempt), 400, "invalid_challenge")
    assert (await attempt.ask("email_code")).status_code == 400
    assert await opens(ostiary, secret_of(person.client))
    assert (await Attempt.by_password(ostiary, person)).begun["next"] == ["totp"]


async def test_the_mail_box_alone_signs_nobody_in_where_there_is_a_second_factor(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    await new_person_with_app(ostiary, clock, KNOWN)
    attempt, step = await by_mail(ostiary, KNOWN)
    assert (step.json()["status"], step.json()["next"]) == ("challenge", ["password"])
    assert (await attempt.ask("email_code")).status_code == 400
    assert (await attempt.client.get("/api/auth/me")).status_code == 401


async def test_the_mail_box_alone_adds_nothing_where_there_is_a_second_factor_and_no_password(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    """The two are of one category, so no sign-in can end by them; it must not end by adding a third without them."""
    person, app = await new_person_with_app(ostiary, clock, KNOWN)
    async with ostiary.use.db.transaction() as tx:
        await tx.execute("DELETE FROM passwords WHERE account_id = :id", id=person.id)
    attempt, step = await by_mail(ostiary, KNOWN)
    assert step.json()["next"] == ["totp"]
    assert_refused(await attempt.ask("enrol_passkey"), 400, "invalid_challenge")
    step = await attempt.answer("totp", app.code())
    assert step.json()["next"] == ["enrol_passkey"]
    assert (await attempt.ask("enrol_passkey")).status_code == 200


async def test_the_mail_box_alone_does_not_stand_beside_a_new_password_for_a_passkey(
    installation: OpenInstallation,
) -> None:
    """Where two factors are asked for, a mail box would else be both of them: it sets the password, too."""
    ostiary = await installation(sign_in__policy="two_factors")
    person = await new_person(ostiary, KNOWN)
    await add_passkey(person, Authenticator())
    attempt, step = await recovering(ostiary, KNOWN)
    if step.json()["next"] == ["new_password"]:
        assert (await new_password(attempt)).json()["status"] == "recovered"
        person.password = NEW
    assert (await Attempt.by_password(ostiary, person)).begun["next"] == ["passkey"]
    _, step = await by_mail(ostiary, KNOWN)
    assert step.json()["next"] == ["passkey", "password"]


async def test_a_trusted_device_does_not_help_who_has_its_mail_box(ostiary: Ostiary, clock: ManualClock) -> None:
    """A telephone that was left unlocked has both."""
    person, app = await new_person_with_app(ostiary, clock, KNOWN)
    attempt = await Attempt.by_password(ostiary, person)
    assert (await attempt.answer("totp", app.code(), trust_device=True)).json()["status"] == "complete"
    device = {"ostiary_device": attempt.client.cookies["ostiary_device"]}
    body = {"identifier": KNOWN, "password": PASSWORD}
    trusted = await new_client(ostiary, cookies=device).post("/api/auth/login", json=body)
    assert trusted.json()["status"] == "complete"
    for purpose, due in (("recover", ["totp"]), ("sign_in", ["password"])):
        client = new_client(ostiary, cookies=device)
        later(ostiary)
        begun = (await client.post(FLOW, json={"purpose": purpose, "identifier": KNOWN})).json()
        later(ostiary)
        await client.post(CHALLENGE, json={"flow": begun["flow"], "method": "email_code"})
        code, _ = await mailed(ostiary, KNOWN)
        answer = {"flow": begun["flow"], "answer": {"method": "email_code", "code": code}}
        step = (await client.post(ANSWER, json=answer)).json()
        assert (step["status"], step["next"]) == ("challenge", due)


async def test_a_mail_to_an_address_that_was_changed_recovers_nothing(ostiary: Ostiary) -> None:
    """Who has lost the mail box to a stranger moves away from it."""
    person = await new_person(ostiary, KNOWN)
    later(ostiary)
    attempt = await Attempt.begin(ostiary, KNOWN, purpose="recover")
    code, link = await mailed(ostiary, KNOWN)
    change = {"email": "ada@elsewhere.example.com", "password": PASSWORD}
    begun = await person.request("POST", "/api/auth/email", change)
    proof = {"flow": begun.json()["flow"], "code": await code_for(ostiary, change["email"])}
    assert (await person.request("POST", "/api/auth/verify", proof)).json()["status"] == "changed"
    assert_refused(await attempt.answer("email_code", code), 400, "invalid_challenge")
    opened = await attempt.client.post(FLOW + "/link", json={"flow": attempt.flow, "token": link})
    assert_refused(opened, 400, "invalid_challenge")


async def test_a_mail_to_an_address_that_an_administrator_has_changed_recovers_nothing(ostiary: Ostiary) -> None:
    """Not even where the mail was read before that."""
    person = await new_person(ostiary, KNOWN)
    attempt, step = await recovering(ostiary, KNOWN)
    assert step.json()["next"] == ["new_password"]
    change = AccountChange(email="ada@elsewhere.example.com")
    await ostiary.use.account_administration.change(ostiary.operator(), person.id, change)
    assert_refused(await new_password(attempt), 400, "invalid_challenge")


async def test_a_disabled_account_gets_no_new_password(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, KNOWN)
    attempt, step = await recovering(ostiary, KNOWN)
    assert step.json()["next"] == ["new_password"]
    await disable(ostiary, person)
    before = (await contents(ostiary))["passwords"]
    assert_refused(await new_password(attempt), 403, "account_disabled")
    assert (await contents(ostiary))["passwords"] == before


async def test_of_100_new_passwords_at_once_one_is_taken(ostiary: Ostiary) -> None:
    await new_person(ostiary, KNOWN)
    attempt, _ = await recovering(ostiary, KNOWN)
    answers = await asyncio.gather(*(new_password(attempt, f"{NEW} {number}") for number in range(30)))
    taken = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert len(taken) == 1, [answer.status_code for answer in answers]
    body = {"identifier": KNOWN, "password": f"{NEW} {taken[0]}"}
    assert (await new_client(ostiary).post("/api/auth/login", json=body)).status_code == 200


async def test_a_recovery_takes_ten_minutes_at_most_with_all_of_its_steps(ostiary: Ostiary, clock: ManualClock) -> None:
    await new_person(ostiary, KNOWN)
    attempt, _ = await recovering(ostiary, KNOWN)
    clock.advance(11 * MINUTE)
    assert_refused(await new_password(attempt), 400, "invalid_challenge")


async def test_a_recovery_code_gets_who_has_lost_the_telephone_a_new_password(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary, KNOWN)
    codes = await new_recovery_codes(person)
    await add_app(person, clock)
    attempt, step = await recovering(ostiary, KNOWN)
    assert step.json()["next"] == ["totp", "recovery_code"]
    step = await attempt.answer("recovery_code", codes[0])
    assert step.json()["next"] == ["new_password"]
    assert (await new_password(attempt)).json()["status"] == "recovered"
    assert await new_sign_in_needs(person, NEW) == ["totp", "recovery_code"]


async def new_sign_in_needs(person: Person, password: str) -> list[str]:
    person.password = password
    found: list[str] = (await Attempt.by_password(person.ostiary, person)).begun["next"]
    return found
