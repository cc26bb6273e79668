"""Passkeys and security keys on each database: what is asked for, what is stored, and what an answer shows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ostiary.base.ids import id_to_bytes
from ostiary.credentials.face import Enrolled, Holder, Proof
from ostiary.credentials.passkey import PasskeyAnswer, Passkeys
from ostiary.credentials.store import CredentialStore
from ostiary.database import Database
from ostiary.errors import ConfigurationError, Conflict, InvalidChallenge, InvalidRequest, UnknownPasskey
from ostiary.settings import PasskeySettings, Settings, SignInSettings
from tests.support.authenticator import MAKE, Authenticator, Key, Vendor, b64, clone_of, unb64

AT = 1_767_225_600_000
ISSUER = "https://login.example.com"


def settings(issuer: str = ISSUER, policy: str = "any", **changed: Any) -> Settings:
    sign_in = SignInSettings(policy=policy)  # type: ignore[arg-type]
    return Settings(issuer=issuer, site_name="Lanterns", passkeys=PasskeySettings(**changed), sign_in=sign_in)


@pytest.fixture
def passkeys(store: CredentialStore) -> Passkeys:
    return Passkeys(store, settings())


class Somebody:
    """An owner with an authenticator, in a browser at the issuer's address."""

    def __init__(self, db: Database, passkeys: Passkeys, holder: Holder, authenticator: Authenticator) -> None:
        self.db = db
        self.passkeys = passkeys
        self.holder = holder
        self.authenticator = authenticator

    async def options(self, given: str = "") -> dict[str, Any]:
        async with self.db.transaction() as tx:
            challenge = await self.passkeys.begin_enrolment(tx, self.holder, given, AT)
        options: dict[str, Any] = challenge.public["publicKey"]
        return options

    async def enrols(self, given: str = "", name: str = "", **forged: Any) -> tuple[Enrolled, Proof]:
        async with self.db.transaction() as tx:
            asked = await self.passkeys.begin_enrolment(tx, self.holder, given, AT)
        answer = PasskeyAnswer(self.authenticator.create(asked.public, ISSUER, **forged))
        async with self.db.transaction() as tx:
            return await self.passkeys.enrol(tx, self.holder, answer, asked.kept, name, AT)

    async def shows(self, *, named: bool = False, key: Key | None = None, **forged: Any) -> Proof | None:
        holder = self.holder if named else None
        async with self.db.transaction() as tx:
            asked = await self.passkeys.challenge(tx, holder, "sign_in", AT)
        answer = PasskeyAnswer(self.authenticator.get(asked.public, ISSUER, key, **forged))
        return await self.passkeys.verify(holder, answer, asked.kept, AT)


@pytest.fixture
def ada(database: Database, passkeys: Passkeys, holder: Holder) -> Somebody:
    return Somebody(database, passkeys, holder, Authenticator(counts=True))


@pytest.fixture
def eve(database: Database, passkeys: Passkeys, stranger: Holder) -> Somebody:
    return Somebody(database, passkeys, stranger, Authenticator())


async def test_a_passkey_is_asked_for_that_finds_its_account_by_itself(ada: Somebody) -> None:
    options = await ada.options()
    handle = b64(id_to_bytes(ada.holder.account_id))
    user = {"id": handle, "name": "ada@example.com", "displayName": "ada@example.com"}
    assert len(unb64(options.pop("challenge"))) == 32
    assert options == {
        "rp": {"id": "login.example.com", "name": "Lanterns"},
        "user": user,
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in (-7, -8, -257)],
        "timeout": 300_000,
        "excludeCredentials": [],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "preferred",
        },
        "hints": [],
        "attestation": "none",
        "extensions": {"credProps": True},
    }


async def test_a_security_key_is_asked_for_that_need_not_be_unlocked(ada: Somebody) -> None:
    options = await ada.options("security_key")
    assert options["hints"] == ["security-key"]
    assert options["authenticatorSelection"] == {
        "authenticatorAttachment": "cross-platform",
        "residentKey": "discouraged",
        "requireResidentKey": False,
        "userVerification": "discouraged",
    }


async def test_nothing_else_can_be_asked_for(ada: Somebody) -> None:
    with pytest.raises(InvalidRequest):
        await ada.options("a fingerprint")


async def test_what_the_account_has_is_not_made_again(ada: Somebody) -> None:
    await ada.enrols()
    named = {"type": "public-key", "id": b64(ada.authenticator.keys[0].id), "transports": ["usb"]}
    assert (await ada.options())["excludeCredentials"] == [named]


