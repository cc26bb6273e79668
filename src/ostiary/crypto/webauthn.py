"""The ceremonies of Web Authentication: what authenticator and browser sent, verified (WebAuthn Level 3, section 7).

The only door to the library ``webauthn``, which takes 260 ms to load and so is loaded when first needed. What it leaves
to its callers is checked here: every size, before anything is parsed; that the client data have one meaning; no frames
of other sites; the credential's id and the kind of its key; and, where the make counts, that the certificates end at
the roots that were given and are about this make.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ostiary.base.strict_json import decode as decode_json
from ostiary.crypto.attestation import FORMATS, Makes, certified_make, check_chain, check_packed_leaf
from ostiary.crypto.cbor import end_of_item
from ostiary.errors import InvalidChallenge

ALGORITHMS = (-7, -8, -257)
"""COSE: ES256, EdDSA (Ed25519) and RS256, in the order of our preference. Every authenticator has one of them."""
LONGEST_ID = 1023
"""Bytes of a credential id (section 4)."""
_WRONG = "The passkey's answer does not fit what was asked; begin again."
_LOCKED = "Unlock the passkey with your fingerprint, face or PIN."
_MAKE = "Authenticators of this make are not accepted here; use one that the organization has given out."
_ID, _HANDLE, _SMALL, _LARGE = 1_364, 86, 8_192, 32_768
"""Characters of base64url: of a credential id, of a user handle, of client data and signatures, of an attestation."""
_RSA_BITS = range(2048, 4097)
_TRANSPORT = re.compile(r"[a-z0-9-]{1,32}")

_Id = Annotated[str, Meta(max_length=_ID)]
_Small = Annotated[str, Meta(max_length=_SMALL)]


class RegisteredKey(msgspec.Struct, frozen=True):
    """A new credential.

    Attributes:
        public_key: COSE (RFC 9052 section 7).
        aaguid: the make, in lower case with dashes; all zero where the authenticator does not tell.
        backup_eligible, backed_up: whether the key can leave its authenticator, and whether it has (section 6.1.3).
        format: of the attestation statement that came.
        attested: the statement was verified, and ends at a trusted root; otherwise nothing is known of the make.
        transports: how the browser can reach the authenticator.
    """

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: str
    backup_eligible: bool
    backed_up: bool
    user_verified: bool
    format: str
    attested: bool
    transports: tuple[str, ...]


class Assertion(msgspec.Struct, frozen=True):
    """A use of a credential. ``user_handle`` is what the authenticator keeps of whose it is."""

    credential_id: bytes
    user_handle: bytes | None
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    user_verified: bool


class _Attestation(msgspec.Struct, frozen=True, rename="camel"):
    client_data: _Small = msgspec.field(name="clientDataJSON")
    attestation_object: Annotated[str, Meta(max_length=_LARGE)]
    transports: list[Any] | None = None


class _Signed(msgspec.Struct, frozen=True, rename="camel"):
    client_data: _Small = msgspec.field(name="clientDataJSON")
    authenticator_data: _Small
    signature: _Small
    user_handle: Annotated[str, Meta(max_length=_HANDLE)] | None = None


class _Created(msgspec.Struct, frozen=True, rename="camel"):
    id: _Id
    raw_id: _Id
    type: Literal["public-key"]
    response: _Attestation


class _Got(msgspec.Struct, frozen=True, rename="camel"):
    id: _Id
    raw_id: _Id
    type: Literal["public-key"]
    response: _Signed


class _ClientData(msgspec.Struct, frozen=True, rename="camel"):
    """Section 5.8.1. Browsers may add members, so others are let through."""

    type: str
    challenge: str
    origin: str
    cross_origin: bool = False
    top_origin: Any | UnsetType = UNSET


def credential_id_of(credential: Mapping[str, Any]) -> bytes:
    """The id of the credential that an answer is of, which nothing has been proved of yet.

    Raises:
        InvalidChallenge: there is none.
    """
    with _refusing():
        return _bytes(msgspec.convert(credential.get("id"), _Id))


def verify_registration(
    *,
    credential: Mapping[str, Any],
    challenge: bytes,
    rp_id: str,
    origins: Collection[str],
    require_user_verification: bool,
    makes: Makes | None,
    at: int,
) -> RegisteredKey:
    """The credential that ``navigator.credentials.create()`` made (section 7.1).

    Args:
        credential: ``PublicKeyCredential.toJSON()``.
        origins: of the pages that may have asked for it.
        makes: which are trusted; None ignores the statement, as a browser does that was asked for none.
        at: now, in milliseconds.

    Raises:
        InvalidChallenge: anything about it is wrong, whatever it is.
    """
    from webauthn import verify_registration_response
    from webauthn.helpers.structs import AuthenticatorAttestationResponse, RegistrationCredential

    with _refusing():
        answer = msgspec.convert(credential, _Created)
        client_data = _client_data(answer.response.client_data, "webauthn.create", challenge, origins)
        fmt, statement, authenticator_data = _attestation_object(_bytes(answer.response.attestation_object))
        found = verify_registration_response(
            credential=RegistrationCredential(
                id=answer.id,
                raw_id=_credential_id(answer),
                response=AuthenticatorAttestationResponse(
                    client_data, _packed(fmt if makes else "none", statement if makes else {}, authenticator_data)
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=list(origins),
            supported_pub_key_algs=list(ALGORITHMS),  # type: ignore[arg-type]  # its enumeration is of integers
            pem_root_certs_bytes_by_fmt=_roots(makes),
        )
        if found.credential_id != _credential_id(answer):
            raise ValueError("the authenticator's credential has another id than the browser's")
        _check_key(found.credential_public_key)
        if require_user_verification and not found.user_verified:
            raise InvalidChallenge(_LOCKED)
        if makes is not None:
            _check_make(makes, fmt, statement, found.aaguid, at)
        return RegisteredKey(
            credential_id=found.credential_id,
            public_key=found.credential_public_key,
            sign_count=found.sign_count,
            aaguid=found.aaguid,
            backup_eligible=found.credential_device_type == "multi_device",
            backed_up=found.credential_backed_up,
            user_verified=found.user_verified,
            format=fmt,
            attested=makes is not None,
            transports=_transports(answer.response.transports),
        )


def verify_assertion(
    *,
    credential: Mapping[str, Any],
    challenge: bytes,
    rp_id: str,
    origins: Collection[str],
    require_user_verification: bool,
    public_key: bytes,
    backup_eligible: bool,
) -> Assertion:
    """The use of a credential by ``navigator.credentials.get()`` (section 7.2).

    The signature counter is the caller's to compare: what it means takes what is stored.

    Args:
        credential: ``PublicKeyCredential.toJSON()``.
        origins: of the pages that may have asked for it.
        public_key, backup_eligible: as registered; neither ever changes.

    Raises:
        InvalidChallenge: anything about it is wrong, whatever it is.
    """
    from webauthn import verify_authentication_response
    from webauthn.helpers.structs import AuthenticationCredential, AuthenticatorAssertionResponse

    with _refusing():
        answer = msgspec.convert(credential, _Got)
        handle = answer.response.user_handle
        user_handle = None if handle is None else _bytes(handle)
        authenticator_data = _bytes(answer.response.authenticator_data)
        _check_authenticator_data(authenticator_data)
        found = verify_authentication_response(
            credential=AuthenticationCredential(
                id=answer.id,
                raw_id=_credential_id(answer),
                response=AuthenticatorAssertionResponse(
                    client_data_json=_client_data(answer.response.client_data, "webauthn.get", challenge, origins),
                    authenticator_data=authenticator_data,
                    signature=_bytes(answer.response.signature),
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=list(origins),
            credential_public_key=public_key,
            credential_current_sign_count=0,
        )
        if require_user_verification and not found.user_verified:
            raise InvalidChallenge(_LOCKED)
        if (found.credential_device_type == "multi_device") != backup_eligible:
            raise ValueError("whether the key can be backed up has changed")
        return Assertion(
            credential_id=found.credential_id,
            user_handle=user_handle,
            sign_count=found.new_sign_count,
            backup_eligible=backup_eligible,
            backed_up=found.credential_backed_up,
            user_verified=found.user_verified,
        )


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever goes wrong inside is the answer's fault: a dozen parsers of others have a hundred ways to fail."""
    try:
        yield
    except InvalidChallenge:
        raise
    except Exception as cause:
        raise InvalidChallenge(_WRONG) from cause


