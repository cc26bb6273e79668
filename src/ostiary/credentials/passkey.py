"""Passkeys and security keys: keys that sign for one site, behind a fingerprint, a face or a PIN (WebAuthn Level 3).

What unlocks the key stays with the authenticator; here arrives only that it was unlocked (the flag UV). A passkey whose
key was unlocked shows two factors by itself. A security key that was added as such is a second factor only.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import msgspec

from ostiary.base.ids import id_to_bytes
from ostiary.credentials.authenticators import authenticator_name
from ostiary.credentials.face import Challenge, CredentialType, Enrolled, Factor, Holder, Proof, Strength
from ostiary.credentials.relying_party import RelyingParty
from ostiary.credentials.store import CredentialStore, StoredCredential
from ostiary.crypto.attestation import Makes, read_roots
from ostiary.crypto.webauthn import (
    ALGORITHMS,
    Assertion,
    RegisteredKey,
    credential_id_of,
    encode,
    verify_assertion,
    verify_registration,
)
from ostiary.database import Transaction
from ostiary.errors import ConfigurationError, Conflict, InvalidChallenge, InvalidRequest, UnknownPasskey
from ostiary.settings import PasskeySettings, Settings

SECURITY_KEY = "security_key"
"""What is given at the beginning of an enrolment for a key that is to be a second factor only."""
_CHALLENGE = 32
_TIMEOUT = 300_000
"""Milliseconds that a browser may take; the flow has its own expiry."""

Verification = Literal["required", "preferred", "discouraged"]


class PasskeyAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="passkey"):
    """``credential`` is what the browser gave, ``PublicKeyCredential.toJSON()``."""

    credential: dict[str, Any]

    def __repr__(self) -> str:
        return "PasskeyAnswer()"


class _Asked(msgspec.Struct, frozen=True):
    """What a flow keeps of a challenge."""

    challenge: bytes
    verification: Verification
    second: bool = False


class _Key(msgspec.Struct, frozen=True):
    """What is stored of a credential beside its id and its counter.

    Attributes:
        verified: it was unlocked by its owner at least once, so it can be.
        discoverable: it can be found without the account; None where the browser did not tell.
    """

    public_key: bytes
    aaguid: str
    transports: tuple[str, ...]
    backup_eligible: bool
    backed_up: bool
    verified: bool
    discoverable: bool | None
    format: str
    attested: bool


class Passkeys:
    """The passkeys and security keys of all accounts."""

    type: ClassVar[CredentialType] = "passkey"
    factor: ClassVar[Factor] = "possession"

    def __init__(self, store: CredentialStore, settings: Settings) -> None:
        """Raises ConfigurationError when the certificates of trusted makes cannot be read."""
        self._store = store
        self._settings = settings.passkeys
        self._strict = settings.sign_in.policy == "phishing_resistant"
        self._makes = _makes(settings.passkeys)
        self.relying_party = RelyingParty.of(settings)

    @property
    def available(self) -> bool:
        """Whether browsers let pages at the issuer's address use passkeys."""
        return self.relying_party.available

    async def describe(self, holder: Holder) -> list[Enrolled]:
        """The account's, oldest first."""
        return [_enrolled(row) for row in await self._store.of_account(holder.account_id, self.type)]

    async def signals(self, holder: Holder) -> dict[str, Any]:
        """What the browser is told so that providers of passkeys keep theirs in step (section 5.1.10)."""
        rows = await self._store.of_account(holder.account_id, self.type)
        return {
            "rpId": self.relying_party.id,
            "userId": encode(id_to_bytes(holder.account_id)),
            "allAcceptedCredentialIds": [encode(row.lookup or b"") for row in rows],
            "name": holder.email or holder.name,
            "displayName": holder.name,
        }

    async def challenge(self, tx: Transaction, holder: Holder | None, purpose: str, now: int) -> Challenge:
        """Options for ``navigator.credentials.get()``.

        With no ``holder`` they name no credential, so they are the same for everybody.
        """
        rows = [] if holder is None else await self._store.of_account(holder.account_id, self.type, tx)
        asked = _Asked(secrets.token_bytes(_CHALLENGE), self._verification(holder, rows))
        options = {
            "challenge": encode(asked.challenge),
            "timeout": _TIMEOUT,
            "rpId": self.relying_party.id,
            "allowCredentials": [_descriptor(row) for row in rows],
            "userVerification": asked.verification,
        }
        return Challenge({"publicKey": options}, msgspec.json.encode(asked))

    async def verify(self, holder: Holder | None, answer: PasskeyAnswer, kept: bytes, now: int) -> Proof | None:
        """What the passkey shows, and whose it is; None for somebody else's.

        Raises:
            UnknownPasskey: nobody here has it.
            InvalidChallenge: it answers something else, was not unlocked though it can be, or was copied.
        """
        asked = _asked(kept)
        credential_id = credential_id_of(answer.credential)
        row = await self._store.by_lookup(credential_id)
        if row is None or row.type != self.type:
            raise UnknownPasskey(extra={"rp_id": self.relying_party.id, "credential_id": encode(credential_id)})
        if holder is not None and row.account_id != holder.account_id:
            return None
        key = msgspec.json.decode(row.data, type=_Key)
        # What was unlocked once can be unlocked. Who has taken it, and asks it for less, is not let in by it alone.
        alone = holder is None and key.verified
        found = verify_assertion(
            credential=answer.credential,
            challenge=asked.challenge,
            rp_id=self.relying_party.id,
            origins=self.relying_party.origins,
            require_user_verification=alone or asked.verification == "required",
            public_key=key.public_key,
            backup_eligible=key.backup_eligible,
        )
        _check_owner(row, found, named=holder is not None)
        await self._count(row, key, found, now)
        return _proof(row, key, found.user_verified, now)

    async def begin_enrolment(self, tx: Transaction, holder: Holder, given: str, now: int) -> Challenge:
        """Options for ``navigator.credentials.create()``.

        Args:
            given: ``security_key`` for one that is to be a second factor only, otherwise empty.

        Raises:
            InvalidRequest: ``given`` is something else.
            Conflict: the account has as many as it may have.
        """
        if given not in ("", SECURITY_KEY):
            raise InvalidRequest(f"This is empty for a passkey, or `{SECURITY_KEY}`.", field="given")
        rows = await self._require_room(tx, holder)
        second = given == SECURITY_KEY
        asked = _Asked(secrets.token_bytes(_CHALLENGE), "discouraged" if second else "preferred", second)
        options = {
            "rp": {"id": self.relying_party.id, "name": self.relying_party.name},
            "user": {
                "id": encode(id_to_bytes(holder.account_id)),
                "name": holder.email or holder.name,
                "displayName": holder.name,
            },
            "challenge": encode(asked.challenge),
            "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
            "timeout": _TIMEOUT,
            "excludeCredentials": [_descriptor(row) for row in rows],
            "authenticatorSelection": _selection(asked),
            "hints": ["security-key"] if second else [],
            "attestation": "none" if self._makes is None else "direct",
            "extensions": {"credProps": True},
        }
        return Challenge({"publicKey": options}, msgspec.json.encode(asked))

    def shown(self, holder: Holder, kept: bytes) -> dict[str, Any]:
        """Nothing: a ceremony that has failed begins anew, with another challenge."""
        return {}

    async def enrol(
        self, tx: Transaction, holder: Holder, answer: PasskeyAnswer, kept: bytes, name: str, now: int
    ) -> tuple[Enrolled, Proof]:
        """Add the passkey that was just made.

        Raises:
            InvalidChallenge: it was made for something else, or is of a make that is not accepted.
            Conflict: it is enrolled already, or the account has as many as it may have.
        """
        asked = _asked(kept)
        found = verify_registration(
            credential=answer.credential,
            challenge=asked.challenge,
            rp_id=self.relying_party.id,
            origins=self.relying_party.origins,
            require_user_verification=asked.verification == "required",
            makes=self._makes,
            at=now,
        )
        await self._require_room(tx, holder)
        key = _key(found, answer.credential)
        row = await self._store.insert(
            tx,
            now,
            account_id=holder.account_id,
            kind=self.type,
            name=name or _name(found, asked),
            second=asked.second,
            data=msgspec.json.encode(key),
            lookup=found.credential_id,
            counter=found.sign_count,
        )
        if row is None:
            raise Conflict("This passkey is enrolled already.")
        return _enrolled(row), _proof(row, key, found.user_verified, now)

    def _verification(self, holder: Holder | None, rows: Sequence[StoredCredential]) -> Verification:
        if holder is None:
            return "required" if self._strict else "preferred"
        return "discouraged" if rows and all(row.second for row in rows) else "preferred"

    async def _require_room(self, tx: Transaction, holder: Holder) -> list[StoredCredential]:
        # The account stays as it is until the commit, so two enrolments at once do not both find the last free place.
        await tx.fetch_value("SELECT 1 FROM accounts WHERE id = :id /* FOR NO KEY UPDATE */", id=holder.account_id)
        rows = await self._store.of_account(holder.account_id, self.type, tx)
        most = self._settings.max_per_account
        if len(rows) >= most:
            raise Conflict(f"An account has at most {most} passkeys; remove one first.")
        return rows

    async def _count(self, row: StoredCredential, key: _Key, found: Assertion, now: int) -> None:
        """Note the use; the signature counter goes up, where the authenticator counts at all (section 6.1.1)."""
        if (found.sign_count or row.counter) and found.sign_count <= row.counter:
            await self._store.note_copied(row, found.sign_count, now)
            raise InvalidChallenge("This passkey seems to have been copied. Use another way to sign in.")
        after = msgspec.structs.replace(key, backed_up=found.backed_up, verified=key.verified or found.user_verified)
        data = None if after == key else msgspec.json.encode(after)
        if not await self._store.use(row.id, row.counter, found.sign_count, now, data):
            raise InvalidChallenge("This passkey was used somewhere else at the same moment; try again.")