async def test_an_unlocked_passkey_shows_two_factors_and_whose_it_is(ada: Somebody) -> None:
    enrolled, proof = await ada.enrols()
    expected = Proof(
        type="passkey",
        factors=("possession", "inherence"),
        amr=("hwk", "user"),
        at=AT,
        strength="phishing_resistant",
        credential_id=enrolled.id,
        account_id=ada.holder.account_id,
    )
    assert proof == expected
    assert await ada.shows() == expected
    assert await ada.shows(named=True) == expected


async def test_a_synced_passkey_is_a_key_in_software(ada: Somebody) -> None:
    ada.authenticator.synced = True
    enrolled, _ = await ada.enrols()
    assert enrolled.details["synced"] is True
    assert enrolled.details["device_bound"] is False
    proof = await ada.shows()
    assert proof is not None
    assert proof.amr == ("swk", "user")


async def test_a_passkey_that_nobody_unlocks_shows_its_possession_only(ada: Somebody) -> None:
    ada.authenticator.verifies = False
    await ada.enrols()
    proof = await ada.shows()
    assert proof is not None
    assert proof.factors == ("possession",)


async def test_a_security_key_is_a_second_factor_only(ada: Somebody) -> None:
    enrolled, proof = await ada.enrols("security_key")
    assert enrolled.second
    assert enrolled.name == "Security key"
    assert proof.factors == ("possession",)
    shown = await ada.shows(named=True)
    assert shown is not None
    assert shown.factors == ("possession",)


async def test_without_an_owner_the_options_are_the_same_for_everybody(
    database: Database, ada: Somebody, passkeys: Passkeys
) -> None:
    await ada.enrols()
    async with database.transaction() as tx:
        options = (await passkeys.challenge(tx, None, "sign_in", AT)).public["publicKey"]
    assert len(unb64(options.pop("challenge"))) == 32
    assert options == {
        "rpId": "login.example.com",
        "allowCredentials": [],
        "userVerification": "preferred",
        "timeout": 300_000,
    }


@pytest.mark.parametrize(("given", "asked"), [("", "preferred"), ("security_key", "discouraged")])
async def test_an_owner_is_asked_for_his_own(
    database: Database, ada: Somebody, passkeys: Passkeys, given: str, asked: str
) -> None:
    await ada.enrols(given)
    async with database.transaction() as tx:
        options = (await passkeys.challenge(tx, ada.holder, "step_up", AT)).public["publicKey"]
    assert [each["id"] for each in options["allowCredentials"]] == [b64(ada.authenticator.keys[0].id)]
    assert options["userVerification"] == asked


async def test_a_passkey_that_was_unlocked_once_is_not_enough_alone_when_it_is_not(ada: Somebody) -> None:
    """Who has taken it can ask it for less than we did, and it signs; that is a second factor, and no more."""
    await ada.enrols()
    ada.authenticator.verifies = False
    with pytest.raises(InvalidChallenge, match="PIN"):
        await ada.shows()
    proof = await ada.shows(named=True)
    assert proof is not None
    assert proof.factors == ("possession",)


async def test_one_that_is_unlocked_for_the_first_time_has_to_be_from_then_on(ada: Somebody) -> None:
    ada.authenticator.verifies = False
    await ada.enrols()
    ada.authenticator.verifies = True
    assert await ada.shows() is not None
    ada.authenticator.verifies = False
    with pytest.raises(InvalidChallenge, match="PIN"):
        await ada.shows()


async def test_where_phishing_resistance_is_asked_for_a_passkey_alone_has_to_be_unlocked(
    database: Database, store: CredentialStore, ada: Somebody
) -> None:
    ada.passkeys = Passkeys(store, settings(policy="phishing_resistant"))
    ada.authenticator.verifies = False
    await ada.enrols()
    with pytest.raises(InvalidChallenge, match="PIN"):
        await ada.shows()


async def test_another_account_s_passkey_is_not_the_owner_s(database: Database, ada: Somebody, eve: Somebody) -> None:
    await ada.enrols()
    await eve.enrols()
    async with database.transaction() as tx:
        asked = await ada.passkeys.challenge(tx, ada.holder, "sign_in", AT)
    answer = PasskeyAnswer(eve.authenticator.get(asked.public, ISSUER, eve.authenticator.keys[0]))
    assert await ada.passkeys.verify(ada.holder, answer, asked.kept, AT) is None


async def test_a_passkey_that_says_it_is_somebody_else_s_is_refused(ada: Somebody, eve: Somebody) -> None:
    await ada.enrols()
    with pytest.raises(InvalidChallenge):
        await ada.shows(handle=id_to_bytes(eve.holder.account_id))
    with pytest.raises(InvalidChallenge):
        await ada.shows(named=True, handle=id_to_bytes(eve.holder.account_id))