def _bytes(text: str) -> bytes:
    """Base64url in its one spelling, without padding (RFC 4648 section 3.5)."""
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(raw) != text:
        raise ValueError("not base64url")
    return raw


def encode(raw: bytes) -> str:
    """``raw`` in base64url without padding, as the options of a ceremony have it."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _credential_id(answer: _Created | _Got) -> bytes:
    raw = _bytes(answer.raw_id)
    if answer.id != answer.raw_id or not 0 < len(raw) <= LONGEST_ID:
        raise ValueError("not a credential id")
    return raw


def _client_data(text: str, kind: str, challenge: bytes, origins: Collection[str]) -> bytes:
    """The client data, which are about this challenge and come from a page of ours in no frame of another site."""
    raw = _bytes(text)
    data = msgspec.convert(decode_json(raw), _ClientData)
    if data.type != kind or data.challenge != encode(challenge) or data.origin not in origins:
        raise ValueError("client data of something else")
    if data.cross_origin or data.top_origin is not UNSET:
        raise ValueError("asked for in a frame of another site")
    return raw


def _attestation_object(raw: bytes) -> tuple[str, dict[Any, Any], bytes]:
    """Format, statement and authenticator data."""
    import cbor2

    if end_of_item(raw) != len(raw):
        raise ValueError("more than one item")
    found = cbor2.loads(raw, allow_duplicate_keys=False)
    fmt, statement, authenticator_data = found["fmt"], found["attStmt"], found["authData"]
    if not (isinstance(fmt, str) and isinstance(statement, dict) and isinstance(authenticator_data, bytes)):
        raise TypeError("not an attestation object")
    if len(fmt) > 32:  # section 8.1
        raise ValueError("not the name of a format")
    _check_authenticator_data(authenticator_data)
    return fmt, statement, authenticator_data


def _packed(fmt: str, statement: dict[Any, Any], authenticator_data: bytes) -> bytes:
    import cbor2

    return cbor2.dumps({"fmt": fmt, "attStmt": statement, "authData": authenticator_data})


def _check_authenticator_data(data: bytes) -> None:
    """That all of it is what its flags say (section 6.1), so that no decoder is given anything else."""
    position, flags = 37, data[32]
    if flags & 0x40:
        position += 18 + int.from_bytes(data[53:55])
        position = end_of_item(data, position)
    if flags & 0x80:
        position = end_of_item(data, position)
    if position != len(data):
        raise ValueError("authenticator data of another length")


def _check_key(public_key: bytes) -> None:
    """That the key is of a kind that was asked for, each algorithm with its own curve, and can be used."""
    from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography
    from webauthn.helpers.decode_credential_public_key import (
        DecodedEC2PublicKey,
        DecodedOKPPublicKey,
        DecodedRSAPublicKey,
    )

    key = decode_credential_public_key(public_key)
    if isinstance(key, DecodedRSAPublicKey):
        fits = key.alg == -257 and len(key.n) * 8 in _RSA_BITS and len(key.e) <= 4
    elif isinstance(key, DecodedEC2PublicKey):
        fits = (key.alg, key.crv, len(key.x), len(key.y)) == (-7, 1, 32, 32)
    else:
        fits = isinstance(key, DecodedOKPPublicKey) and (key.alg, key.crv) == (-8, 6)
    if not fits:
        raise ValueError("a key of another kind")
    decoded_public_key_to_cryptography(key)


def _check_make(makes: Makes, fmt: str, statement: dict[Any, Any], aaguid: str, at: int) -> None:
    """That the statement, which has been verified, is of a trusted make. One root stands for many of a vendor's makes.

    Keys of U2F (section 8.6) have an AAGUID in their certificate only.
    """
    try:
        if fmt not in FORMATS:
            raise ValueError("a format without certificates")
        x5c = statement["x5c"]
        certified = certified_make(x5c[0])
        if fmt == "fido-u2f":
            aaguid = certified or aaguid
        if aaguid not in makes.aaguids or certified not in (None, aaguid):
            raise ValueError("no trusted make")
        check_chain(x5c, makes.roots, at)
        if fmt == "packed":
            check_packed_leaf(x5c[0])
    except Exception as cause:
        raise InvalidChallenge(_MAKE) from cause


def _roots(makes: Makes | None) -> dict[Any, list[bytes]] | None:
    """For the two formats whose roots the library knows: it would take no others. Our own check comes afterwards."""
    return None if makes is None else {fmt: list(makes.roots) for fmt in ("apple", "android-key")}


def _transports(given: list[Any] | None) -> tuple[str, ...]:
    """Those that have the form of one; unknown ones are kept, as section 7.1 asks for."""
    known = {text for text in given or [] if isinstance(text, str) and _TRANSPORT.fullmatch(text)}
    return tuple(sorted(known)[:8])
