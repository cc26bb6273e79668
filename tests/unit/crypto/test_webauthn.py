"""Ceremonies of WebAuthn that are forged: each is refused as the answer's fault, whatever a parser makes of it."""

from __future__ import annotations

import contextlib
import json
import secrets
from typing import Any

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostiary.crypto.attestation import Makes
from ostiary.crypto.cbor import end_of_item
from ostiary.crypto.webauthn import (
    LONGEST_ID,
    Assertion,
    RegisteredKey,
    credential_id_of,
    verify_assertion,
    verify_registration,
)
from ostiary.errors import InvalidChallenge
from tests.support.authenticator import (
    BE,
    BS,
    EDDSA,
    ES384,
    MAKE,
    RS256,
    UP,
    UV,
    Authenticator,
    Key,
    Vendor,
    b64,
    unb64,
)

RP, ORIGIN, CHALLENGE, AT = "example.org", "https://example.org", b"c" * 32, 1_767_225_600_000
GET = {"publicKey": {"challenge": b64(CHALLENGE), "allowCredentials": [], "userVerification": "preferred"}}


def to_create(attestation: str = "none") -> dict[str, Any]:
    selection = {"userVerification": "preferred", "requireResidentKey": True}
    return {
        "publicKey": {
            "rp": {"id": RP},
            "user": {"id": b64(b"u" * 16)},
            "challenge": b64(CHALLENGE),
            "attestation": attestation,
            "authenticatorSelection": selection,
        }
    }


def registered(credential: Any, *, verified: bool = False, makes: Makes | None = None) -> RegisteredKey:
    return verify_registration(
        credential=credential,
        challenge=CHALLENGE,
        rp_id=RP,
        origins=[ORIGIN],
        require_user_verification=verified,
        makes=makes,
        at=AT,
    )


def asserted(credential: Any, key: RegisteredKey, *, verified: bool = False) -> Assertion:
    return verify_assertion(
        credential=credential,
        challenge=CHALLENGE,
        rp_id=RP,
        origins=[ORIGIN],
        require_user_verification=verified,
        public_key=key.public_key,
        backup_eligible=key.backup_eligible,
    )


@pytest.fixture
def authenticator() -> Authenticator:
    return Authenticator()


@pytest.fixture
def key(authenticator: Authenticator) -> RegisteredKey:
    return registered(authenticator.create(to_create(), ORIGIN))


@pytest.mark.parametrize("algorithm", [-7, EDDSA, RS256])
@pytest.mark.parametrize("synced", [False, True])
def test_each_algorithm_that_is_offered_registers_and_signs(algorithm: int, synced: bool) -> None:
    authenticator = Authenticator(algorithm, synced=synced, counts=True)
    key = registered(authenticator.create(to_create(), ORIGIN))
    found = asserted(authenticator.get(GET, ORIGIN), key)
    assert (found.sign_count, found.user_verified, found.user_handle) == (2, True, b"u" * 16)
    assert (found.backup_eligible, found.backed_up) == (key.backup_eligible, key.backed_up) == (synced, synced)


FORGED_CLIENT_DATA = {
    "another origin": {"origin": "https://evil.example"},
    "an origin with another port": {"origin": ORIGIN + ":8443"},
    "an origin below ours": {"origin": "https://a.example.org"},
    "our origin without https": {"origin": "http://example.org"},
    "our origin in capitals": {"origin": "https://EXAMPLE.org"},
    "our origin with a slash": {"origin": ORIGIN + "/"},
    "a frame of another site": {"crossOrigin": True},
    "a frame, and who has framed it": {"crossOrigin": True, "topOrigin": "https://evil.example"},
    "who has framed it only": {"topOrigin": ORIGIN},
    "nobody who has framed it": {"topOrigin": None},
    "a word for whether it is framed": {"crossOrigin": "false"},
    "another challenge": {"challenge": b64(b"d" * 32)},
    "the challenge with padding": {"challenge": b64(CHALLENGE) + "="},
    "the challenge with a space": {"challenge": " " + b64(CHALLENGE)},
    "no challenge": {"challenge": None},
    "a payment": {"type": "payment.get"},
    "a list for a type": {"type": ["webauthn.get"]},
    "a list of origins": {"origin": [ORIGIN]},
}


