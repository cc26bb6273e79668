"""A forgotten password: by the code or the link in a mail, and by the second factor where there is one."""

from __future__ import annotations

import httpx
import pytest

from ostiary.accounts import AccountChange
from ostiary.app import Ostiary
from tests.attacks.evidence import assert_refused, contents, later
from tests.conftest import OpenInstallation
from tests.support.installation import PASSWORD, Person, new_administrator, new_client, new_person
from tests.support.second_factors import Attempt, mailed, new_person_with_app
from tests.support.sessions import another, opens, recorded, secret_of
from tests.support.time import ManualClock

EMAIL = "ada@example.com"
NEW = "nine patient herons"
FLOW = "/api/auth/flow"


async def recover(ostiary: Ostiary, email: str = EMAIL) -> tuple[Attempt, str, str]:
    """Begin it; the code and the link in the mail."""
    later(ostiary)
    attempt = await Attempt.begin(ostiary, email, purpose="recover")
    assert (attempt.begun["purpose"], attempt.begun["next"], attempt.begun["sent_to"]) == (
        "recover",
        ["email_code"],
        email,
    )
    return attempt, *await mailed(ostiary, email)


async def set_password(attempt: Attempt, password: str = NEW, flow: str | None = None) -> httpx.Response:
    answer = {"method": "new_password", "password": password}
    return await attempt.client.post(FLOW + "/answer", json={"flow": flow or attempt.flow, "answer": answer})


async def signs_in(person: Person, password: str) -> bool:
    body = {"identifier": person.email, "password": password}
    return (await new_client(person.ostiary).post("/api/auth/login", json=body)).status_code == 200


async def test_by_the_code_in_the_mail(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, EMAIL, username="ada")
    attempt, code, _ = await recover(ostiary)
    step = await attempt.answer("email_code", code)
    assert (step.json()["status"], step.json()["next"]) == ("challenge", ["new_password"])
    done = await set_password(attempt)
    assert (done.status_code, done.json()) == (200, {"status": "recovered"})
    assert "ostiary_session" not in done.cookies  # whoever has it, signs in with it
    assert await signs_in(person, NEW)
    assert not await signs_in(person, PASSWORD)
    assert len(await recorded(person, "recovery.requested")) == len(await recorded(person, "recovery.completed")) == 1


async def test_by_the_username_the_mail_goes_to_the_address_of_the_account(ostiary: Ostiary) -> None:
    await new_person(ostiary, EMAIL, username="ada")
    later(ostiary)
    attempt = await Attempt.begin(ostiary, "ada", purpose="recover")
    assert attempt.begun["sent_to"] == "ada"
    code, _ = await mailed(ostiary, EMAIL)
    assert (await attempt.answer("email_code", code)).json()["next"] == ["new_password"]


async def test_by_the_link_in_another_browser_which_goes_on_with_it_alone(ostiary: Ostiary) -> None:
    """The mail is on the telephone, the forgotten password was typed on a laptop."""
    person = await new_person(ostiary, EMAIL)
    attempt, code, link = await recover(ostiary)
    elsewhere = new_client(ostiary)
    opened = (await elsewhere.post(FLOW + "/link", json={"token": link})).json()
    assert opened["next"] == ["new_password"]
    assert opened["flow"] != attempt.flow
    for refused in (await set_password(attempt), await attempt.answer("email_code", code)):
        assert_refused(refused, 400, "invalid_challenge")
    again = await elsewhere.post(FLOW + "/link", json={"token": link})
    assert_refused(again, 400, "invalid_challenge")
    attempt.client = elsewhere
    assert (await set_password(attempt, flow=opened["flow"])).json() == {"status": "recovered"}
    assert await signs_in(person, NEW)


