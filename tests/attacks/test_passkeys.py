"""Attacks on passkeys over HTTP: each is refused, signs nobody in, and leaves the account as it was."""

from __future__ import annotations

import asyncio
from typing import Any

import cbor2
import httpx
import pytest

from ostiary.app import Ostiary
from tests.support.authenticator import BE, BS, UP, UV, Authenticator, Key, b64, clone_of, unb64, user_handle
from tests.support.installation import Person, new_client, new_person, settings_for_test
from tests.support.passkeys import Attempt, Json, add_passkey, begin_enrolment, confirm, origin_of, passkeys_of
from tests.support.time import ManualClock


@pytest.fixture
async def ada(ostiary: Ostiary) -> Person:
    return await new_person(ostiary)


@pytest.fixture
async def eve(ostiary: Ostiary) -> Person:
    return await new_person(ostiary)


@pytest.fixture
def phone() -> Authenticator:
    """Ada's."""
    return Authenticator(counts=True)


async def nobody(attempt: Attempt, answer: httpx.Response) -> None:
    """That an answer was refused as the client's fault, and that its client is not signed in."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if attempt.headers is None:
        assert not [name for name in attempt.client.cookies if "session" in name]
        assert (await attempt.client.get("/api/auth/me")).status_code == 401


FORGED: dict[str, Json] = {
    "another origin": {"client_data": {"origin": "https://evil.example"}},
    "another port": {"client_data": {"origin": "http://localhost:9000"}},
    "https where we have none": {"client_data": {"origin": "https://localhost:8000"}},
    "another site's authenticator data": {"rp_id": "evil.example"},
    "a frame of another site": {"client_data": {"crossOrigin": True}},
    "a frame, and who has framed it": {"client_data": {"crossOrigin": True, "topOrigin": "https://evil.example"}},
    "an enrolment's client data": {"client_data": {"type": "webauthn.create"}},
    "another challenge": {"challenge": b"another" * 4},
    "nobody there": {"flags": UV},
    "a backup of what cannot be backed up": {"flags": UP | UV | BS},
    "a key that can be backed up now": {"flags": UP | UV | BE},
    "not unlocked": {"flags": UP},
    "no counter": {"count": 0},
    "the same counter": {"count": 1},
    "another's handle": {"handle": b"e" * 16},
    "no handle": {"handle": None},
    "another signature": {"signature": b"0" * 70},
    "cut client data": {"client_data": b'{"type": "webauthn.get", "chall'},
    "garbled authenticator data": {"tail": b"\xff\xff"},
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_assertion_signs_nobody_in(
    ostiary: Ostiary, ada: Person, phone: Authenticator, forged: Json
) -> None:
    await add_passkey(ada, phone)
    attempt = await Attempt.begin(ostiary)
    await nobody(attempt, await attempt.shows(phone, **forged))
    assert (await attempt.shows(phone)).status_code == 200, "the flow goes on for who has the passkey"


async def test_the_challenge_of_another_flow_is_none_of_this_one(
    ostiary: Ostiary, ada: Person, phone: Authenticator
) -> None:
    """A challenge that somebody else was given, in another session, and has had signed."""
    await add_passkey(ada, phone)
    hers, his = await Attempt.begin(ostiary), await Attempt.begin(ostiary)
    signed = phone.get(await hers.options(), origin_of(ostiary))
    await his.options()
    await nobody(his, await his.answer(signed))


async def test_a_challenge_that_was_replaced_is_void(ostiary: Ostiary, ada: Person, phone: Authenticator) -> None:
    await add_passkey(ada, phone)
    attempt = await Attempt.begin(ostiary)
    signed = phone.get(await attempt.options(), origin_of(ostiary))
    await attempt.options()
    await nobody(attempt, await attempt.answer(signed))


async def test_an_assertion_is_taken_once(ostiary: Ostiary, ada: Person, phone: Authenticator) -> None:
    await add_passkey(ada, phone)
    attempt = await Attempt.begin(ostiary)
    signed = phone.get(await attempt.options(), origin_of(ostiary))
    assert (await attempt.answer(signed)).status_code == 200
    again = Attempt(ostiary, new_client(ostiary), attempt.begun)
    await nobody(again, await again.answer(signed))
    other = await Attempt.begin(ostiary)
    await other.options()
    await nobody(other, await other.answer(signed))


@pytest.mark.parametrize("counts", [True, False])
async def test_of_100_parallel_uses_of_one_assertion_one_signs_in(
    ostiary: Ostiary, ada: Person, phone: Authenticator, counts: bool
) -> None:
    """Also where the authenticator does not count: then it is the flow that is moved once."""
    phone.counts = counts
    await add_passkey(ada, phone)
    attempt = await Attempt.begin(ostiary)
    signed = phone.get(await attempt.options(), origin_of(ostiary))
    tries = [Attempt(ostiary, new_client(ostiary), attempt.begun) for _ in range(100)]
    answers = await asyncio.gather(*(each.answer(signed) for each in tries))
    assert sorted(answer.status_code for answer in answers).count(200) == 1
    assert {answer.status_code for answer in answers} <= {200, 400}


async def test_the_copy_of_a_passkey_is_found_out_and_the_owner_s_goes_on(
    ostiary: Ostiary, ada: Person, phone: Authenticator
) -> None:
    await add_passkey(ada, phone)
    copy = clone_of(phone)
    for _ in range(2):
        assert (await (await Attempt.begin(ostiary)).shows(phone)).status_code == 200
    attempt = await Attempt.begin(ostiary)
    answer = await attempt.shows(copy)
    await nobody(attempt, answer)
    assert "copied" in answer.json()["detail"]
    assert (await (await Attempt.begin(ostiary)).shows(phone)).status_code == 200
    found = await ostiary.use.db.fetch_value(
        "SELECT COUNT(*) FROM audit_events WHERE event = 'credential.cloned' AND account_id = :id", id=ada.id
    )
    assert found == 1


async def test_who_takes_a_passkey_cannot_leave_out_what_unlocks_it(
    ostiary: Ostiary, ada: Person, phone: Authenticator
) -> None:
    """The thief's browser asks it for less; the owner's password then does not make up for it, and need not."""
    await add_passkey(ada, phone)
    phone.verifies = False
    attempt = await Attempt.begin(ostiary)
    answer = await attempt.shows(phone)
    await nobody(attempt, answer)
    assert "PIN" in answer.json()["detail"]


async def test_what_was_asked_for_cannot_be_left_out(
    database_url: str, clock: ManualClock, phone: Authenticator
) -> None:
    """Where the policy asks for phishing resistance, so that a passkey alone has to be unlocked."""
    settings = settings_for_test(database_url)
    strict = settings_for_test(database_url, sign_in__policy="phishing_resistant")
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as ostiary:
        ada = await new_person(ostiary)
        phone.verifies = False
        await add_passkey(ada, phone)
    async with await Ostiary.open(strict, clock=clock) as ostiary:
        attempt = await Attempt.begin(ostiary)
        assert (await attempt.options())["publicKey"]["userVerification"] == "required"
        await nobody(attempt, await attempt.shows(phone))


async def test_another_s_passkey_signs_nobody_in_under_this_name(ostiary: Ostiary, ada: Person, eve: Person) -> None:
    """A flow that began with Ada's name, answered by Eve: it ends in neither account."""
    key = Authenticator()
    await add_passkey(ada, Authenticator())
    await add_passkey(eve, key)
    attempt = await Attempt.begin(ostiary, identifier=ada.email)
    await nobody(attempt, await attempt.shows(key))