@pytest.mark.parametrize("client_data", FORGED_CLIENT_DATA.values(), ids=FORGED_CLIENT_DATA.keys())
def test_client_data_of_something_else_are_refused(
    authenticator: Authenticator, key: RegisteredKey, client_data: dict[str, Any]
) -> None:
    """The authenticator has signed them: it signs whatever the browser says."""
    with pytest.raises(InvalidChallenge):
        asserted(authenticator.get(GET, ORIGIN, client_data=client_data), key)
    with pytest.raises(InvalidChallenge):
        registered(authenticator.create(to_create(), ORIGIN, client_data=client_data))


def honest(kind: str = "webauthn.get") -> str:
    return json.dumps({"type": kind, "challenge": b64(CHALLENGE), "origin": ORIGIN, "crossOrigin": False})


TWO_MEANINGS = {
    "another encoding": honest().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + honest().encode(),
    "an origin twice": honest().replace("{", '{"origin": "https://evil.example", ', 1).encode(),
    "a challenge twice": honest().replace("}", ', "challenge": "eA"}', 1).encode(),
    "not an object": b"[]",
    "nothing": b"",
    "brackets": b"[" * 4_000,
    "too much": honest().encode() + b" " * 8_192,
}


@pytest.mark.parametrize("client_data", TWO_MEANINGS.values(), ids=TWO_MEANINGS.keys())
def test_client_data_with_two_meanings_or_none_are_refused(
    authenticator: Authenticator, key: RegisteredKey, client_data: bytes
) -> None:
    with pytest.raises(InvalidChallenge):
        asserted(authenticator.get(GET, ORIGIN, client_data=client_data), key)


def test_client_data_may_have_members_that_do_not_exist_yet(authenticator: Authenticator, key: RegisteredKey) -> None:
    assert asserted(authenticator.get(GET, ORIGIN, client_data={"new": {"in": ["level", 4]}}), key).user_verified


FORGED_AUTHENTICATOR_DATA = {
    "another site": {"rp_id": "evil.example"},
    "the site in capitals": {"rp_id": "EXAMPLE.org"},
    "nobody there": {"flags": UV},
    "no flags": {"flags": 0},
    "backed up though it cannot be": {"flags": UP | BS},
    "can be backed up, which it could not be": {"flags": UP | BE},
    "a credential that is not there": {"flags": UP | 64},
    "extensions that are not there": {"flags": UP | 128},
    "extensions without end": {"flags": UP | 128, "tail": b"\xbf"},
    "extensions that are cut": {"flags": UP | 128, "tail": b"\xa1"},
    "extensions with a tag": {"flags": UP | 128, "tail": b"\xc2\x41\x01"},
    "a byte more": {"tail": b"\0"},
    "another signature": {"signature": b"0" * 70},
    "no signature": {"signature": b""},
}


@pytest.mark.parametrize("forged", FORGED_AUTHENTICATOR_DATA.values(), ids=FORGED_AUTHENTICATOR_DATA.keys())
def test_authenticator_data_of_something_else_are_refused(
    authenticator: Authenticator, key: RegisteredKey, forged: dict[str, Any]
) -> None:
    with pytest.raises(InvalidChallenge):
        asserted(authenticator.get(GET, ORIGIN, **forged), key)


def test_extensions_are_let_through(authenticator: Authenticator, key: RegisteredKey) -> None:
    extensions = cbor2.dumps({"credProtect": 3, "hmac-secret": True})
    assert asserted(authenticator.get(GET, ORIGIN, flags=UP | 128, tail=extensions), key).user_verified is False


