"""What a person's own account proves itself with: seen, named, removed, and never removed with the last way in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE, SECOND
from tests.attacks.evidence import assert_refused, contents
from tests.conftest import OpenInstallation
from tests.support.authenticator import Authenticator
from tests.support.installation import PASSWORD, Person, code_for, new_client, new_person
from tests.support.passkeys import add_passkey
from tests.support.second_factors import Attempt, add_app, new_recovery_codes
from tests.support.sessions import recorded, status
from tests.support.time import ManualClock

EVERY = "/api/credentials"
PASSWORD_OF = EVERY + "/password"
CODES = EVERY + "/recovery_code"


async def listed(person: Person) -> dict[str, dict[str, Any]]:
    """What the list has, by type."""
    answer = await person.request("GET", EVERY)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    return {each["type"]: each for each in answer.json()["items"]}


async def step_up(person: Person, answer: dict[str, Any], **more: Any) -> None:
    begun = (await person.request("POST", "/api/auth/flow", {"purpose": "step_up", **more})).json()
    proved = await person.request("POST", "/api/auth/flow/answer", {"flow": begun["flow"], "answer": answer})
    assert proved.json()["status"] == "complete", proved.text
    person.csrf = proved.json()["csrf_token"]


async def test_all_that_protects_the_account_is_listed_and_nothing_secret(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    codes = await new_recovery_codes(person)
    app = await add_app(person, clock)
    await add_passkey(person, Authenticator(), name="Laptop")
    found = await listed(person)
    assert {kind: (each["factor"], each["second"]) for kind, each in found.items()} == {
        "password": ("knowledge", False),
        "passkey": ("possession", False),
        "totp": ("possession", True),
        "recovery_code": ("possession", False),
    }
    assert found["passkey"]["name"] == "Laptop"
    assert found["recovery_code"]["details"] == {"left": 10, "few": False}
    assert (found["password"]["id"], found["recovery_code"]["id"]) == ("password", "recovery_code")
    assert found["totp"]["created_at"].endswith("Z")
    text = (await person.request("GET", EVERY)).text
    assert not any(secret in text for secret in (*codes, app.secret.hex(), PASSWORD))


async def test_a_credential_is_used_when_it_was_shown_last(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    app = await add_app(person, clock)
    clock.advance(MINUTE)
    attempt = await Attempt.by_password(ostiary, person)
    await attempt.answer("totp", app.code())
    assert (await listed(person))["totp"]["used_at"] == "2026-01-01T00:02:00.000Z"


async def test_one_is_named_by_its_owner(ostiary: Ostiary, clock: ManualClock) -> None:
    person, eve = await new_person(ostiary), await new_person(ostiary)
    await add_app(person, clock)
    one = f"{EVERY}/{(await listed(person))['totp']['id']}"
    clock.advance(20 * MINUTE)  # a name protects nothing, so no fresh proof is asked for
    renamed = await person.request("PATCH", one, {"name": "  Ada's telephone "})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Ada's telephone")
    for name in ("x" * 65, "two\nlines", "\u202eback", "nul\u0000"):
        assert_refused(await person.request("PATCH", one, {"name": name}), 400, "invalid_request", name)
    assert_refused(await eve.request("PATCH", one, {"name": "mine"}), 404, "not_found")
    assert_refused(await person.request("PATCH", EVERY + "/cred_none", {"name": "none"}), 404, "not_found")
    assert (await listed(person))["totp"]["name"] == "Ada's telephone"


async def test_one_is_removed_and_its_owner_told(ostiary: Ostiary, clock: ManualClock) -> None:
    person, eve = await new_person(ostiary), await new_person(ostiary)
    await add_app(person, clock)
    one = f"{EVERY}/{(await listed(person))['totp']['id']}"
    assert_refused(await eve.request("DELETE", one), 404, "not_found")
    assert (await person.request("DELETE", one)).status_code == 204
    assert "totp" not in await listed(person)
    assert (await recorded(person, "credential.removed"))[0]["type"] == "totp"
    told = [mail.text for mail in await ostiary.use.mailer.outbox(500) if mail.to == person.email]
    assert any("An authenticator app was removed from your account." in text for text in told)
    assert_refused(await person.request("DELETE", one), 404, "not_found")
    body = {"identifier": person.email, "password": PASSWORD}
    assert (await new_client(ostiary).post("/api/auth/login", json=body)).json()["status"] == "complete"


@pytest.mark.parametrize("path", [CODES, EVERY + "/totp", PASSWORD_OF])
async def test_a_change_takes_a_proof_of_the_last_ten_minutes(ostiary: Ostiary, clock: ManualClock, path: str) -> None:
    person = await new_person(ostiary)
    method = "DELETE" if path == PASSWORD_OF else "POST"
    body: dict[str, str] | None = {} if "totp" in path else None
    clock.advance(10 * MINUTE + SECOND)
    before = await contents(ostiary, besides=["sessions"])
    refused = await person.request(method, path, body)
    assert_refused(refused, 401, "insufficient_user_authentication")
    assert (refused.json()["acr_values"], refused.json()["max_age"]) == ("aal1", 600)
    assert await contents(ostiary, besides=["sessions"]) == before
    await step_up(person, {"method": "password", "password": PASSWORD})
    assert (await person.request(method, path, body)).is_success


async def test_a_password_alone_removes_no_second_factor(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    app = await add_app(person, clock)
    clock.advance(10 * MINUTE)
    one = f"{EVERY}/{(await listed(person))['totp']['id']}"
    refused = await person.request("DELETE", one)
    assert_refused(refused, 401, "insufficient_user_authentication")
    assert refused.json()["acr_values"] == "aal2"
    await step_up(person, {"method": "totp", "code": app.code()}, acr_values="aal2")
    assert (await person.request("DELETE", one)).status_code == 204


async def test_the_last_way_in_stays(installation: OpenInstallation) -> None:
    ostiary = await installation(sign_in__email=False)
    person = await new_person(ostiary)
    before = await contents(ostiary, besides=["sessions"])
    refused = await person.request("DELETE", PASSWORD_OF)
    assert_refused(refused, 409, "last_credential")
    assert refused.json()["detail"] == "Set a password or add a passkey before you remove this."
    assert await contents(ostiary, besides=["sessions"]) == before
    key = Authenticator()
    await add_passkey(person, key)
    assert (await person.request("DELETE", PASSWORD_OF)).status_code == 204
    passkey = f"{EVERY}/{(await listed(person))['passkey']['id']}"
    assert_refused(await person.request("DELETE", passkey), 409, "last_credential")
    assert list(await listed(person)) == ["passkey"]


async def test_a_security_key_is_no_way_in_by_itself(installation: OpenInstallation) -> None:
    ostiary = await installation(sign_in__email=False)
    person = await new_person(ostiary)
    await add_passkey(person, Authenticator(), given="security_key")
    assert_refused(await person.request("DELETE", PASSWORD_OF), 409, "last_credential")


async def test_a_mail_box_is_no_way_in_beside_a_second_factor(ostiary: Ostiary, clock: ManualClock) -> None:
    """Both are possession, so that no sign-in could end with them."""
    person = await new_person(ostiary)
    await add_app(person, clock)
    assert_refused(await person.request("DELETE", PASSWORD_OF), 409, "last_credential")
    one = f"{EVERY}/{(await listed(person))['totp']['id']}"
    assert (await person.request("DELETE", one)).status_code == 204
    assert (await person.request("DELETE", PASSWORD_OF)).status_code == 204


async def test_a_second_factor_is_added_beside_a_password_or_a_passkey(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    assert (await person.request("DELETE", PASSWORD_OF)).status_code == 204
    with pytest.raises(AssertionError, match="Set a password or add a passkey first"):
        await add_app(person, clock)
    assert await listed(person) == {}
    assert (await contents(ostiary))["credentials"] == []
    await add_passkey(person, Authenticator())
    await add_app(person, clock)
    assert set(await listed(person)) == {"passkey", "totp"}


async def test_who_has_a_passkey_does_without_a_password(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    other = await Person(ostiary, person.client, person.id, person.email, PASSWORD).sign_in()
    person.client, person.csrf = other.client, other.csrf
    await add_passkey(person, Authenticator())
    assert (await person.request("DELETE", PASSWORD_OF)).status_code == 204
    assert await status(person) == 200
    body = {"identifier": person.email, "password": PASSWORD}
    assert_refused(await new_client(ostiary).post("/api/auth/login", json=body), 401, "invalid_credentials")
    assert_refused(await person.request("DELETE", PASSWORD_OF), 404, "not_found")


async def test_the_first_password_is_set_without_an_old_one_by_a_fresh_proof(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    assert (await person.request("DELETE", PASSWORD_OF)).status_code == 204
    clock.advance(11 * MINUTE)
    new = {"new_password": "nine patient herons"}
    assert_refused(await person.request("PUT", PASSWORD_OF, new), 401, "insufficient_user_authentication")
    begun = (await person.request("POST", "/api/auth/flow", {"purpose": "step_up"})).json()
    assert begun["next"] == ["email_code"]
    await person.request("POST", "/api/auth/flow/challenge", {"flow": begun["flow"], "method": "email_code"})
    code = await code_for(ostiary, person.email)
    body = {"flow": begun["flow"], "answer": {"method": "email_code", "code": code}}
    proved = await person.request("POST", "/api/auth/flow/answer", body)
    person.csrf = proved.json()["csrf_token"]
    weak = await person.request("PUT", PASSWORD_OF, {"new_password": "short"})
    assert_refused(weak, 400, "weak_password")
    assert (await person.request("PUT", PASSWORD_OF, new)).status_code == 204
    # From now on the old one is asked for.
    assert_refused(await person.request("PUT", PASSWORD_OF, new), 401, "invalid_credentials")
    person.password = new["new_password"]
    await person.sign_in()


async def test_recovery_codes_are_made_anew_and_voided(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    before = await new_recovery_codes(person)
    after = await new_recovery_codes(person)
    await add_app(person, clock)
    attempt = await Attempt.by_password(ostiary, person)
    assert_refused(await attempt.answer("recovery_code", before[0]), 400, "invalid_challenge")
    assert (await attempt.answer("recovery_code", after[0])).json()["status"] == "complete"
    assert (await listed(person))["recovery_code"]["details"] == {"left": 9, "few": False}
    assert (await person.request("DELETE", CODES)).status_code == 204
    assert "recovery_code" not in await listed(person)
    assert (await Attempt.by_password(ostiary, person)).begun["next"] == ["totp"]


async def test_of_two_removals_at_once_that_leave_no_way_in_one_is_refused(installation: OpenInstallation) -> None:
    ostiary = await installation(sign_in__email=False)
    person = await new_person(ostiary)
    await add_passkey(person, Authenticator())
    passkey = f"{EVERY}/{(await listed(person))['passkey']['id']}"
    answers = await asyncio.gather(*(person.request("DELETE", path) for path in [PASSWORD_OF, passkey] * 10))
    assert [answer.status_code for answer in answers].count(204) == 1
    assert len(await listed(person)) == 1
