"""What a sign-in has to show by setting and by role, and how people get there who lack it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.authorization import AssignmentCreate, RoleCreate
from ostiary.authorization.model import Resource, SignInPolicy
from tests.attacks.evidence import assert_refused
from tests.conftest import OpenInstallation
from tests.support.authenticator import Authenticator
from tests.support.installation import Person, new_administrator, new_person
from tests.support.passkeys import add_passkey
from tests.support.second_factors import App, Attempt, add_app, mailed
from tests.support.sessions import sign_in
from tests.support.time import ManualClock

EMAIL = "ada@example.com"
ANSWER = "/api/auth/flow/answer"


async def role(ostiary: Ostiary, name: str, policy: SignInPolicy | None, *includes: str) -> None:
    await ostiary.use.roles.create(ostiary.operator(), RoleCreate(name, includes=includes, sign_in_policy=policy))


async def give(person: Person, name: str, on: Resource | None = None) -> None:
    use = person.ostiary.use
    await use.assignments.assign(person.ostiary.operator(), person.id, AssignmentCreate(name, on))


async def due(person: Person) -> list[str]:
    """What a sign-in by password has to show beside it; nothing where it is complete."""
    answer = (await sign_in(person.ostiary, person.email, password=person.password)).json()
    found: list[str] = answer.get("next", [])
    return found


async def test_a_role_asks_for_more_than_the_setting(ostiary: Ostiary) -> None:
    person, other = await new_person(ostiary), await new_person(ostiary)
    await role(ostiary, "treasurer", "two_factors")
    assert await due(person) == []
    await give(person, "treasurer")
    assert await due(person) == ["email_code"]
    assert await due(other) == []


async def test_a_role_does_not_ask_for_less_and_of_two_the_one_that_asks_for_more_counts(
    installation: OpenInstallation,
) -> None:
    ostiary = await installation(sign_in__policy="two_factors")
    person = await new_person(ostiary)
    await role(ostiary, "guest", "any")
    await give(person, "guest")
    assert await due(person) == ["email_code"]
    await role(ostiary, "careful", "phishing_resistant")
    await give(person, "careful")
    await add_passkey(person, Authenticator())
    assert await due(person) == ["passkey"]


async def test_a_role_that_is_included_or_held_on_one_thing_asks_as_well(ostiary: Ostiary) -> None:
    await role(ostiary, "inner", "two_factors")
    await role(ostiary, "middle", None, "inner")
    await role(ostiary, "outer", None, "middle")
    person, other = await new_person(ostiary), await new_person(ostiary)
    await give(person, "outer")
    assert await due(person) == ["email_code"]
    await give(other, "inner", Resource("documents", "7"))
    assert await due(other) == ["email_code"]


async def test_the_built_in_role_can_be_made_to_ask_for_more_and_for_nothing_else(ostiary: Ostiary) -> None:
    administrator = await new_administrator(ostiary)
    assert (await administrator.request("GET", "/api/auth/me")).status_code == 200
    path = "/api/roles/administrator"
    changed = await administrator.request("PATCH", path, {"sign_in_policy": "two_factors"})
    assert (changed.status_code, changed.json()["sign_in_policy"]) == (200, "two_factors")
    assert await due(administrator) == ["email_code"]
    changes: list[dict[str, Any]] = [
        {"description": "x"},
        {"permissions": []},
        {"sign_in_policy": None, "includes": []},
    ]
    for change in changes:
        assert_refused(await administrator.request("PATCH", path, change), 409, "conflict", str(change))
    assert_refused(await administrator.request("PATCH", path, {"sign_in_policy": "none"}), 400, "invalid_request")
    cleared = await administrator.request("PATCH", path, {"sign_in_policy": None})
    assert cleared.json()["sign_in_policy"] is None
    assert await due(administrator) == []


async def test_who_may_not_change_a_role_does_not_change_its_policy(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    change = {"sign_in_policy": "any"}
    assert_refused(await person.request("PATCH", "/api/roles/administrator", change), 403, "forbidden")


async def test_sessions_that_there_are_go_on(ostiary: Ostiary) -> None:
    """A policy is about signing in; who is in, and is to show more, is asked by what asks for a level."""
    person = await new_person(ostiary)
    await role(ostiary, "treasurer", "phishing_resistant")
    await give(person, "treasurer")
    assert (await person.request("GET", "/api/auth/me")).status_code == 200


@pytest.mark.parametrize("way", ["totp", "passkey"])
async def test_who_lacks_what_is_asked_for_adds_it_within_the_sign_in(
    installation: OpenInstallation, clock: ManualClock, way: str
) -> None:
    ostiary = await installation(sign_in__email=False)
    person = await new_person(ostiary, EMAIL)
    await role(ostiary, "treasurer", "two_factors")
    await give(person, "treasurer")
    attempt = await Attempt.by_password(ostiary, person)
    assert attempt.begun["next"] == ["enrol_passkey", "enrol_totp"]
    challenge = (await attempt.ask("enrol_" + way)).json()["challenge"]
    shown: dict[str, Any]
    if way == "totp":
        app = App(base64.b32decode(challenge["secret"].replace(" ", "")), clock)
        wrong = await attempt.answer("totp", app.wrong())
        assert_refused(wrong, 400, "invalid_challenge")
        shown = {"method": "totp", "code": app.code()}
    else:
        shown = {"method": "passkey", "credential": Authenticator().create(challenge)}
    body = {"flow": attempt.flow, "answer": shown, "name": "Mine"}
    done = await attempt.client.post(ANSWER, json=body)
    assert done.json()["status"] == "complete", done.text
    headers = {"X-CSRF-Token": done.json()["csrf_token"]}
    me = (await attempt.client.get("/api/auth/me", headers=headers)).json()
    assert me["acr"] == "aal2"
    listed = (await attempt.client.get("/api/credentials", headers=headers)).json()["items"]
    assert {each["type"]: each["name"] for each in listed} == {"password": "Password", way: "Mine"}
    mails = [mail.text for mail in await ostiary.use.mailer.outbox(500) if mail.to == EMAIL]
    assert any("was added to your account" in text for text in mails)
    assert await due(person) == [way]


async def test_who_has_a_mail_box_shows_it_before_adding_what_resists_phishing(
    installation: OpenInstallation,
) -> None:
    person = await new_person(await installation(), EMAIL)
    ostiary = await installation(sign_in__policy="phishing_resistant")
    attempt = await Attempt.by_password(ostiary, person)
    assert attempt.begun["next"] == ["email_code"]
    await attempt.ask("email_code")
    code, _ = await mailed(ostiary, EMAIL)
    assert (await attempt.answer("email_code", code)).json()["next"] == ["enrol_passkey"]


async def test_an_application_that_asks_for_a_level_has_it_added_too(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    attempt = await Attempt.begin(ostiary, person.email, acr_values="aal2")
    body = {"flow": attempt.flow, "answer": {"method": "password", "password": person.password}}
    assert (await attempt.client.post(ANSWER, json=body)).json()["next"] == ["enrol_passkey", "enrol_totp"]
    app = await add_app(person, clock)
    attempt = await Attempt.begin(ostiary, person.email, acr_values="aal2")
    body["flow"] = attempt.flow
    assert (await attempt.client.post(ANSWER, json=body)).json()["next"] == ["totp"]
    assert (await attempt.answer("totp", app.code())).json()["status"] == "complete"