def test_another_key_s_signature_is_refused(authenticator: Authenticator, key: RegisteredKey) -> None:
    other = Key(-7, RP, b"u" * 16, credential_id=authenticator.keys[0].id)
    with pytest.raises(InvalidChallenge):
        asserted(authenticator.get(GET, ORIGIN, other), key)


def test_user_verification_that_is_asked_for_cannot_be_left_out() -> None:
    silent = Authenticator(verifies=False)
    with pytest.raises(InvalidChallenge, match="PIN"):
        registered(silent.create(to_create(), ORIGIN), verified=True)
    key = registered(silent.create(to_create(), ORIGIN))
    with pytest.raises(InvalidChallenge, match="PIN"):
        asserted(silent.get(GET, ORIGIN, silent.keys[1]), key, verified=True)
    assert asserted(silent.get(GET, ORIGIN, silent.keys[1]), key).user_verified is False


def other_keys() -> dict[str, dict[int, Any]]:
    point = Key(-7, RP, b"").cose
    modulus, wide = Key(RS256, RP, b"").cose, Key(ES384, RP, b"").cose
    return {
        "ES384, which is not offered": wide,
        "ES256 on another curve": {**wide, 3: -7},
        "an algorithm of another kind of key": {**point, 3: RS256},
        "no algorithm": {name: value for name, value in point.items() if name != 3},
        "a point that is not on the curve": {**point, -2: b"\1" * 32},
        "a point that is cut": {**point, -2: point[-2][:31]},
        "a point that is a number": {**point, -2: 7},
        "a text for a kind": {**point, 1: "EC2"},
        "an RSA key of 1024 bits": {**modulus, -1: b"\xc1" * 128},
        "an RSA key of 8192 bits": {**modulus, -1: b"\xc1" * 1024},
        "an RSA key with a long exponent": {**modulus, -2: b"\xc1" * 256},
        "an RSA key with an even exponent": {**modulus, -2: b"\2"},
        "HMAC": {1: 4, 3: 5, -1: b"k" * 32},
        "nothing": {},
    }


OTHER_KEYS = other_keys()


@pytest.mark.parametrize("cose", OTHER_KEYS.values(), ids=OTHER_KEYS.keys())
def test_keys_of_another_kind_are_not_registered(authenticator: Authenticator, cose: dict[int, Any]) -> None:
    with pytest.raises(InvalidChallenge):
        registered(authenticator.create(to_create(), ORIGIN, cose=cose))


@pytest.mark.parametrize("length", [1, 16, 64, LONGEST_ID])
def test_ids_of_up_to_1023_bytes_are_registered(authenticator: Authenticator, length: int) -> None:
    made = authenticator.create(to_create(), ORIGIN, credential_id=secrets.token_bytes(length))
    assert registered(made).credential_id == unb64(made["id"])


def test_longer_ids_are_not_registered(authenticator: Authenticator) -> None:
    with pytest.raises(InvalidChallenge):
        registered(authenticator.create(to_create(), ORIGIN, credential_id=b"i" * (LONGEST_ID + 1)))


def test_the_id_of_another_credential_than_the_authenticator_s_is_refused(authenticator: Authenticator) -> None:
    """A browser's word alone would enrol somebody else's credential id."""
    made = authenticator.create(to_create(), ORIGIN)
    other = b64(b"somebody else's id")
    for changed in ({"id": other}, {"rawId": other}, {"id": other, "rawId": other}):
        with pytest.raises(InvalidChallenge):
            registered(made | changed)


WRONG_ENVELOPES: list[dict[str, Any]] = [
    {"id": None},
    {"id": ""},
    {"rawId": 7},
    {"rawId": "a" * 1_365, "id": "a" * 1_365},
    {"rawId": "not base64!"},
    {"type": "password"},
    {"type": None},
    {"response": None},
    {"response": []},
    {"response": {}},
]


