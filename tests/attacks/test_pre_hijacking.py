"""Pre-hijacking: whoever registers somebody else's address first, or once more, never ends up in her account."""

from __future__ import annotations

import re

import httpx
import pytest

from ostiary.app import Ostiary
from tests.attacks.evidence import assert_refused, later
from tests.support.authenticator import Authenticator
from tests.support.installation import (
    PASSWORD,
    code_for,
    link_for,
    new_administrator,
    new_client,
    new_person,
    settings_for_test,
)
from tests.support.passkeys import Attempt
from tests.support.time import ManualClock

ADDRESS = "victim@example.com"
ATTACKERS = "a password of the attacker"


async def register(ostiary: Ostiary, password: str, email: str = ADDRESS, **more: str) -> str:
    later(ostiary)
    answer = await new_client(ostiary).post("/api/auth/register", json={"email": email, "password": password, **more})
    assert answer.status_code == 200, answer.text
    flow: str = answer.json()["flow"]
    return flow


async def verify(ostiary: Ostiary, **body: str) -> httpx.Response:
    return await new_client(ostiary).post("/api/auth/verify", json=body)


async def sign_in(ostiary: Ostiary, password: str, identifier: str = ADDRESS) -> httpx.Response:
    body = {"identifier": identifier, "password": password}
    return await new_client(ostiary).post("/api/auth/login", json=body)


async def assert_the_victims(ostiary: Ostiary) -> None:
    assert (await sign_in(ostiary, PASSWORD)).json()["status"] == "complete"
    assert_refused(await sign_in(ostiary, ATTACKERS), 401, "invalid_credentials")


async def test_the_attacker_registers_first_and_the_victim_proves_the_address(ostiary: Ostiary) -> None:
    attackers = await register(ostiary, ATTACKERS, username="victim", name="Eve was here")
    early = await code_for(ostiary, ADDRESS)
    victims = await register(ostiary, PASSWORD)
    answer = await verify(ostiary, flow=victims, code=await code_for(ostiary, ADDRESS))
    assert answer.status_code == 200
    assert (answer.json()["account"]["username"], answer.json()["account"]["name"]) == (None, "")
    await assert_the_victims(ostiary)
    assert_refused(await sign_in(ostiary, ATTACKERS, "victim"), 401, "invalid_credentials")
    assert_refused(await verify(ostiary, flow=attackers, code=early), 400, "invalid_challenge")


async def test_the_attacker_registers_after_the_victim_and_before_her_proof(ostiary: Ostiary) -> None:
    victims = await register(ostiary, PASSWORD)
    code = await code_for(ostiary, ADDRESS)
    attackers = await register(ostiary, ATTACKERS)
    late = await code_for(ostiary, ADDRESS)
    assert (await verify(ostiary, flow=victims, code=code)).status_code == 200
    await assert_the_victims(ostiary)
    assert_refused(await verify(ostiary, flow=attackers, code=late), 400, "invalid_challenge")


@pytest.mark.parametrize("order", ["the attacker first", "the victim first"])
async def test_the_victim_opens_the_attackers_link_in_her_browser(ostiary: Ostiary, order: str) -> None:
    """She is asked for a password, and hers does not fit: so she does not confirm the attacker's."""
    victim = new_client(ostiary)
    if order == "the attacker first":
        await register(ostiary, ATTACKERS)
        link = await link_for(ostiary, ADDRESS)
        await _register_by_page(victim)
    else:
        await _register_by_page(victim)
        await register(ostiary, ATTACKERS)
        link = await link_for(ostiary, ADDRESS)
    page = await victim.get(f"/verify?token={link}")
    assert page.status_code == 200
    assert 'type="password"' in page.text
    fields = _hidden(page)
    for password in ({}, {"password": PASSWORD}):
        answer = await victim.post("/verify", data={**fields, **password})
        assert answer.status_code == 401, answer.text
        assert "ostiary_session" not in victim.cookies
    assert_refused(await verify(ostiary, token=link), 401, "invalid_credentials")


async def test_the_attacker_signs_in_to_the_account_that_waits_and_gets_nowhere(ostiary: Ostiary) -> None:
    """His password opens a challenge for her mail box; nothing that she does with that mail signs him in."""
    await register(ostiary, ATTACKERS)
    later(ostiary)
    challenge = (await sign_in(ostiary, ATTACKERS)).json()
    assert challenge["status"] == "challenge"
    link, code = await link_for(ostiary, ADDRESS), await code_for(ostiary, ADDRESS)
    victims = await register(ostiary, PASSWORD)
    assert_refused(await verify(ostiary, token=link, password=PASSWORD), 401, "invalid_credentials")
    assert_refused(await verify(ostiary, flow=victims, code=code), 400, "invalid_challenge")
    assert (await verify(ostiary, flow=victims, code=await code_for(ostiary, ADDRESS))).status_code == 200
    assert_refused(await verify(ostiary, flow=challenge["flow"], code=code), 400, "invalid_challenge")
    await assert_the_victims(ostiary)


async def test_a_squatters_account_does_not_keep_the_owner_from_her_address(ostiary: Ostiary) -> None:
    """Neither a change of address, nor an administrator who makes her account or gives her that address."""
    await register(ostiary, ATTACKERS)
    person = await new_person(ostiary)
    later(ostiary)
    body = {"email": ADDRESS, "password": person.password}
    challenge = (await person.request("POST", "/api/auth/email", body)).json()
    answer = await verify(ostiary, flow=challenge["flow"], code=await code_for(ostiary, ADDRESS))
    assert answer.json()["status"] == "changed", answer.text
    assert answer.json()["account"]["email"] == ADDRESS
    assert_refused(await sign_in(ostiary, ATTACKERS), 401, "invalid_credentials")

    administrator = await new_administrator(ostiary)
    for number, method in enumerate(("POST", "PATCH")):
        email = f"squatted+{number}@example.com"
        await register(ostiary, ATTACKERS, email)
        path = "/api/accounts" if method == "POST" else f"/api/accounts/{person.id}"
        answer = await administrator.request(method, path, {"email": email})
        assert answer.is_success, answer.text
        assert_refused(await sign_in(ostiary, ATTACKERS, email), 401, "invalid_credentials", method)