@pytest.mark.parametrize("handle", ["hers", "his"])
async def test_another_s_passkey_is_no_second_factor(ostiary: Ostiary, ada: Person, eve: Person, handle: str) -> None:
    """Eve has Ada's password; her own security key does not stand in for Ada's, whatever it says whose it is."""
    key = Authenticator()
    await add_passkey(ada, Authenticator(), "security_key")
    await add_passkey(eve, key)
    attempt = await Attempt.by_password(ada)
    assert attempt.begun["status"] == "challenge"
    said = user_handle(ada.id if handle == "hers" else eve.id)
    await nobody(attempt, await attempt.shows(key, key.keys[0], handle=said))


async def test_another_s_passkey_is_no_step_up(ostiary: Ostiary, ada: Person, eve: Person) -> None:
    key = Authenticator()
    await add_passkey(ada, Authenticator())
    await add_passkey(eve, key)
    before = (await ada.request("GET", "/api/auth/me")).json()
    attempt = await Attempt.step_up(ada)
    await nobody(attempt, await attempt.shows(key, key.keys[0]))
    after = (await ada.request("GET", "/api/auth/me")).json()
    assert {name: after[name] for name in ("acr", "amr", "authenticated_at", "account")} == {
        name: before[name] for name in ("acr", "amr", "authenticated_at", "account")
    }