def _makes(settings: PasskeySettings) -> Makes | None:
    if settings.attestation == "none":
        return None
    try:
        return Makes(frozenset(settings.aaguids), read_roots(settings.roots.read_bytes() if settings.roots else b""))
    except (OSError, ValueError) as cause:
        raise ConfigurationError(
            [f"passkeys.roots: {settings.roots} holds no certificates that can be read"]
        ) from cause


def _asked(kept: bytes) -> _Asked:
    if not kept:
        raise InvalidChallenge
    return msgspec.json.decode(kept, type=_Asked)


def _check_owner(row: StoredCredential, found: Assertion, *, named: bool) -> None:
    """That the authenticator has the same owner for it, which it has to say where nobody said before (section 7.2)."""
    if found.user_handle is None:
        if named:
            return
    elif found.user_handle == id_to_bytes(row.account_id):
        return
    raise InvalidChallenge("This passkey and the account do not belong together.")


def _selection(asked: _Asked) -> dict[str, Any]:
    if asked.second:
        return {
            "authenticatorAttachment": "cross-platform",
            "residentKey": "discouraged",
            "requireResidentKey": False,
            "userVerification": asked.verification,
        }
    return {"residentKey": "required", "requireResidentKey": True, "userVerification": asked.verification}


def _key(found: RegisteredKey, credential: dict[str, Any]) -> _Key:
    return _Key(
        public_key=found.public_key,
        aaguid=found.aaguid,
        transports=found.transports,
        backup_eligible=found.backup_eligible,
        backed_up=found.backed_up,
        verified=found.user_verified,
        discoverable=_discoverable(credential),
        format=found.format,
        attested=found.attested,
    )