@pytest.mark.parametrize("changed", WRONG_ENVELOPES, ids=str)
def test_answers_of_another_form_are_refused(
    authenticator: Authenticator, key: RegisteredKey, changed: dict[str, Any]
) -> None:
    with pytest.raises(InvalidChallenge):
        registered(authenticator.create(to_create(), ORIGIN) | changed)
    with pytest.raises(InvalidChallenge):
        asserted(authenticator.get(GET, ORIGIN, authenticator.keys[0]) | changed, key)


def test_transports_are_kept_where_they_look_like_some(authenticator: Authenticator) -> None:
    made = authenticator.create(to_create(), ORIGIN)
    made["response"]["transports"] = ["usb", "nfc", "usb", "telepathy", "<b>", 7, None, "x" * 33, *map(str, range(99))]
    kept = registered(made).transports
    assert len(kept) == 8
    assert not {"<b>", "x" * 33} & set(kept)
    made["response"]["transports"] = ["usb", "telepathy"]
    assert registered(made).transports == ("telepathy", "usb")


VENDOR = Vendor()
TRUSTED = Makes(frozenset({MAKE}), (VENDOR.pem,))


@pytest.mark.parametrize("fmt", ["packed", "apple"])
def test_a_trusted_make_is_attested(fmt: str) -> None:
    made = Authenticator(fmt=fmt, vendor=VENDOR).create(to_create("direct"), ORIGIN)
    found = registered(made, makes=TRUSTED)
    assert (found.attested, found.format, found.aaguid) == (True, fmt, MAKE)
    assert not registered(made).attested


def packed(vendor: Vendor = VENDOR, **said: Any) -> dict[str, Any]:
    return Authenticator(fmt="packed", vendor=vendor, **said).create(to_create("direct"), ORIGIN)


def untrusted() -> dict[str, dict[str, Any]]:
    other = MAKE[:-1] + "6"
    return {
        "nothing": Authenticator().create(to_create("direct"), ORIGIN),
        "its own word": Authenticator(fmt="packed").create(to_create("direct"), ORIGIN),
        "another root": packed(Vendor()),
        "another root, by Apple's form": Authenticator(fmt="apple", vendor=Vendor()).create(
            to_create("direct"), ORIGIN
        ),
        "another make": packed(make=other),
        "another make's certificate": packed(certified={"make": other}),
        "an authority's certificate": packed(certified={"ca": True}),
        "a certificate for something else": packed(certified={"unit": "Web servers"}),
        "an expired certificate": packed(Vendor((2001, 2002))),
    }


UNTRUSTED = untrusted()


@pytest.mark.parametrize("made", UNTRUSTED.values(), ids=UNTRUSTED.keys())
def test_an_untrusted_make_is_refused_where_the_make_counts(made: dict[str, Any]) -> None:
    assert not registered(made).attested
    with pytest.raises(InvalidChallenge):
        registered(made, makes=TRUSTED)


STATEMENTS: list[Any] = [
    {},
    {"x5c": []},
    {"x5c": None},
    {"x5c": [b"not a certificate"], "sig": b"0", "alg": -7},
    {"x5c": [VENDOR.certify(Key(-7, RP, b"").private.public_key())] * 99, "sig": b"0", "alg": -7},
    {"alg": "ES256", "sig": "text"},
    {"ver": "2.0", "alg": -7, "sig": b"0", "x5c": [b"0"], "certInfo": b"", "pubArea": b""},
]


@pytest.mark.parametrize("fmt", ["packed", "tpm", "android-key", "android-safetynet", "apple", "fido-u2f", "x" * 99])
@pytest.mark.parametrize("statement", STATEMENTS, ids=range(len(STATEMENTS)))
def test_a_senseless_statement_is_refused_where_the_make_counts(fmt: str, statement: Any) -> None:
    made = Authenticator().create(to_create(), ORIGIN)
    attestation = cbor2.loads(unb64(made["response"]["attestationObject"]))
    raw = cbor2.dumps(attestation | {"fmt": fmt, "attStmt": statement})
    made["response"]["attestationObject"] = b64(raw)
    with pytest.raises(InvalidChallenge):
        registered(made, makes=TRUSTED)