async def test_another_s_enrolment_cannot_be_answered(ada: Person, eve: Person) -> None:
    """Eve would have her passkey at Ada's account, or Ada's at hers."""
    begun = await begin_enrolment(ada)
    made = Authenticator().create(begun["challenge"], origin_of(ada.ostiary))
    answer = await confirm(eve, begun["flow"], made)
    assert answer.status_code == 400
    hers = await begin_enrolment(eve)
    answer = await confirm(eve, hers["flow"], made)
    assert answer.status_code == 400
    assert await passkeys_of(ada) == await passkeys_of(eve) == []


async def test_a_passkey_of_another_cannot_be_enrolled_once_more(ada: Person, eve: Person) -> None:
    phone = Authenticator()
    await add_passkey(ada, phone)
    begun = await begin_enrolment(eve)
    made = Authenticator().create(begun["challenge"], origin_of(eve.ostiary), credential_id=phone.keys[0].id)
    answer = await confirm(eve, begun["flow"], made)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert await passkeys_of(eve) == []
    assert (await (await Attempt.begin(ada.ostiary)).shows(phone)).json()["account"]["id"] == ada.id


FORGED_ENROLMENTS: dict[str, Json] = {
    "another origin": {"client_data": {"origin": "https://evil.example"}},
    "another site's authenticator data": {"rp_id": "evil.example"},
    "a frame of another site": {"client_data": {"crossOrigin": True}},
    "a sign-in's client data": {"client_data": {"type": "webauthn.get"}},
    "another challenge": {"challenge": b"another" * 4},
    "nobody there": {"flags": 64 | UV},
    "no credential": {"flags": UP | UV},
    "a backup of what cannot be backed up": {"flags": 64 | UP | UV | BS},
    "a key that was not offered": {"cose": Key(-35, "localhost", b"").cose},
    "no key": {"cose": {}},
    "bytes after the key": {"tail": b"\0"},
    "an id of 1024 bytes": {"credential_id": b"i" * 1024},
    "cut CBOR": {"raw": cbor2.dumps({"fmt": "none", "attStmt": {}})[:-3]},
    "garbled CBOR": {"raw": b"\xbf" * 64},
    "lists in lists": {"raw": b"\x81" * 4_000},
    "no authenticator data": {"raw": cbor2.dumps({"fmt": "none", "attStmt": {}})},
    "cut authenticator data": {"raw": cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": b"a" * 36})},
}


@pytest.mark.parametrize("forged", FORGED_ENROLMENTS.values(), ids=FORGED_ENROLMENTS.keys())
async def test_a_forged_registration_enrols_nothing(ada: Person, forged: Json) -> None:
    begun = await begin_enrolment(ada)
    answer = await confirm(
        ada, begun["flow"], Authenticator().create(begun["challenge"], origin_of(ada.ostiary), **forged)
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_challenge")
    assert await passkeys_of(ada) == []


async def test_of_100_parallel_confirmations_one_enrols(ada: Person) -> None:
    begun = await begin_enrolment(ada)
    made = Authenticator().create(begun["challenge"], origin_of(ada.ostiary))
    answers = await asyncio.gather(*(confirm(ada, begun["flow"], made) for _ in range(100)))
    assert sorted(answer.status_code for answer in answers).count(201) == 1
    assert {answer.status_code for answer in answers} <= {201, 400, 401, 403, 409}
    assert len(await passkeys_of(ada)) == 1


SENSELESS: dict[str, Any] = {
    "nothing": {},
    "null": None,
    "a list": [],
    "a text": "credential",
    "an id only": {"id": "YWJj"},
    "an id of a megabyte less": {"id": "a" * 60_000},
    "numbers": {"id": 1, "rawId": 2, "type": 3, "response": 4},
    "a response of lists": {"id": "YWJj", "rawId": "YWJj", "type": "public-key", "response": []},
    "padding": {"id": "YWI=", "rawId": "YWI=", "type": "public-key", "response": {}},
    "a lone surrogate's place": {"id": "\ufffd", "rawId": "\ufffd", "type": "public-key", "response": {}},
    "depth": {"id": {"id": {"id": {"id": [[[[[[[[]]]]]]]]}}}},
}


@pytest.mark.parametrize("credential", SENSELESS.values(), ids=SENSELESS.keys())
async def test_senseless_answers_get_a_clear_4xx(ostiary: Ostiary, ada: Person, credential: Any) -> None:
    attempt = await Attempt.begin(ostiary)
    await attempt.options()
    await nobody(attempt, await attempt.answer(credential))
    begun = await begin_enrolment(ada)
    assert 400 <= (await confirm(ada, begun["flow"], credential)).status_code < 500
    assert await passkeys_of(ada) == []


async def test_too_large_an_answer_is_refused_before_it_is_read(ostiary: Ostiary) -> None:
    attempt = await Attempt.begin(ostiary)
    answer = await attempt.answer({"id": "a" * 70_000})
    assert answer.status_code == 413


async def test_an_answer_before_its_challenge_is_refused(ostiary: Ostiary, ada: Person, phone: Authenticator) -> None:
    await add_passkey(ada, phone)
    attempt = await Attempt.begin(ostiary)
    public = {"publicKey": {"challenge": b64(b"\0" * 32), "allowCredentials": [], "userVerification": "preferred"}}
    for challenge in (b"\0" * 32, b""):
        await nobody(attempt, await attempt.answer(phone.get(public, origin_of(ostiary), challenge=challenge)))


async def test_the_options_do_not_tell_who_has_a_passkey(ostiary: Ostiary, ada: Person, eve: Person) -> None:
    """Nor which names are anybody's."""
    await add_passkey(ada, Authenticator())
    seen = []
    for name in (ada.email, eve.email, "nobody@example.com"):
        attempt = await Attempt.begin(ostiary, identifier=name)
        begun = {member: value for member, value in attempt.begun.items() if member != "flow"}
        options = (await attempt.options())["publicKey"]
        assert len(unb64(options.pop("challenge"))) == 32
        seen.append((begun, options))
    assert seen[0] == seen[1] == seen[2]


async def test_tries_are_counted_for_passkeys_too(ostiary: Ostiary, ada: Person, phone: Authenticator) -> None:
    """So that one flow cannot be used to try what our parsers make of a million answers."""
    await add_passkey(ada, phone)
    attempt = await Attempt.begin(ostiary)
    options = await attempt.options()
    for _ in range(ostiary.use.settings.sign_in.code_tries):
        await nobody(attempt, await attempt.answer(phone.get(options, origin_of(ostiary), signature=b"0" * 70)))
    await nobody(attempt, await attempt.answer(phone.get(options, origin_of(ostiary))))


async def test_a_removed_passkey_is_unknown_at_once(ostiary: Ostiary, ada: Person, phone: Authenticator) -> None:
    """Also in a flow whose challenge was made before."""
    added = await add_passkey(ada, phone)
    attempt = await Attempt.begin(ostiary)
    signed = phone.get(await attempt.options(), origin_of(ostiary))
    removed = await ada.request("DELETE", f"/api/credentials/{added['id']}")
    assert removed.status_code == 204, removed.text
    answer = await attempt.answer(signed)
    await nobody(attempt, answer)
    problem = answer.json()
    assert (problem["code"], problem["rp_id"], problem["credential_id"]) == (
        "unknown_passkey", "localhost", b64(phone.keys[0].id),
    )  # fmt: skip


async def test_a_disabled_account_s_passkey_signs_nobody_in(
    ostiary: Ostiary, ada: Person, phone: Authenticator
) -> None:
    from ostiary.accounts import AccountChange

    await add_passkey(ada, phone)
    await ostiary.use.account_administration.change(ostiary.operator(), ada.id, AccountChange(status="disabled"))
    attempt = await Attempt.begin(ostiary)
    answer = await attempt.shows(phone)
    await nobody(attempt, answer)
    assert answer.json()["code"] == "account_disabled"