def _discoverable(credential: dict[str, Any]) -> bool | None:
    """What the extension ``credProps`` says (section 10.1.3)."""
    found: Any = credential
    for name in ("clientExtensionResults", "credProps", "rk"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, bool) else None


def _name(found: RegisteredKey, asked: _Asked) -> str:
    return authenticator_name(found.aaguid) or ("Security key" if asked.second else "Passkey")


def _descriptor(row: StoredCredential) -> dict[str, Any]:
    transports = msgspec.json.decode(row.data, type=_Key).transports
    named = {"type": "public-key", "id": encode(row.lookup or b"")}
    return named | {"transports": list(transports)} if transports else named


def _enrolled(row: StoredCredential) -> Enrolled:
    key = msgspec.json.decode(row.data, type=_Key)
    details = {
        "synced": key.backed_up,
        "device_bound": not key.backup_eligible,
        "discoverable": key.discoverable,
        "user_verified": key.verified,
        "attested": key.attested,
        "transports": list(key.transports),
        "provider": authenticator_name(key.aaguid),
    }
    return Enrolled(row.id, "passkey", row.name, row.created_at, row.used_at, second=bool(row.second), details=details)


def _proof(row: StoredCredential, key: _Key, verified: bool, now: int) -> Proof:
    hardware: Strength = "hardware" if key.attested and not key.backup_eligible and verified else "phishing_resistant"
    return Proof(
        type="passkey",
        factors=("possession", "inherence") if verified else ("possession",),
        amr=("swk" if key.backup_eligible else "hwk", "user"),
        at=now,
        strength=hardware,
        credential_id=row.id,
        account_id=row.account_id,
    )
