"""WebAuthn Level 3, sections 7 and 8: the specification's own vectors, and ceremonies of authenticators one can buy."""

from __future__ import annotations

import datetime as dt
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ostiary.crypto.attestation import Makes, read_roots
from ostiary.crypto.webauthn import RegisteredKey, verify_assertion, verify_registration
from ostiary.errors import InvalidChallenge
from tests.support.authenticator import Vendor, b64, unb64

_FILES = Path(__file__).parents[2] / "vectors" / "webauthn"
SPECIFIED = json.loads((_FILES / "w3c_level_3.json").read_text())
RECORDED = json.loads((_FILES / "recorded.json").read_text())
IN_2026 = 1_767_225_600_000
ZERO = "00000000-0000-0000-0000-000000000000"

specified = pytest.mark.parametrize("vector", SPECIFIED["vectors"], ids=lambda vector: vector["name"])
recorded = pytest.mark.parametrize("vector", RECORDED["registrations"], ids=lambda vector: vector["name"])
certified = pytest.mark.parametrize(
    "vector",
    [vector for vector in RECORDED["registrations"] if vector["format"] != "none"],
    ids=lambda vector: vector["name"],
)


def registered(vector: dict[str, Any], makes: Makes | None = None, at: int = IN_2026, **changed: Any) -> RegisteredKey:
    given = {
        "credential": vector["credential"],
        "challenge": unb64(vector["challenge"]),
        "rp_id": vector.get("rp_id", SPECIFIED["rp_id"]),
        "origins": [vector.get("origin", SPECIFIED["origin"])],
    }
    return verify_registration(**(given | changed), require_user_verification=False, makes=makes, at=at)


def chain_of(vector: dict[str, Any]) -> list[x509.Certificate]:
    statement = cbor2.loads(unb64(vector["credential"]["response"]["attestationObject"]))["attStmt"]
    return [x509.load_der_x509_certificate(raw) for raw in statement["x5c"]]


@pytest.fixture
def at(vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> int:
    """When the ceremony was recorded, or a day on which its certificates were good; for the library as well."""
    from OpenSSL.crypto import X509Store

    day = max(each.not_valid_before_utc for each in chain_of(vector)) + dt.timedelta(days=1)

    def store_of_that_day() -> X509Store:
        store = X509Store()
        store.set_time(day)
        return store

    # The library reads the machine's clock; this is where its authors let tests set another time.
    library = import_module("webauthn.helpers.validate_certificate_chain")
    monkeypatch.setattr(library, "_generate_new_cert_store", store_of_that_day)
    return int(day.timestamp() * 1000)


@specified
def test_the_specification_s_ceremonies_are_taken(vector: dict[str, Any]) -> None:
    key = registered(vector["registration"])
    assert (key.format, key.attested) == (vector["format"], False)
    got = vector["authentication"]
    assertion = verify_assertion(
        credential=got["credential"],
        challenge=unb64(got["challenge"]),
        rp_id=SPECIFIED["rp_id"],
        origins=[SPECIFIED["origin"]],
        require_user_verification=False,
        public_key=key.public_key,
        backup_eligible=key.backup_eligible,
    )
    assert assertion.credential_id == key.credential_id == unb64(got["credential"]["id"])


def test_the_specification_s_packed_attestation_ends_at_its_authority() -> None:
    vector = next(each for each in SPECIFIED["vectors"] if each["name"].startswith("16.7"))["registration"]
    authority = x509.load_der_x509_certificate(unb64(SPECIFIED["attestation_ca_cert"])).public_bytes(Encoding.PEM)
    key = registered(vector)
    assert registered(vector, Makes(frozenset({key.aaguid}), read_roots(authority))).attested


@recorded
def test_recorded_registrations_are_taken_whatever_their_attestation(vector: dict[str, Any]) -> None:
    key = registered(vector)
    assert (key.format, key.attested) == (vector["format"], False)
    assert key.credential_id == unb64(vector["credential"]["id"])


@certified
def test_recorded_attestations_are_verified_where_the_make_counts(vector: dict[str, Any], at: int) -> None:
    makes = Makes(frozenset({make_of(vector)}), read_roots(chain_of(vector)[-1].public_bytes(Encoding.PEM)))
    assert registered(vector, makes, at).attested


@certified
def test_a_recorded_attestation_of_another_make_is_refused(vector: dict[str, Any], at: int) -> None:
    roots = read_roots(chain_of(vector)[-1].public_bytes(Encoding.PEM))
    with pytest.raises(InvalidChallenge, match="make"):
        registered(vector, Makes(frozenset({"00000000-0000-0000-0000-000000000001"}), roots), at)


@certified
def test_a_recorded_attestation_that_ends_elsewhere_is_refused(vector: dict[str, Any], at: int) -> None:
    """Apple's and Google's roots, too, which the library trusts by itself."""
    with pytest.raises(InvalidChallenge):
        registered(vector, Makes(frozenset({make_of(vector)}), (Vendor().pem,)), at)


@certified
def test_a_recorded_attestation_is_refused_once_its_certificates_have_expired(vector: dict[str, Any], at: int) -> None:
    makes = Makes(frozenset({make_of(vector)}), read_roots(chain_of(vector)[-1].public_bytes(Encoding.PEM)))
    with pytest.raises(InvalidChallenge):
        registered(vector, makes, 4_102_444_800_000)  # 2100


@certified
def test_a_recorded_attestation_is_of_its_own_client_data_only(vector: dict[str, Any], at: int) -> None:
    """The statement is signed over them: with a space more they mean the same, and are other bytes."""
    response = vector["credential"]["response"]
    spaced = unb64(response["clientDataJSON"]).replace(b"{", b"{ ", 1)
    forged = vector["credential"] | {"response": response | {"clientDataJSON": b64(spaced)}}
    makes = Makes(frozenset({make_of(vector)}), read_roots(chain_of(vector)[-1].public_bytes(Encoding.PEM)))
    assert not registered(vector, credential=forged).attested
    with pytest.raises(InvalidChallenge):
        registered(vector, makes, at, credential=forged)


@pytest.mark.parametrize("vector", RECORDED["assertions"], ids=lambda vector: vector["name"])
def test_recorded_assertions_are_taken_from_the_right_place_only(vector: dict[str, Any]) -> None:
    right = {"rp_id": vector["rp_id"], "origins": [vector["origin"]], "challenge": unb64(vector["challenge"])}

    def counted(**changed: Any) -> int:
        return verify_assertion(
            credential=vector["credential"],
            require_user_verification=False,
            public_key=unb64(vector["public_key"]),
            backup_eligible=False,
            **(right | changed),
        ).sign_count

    assert counted() > vector["sign_count"]
    for changed in ({"rp_id": "example.org"}, {"origins": ["https://example.org"]}, {"challenge": b"another"}):
        with pytest.raises(InvalidChallenge):
            counted(**changed)


def make_of(vector: dict[str, Any]) -> str:
    """As the authenticator says, or, where it is a key of U2F, its certificate."""
    aaguid = registered(vector).aaguid
    return "6d44ba9b-f6ec-2e49-b930-0c8fe920cb73" if aaguid == ZERO else aaguid
