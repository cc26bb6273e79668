"""The proof of an address: by code, by link in the same browser or another, again, late, and by the wrong person."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from ostiary.app import Ostiary
from ostiary.base.clock import DAY, MINUTE, SECOND
from tests.support.installation import PASSWORD, code_for, link_for, new_client
from tests.support.time import ManualClock

EMAIL = "ada@example.com"
VERIFY, RESEND = "/api/auth/verify", "/api/auth/verify/resend"


async def _register(client: httpx.AsyncClient, password: str = PASSWORD, **more: str) -> str:
    answer = await client.post("/api/auth/register", json={"email": EMAIL, "password": password, **more})
    assert answer.status_code == 200, answer.text
    flow: str = answer.json()["flow"]
    return flow


async def _status(ostiary: Ostiary) -> str:
    account = await ostiary.use.accounts.by_identifier(EMAIL)
    assert account is not None
    return account.status


async def test_a_link_in_the_same_client_needs_nothing_else(ostiary: Ostiary, client: httpx.AsyncClient) -> None:
    flow = await _register(client, delivery="token")
    token = await link_for(ostiary, EMAIL)
    verified = await client.post(VERIFY, json={"flow": flow, "token": token})
    assert (verified.json()["status"], verified.json()["delivery"]) == ("complete", "token")
    again = await client.post(VERIFY, json={"flow": flow, "token": token})
    assert (again.status_code, again.json()["code"]) == (400, "invalid_challenge")


async def test_a_link_elsewhere_needs_the_password_and_five_wrong_ones_void_it(
    ostiary: Ostiary, client: httpx.AsyncClient
) -> None:
    await _register(client)
    token = await link_for(ostiary, EMAIL)
    elsewhere = new_client(ostiary)
    asked = await elsewhere.post(VERIFY, json={"token": token})
    assert (asked.status_code, asked.json()["code"], asked.json()["field"]) == (401, "invalid_credentials", "password")
    for _ in range(5):
        wrong = await elsewhere.post(VERIFY, json={"token": token, "password": "not the password"})
        assert wrong.status_code == 401
    late = await elsewhere.post(VERIFY, json={"token": token, "password": PASSWORD})
    assert (late.status_code, late.json()["code"]) == (400, "invalid_challenge")
    failed = "SELECT COUNT(*) FROM audit_events WHERE event = 'verification.failed'"
    assert await ostiary.use.db.fetch_value(failed) == 5
    assert await _status(ostiary) == "pending"


async def test_a_link_elsewhere_with_the_password_signs_in_there(ostiary: Ostiary, client: httpx.AsyncClient) -> None:
    await _register(client)
    elsewhere = new_client(ostiary)
    proof = {"token": await link_for(ostiary, EMAIL), "password": PASSWORD}
    assert (await elsewhere.post(VERIFY, json=proof)).json()["status"] == "complete"
    assert (await elsewhere.get("/api/auth/me")).status_code == 200
    assert (await client.get("/api/auth/me")).status_code == 401


async def test_looking_at_a_link_spends_nothing(ostiary: Ostiary, client: httpx.AsyncClient) -> None:
    flow = await _register(client)
    token = await link_for(ostiary, EMAIL)
    for _ in range(3):
        page = await new_client(ostiary).get(f"/verify?token={token}")
        assert (page.status_code, 'name="password"' in page.text) == (200, True)
    assert (await client.post(VERIFY, json={"flow": flow, "token": token})).status_code == 200


async def test_five_wrong_codes_void_the_right_one(ostiary: Ostiary, client: httpx.AsyncClient) -> None:
    flow = await _register(client)
    code = await code_for(ostiary, EMAIL)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for _ in range(5):
        assert (await client.post(VERIFY, json={"flow": flow, "code": wrong})).status_code == 400
    assert (await client.post(VERIFY, json={"flow": flow, "code": code})).status_code == 400
    assert await _status(ostiary) == "pending"


async def test_a_code_may_be_typed_with_spaces_around_it(ostiary: Ostiary, client: httpx.AsyncClient) -> None:
    flow = await _register(client)
    proof = {"flow": flow, "code": f" {await code_for(ostiary, EMAIL)} "}
    assert (await client.post(VERIFY, json=proof)).status_code == 200


async def test_a_code_without_its_flow_is_worth_nothing(ostiary: Ostiary, client: httpx.AsyncClient) -> None:
    await _register(client)
    code = await code_for(ostiary, EMAIL)
    proofs: list[dict[str, Any]] = [{"code": code}, {"flow": "A" * 43, "code": code}, {"flow": "", "code": code}, {}]
    for proof in proofs:
        refused = await client.post(VERIFY, json=proof)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_challenge"), proof


async def test_a_new_code_replaces_the_old_one(ostiary: Ostiary, client: httpx.AsyncClient, clock: ManualClock) -> None:
    flow = await _register(client)
    old_code, old_link = await code_for(ostiary, EMAIL), await link_for(ostiary, EMAIL)
    clock.advance(MINUTE)
    resent = await client.post(RESEND, json={"flow": flow})
    assert (resent.json()["status"], resent.json()["sent_to"]) == ("challenge", EMAIL)
    new_flow = resent.json()["flow"]
    for old in ({"flow": flow, "code": old_code}, {"flow": flow, "token": old_link}):
        assert (await client.post(VERIFY, json=old)).status_code == 400
    assert (await client.post(RESEND, json={"flow": flow})).status_code == 400
    proof = {"flow": new_flow, "code": await code_for(ostiary, EMAIL)}
    assert (await client.post(VERIFY, json=proof)).status_code == 200
    sent = "SELECT COUNT(*) FROM audit_events WHERE event = 'verification.sent'"
    assert await ostiary.use.db.fetch_value(sent) == 1


async def test_resending_for_an_address_in_use_answers_alike(
    ostiary: Ostiary, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    flow = await _register(client)
    await client.post(VERIFY, json={"flow": flow, "code": await code_for(ostiary, EMAIL)})
    stranger = new_client(ostiary)
    clock.advance(SECOND)
    decoy = await _register(stranger, "somebody else entirely")
    resent = await stranger.post(RESEND, json={"flow": decoy})
    assert (resent.status_code, resent.json()["purpose"], resent.json()["sent_to"]) == (200, "register", EMAIL)
    assert {mail.to for mail in await ostiary.use.mailer.outbox(500)} == {EMAIL}


async def test_codes_and_links_last_for_a_day(ostiary: Ostiary, client: httpx.AsyncClient, clock: ManualClock) -> None:
    flow = await _register(client)
    code, token = await code_for(ostiary, EMAIL), await link_for(ostiary, EMAIL)
    clock.advance(DAY)
    for proof in (
        {"flow": flow, "code": code},
        {"flow": flow, "token": token},
        {"token": token, "password": PASSWORD},
    ):
        assert (await client.post(VERIFY, json=proof)).status_code == 400
    assert (await client.post(RESEND, json={"flow": flow})).status_code == 400
    # The account still waits: whoever knows its password is mailed anew.
    body = {"identifier": EMAIL, "password": PASSWORD}
    asked = (await client.post("/api/auth/login", json=body)).json()
    assert (asked["status"], asked["purpose"], asked["next"]) == ("challenge", "sign_in", ["email_code"])
    proof = {"flow": asked["flow"], "code": await code_for(ostiary, EMAIL)}
    assert (await client.post(VERIFY, json=proof)).json()["status"] == "complete"


async def test_a_proof_is_accepted_until_its_last_millisecond(
    ostiary: Ostiary, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    flow = await _register(client)
    clock.advance(DAY - 1)
    proof = {"flow": flow, "code": await code_for(ostiary, EMAIL)}
    assert (await client.post(VERIFY, json=proof)).status_code == 200


async def test_who_registered_an_address_first_does_not_choose_its_owners_password(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    squatter, owner = new_client(ostiary), new_client(ostiary)
    squatted = await _register(squatter, "somebody else entirely", name="Eve", username="eve")
    theirs = await link_for(ostiary, EMAIL)
    clock.advance(SECOND)
    flow = await _register(owner, name="Ada", username="ada")
    # The squatter's link is in the owner's mail box, too: opened there, it asks for a password that she does not know.
    mixed = await owner.post(VERIFY, json={"flow": flow, "token": theirs, "password": PASSWORD})
    assert mixed.status_code == 401
    verified = await owner.post(VERIFY, json={"flow": flow, "code": await code_for(ostiary, EMAIL)})
    account = verified.json()["account"]
    assert (account["name"], account["username"]) == ("Ada", "ada")
    for password, status in (("somebody else entirely", 401), (PASSWORD, 200)):
        body = {"identifier": EMAIL, "password": password}
        assert (await new_client(ostiary).post("/api/auth/login", json=body)).status_code == status
    assert (await squatter.post(VERIFY, json={"flow": squatted, "token": theirs})).status_code == 400


async def test_of_registrations_of_one_address_at_once_there_is_one_account(ostiary: Ostiary) -> None:
    clients = [new_client(ostiary) for _ in range(8)]
    await asyncio.gather(*(_register(client) for client in clients))
    assert await ostiary.use.db.fetch_value("SELECT COUNT(*) FROM accounts") == 1