HOSTILE_CBOR = {
    "nothing": b"",
    "a billion items": b"\x9b\x00\x00\x00\x00\x3b\x9a\xca\x00",
    "a billion members": b"\xbb\x00\x00\x00\x00\x3b\x9a\xca\x00",
    "a string of 16 exabytes": b"\x5b" + b"\xff" * 8,
    "ten thousand lists": b"\x81" * 10_000 + b"\x80",
    "a list without end": b"\x9f\xff",
    "a string without end": b"\x5f\x41a\xff",
    "a number to the power of a billion": b"\xc5\x82\x1a\x3b\x9a\xca\x00\x03",
    "a pattern": b"\xd8\x23\x68(a+)+$aa",
    "a mail": b"\xd8\x24\x61x",
    "a half float": b"\xf9\x7e\x00",
    "undefined": b"\xf7",
    "two items": b"\x01\x01",
    "a reserved length": b"\x1c",
}


@pytest.mark.parametrize("raw", HOSTILE_CBOR.values(), ids=HOSTILE_CBOR.keys())
def test_cbor_that_is_made_to_hurt_is_refused(authenticator: Authenticator, raw: bytes) -> None:
    with pytest.raises(InvalidChallenge):
        registered(authenticator.create(to_create(), ORIGIN, raw=raw))


@pytest.mark.parametrize("raw", HOSTILE_CBOR.values(), ids=HOSTILE_CBOR.keys())
def test_cbor_that_is_made_to_hurt_reaches_no_decoder(raw: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert end_of_item(raw) != len(raw)


NUMBERS = st.integers(-(2**64), 2**64 - 1)
PLAIN = NUMBERS | st.binary(max_size=300) | st.text(max_size=30) | st.booleans() | st.none()
NESTED = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(NUMBERS, PLAIN, max_size=3)


@given(NESTED | st.dictionaries(st.text(), NESTED, max_size=3))
def test_the_end_of_plain_cbor_is_found(value: Any) -> None:
    raw = cbor2.dumps(value)
    assert end_of_item(raw + b"tail") == len(raw)


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_of_an_answer_is_anything_but_refused(
    authenticator: Authenticator, key: RegisteredKey, data: st.DataObject
) -> None:
    made = authenticator.create(to_create(), ORIGIN)
    got = authenticator.get(GET, ORIGIN, authenticator.keys[0])
    for answer, check in ((made, registered), (got, lambda changed: asserted(changed, key))):
        name = data.draw(st.sampled_from(sorted(answer["response"].keys() - {"transports", "userHandle"})))
        raw = bytearray(unb64(answer["response"][name]))
        raw[data.draw(st.integers(0, 10_000)) % len(raw)] ^= data.draw(st.integers(0, 255))
        cut = data.draw(st.none() | st.integers(0, 300))
        changed = answer | {"response": answer["response"] | {name: b64(bytes(raw[:cut]))}}
        try:
            check(changed)
        except InvalidChallenge:
            continue
        if check is not registered:  # what is registered is signed by nobody, so other keys and ids are as good
            assert changed == answer


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
)
NAMES = st.sampled_from(["id", "rawId", "type", "response", "clientExtensionResults"])
INNER = st.sampled_from(["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"])


@given(st.dictionaries(NAMES, JSON | st.dictionaries(INNER, JSON | st.binary().map(b64))))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_at_all_is_refused(key: RegisteredKey, credential: dict[str, Any]) -> None:
    with pytest.raises(InvalidChallenge):
        registered(credential)
    with pytest.raises(InvalidChallenge):
        asserted(credential, key)


@pytest.mark.parametrize("credential", [{}, {"id": 7}, {"id": "!"}, {"id": "a" * 1_365}, {"id": "YQ="}, {"id": "YR"}])
def test_what_has_no_id_is_nobody_s(credential: dict[str, Any]) -> None:
    with pytest.raises(InvalidChallenge):
        credential_id_of(credential)
