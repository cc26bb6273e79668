"""RFC 9068 access tokens, with the practices of RFC 8725 and the attacks that they answer."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.base.clock import MINUTE, SECOND
from ostiary.crypto import ACCESS_TOKEN_CLAIMS, Key, Verifier, jose
from ostiary.errors import InvalidToken

NOW = 1_767_225_600_000
ISSUER = "https://auth.example.com"
AUDIENCE = "https://api.example.com"
KEYS = {algorithm: Key.generate(algorithm) for algorithm in ("ES256", "RS256", "EdDSA")}
KEY = KEYS["ES256"]
PUBLIC = [Key.from_jwk(key.public_jwk()) for key in KEYS.values()]
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "acc_1",
    "client_id": "cli_1",
    "iat": NOW // SECOND,
    "exp": NOW // SECOND + 600,
    "jti": "tok_1",
}


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def forge(header: bytes | dict[str, Any], payload: bytes | dict[str, Any] = CLAIMS, *, key: Key = KEY) -> str:
    """A token with any header and payload, rightly signed by ``key``."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    message = ".".join(map(encode, parts))
    return message + "." + encode(key.sign(message.encode()))


def header(**changes: Any) -> dict[str, Any]:
    return {"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid} | changes


def verify(token: str, *, now: int = NOW, **changes: Any) -> dict[str, Any]:
    expected: dict[str, Any] = {"typ": "at+jwt", "issuer": ISSUER, "audience": AUDIENCE}
    return jose.verify(token, keys=PUBLIC, now=now, required=ACCESS_TOKEN_CLAIMS, **expected | changes)


def refused(token: str, match: str, **changes: Any) -> None:
    with pytest.raises(InvalidToken) as caught:
        verify(token, **changes)
    assert caught.value.detail is not None
    assert match in caught.value.detail


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_signed_token_gives_its_claims_back(algorithm: str) -> None:
    assert verify(jose.sign(CLAIMS, key=KEYS[algorithm], typ="at+jwt")) == CLAIMS


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@settings(deadline=None)
@given(st.dictionaries(TEXT, TEXT | st.integers(-(2**60), 2**60) | st.lists(TEXT) | st.booleans() | st.none()))
def test_every_further_claim_survives(further: dict[str, Any]) -> None:
    claims = {k: v for k, v in further.items() if k not in ("nbf", "exp")} | CLAIMS
    assert verify(jose.sign(claims, key=KEY, typ="at+jwt")) == claims


def test_the_type_may_have_its_media_type_prefix_and_any_case() -> None:
    assert verify(forge(header(typ="application/AT+JWT"))) == CLAIMS


def test_the_audience_may_be_one_of_several() -> None:
    assert verify(forge(header(), CLAIMS | {"aud": ["https://other.example.com", AUDIENCE]}))


def test_another_type_is_refused() -> None:
    for typ in ("JWT", "id+jwt", "at+jwt+x", "", None, 5):
        refused(forge(header(typ=typ)), "another type")
    refused(forge({"alg": "ES256", "kid": KEY.kid}), "another type")
    refused(forge(header()), "another type", typ="logout+jwt")


def test_another_issuer_is_refused() -> None:
    for iss in ("https://auth.example.com/", "https://evil.example.com", ""):
        refused(forge(header(), CLAIMS | {"iss": iss}), "iss")
    refused(forge(header(), CLAIMS | {"iss": [ISSUER]}), "iss is not text")


def test_another_audience_is_refused() -> None:
    for aud in ("https://api.example.org", ["https://api.example.org"], [[AUDIENCE]], {AUDIENCE: 1}, AUDIENCE + " "):
        refused(forge(header(), CLAIMS | {"aud": aud}), "another audience")


def test_a_token_ends_at_exp_and_begins_at_nbf_give_or_take_the_leeway() -> None:
    expires = CLAIMS["exp"] * SECOND
    token = forge(header(), CLAIMS | {"nbf": CLAIMS["iat"] + 60})
    assert verify(token, now=expires + jose.LEEWAY - 1)
    refused(token, "expired", now=expires + jose.LEEWAY)
    refused(token, "expired", now=expires, leeway=0)
    assert verify(token, now=NOW + MINUTE - jose.LEEWAY)
    refused(token, "not valid yet", now=NOW + MINUTE - jose.LEEWAY - 1)


def test_a_token_from_the_future_is_refused() -> None:
    refused(forge(header(), CLAIMS | {"iat": NOW // SECOND + 60}), "not valid yet")


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ['"9999999999"', "true", "null", "9999999999.5", "1e10", "[1]", "{}"])
def test_times_are_whole_numbers(claim: str, value: str) -> None:
    rest = {name: CLAIMS[name] for name in CLAIMS if name != claim}
    payload = json.dumps(rest)[:-1] + f', "{claim}": {value}}}'
    refused(forge(header(), payload.encode()), "whole seconds")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
def test_times_are_finite(value: str) -> None:
    payload = json.dumps({**CLAIMS, "exp": None}).replace("null", value)
    refused(forge(header(), payload.encode()), "not well formed")


@pytest.mark.parametrize("claim", ACCESS_TOKEN_CLAIMS)
def test_every_required_claim_is_required(claim: str) -> None:
    rest = {name: CLAIMS[name] for name in CLAIMS if name != claim}
    with pytest.raises(InvalidToken):
        verify(forge(header(), rest))


@pytest.mark.parametrize("claim", ["sub", "client_id", "jti"])
@pytest.mark.parametrize("value", [5, None, ["x"], {"x": 1}, True], ids=str)
def test_names_are_text(claim: str, value: object) -> None:
    refused(forge(header(), CLAIMS | {claim: value}), f"{claim} is not text")


# --- forgeries ------------------------------------------------------------------------------------------------------


def test_alg_none_is_refused() -> None:
    message = encode(json.dumps(header(alg="none")).encode()) + "." + encode(json.dumps(CLAIMS).encode())
    refused(message + ".", "algorithm")
    refused(message, "not well formed")
    for alg in ("None", "NONE", "nOnE", "", None, ["ES256"], 0):
        refused(forge(header(alg=alg)), "algorithm")


def test_an_hmac_with_the_public_key_is_refused() -> None:
    for key in KEYS.values():
        raw = load_der_private_key(key.to_der(), None).public_key()
        for form in (
            raw.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            raw.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            json.dumps(key.public_jwk()).encode(),
        ):
            for alg in ("HS256", key.algorithm):
                message = ".".join(encode(json.dumps(p).encode()) for p in (header(alg=alg, kid=key.kid), CLAIMS))
                signature = encode(hmac.digest(form, message.encode(), "sha256"))
                refused(f"{message}.{signature}", "algorithm" if alg == "HS256" else "signature")


def test_the_algorithm_of_another_key_is_refused() -> None:
    refused(forge(header(alg="RS256")), "algorithm")
    refused(forge(header(kid=KEYS["RS256"].kid)), "algorithm")
    refused(forge(header(alg="ES384")), "algorithm")


def test_an_unknown_kid_is_refused_even_with_the_key_in_the_header() -> None:
    stranger = Key.generate("ES256")
    refused(forge(header(kid=stranger.kid), key=stranger), "name a key")
    refused(forge(header(kid=stranger.kid, jwk=stranger.public_jwk()), key=stranger), "name a key")
    refused(forge(header(jwk=stranger.public_jwk(), jku="https://evil.example.com/"), key=stranger), "signature")
    kids: list[object] = [None, 5, [KEY.kid], {}]
    for kid in kids:
        refused(forge(header(kid=kid)), "name a key")
    refused(forge({"alg": "ES256", "typ": "at+jwt"}), "name a key")


def test_duplicate_members_are_refused_in_header_and_payload() -> None:
    refused(forge(json.dumps(header())[:-1].encode() + b',"alg":"ES256"}'), "not well formed")
    refused(forge(header(), json.dumps(CLAIMS)[:-1].encode() + b',"sub":"acc_2"}'), "not well formed")
    refused(forge(header(), json.dumps(CLAIMS)[:-1].encode() + b',"\\u0073ub":"acc_2"}'), "not well formed")


@pytest.mark.parametrize("crit", [[], ["b64"], ["exp"], None, "b64"], ids=str)
def test_critical_header_parameters_are_refused(crit: object) -> None:
    refused(forge(header(crit=crit)), "critical")
    refused(forge(header(b64=False)), "critical")


def test_header_and_token_are_bounded() -> None:
    assert verify(forge(header(x="x" * 2900)))
    refused(forge(header(x="x" * 4096)), "header of the token is too large")
    refused(forge(header(), CLAIMS | {"x": "x" * 16_384}), "too large")


def test_no_part_can_be_changed() -> None:
    token = jose.sign(CLAIMS, key=KEY, typ="at+jwt")
    head, payload, signature = token.split(".")
    changed = encode(decode(payload).replace(b"acc_1", b"acc_2"))
    refused(f"{head}.{changed}.{signature}", "signature")
    refused(f"{head}.{payload}.{encode(bytes(64))}", "signature")
    refused(f"{head}.{payload}.{encode(decode(signature)[:-1])}", "signature")
    refused(f"{head}.{payload}.", "signature")
    refused(f"{head}..{signature}", "signature")
    refused(f"{head}.{payload}.{payload}.{signature}", "not well formed")
    for place in range(0, len(token), 7):
        with pytest.raises(InvalidToken):
            verify(token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :])


def test_a_token_has_one_spelling() -> None:
    token = jose.sign(CLAIMS, key=KEY, typ="at+jwt")
    # 64 octets end in a character of which only two bits count: the next character decodes to the same.
    other = {"A": "B", "Q": "R", "g": "h", "w": "x"}[token[-1]]
    assert decode((token[:-1] + other).rpartition(".")[2]) == decode(token.rpartition(".")[2])
    for wrong in (
        token + "=",
        token + "==",
        token + "\n",
        " " + token,
        token + ".",
        token + ".x",
        "." + token,
        token.replace(".", "=.", 1),
        token.replace(".", "..", 1),
        token.replace(".", ".\n", 1),
        token + "é",
        token[:-1] + "\0",
        token[:-1] + other,
        *(token[:-cut] for cut in range(1, 12)),
        token + "A",
    ):
        with pytest.raises(InvalidToken):
            verify(wrong)
    signature = decode(token.rpartition(".")[2])
    standard = base64.b64encode(b"\xff" * 3 + signature).decode().rstrip("=")
    refused(token.rpartition(".")[0] + "." + standard, "not well formed")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "a.b.c.d.e",
        "e30.e30.e30",
        "W10.e30.AA",
        "bnVsbA.bnVsbA.AA",
        "\0",
        "\ud800",
        "é.é.é",
    ],
    ids=ascii,
)
def test_what_is_not_a_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        verify(token)


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b'"text"', b"{", b"\xff", b"[" * 9000, b'{"a":"\\u0000"}'])
def test_a_signed_payload_that_is_not_an_object_is_refused(payload: bytes) -> None:
    refused(forge(header(), payload), "not well formed")


