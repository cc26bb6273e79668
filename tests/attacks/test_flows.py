"""A flow that is bent: another account's or browser's, of another purpose, out of turn, too late, or all at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ostiary.accounts import AccountChange
from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE
from tests.attacks.evidence import assert_refused, contents, later
from tests.conftest import OpenInstallation
from tests.support.api_keys import new_api_key, show_key
from tests.support.authenticator import Authenticator
from tests.support.installation import PASSWORD, Person, new_client, new_person, settings_for_test
from tests.support.passkeys import add_passkey
from tests.support.second_factors import App, Attempt, add_app, mailed, new_person_with_app
from tests.support.sessions import COOKIE, secret_of, show
from tests.support.time import ManualClock

FLOW, ANSWER, LINK = "/api/auth/flow", "/api/auth/flow/answer", "/api/auth/flow/link"
CHALLENGE = FLOW + "/challenge"
EMAIL = "ada@example.com"
NEW = "nine patient herons"
MANY = 100


async def me(person: Person) -> dict[str, Any]:
    answer = await person.request("GET", "/api/auth/me")
    assert answer.status_code == 200, answer.text
    return {name: answer.json()[name] for name in ("sign_in", "amr", "acr", "authenticated_at")}


async def begin_step_up(person: Person, **more: Any) -> httpx.Response:
    return await person.request("POST", FLOW, {"purpose": "step_up", **more})


def of_password(flow: str, password: str = PASSWORD) -> dict[str, Any]:
    return {"flow": flow, "answer": {"method": "password", "password": password}}


def of_code(flow: str, method: str, code: str) -> dict[str, Any]:
    return {"flow": flow, "answer": {"method": method, "code": code}}


async def with_second_factor(person: Person, app: App) -> None:
    """Have the person signed in by both factors, in a new client."""
    attempt = await Attempt.by_password(person.ostiary, person)
    done = await attempt.answer("totp", app.code())
    assert done.json()["status"] == "complete", done.text
    person.client, person.csrf = attempt.client, done.json()["csrf_token"]
    clock = person.ostiary.use.clock
    assert isinstance(clock, ManualClock)
    clock.advance(MINUTE)


# Another account's


async def test_the_proof_of_one_account_steps_up_no_session_of_another(ostiary: Ostiary) -> None:
    ada, eve = await new_person(ostiary), await new_person(ostiary)
    begun = (await begin_step_up(ada)).json()
    before = await me(ada), await me(eve)
    later(ostiary)
    swapped = await eve.request("POST", ANSWER, of_password(begun["flow"], ada.password))
    assert_refused(swapped, 401, "unauthenticated")
    assert (await me(ada), await me(eve)) == before
    assert (await ada.request("POST", ANSWER, of_password(begun["flow"]))).json()["status"] == "complete"


async def test_the_proof_of_one_sign_in_steps_up_no_other_of_the_same_account(ostiary: Ostiary) -> None:
    """Else who has the cookie of one of them waits until its owner steps up at another."""
    ada = await new_person(ostiary)
    thief = await Person(ostiary, ada.client, ada.id, ada.email, PASSWORD).sign_in()
    begun = (await begin_step_up(ada)).json()
    later(ostiary)
    before = await me(thief)
    assert_refused(await thief.request("POST", ANSWER, of_password(begun["flow"])), 401, "unauthenticated")
    assert await me(thief) == before


async def test_a_step_up_of_somebody_else_is_none_of_nobodys(ostiary: Ostiary) -> None:
    ada = await new_person(ostiary)
    begun = (await begin_step_up(ada)).json()
    stranger = await new_client(ostiary).post(ANSWER, json=of_password(begun["flow"]))
    assert_refused(stranger, 401, "unauthenticated")
    assert_refused(await new_client(ostiary).post(FLOW, json={"purpose": "step_up"}), 401, "unauthenticated")
    await ada.request("POST", "/api/auth/logout")
    assert (await ada.request("POST", ANSWER, of_password(begun["flow"]))).status_code in (400, 401)


async def test_a_passkey_of_another_account_is_no_step_of_this_one(ostiary: Ostiary) -> None:
    ada, eve = await new_person(ostiary), await new_person(ostiary)
    key = Authenticator()
    await add_passkey(eve, key)
    await add_passkey(ada, Authenticator())
    attempt = await Attempt.begin(ostiary, ada.email)
    asked = (await attempt.ask("passkey")).json()["challenge"]
    body = {"flow": attempt.flow, "answer": {"method": "passkey", "credential": key.get(asked)}}
    assert_refused(await attempt.client.post(ANSWER, json=body), 401, "invalid_credentials")
    assert COOKIE not in attempt.client.cookies


async def test_an_enrolment_is_confirmed_for_who_began_it(ostiary: Ostiary, clock: ManualClock) -> None:
    """An app of the attacker's in the victim's account, or the other way round."""
    ada, eve = await new_person(ostiary), await new_person(ostiary)
    begun = (await eve.request("POST", "/api/credentials/passkey", {})).json()
    made = Authenticator().create(begun["challenge"])
    body = {"flow": begun["flow"], "answer": {"method": "passkey", "credential": made}}
    assert_refused(await ada.request("POST", "/api/credentials/passkey/confirm", body), 400, "invalid_challenge")
    assert (await contents(ostiary))["credentials"] == []
    assert (await eve.request("POST", "/api/credentials/passkey/confirm", body)).status_code == 201
    listed = (await ada.request("GET", "/api/credentials")).json()["items"]
    assert [each["type"] for each in listed] == ["password"]


# Another purpose's


async def test_the_token_of_a_flow_is_good_for_its_own_purpose_only(ostiary: Ostiary, clock: ManualClock) -> None:
    ada = await new_person(ostiary)
    enrolling = (await ada.request("POST", "/api/credentials/totp", {})).json()["flow"]
    stepping = (await begin_step_up(ada)).json()["flow"]
    signing = (await Attempt.begin(ostiary, ada.email)).flow
    recovering = (await Attempt.begin(ostiary, ada.email, purpose="recover")).flow
    body = {"email": "new@example.com", "password": PASSWORD}
    registering = (await new_client(ostiary).post("/api/auth/register", json=body)).json()["flow"]
    for flow in (enrolling, registering):
        for code in ({"flow": flow, "answer": {"method": "email_code", "code": "123456"}}, of_password(flow)):
            assert_refused(await ada.request("POST", ANSWER, code), 400, "invalid_challenge", flow)
        ask = {"flow": flow, "method": "email_code"}
        assert_refused(await ada.request("POST", CHALLENGE, ask), 400, "invalid_challenge")
    for flow in (stepping, signing, recovering, enrolling):
        verify = {"flow": flow, "code": "123456"}
        assert_refused(await new_client(ostiary).post("/api/auth/verify", json=verify), 400, "invalid_challenge")
        resend = await new_client(ostiary).post("/api/auth/verify/resend", json={"flow": flow})
        assert_refused(resend, 400, "invalid_challenge")
        confirm = await ada.request("POST", "/api/credentials/totp/confirm", of_code(flow, "totp", "123456"))
        assert_refused(confirm, 400, "invalid_challenge")
    # A recovery never takes a password, so it is no way around what limits those.
    assert_refused(await new_client(ostiary).post(ANSWER, json=of_password(recovering)), 400, "invalid_challenge")


async def test_the_mail_of_one_purpose_answers_no_other(ostiary: Ostiary) -> None:
    """A code that somebody is talked out of, as one to sign in, sets no new password."""
    await new_person(ostiary, EMAIL)
    later(ostiary)
    recovering = await Attempt.begin(ostiary, EMAIL, purpose="recover")
    code, link = await mailed(ostiary, EMAIL)
    signing = await Attempt.begin(ostiary, EMAIL)
    await signing.ask("email_code")
    other, other_link = await mailed(ostiary, EMAIL)
    if code != other:
        assert_refused(await signing.answer("email_code", code), 400, "invalid_challenge")
        assert_refused(await recovering.answer("email_code", other), 400, "invalid_challenge")
    crossed = {"flow": recovering.flow, "token": other_link}
    assert_refused(await recovering.client.post(LINK, json=crossed), 400, "invalid_challenge")
    opened = await signing.client.post(LINK, json={"flow": signing.flow, "token": link})
    assert (opened.json()["purpose"], opened.json()["next"]) == ("recover", ["new_password"])
    assert COOKIE not in signing.client.cookies


async def test_a_token_that_leads_to_no_flow_is_refused(ostiary: Ostiary) -> None:
    for flow in ("", "x", "x" * 43, "x" * 10_000, "\u0000"):
        for path, body in (
            (ANSWER, of_password(flow)),
            (CHALLENGE, {"flow": flow, "method": "email_code"}),
            (LINK, {"flow": flow, "token": flow}),
        ):
            refused = await new_client(ostiary).post(path, json=body)
            assert refused.status_code == 400, (flow[:10], path, refused.text)


# Out of turn


async def test_a_step_that_is_not_due_is_not_taken(ostiary: Ostiary, clock: ManualClock) -> None:
    person, app = await new_person_with_app(ostiary, clock, EMAIL)
    attempt = await Attempt.by_password(ostiary, person)
    steps: list[dict[str, Any]] = [
        {"method": "password", "password": PASSWORD},
        {"method": "new_password", "password": NEW},
        {"method": "email_code", "code": "123456"},
        {"method": "sms_code", "code": "123456"},
        {"method": "recovery_code", "code": "aaaaa-aaaaa"},
        {"method": "passkey", "credential": {}},
    ]
    before = await contents(ostiary)
    for step in steps:
        refused = await attempt.client.post(ANSWER, json={"flow": attempt.flow, "answer": step})
        assert_refused(refused, 400, "invalid_challenge", step["method"])
    for method in ("email_code", "enrol_totp", "enrol_passkey", "new_password", "password", "trusted_device", ""):
        assert_refused(await attempt.ask(method), 400, "invalid_challenge", method)
    assert await contents(ostiary) == before
    assert (await attempt.answer("totp", app.code())).json()["status"] == "complete"


async def test_what_a_policy_asks_for_is_not_added_by_who_has_yet_to_show_what_there_is(
    installation: OpenInstallation, clock: ManualClock
) -> None:
    person, app = await new_person_with_app(await installation(), clock)
    ostiary = await installation(sign_in__policy="phishing_resistant")
    attempt = await Attempt.by_password(ostiary, person)
    assert attempt.begun["next"] == ["totp"]
    assert_refused(await attempt.ask("enrol_passkey"), 400, "invalid_challenge")
    assert (await attempt.answer("totp", app.code())).json()["next"] == ["enrol_passkey"]
    made = Authenticator().create((await attempt.ask("enrol_passkey")).json()["challenge"])
    body = {"flow": attempt.flow, "answer": {"method": "passkey", "credential": made}, "name": "Key"}
    assert (await attempt.client.post(ANSWER, json=body)).json()["status"] == "complete"


# All at once


@pytest.fixture
async def crowded(database_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """An installation in which a hundred may wait for a hash."""
    settings = settings_for_test(database_url, passwords__queue=1000, sign_in__code_tries=20)
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        yield opened


async def test_of_100_right_passwords_at_once_in_one_flow_one_signs_in(crowded: Ostiary) -> None:
    person = await new_person(crowded)
    before = len((await contents(crowded))["sessions"])
    attempt = await Attempt.begin(crowded, person.email)
    bodies = [of_password(attempt.flow)] * MANY
    answers = await asyncio.gather(*(new_client(crowded).post(ANSWER, json=body) for body in bodies))
    assert sorted({answer.status_code for answer in answers}) == [200, 400]
    assert [answer.status_code for answer in answers].count(200) == 1
    assert len((await contents(crowded))["sessions"]) == before + 1


async def test_of_100_answers_at_once_to_a_step_up_one_counts(crowded: Ostiary) -> None:
    person = await new_person(crowded)
    begun = (await begin_step_up(person)).json()
    answers = await asyncio.gather(*(person.request("POST", ANSWER, of_password(begun["flow"])) for _ in range(MANY)))
    assert [answer.status_code for answer in answers].count(200) == 1
    assert len([row for row in (await contents(crowded))["audit_events"] if "step_up.succeeded" in row]) == 1


async def test_of_100_enrolments_at_once_within_one_sign_in_one_is_made(database_url: str, clock: ManualClock) -> None:
    settings = settings_for_test(database_url, sign_in__policy="two_factors", sign_in__email=False)
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as ostiary:
        person = await new_person(ostiary)
        attempt = await Attempt.by_password(ostiary, person)
        assert attempt.begun["next"] == ["enrol_passkey", "enrol_totp"]
        asked = (await attempt.ask("enrol_passkey")).json()["challenge"]
        body = {
            "flow": attempt.flow,
            "answer": {"method": "passkey", "credential": Authenticator().create(asked)},
        }
        before = len((await contents(ostiary))["sessions"])
        answers = await asyncio.gather(*(new_client(ostiary).post(ANSWER, json=body) for _ in range(MANY)))
        assert [answer.status_code for answer in answers].count(200) == 1
        assert {answer.status_code for answer in answers} <= {200, 400, 409}
        rows = await contents(ostiary)
        assert (len(rows["credentials"]), len(rows["sessions"])) == (1, before + 1)


# While it is open, what it stands on changes


async def flow_of_each_purpose(person: Person) -> list[tuple[httpx.AsyncClient, dict[str, str], dict[str, Any]]]:
    """Client, headers and right answer of a sign-in and a step-up that are open."""
    attempt = await Attempt.begin(person.ostiary, person.email)
    begun = (await begin_step_up(person)).json()
    return [
        (attempt.client, {}, of_password(attempt.flow)),
        (person.client, person.headers, of_password(begun["flow"])),
    ]


async def test_a_changed_password_ends_every_flow(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    flows = await flow_of_each_purpose(person)
    change = {"current_password": PASSWORD, "new_password": NEW}
    assert (await person.request("PUT", "/api/credentials/password", change)).status_code == 204
    for client, headers, body in flows:
        for password in (PASSWORD, NEW):
            body["answer"]["password"] = password
            assert_refused(await client.post(ANSWER, json=body, headers=headers), 400, "invalid_challenge")
    assert (await contents(ostiary))["flows"] == []


async def test_a_second_factor_that_is_added_is_asked_for_in_no_flow_that_began_before(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    flows = await flow_of_each_purpose(person)
    await add_app(person, clock)
    for client, headers, body in flows:
        refused = await client.post(ANSWER, json=body, headers=headers)
        assert refused.status_code == 400, refused.text
    assert (await contents(ostiary))["flows"] == []


async def test_a_second_factor_that_is_removed_answers_nothing(ostiary: Ostiary, clock: ManualClock) -> None:
    person, app = await new_person_with_app(ostiary, clock)
    attempt = await Attempt.by_password(ostiary, person)
    listed = (await person.request("GET", "/api/credentials")).json()["items"]
    totp = next(each["id"] for each in listed if each["type"] == "totp")
    assert (await person.request("DELETE", f"/api/credentials/{totp}")).status_code == 204
    assert_refused(await attempt.answer("totp", app.code()), 400, "invalid_challenge")
    assert COOKIE not in attempt.client.cookies


async def test_who_is_disabled_while_a_flow_is_open_is_not_signed_in(ostiary: Ostiary, clock: ManualClock) -> None:
    person, app = await new_person_with_app(ostiary, clock, EMAIL)
    attempt = await Attempt.by_password(ostiary, person)
    stepping = (await begin_step_up(person)).json()["flow"]
    change = AccountChange(status="disabled")
    await ostiary.use.account_administration.change(ostiary.operator(), person.id, change)
    assert_refused(await attempt.answer("totp", app.code()), 403, "account_disabled")
    clock.advance(MINUTE)
    stepped = await person.request("POST", ANSWER, of_code(stepping, "totp", app.code()))
    assert_refused(stepped, 401, "unauthenticated")
    assert (await contents(ostiary))["sessions"] == [] or (
        await person.request("GET", "/api/auth/me")
    ).status_code == 401


async def test_who_is_deleted_while_a_flow_is_open_is_not_signed_in(ostiary: Ostiary, clock: ManualClock) -> None:
    person, app = await new_person_with_app(ostiary, clock)
    attempt = await Attempt.by_password(ostiary, person)
    await ostiary.use.account_administration.delete(ostiary.operator(), person.id)
    assert_refused(await attempt.answer("totp", app.code()), 400, "invalid_challenge")


async def test_a_flow_lives_ten_minutes_however_far_it_is(ostiary: Ostiary, clock: ManualClock) -> None:
    person, app = await new_person_with_app(ostiary, clock, EMAIL)
    attempt = await Attempt.by_password(ostiary, person)
    stepping = (await begin_step_up(person)).json()
    assert attempt.begun["expires_in"] == stepping["expires_in"] == 600
    clock.advance(11 * MINUTE)
    assert_refused(await attempt.answer("totp", app.code()), 400, "invalid_challenge")
    late = await person.request("POST", ANSWER, of_code(stepping["flow"], "totp", app.code()))
    assert_refused(late, 400, "invalid_challenge")


async def test_an_answer_on_the_way_does_not_lengthen_the_flow(ostiary: Ostiary, clock: ManualClock) -> None:
    _, app = await new_person_with_app(ostiary, clock, EMAIL)
    attempt = await Attempt.begin(ostiary, EMAIL)
    clock.advance(9 * MINUTE)
    step = await attempt.client.post(ANSWER, json=of_password(attempt.flow))
    assert (step.json()["next"], step.json()["expires_in"]) == (["totp"], 60)
    clock.advance(2 * MINUTE)
    assert_refused(await attempt.answer("totp", app.code()), 400, "invalid_challenge")


# Step-up


async def test_a_session_from_another_device_shows_all_that_a_sign_in_would(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    """What the stolen session has shown, the thief need not have shown."""
    person, app = await new_person_with_app(ostiary, clock)
    await with_second_factor(person, app)
    secret, headers = secret_of(person.client), {"User_Agent": "Chrome/142", "X_CSRF_Token": person.csrf or ""}
    assert (await show(ostiary, secret, **headers)).json()["code"] == "step_up_required"
    begun = (await show(ostiary, secret, FLOW, "POST", {"purpose": "step_up"}, **headers)).json()
    assert "totp" in begun["next"]
    answer = of_code(begun["flow"], "totp", app.code())
    step = (await show(ostiary, secret, ANSWER, "POST", answer, **headers)).json()
    assert (step["status"], step["next"]) == ("challenge", ["password"])
    done = await show(ostiary, secret, ANSWER, "POST", of_password(begun["flow"]), **headers)
    assert done.json()["status"] == "complete"
    assert (await show(ostiary, secret, **headers)).status_code == 401  # it has a new secret


async def test_a_flow_that_began_at_home_is_not_ended_by_a_thief_with_less(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    """The flow of the owner's browser counts the password of the session; the thief's must not."""
    person, app = await new_person_with_app(ostiary, clock)
    await with_second_factor(person, app)
    begun = (await begin_step_up(person)).json()
    headers = {"User_Agent": "Chrome/142", "X_CSRF_Token": person.csrf or ""}
    answer = of_code(begun["flow"], "totp", app.code())
    stolen = await show(ostiary, secret_of(person.client), ANSWER, "POST", answer, **headers)
    assert_refused(stolen, 401, "unauthenticated")
    assert (await show(ostiary, secret_of(person.client), **headers)).status_code == 401


async def test_a_step_up_never_lowers_what_the_session_has_reached(ostiary: Ostiary, clock: ManualClock) -> None:
    person, app = await new_person_with_app(ostiary, clock, EMAIL)
    await with_second_factor(person, app)
    before = await me(person)
    assert (before["acr"], set(before["amr"])) == ("aal2", {"pwd", "otp", "mfa"})
    clock.advance(20 * MINUTE)
    begun = (await begin_step_up(person, acr_values="aal1")).json()
    assert "totp" in begun["next"]
    if "password" in begun["next"]:
        step = await person.request("POST", ANSWER, of_password(begun["flow"]))
        assert step.json()["status"] == "challenge"
    done = await person.request("POST", ANSWER, of_code(begun["flow"], "totp", app.code()))
    assert done.json()["status"] == "complete"
    person.csrf = done.json()["csrf_token"]
    after = await me(person)
    assert (after["acr"], after["amr"]) == (before["acr"], before["amr"])
    assert after["authenticated_at"] > before["authenticated_at"]


async def test_what_was_shown_long_ago_reaches_no_level_but_the_password(ostiary: Ostiary, clock: ManualClock) -> None:
    """An app's code of last week beside a password of now is no proof of now."""
    person, app = await new_person_with_app(ostiary, clock)
    await with_second_factor(person, app)
    clock.advance(20 * MINUTE)
    begun = (await begin_step_up(person, acr_values="aal2")).json()
    step = await person.request("POST", ANSWER, of_password(begun["flow"]))
    assert step.json().get("status") != "complete"
    refused = await person.request("POST", "/api/credentials/recovery_code")
    assert_refused(refused, 401, "insufficient_user_authentication")


async def test_a_key_begins_no_step_up_and_answers_none(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    key = (await new_api_key(person))["key"]
    assert_refused(await show_key(ostiary, key, FLOW, "POST", {"purpose": "step_up"}), 403, "person_required")
    begun = (await begin_step_up(person)).json()
    answered = await show_key(ostiary, key, ANSWER, "POST", of_password(begun["flow"]))
    assert_refused(answered, 403, "person_required")
    quick = await show_key(ostiary, key, "/api/auth/step-up", "POST", {"password": PASSWORD})
    assert_refused(quick, 403, "person_required")