async def test_enabling_a_squatters_account_does_not_vouch_for_its_password(ostiary: Ostiary) -> None:
    await register(ostiary, ATTACKERS)
    administrator = await new_administrator(ostiary)
    listed = (await administrator.request("GET", "/api/accounts")).json()["items"]
    path = "/api/accounts/" + next(account["id"] for account in listed if account["email"] == ADDRESS)
    for status, seen in (("active", "pending"), ("disabled", "disabled"), ("active", "pending")):
        account = (await administrator.request("PATCH", path, {"status": status})).json()
        assert (account["status"], account["email_verified"]) == (seen, False)
    assert (await sign_in(ostiary, ATTACKERS)).json()["status"] == "challenge"


async def test_the_victim_does_not_confirm_the_attackers_change_of_address(ostiary: Ostiary) -> None:
    """He asks for her address on his account; she opens the link, perhaps signed in to her own."""
    attacker, victim = await new_person(ostiary, password=ATTACKERS), await new_person(ostiary)
    body = {"email": "second@example.com", "password": ATTACKERS}
    assert (await attacker.request("POST", "/api/auth/email", body)).status_code == 200
    link = await link_for(ostiary, "second@example.com")
    for form in ({}, {"password": PASSWORD}):
        answer = await victim.request("POST", "/api/auth/verify", {"token": link, **form})
        assert_refused(answer, 401, "invalid_credentials", form)
    assert (await attacker.request("GET", "/api/auth/me")).json()["account"]["email"] == attacker.email


async def test_an_address_that_somebody_has_cannot_be_changed_to(ostiary: Ostiary) -> None:
    """The answer does not tell, the owner gets a mail, and no code ends it."""
    attacker, victim = await new_person(ostiary), await new_person(ostiary, ADDRESS)
    free = (
        await attacker.request("POST", "/api/auth/email", {"email": "free@example.com", "password": PASSWORD})
    ).json()
    later(ostiary)
    taken = (await attacker.request("POST", "/api/auth/email", {"email": ADDRESS, "password": PASSWORD})).json()
    assert {**taken, "flow": "", "sent_to": ""} == {**free, "flow": "", "sent_to": ""}
    newest = next(mail for mail in await ostiary.use.mailer.outbox(10) if mail.to == ADDRESS)
    assert "verify?token" not in newest.text
    assert (await victim.request("GET", "/api/auth/me")).json()["account"]["email"] == ADDRESS


def _hidden(page: httpx.Response) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))


async def _register_by_page(client: httpx.AsyncClient) -> None:
    fields = _hidden(await client.get("/register"))
    answer = await client.post("/register", data={**fields, "email": ADDRESS, "password": PASSWORD})
    assert answer.headers["location"] == "/verify"


@pytest.mark.parametrize(
    ("policy", "level"), [("any", "aal2"), ("two_factors", "aal1"), ("phishing_resistant", "aal1")]
)
async def test_the_attacker_registers_first_and_can_add_nothing_that_opens_the_account_later(
    database_url: str, clock: ManualClock, policy: str, level: str
) -> None:
    settings = settings_for_test(database_url, sign_in__policy=policy)
    ostiary = await Ostiary.open(settings, clock=clock, migrate_first=True)
    try:
        await register(ostiary, ATTACKERS)
        attempt = await Attempt.begin(ostiary, identifier=ADDRESS, acr_values=level)
        body = {"flow": attempt.flow, "answer": {"method": "password", "password": ATTACKERS}}
        proved = await attempt.client.post("/api/auth/flow/answer", json=body)
        assert proved.json()["next"] == ["email_code"]
        assert proved.json()["sent_to"] == ADDRESS
        for flow in (attempt.flow, proved.json()["flow"]):
            for step in ("enrol_passkey", "enrol_totp"):
                asked = {"flow": flow, "method": step}
                answer = await attempt.client.post("/api/auth/flow/challenge", json=asked)
                assert_refused(answer, 400, "invalid_challenge")
    finally:
        await ostiary.close()


async def test_who_proves_the_address_at_a_first_sign_in_goes_on_to_the_level_that_was_asked_for(
    ostiary: Ostiary,
) -> None:
    await register(ostiary, PASSWORD)
    attempt = await Attempt.begin(ostiary, identifier=ADDRESS, acr_values="aal2")
    body = {"flow": attempt.flow, "answer": {"method": "password", "password": PASSWORD}}
    later(ostiary)
    proved = (await attempt.client.post("/api/auth/flow/answer", json=body)).json()
    answer = await verify(ostiary, flow=proved["flow"], code=await code_for(ostiary, ADDRESS))
    assert answer.json()["next"] == ["enrol_passkey", "enrol_totp"]
    attempt = Attempt(ostiary, attempt.client, answer.json())
    asked = {"flow": attempt.flow, "method": "enrol_passkey"}
    options = (await attempt.client.post("/api/auth/flow/challenge", json=asked)).json()["challenge"]
    made = Authenticator().create(options, ostiary.use.settings.issuer)
    body = {"flow": attempt.flow, "answer": {"method": "passkey", "credential": made}}
    assert (await attempt.client.post("/api/auth/flow/answer", json=body)).json()["status"] == "complete"