@settings(deadline=None)
@given(st.text() | st.text("eyJ.-_A=").map(lambda text: text + ".e30.AA"))
def test_no_text_raises_anything_but_invalid_token(token: str) -> None:
    with pytest.raises(InvalidToken):
        verify(token)


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=2)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from([*header(), "crit"]), JSON),
    st.dictionaries(st.sampled_from([*CLAIMS, "nbf"]), JSON),
)
def test_no_signed_content_raises_anything_but_invalid_token(head: dict[str, Any], claims: dict[str, Any]) -> None:
    try:
        verify(forge(header() | head, CLAIMS | claims))
    except InvalidToken:
        return


# --- remembered signatures ------------------------------------------------------------------------------------------


def test_everything_but_the_signature_is_checked_again_on_a_remembered_token() -> None:
    verifier = Verifier(PUBLIC)
    token = jose.sign(CLAIMS, key=KEY, typ="at+jwt")
    right: dict[str, Any] = {"typ": "at+jwt", "issuer": ISSUER, "audience": AUDIENCE, "now": NOW}
    claims = verifier.verify(token, **right)
    claims["sub"] = "changed by the caller"
    assert verifier.verify(token, **right) == CLAIMS
    for wrong in (
        {"typ": "JWT"},
        {"issuer": "https://other.example.com"},
        {"audience": "https://other.example.com"},
        {"now": NOW + 11 * MINUTE},
        {"now": NOW - MINUTE},
        {"required": ("scope",)},
    ):
        with pytest.raises(InvalidToken):
            verifier.verify(token, **right | wrong)
    head, payload, signature = token.split(".")
    with pytest.raises(InvalidToken, match="signature"):
        verifier.verify(f"{head}.{payload}.{signature[:-4]}AAAA", **right)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jose, "_MAX_REMEMBERED", 3)
    verifier = Verifier(PUBLIC)
    for number in range(10):
        token = jose.sign(CLAIMS | {"jti": str(number)}, key=KEYS["EdDSA"], typ="at+jwt")
        for _ in range(2):
            verifier.verify(token, typ="at+jwt", issuer=ISSUER, audience=AUDIENCE, now=NOW)
        assert len(verifier._remembered) <= 3
    for number in range(100):
        token = forge(header(number=number))
        verifier.verify(token, typ="at+jwt", issuer=ISSUER, audience=AUDIENCE, now=NOW)
    assert len(verifier._headers) <= jose._MAX_HEADERS
