"""WebAuthn Level 3 over HTTP: what each ceremony shows, and what it makes of a sign-in (RFC 8176, SP 800-63B-4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE
from tests.support.authenticator import EDDSA, ES256, MAKE, RS256, Authenticator, Vendor, b64, user_handle
from tests.support.installation import Person, new_person, settings_for_test
from tests.support.passkeys import (
    Attempt,
    add_passkey,
    begin_enrolment,
    confirm,
    origin_of,
    passkeys_of,
)
from tests.support.time import ManualClock


@pytest.fixture
async def ada(ostiary: Ostiary) -> Person:
    return await new_person(ostiary, username="ada")


async def signed_in_as(attempt: Attempt) -> dict[str, Any]:
    found: dict[str, Any] = (await attempt.client.get("/api/auth/me")).json()
    return found


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
@pytest.mark.parametrize(("synced", "key"), [(False, "hwk"), (True, "swk")])
async def test_an_unlocked_passkey_signs_in_alone_without_a_name(
    ostiary: Ostiary, ada: Person, algorithm: int, synced: bool, key: str
) -> None:
    """Two factors by one proof (SP 800-63B-4 section 3.2.3); by synced keys AAL2 at the most (appendix B)."""
    authenticator = Authenticator(algorithm, synced=synced)
    await add_passkey(ada, authenticator)
    attempt = await Attempt.begin(ostiary)
    assert (await attempt.shows(authenticator)).json()["account"]["id"] == ada.id
    me = await signed_in_as(attempt)
    assert (me["amr"], me["acr"]) == ([key, "user", "mfa"], "aal2")


async def test_a_passkey_that_nobody_unlocks_is_one_factor(ostiary: Ostiary, ada: Person) -> None:
    authenticator = Authenticator(verifies=False)
    await add_passkey(ada, authenticator)
    attempt = await Attempt.begin(ostiary)
    assert (await attempt.shows(authenticator)).status_code == 200
    me = await signed_in_as(attempt)
    assert (me["amr"], me["acr"]) == (["hwk", "user"], "aal1")


async def test_where_two_factors_are_asked_for_it_is_followed_by_another(sqlite_url: str, clock: ManualClock) -> None:
    settings = settings_for_test(sqlite_url, sign_in__policy="two_factors", sign_in__email=False)
    async with await Ostiary.open(settings_for_test(sqlite_url), clock=clock, migrate_first=True) as opened:
        ada = await new_person(opened)
        authenticator = Authenticator(verifies=False)
        await add_passkey(ada, authenticator)
    async with await Ostiary.open(settings, clock=clock) as ostiary:
        attempt = await Attempt.begin(ostiary)
        answer = await attempt.shows(authenticator)
        assert answer.json()["status"] == "challenge"
        assert "password" in answer.json()["next"]
        body = {"flow": attempt.flow, "answer": {"method": "password", "password": ada.password}}
        assert (await attempt.client.post("/api/auth/flow/answer", json=body)).json()["status"] == "complete"
        me = await signed_in_as(attempt)
        assert (set(me["amr"]), me["acr"]) == ({"hwk", "user", "pwd", "mfa"}, "aal2")


async def test_a_security_key_is_asked_for_after_the_password(ostiary: Ostiary, ada: Person) -> None:
    key = Authenticator()
    added = await add_passkey(ada, key, "security_key")
    assert (added["second"], added["name"]) == (True, "Security key")
    attempt = await Attempt.by_password(ada)
    assert (attempt.begun["status"], attempt.begun["next"]) == ("challenge", ["passkey"])
    options = (await attempt.options())["publicKey"]
    assert [each["id"] for each in options["allowCredentials"]] == [b64(key.keys[0].id)]
    assert options["userVerification"] == "discouraged"
    assert (await attempt.shows(key)).status_code == 200
    me = await signed_in_as(attempt)
    assert (set(me["amr"]), me["acr"]) == ({"pwd", "hwk", "user", "mfa"}, "aal2")


async def test_a_key_of_u2f_is_a_second_factor(ostiary: Ostiary, ada: Person) -> None:
    """Section 10.2: it counts, knows no PIN and no account, and answers by its id alone."""
    key = Authenticator(fmt="fido-u2f", vendor=Vendor(), verifies=False, counts=True)
    begun = await begin_enrolment(ada, "security_key")
    made = key.create(begun["challenge"], origin_of(ostiary), attests=True)
    assert (await confirm(ada, begun["flow"], made)).status_code == 201
    attempt = await Attempt.by_password(ada)
    assert (await attempt.shows(key)).status_code == 200


async def test_a_passkey_is_a_step_up(ostiary: Ostiary, ada: Person, clock: ManualClock) -> None:
    authenticator = Authenticator()
    await add_passkey(ada, authenticator)
    clock.advance(30 * MINUTE)
    refused = await ada.request("POST", "/api/credentials/passkey", {})
    assert (refused.status_code, refused.json()["code"]) == (401, "insufficient_user_authentication")
    attempt = await Attempt.step_up(ada)
    stepped = await attempt.shows(authenticator)
    assert stepped.status_code == 200, stepped.text
    ada.csrf = stepped.json()["csrf_token"]
    assert (await ada.request("POST", "/api/credentials/passkey", {})).status_code == 200


async def test_an_enrolment_takes_a_fresh_proof(ada: Person, clock: ManualClock) -> None:
    clock.advance(30 * MINUTE)
    refused = await ada.request("POST", "/api/credentials/passkey", {})
    assert (refused.status_code, refused.json()["code"]) == (401, "insufficient_user_authentication")


async def test_an_enrolment_is_confirmed_in_time(ada: Person, clock: ManualClock) -> None:
    begun = await begin_enrolment(ada)
    made = Authenticator().create(begun["challenge"], origin_of(ada.ostiary))
    clock.advance(9 * MINUTE)
    clock.advance((begun["expires_in"] - 9 * 60) * 1000 + 1)
    assert (await confirm(ada, begun["flow"], made)).status_code in (400, 401)
    assert await passkeys_of(await ada.sign_in()) == []


async def test_an_account_has_several_each_with_a_name_of_its_own(
    ostiary: Ostiary, ada: Person, clock: ManualClock
) -> None:
    phone, tablet = Authenticator(synced=True), Authenticator()
    await add_passkey(ada, phone, name="Phone")
    clock.advance(1)
    await add_passkey(ada, tablet, name="Tablet")
    listed = await passkeys_of(ada)
    assert [(each["name"], each["details"]["synced"]) for each in listed] == [("Phone", True), ("Tablet", False)]
    assert [each["used_at"] for each in listed] == [None, None]
    assert (await (await Attempt.begin(ostiary)).shows(tablet)).status_code == 200
    listed = await passkeys_of(ada)
    assert [each["used_at"] is None for each in listed] == [True, False]
    renamed = await ada.request("PATCH", f"/api/credentials/{listed[1]['id']}", {"name": "Old tablet"})
    assert renamed.json()["name"] == "Old tablet"
    for authenticator in (phone, tablet):
        assert (await (await Attempt.begin(ostiary)).shows(authenticator)).status_code == 200


async def test_the_user_handle_is_the_account_and_never_its_address(ada: Person) -> None:
    """Section 14.6.1: it must not say anything about the person."""
    begun = await begin_enrolment(ada)
    assert begun["challenge"]["publicKey"]["user"] == {
        "id": b64(user_handle(ada.id)),
        "name": ada.email,
        "displayName": "ada",
    }


async def test_an_attested_hardware_key_reaches_the_highest_level(
    sqlite_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    """AAL3 takes a key that cannot leave its hardware (SP 800-63B-4 section 2.3); few can show it."""
    vendor, roots = Vendor(), tmp_path / "roots.pem"
    roots.write_bytes(vendor.pem)
    settings = settings_for_test(
        sqlite_url, passkeys__attestation="enterprise", passkeys__aaguids=MAKE, passkeys__roots=str(roots)
    )
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as ostiary:
        ada = await new_person(ostiary)
        begun = await begin_enrolment(ada)
        assert begun["challenge"]["publicKey"]["attestation"] == "direct"
        made = Authenticator().create(begun["challenge"], origin_of(ostiary))
        refused = await confirm(ada, begun["flow"], made)
        assert (refused.status_code, "make" in refused.json()["detail"]) == (400, True)
        assert await passkeys_of(ada) == []
        authenticator = Authenticator(fmt="packed", vendor=vendor)
        await add_passkey(ada, authenticator)
        attempt = await Attempt.begin(ostiary, acr_values="aal3")
        assert (await attempt.shows(authenticator)).status_code == 200
        assert (await signed_in_as(attempt))["acr"] == "aal3"


async def test_at_an_address_there_are_no_passkeys(sqlite_url: str, clock: ManualClock) -> None:
    settings = settings_for_test(sqlite_url, "http://127.0.0.1:8000")
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as ostiary:
        ada = await new_person(ostiary)
        assert (await ada.request("POST", "/api/credentials/passkey", {})).status_code == 404
        attempt = await Attempt.begin(ostiary, identifier=ada.email)
        assert "passkey" not in attempt.begun["next"]
        assert (await attempt.ask()).status_code == 400
