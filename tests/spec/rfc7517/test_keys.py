"""RFC 7517 (JWK), RFC 7638 (thumbprint), RFC 7518 section 6 (key parameters)."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from ostiary.crypto import Key, parse_key_set
from ostiary.errors import InvalidRequest

RFC7638 = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"
        "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8"
        "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
        "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    ),
    "e": "AQAB",
}
ED25519 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
EC = Key.generate("ES256").public_jwk()
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def test_a_key_without_kid_is_named_by_the_thumbprint_of_rfc_7638() -> None:
    assert Key.from_jwk(RFC7638).kid == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert Key.from_jwk(ED25519).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert Key.from_jwk(RFC7638 | {"kid": "2011-04-29"}).kid == "2011-04-29"


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_the_public_jwk_has_name_algorithm_and_use_and_no_private_member(algorithm: str) -> None:
    key = Key.generate(algorithm)
    jwk = key.public_jwk()
    assert not PRIVATE_MEMBERS & jwk.keys()
    assert (jwk["kid"], jwk["alg"], jwk["use"]) == (key.kid, algorithm, "sig")
    public = Key.from_jwk(jwk)
    assert (public.kid, public.algorithm, public.is_private) == (key.kid, algorithm, False)
    assert public.verify(b"message", key.sign(b"message"))
    with pytest.raises(ValueError, match="public key"):
        public.sign(b"message")


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_a_private_key_survives_pkcs8(algorithm: str) -> None:
    key = Key.generate(algorithm)
    again = Key.from_der(key.to_der(), algorithm)
    assert again.public_jwk() == key.public_jwk()
    assert key.verify(b"message", again.sign(b"message"))


def test_private_members_of_a_jwk_are_not_read() -> None:
    assert not Key.from_jwk(EC | {"d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}).is_private


def test_the_repr_of_a_key_holds_no_key() -> None:
    assert repr(Key.from_secret(b"s" * 32, "name")) == "Key(HS256, name)"


@pytest.mark.parametrize(
    "changes",
    [
        {"kty": "oct", "k": "c" * 43},
        {"kty": "oct"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": "ES384"},
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"crv": None},
        {"x": "A" * 43},
        {"x": "AAAA"},
        {"x": ""},
        {"x": 5},
        {"y": "!!"},
        {"y": None},
        {"kid": 7},
        {"kty": ["EC"]},
    ],
    ids=str,
)
def test_a_jwk_that_cannot_be_used_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        Key.from_jwk(EC | changes)


@pytest.mark.filterwarnings("ignore:Key size should be")
def test_rsa_keys_below_2048_bits_are_refused() -> None:
    small = rsa.generate_private_key(65537, 1024)
    with pytest.raises(InvalidRequest):
        Key.from_jwk(RSAKey.import_key(small.public_key()).as_dict())
    with pytest.raises(ValueError, match="not a private key for RS256"):
        Key.from_der(small.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), "RS256")


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_a_private_key_of_another_kind_is_refused(algorithm: str) -> None:
    for native in (ec.generate_private_key(ec.SECP384R1()), ed448.Ed448PrivateKey.generate()):
        der = native.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(ValueError, match="not a private key"):
            Key.from_der(der, algorithm)


def test_secrets_below_256_bits_are_refused_and_secrets_are_never_public() -> None:
    with pytest.raises(ValueError, match="256 bits"):
        Key.from_secret(b"s" * 31, "name")
    with pytest.raises(ValueError, match="no public form"):
        Key.from_secret(b"s" * 32, "name").public_jwk()


def test_keys_of_a_set_that_cannot_be_used_are_passed_over() -> None:
    document = {"keys": [{"kty": "oct", "k": "c" * 43}, EC, None, "text", {}, {"kty": "new"}, ED25519]}
    assert [key.algorithm for key in parse_key_set(document)] == ["ES256", "EdDSA"]


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}], ids=str)
def test_what_is_not_a_key_set_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        parse_key_set(document)


ANYTHING = st.none() | st.integers() | st.text() | st.lists(st.text(), max_size=2) | st.just("AQAB")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*EC, *RFC7638, "key_ops"]), ANYTHING))
def test_no_jwk_raises_anything_but_invalid_request(jwk: dict[str, Any]) -> None:
    for base in ({}, EC, RFC7638, ED25519):
        try:
            Key.from_jwk(base | jwk)
        except InvalidRequest:
            continue