async def test_a_second_factor_is_asked_for_and_still_is_at_the_next_sign_in(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, app = await new_person_with_app(ostiary, clock, EMAIL)
    attempt, code, _ = await recover(ostiary)
    assert (await attempt.answer("email_code", code)).json()["next"] == ["totp"]
    assert (await attempt.answer("totp", app.code())).json()["next"] == ["new_password"]
    assert (await set_password(attempt)).json() == {"status": "recovered"}
    person.password = NEW
    assert (await Attempt.by_password(ostiary, person)).begun["next"] == ["totp"]


async def test_every_sign_in_flow_and_trust_that_there_was_ends(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary, EMAIL)
    other = await another(person)
    tokens = (await Person(ostiary, person.client, person.id, EMAIL, PASSWORD).sign_in("token")).tokens
    flow = await Attempt.begin(ostiary, EMAIL)
    attempt, code, _ = await recover(ostiary)
    await attempt.answer("email_code", code)
    assert await opens(ostiary, secret_of(other.client))
    assert (await set_password(attempt)).status_code == 200
    assert not await opens(ostiary, secret_of(other.client))
    refreshed = await new_client(ostiary).post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert_refused(refreshed, 401, "invalid_token")
    body = {"flow": flow.flow, "answer": {"method": "password", "password": NEW}}
    assert_refused(await flow.client.post(FLOW + "/answer", json=body), 400, "invalid_challenge")
    rows = await contents(ostiary)
    assert rows["flows"] == []
    notices = [mail.to for mail in await ostiary.use.mailer.outbox(500) if mail.subject.startswith("Your password for")]
    assert notices == [EMAIL]


async def test_a_weak_password_is_refused_with_the_reason_and_another_one_can_be_given(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, EMAIL)
    attempt, code, _ = await recover(ostiary)
    await attempt.answer("email_code", code)
    for weak in ("short", EMAIL, "passwordpassword"):
        refused = await set_password(attempt, weak)
        assert_refused(refused, 400, "weak_password", weak)
    assert await signs_in(person, PASSWORD)
    assert (await set_password(attempt)).json() == {"status": "recovered"}


async def test_another_code_can_be_sent_and_ends_the_one_before(ostiary: Ostiary) -> None:
    await new_person(ostiary, EMAIL)
    attempt, code, link = await recover(ostiary)
    again = (await attempt.ask("email_code")).json()
    assert (again["next"], again["sent_to"], again["flow"]) == (["email_code"], EMAIL, attempt.flow)
    newer, _ = await mailed(ostiary, EMAIL)
    opened = await attempt.client.post(FLOW + "/link", json={"token": link})
    assert_refused(opened, 400, "invalid_challenge")
    if newer != code:
        assert_refused(await attempt.answer("email_code", code), 400, "invalid_challenge")
    assert (await attempt.answer("email_code", newer)).json()["next"] == ["new_password"]


@pytest.mark.parametrize("name", ["pending", "disabled", "unknown"])
async def test_who_may_not_sign_in_gets_no_mail(ostiary: Ostiary, name: str) -> None:
    if name == "pending":
        registered = {"email": EMAIL, "password": PASSWORD}
        assert (await new_client(ostiary).post("/api/auth/register", json=registered)).status_code == 200
    elif name == "disabled":
        person = await new_person(ostiary, EMAIL)
        change = AccountChange(status="disabled")
        await ostiary.use.account_administration.change(ostiary.operator(), person.id, change)
    later(ostiary)
    await Attempt.begin(ostiary, EMAIL, purpose="recover")
    assert not [mail for mail in await ostiary.use.mailer.outbox(500) if "/login/link" in mail.text]


async def test_where_recovery_by_mail_is_off_it_is_refused_alike_for_all(installation: OpenInstallation) -> None:
    ostiary = await installation(recovery__by_email=False)
    await new_person(ostiary, EMAIL)
    before = await contents(ostiary)
    for identifier in (EMAIL, "nobody@example.com"):
        body = {"purpose": "recover", "identifier": identifier}
        assert_refused(await new_client(ostiary).post(FLOW, json=body), 403, "forbidden")
    assert await contents(ostiary) == before


async def test_where_no_mail_signs_in_it_still_recovers(installation: OpenInstallation) -> None:
    ostiary = await installation(sign_in__email=False)
    await new_person(ostiary, EMAIL)
    attempt, code, _ = await recover(ostiary)
    assert (await attempt.answer("email_code", code)).json()["next"] == ["new_password"]
    assert (await set_password(attempt)).json() == {"status": "recovered"}


async def test_who_never_had_a_password_gets_one(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, EMAIL)
    assert (await person.request("DELETE", "/api/credentials/password")).status_code == 204
    attempt, code, _ = await recover(ostiary)
    await attempt.answer("email_code", code)
    assert (await set_password(attempt)).json() == {"status": "recovered"}
    assert await signs_in(person, NEW)


async def test_an_administrator_has_the_mail_sent_and_learns_nothing_of_it(ostiary: Ostiary) -> None:
    person, administrator = await new_person(ostiary, EMAIL), await new_administrator(ostiary)
    await administrator.request("GET", "/api/auth/me")
    later(ostiary)
    sent = await administrator.request("POST", f"/api/accounts/{person.id}/recovery")
    assert (sent.status_code, sent.content) == (204, b"")
    _, link = await mailed(ostiary, EMAIL)
    client = new_client(ostiary)
    opened = (await client.post(FLOW + "/link", json={"token": link})).json()
    attempt = Attempt(ostiary, client, opened)
    assert (await set_password(attempt)).json() == {"status": "recovered"}
    person.password = NEW
    await person.sign_in()
    assert_refused(await person.request("POST", f"/api/accounts/{administrator.id}/recovery"), 403, "forbidden")
    assert_refused(await administrator.request("POST", "/api/accounts/acc_none/recovery"), 404, "not_found")