async def test_where_nobody_is_named_a_passkey_has_to_say_whose_it_is(ada: Somebody) -> None:
    """Section 7.2, step 6; a security key that was asked for by its id need not."""
    await ada.enrols()
    with pytest.raises(InvalidChallenge):
        await ada.shows(handle=None)
    assert await ada.shows(named=True, handle=None) is not None


async def test_a_passkey_that_nobody_has_is_told_apart(ada: Somebody) -> None:
    with pytest.raises(UnknownPasskey):
        await ada.shows(key=Key(-7, "login.example.com", b"u" * 16))


async def test_an_answer_without_a_challenge_is_refused(ada: Somebody, passkeys: Passkeys) -> None:
    await ada.enrols()
    public = {"publicKey": {"challenge": b64(b"c" * 32), "allowCredentials": [], "userVerification": "preferred"}}
    answer = PasskeyAnswer(ada.authenticator.get(public, ISSUER))
    with pytest.raises(InvalidChallenge):
        await passkeys.verify(None, answer, b"", AT)


async def test_one_challenge_s_answer_is_none_to_another(database: Database, ada: Somebody, passkeys: Passkeys) -> None:
    await ada.enrols()
    async with database.transaction() as tx:
        first = await passkeys.challenge(tx, None, "sign_in", AT)
        second = await passkeys.challenge(tx, None, "sign_in", AT)
    answer = PasskeyAnswer(ada.authenticator.get(first.public, ISSUER))
    with pytest.raises(InvalidChallenge):
        await passkeys.verify(None, answer, second.kept, AT)


async def test_a_registration_is_no_sign_in_and_the_other_way_round(database: Database, ada: Somebody) -> None:
    """Both have a challenge of 32 bytes; only the type of the client data tells them apart."""
    await ada.enrols()
    async with database.transaction() as tx:
        asked = await ada.passkeys.begin_enrolment(tx, ada.holder, "", AT)
    public = {"publicKey": {**asked.public["publicKey"], "allowCredentials": [], "userVerification": "preferred"}}
    got = ada.authenticator.get(public, ISSUER)
    with pytest.raises(InvalidChallenge):
        await ada.passkeys.verify(None, PasskeyAnswer(got), b"", AT)
    async with database.transaction() as tx:
        with pytest.raises(InvalidChallenge):
            await ada.passkeys.enrol(tx, ada.holder, PasskeyAnswer(got), asked.kept, "", AT)


async def test_a_copied_passkey_is_refused_and_on_record(database: Database, ada: Somebody) -> None:
    enrolled, _ = await ada.enrols()
    copy = clone_of(ada.authenticator)
    for _ in range(3):
        assert await ada.shows() is not None
    original, ada.authenticator = ada.authenticator, copy
    with pytest.raises(InvalidChallenge, match="copied"):
        await ada.shows()
    events = await database.fetch_all(_Recorded, "SELECT event, account_id, data FROM audit_events")
    assert [(each.event, each.account_id) for each in events] == [("credential.cloned", ada.holder.account_id)]
    noted = {"credential": enrolled.id, "counter": 2, "expected_above": 4}
    assert msgspec.json.decode(events[0].data) == noted
    ada.authenticator = original
    assert await ada.shows() is not None, "the owner's own still signs in"


@pytest.mark.parametrize("count", [0, 1])
async def test_a_counter_that_does_not_go_up_is_a_copy_s(ada: Somebody, count: int) -> None:
    await ada.enrols()
    with pytest.raises(InvalidChallenge, match="copied"):
        await ada.shows(count=count)


async def test_an_authenticator_that_does_not_count_is_taken_as_often_as_it_comes(ada: Somebody) -> None:
    ada.authenticator.counts = False
    await ada.enrols()
    assert None not in [await ada.shows() for _ in range(3)]


async def test_of_100_parallel_uses_of_one_counter_one_passes(database: Database, ada: Somebody) -> None:
    await ada.enrols()
    asked = []
    async with database.transaction() as tx:
        for _ in range(100):
            asked.append(await ada.passkeys.challenge(tx, None, "sign_in", AT))  # noqa: PERF401
    answers = [PasskeyAnswer(ada.authenticator.get(each.public, ISSUER, count=2)) for each in asked]
    tries = [ada.passkeys.verify(None, answer, each.kept, AT) for answer, each in zip(answers, asked, strict=True)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, Proof) for each in found) == 1
    assert sum(isinstance(each, InvalidChallenge) for each in found) == 99


async def test_whether_it_is_backed_up_follows_the_authenticator(ada: Somebody) -> None:
    ada.authenticator.synced = True
    await ada.enrols(flags=1 | 4 | 8 | 64)
    assert [each.details["synced"] for each in await ada.passkeys.describe(ada.holder)] == [False]
    assert await ada.shows() is not None
    assert [each.details["synced"] for each in await ada.passkeys.describe(ada.holder)] == [True]


async def test_a_key_that_could_not_leave_its_device_cannot_from_one_day_to_the_next(ada: Somebody) -> None:
    await ada.enrols()
    ada.authenticator.synced = True
    with pytest.raises(InvalidChallenge):
        await ada.shows()


async def test_a_passkey_is_enrolled_once(ada: Somebody, eve: Somebody) -> None:
    await ada.enrols()
    taken = ada.authenticator.keys[0].id
    with pytest.raises(Conflict):
        await eve.enrols(credential_id=taken)
    assert await eve.passkeys.describe(eve.holder) == []


async def test_an_account_has_only_so_many(database: Database, store: CredentialStore, ada: Somebody) -> None:
    ada.passkeys = Passkeys(store, settings(max_per_account=2))
    async with database.transaction() as tx:
        asked = [await ada.passkeys.begin_enrolment(tx, ada.holder, "", AT) for _ in range(10)]

    async def enrol(number: int) -> None:
        answer = PasskeyAnswer(Authenticator().create(asked[number].public, ISSUER))
        async with database.transaction() as tx:
            await ada.passkeys.enrol(tx, ada.holder, answer, asked[number].kept, "", AT)

    tries = await asyncio.gather(*map(enrol, range(10)), return_exceptions=True)
    assert sum(isinstance(each, Conflict) for each in tries) == 8
    assert len(await ada.passkeys.describe(ada.holder)) == 2
    with pytest.raises(Conflict):
        await ada.options()


async def test_a_passkey_has_the_name_that_its_owner_gives_it_or_that_of_its_make(ada: Somebody) -> None:
    assert (await ada.enrols(name="My phone"))[0].name == "My phone"
    assert (await ada.enrols())[0].name == "Passkey"
    ada.authenticator.make = "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4"
    enrolled, _ = await ada.enrols()
    assert enrolled.name == enrolled.details["provider"] == "Google Password Manager"


async def test_providers_are_told_which_passkeys_are_good(ada: Somebody) -> None:
    await ada.enrols()
    assert await ada.passkeys.signals(ada.holder) == {
        "rpId": "login.example.com",
        "userId": b64(id_to_bytes(ada.holder.account_id)),
        "allAcceptedCredentialIds": [b64(ada.authenticator.keys[0].id)],
        "name": "ada@example.com",
        "displayName": "ada@example.com",
    }


async def test_where_the_make_counts_only_a_trusted_one_is_enrolled_and_is_hardware(
    tmp_path: Path, store: CredentialStore, ada: Somebody
) -> None:
    vendor, roots = Vendor(), tmp_path / "roots.pem"
    roots.write_bytes(vendor.pem)
    ada.passkeys = Passkeys(store, settings(attestation="enterprise", aaguids=(MAKE,), roots=roots))
    assert (await ada.options())["attestation"] == "direct"
    with pytest.raises(InvalidChallenge, match="make"):
        await ada.enrols()
    assert await ada.passkeys.describe(ada.holder) == []
    ada.authenticator = Authenticator(fmt="packed", vendor=vendor)
    enrolled, _ = await ada.enrols()
    assert enrolled.details["attested"] is True
    proof = await ada.shows()
    assert proof is not None
    assert proof.strength == "hardware"
    ada.authenticator.verifies = False
    proof = await ada.shows(named=True)
    assert proof is not None
    assert proof.strength == "phishing_resistant"
    _, proof = await ada.enrols(flags=1 | 4 | 8 | 64)
    assert proof.strength == "phishing_resistant", "a key that can leave its authenticator is no hardware's"


def test_roots_that_cannot_be_read_are_a_fault(tmp_path: Path, store: CredentialStore) -> None:
    roots = tmp_path / "roots.pem"
    for content in (b"", b"no certificate"):
        roots.write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"passkeys\.roots"):
            Passkeys(store, settings(attestation="enterprise", aaguids=(MAKE,), roots=roots))


async def test_related_origins_may_use_the_passkeys_and_others_not(store: CredentialStore, ada: Somebody) -> None:
    ada.passkeys = Passkeys(store, settings(rp_id="example.com", origins=("https://example.co",)))
    assert ada.passkeys.relying_party.id == "example.com"
    await ada.enrols()
    assert await ada.shows(client_data={"origin": "https://example.co"}) is not None
    with pytest.raises(InvalidChallenge):
        await ada.shows(client_data={"origin": "https://example.com"})


class _Recorded(msgspec.Struct):
    event: str
    account_id: str | None
    data: bytes


def test_no_answer_shows_itself() -> None:
    assert repr(PasskeyAnswer({"id": "secret"})) == "PasskeyAnswer()"
