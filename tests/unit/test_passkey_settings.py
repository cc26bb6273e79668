"""Settings of passkeys: what browsers would refuse, or what would be set and not in force, is said at the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from ostiary.errors import ConfigurationError
from ostiary.settings import load
from tests.support.authenticator import MAKE, Vendor


def faults_of(**environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(environ_of(**environ))
    return caught.value.faults


def environ_of(**environ: str) -> dict[str, str]:
    issuer = {"OSTIARY_ISSUER": environ.pop("issuer", "https://login.example.com")}
    return issuer | {f"OSTIARY_PASSKEYS_{name.upper()}": value for name, value in environ.items()}


@pytest.mark.parametrize(
    ("issuer", "rp_id"),
    [
        ("https://login.example.com", "login.example.com"),
        ("https://login.example.com:8443/auth", "example.com"),
        ("https://login.example.com", "EXAMPLE.com"),
        ("http://localhost:8000", "localhost"),
        ("http://shop.localhost:8000", "shop.localhost"),
        ("https://intranet", "intranet"),
    ],
)
def test_the_domain_is_the_issuer_s_host_or_above_it(issuer: str, rp_id: str) -> None:
    assert load(environ_of(issuer=issuer, rp_id=rp_id)).passkeys.rp_id == rp_id.lower()


@pytest.mark.parametrize(
    ("issuer", "rp_id"),
    [
        ("https://login.example.com", "example.org"),
        ("https://login.example.com", "other.example.com"),
        ("https://login.example.com", "ample.com"),
        ("https://login.example.com", "a.login.example.com"),
        ("https://login.example.com", "com"),
        ("https://192.0.2.7", "192.0.2.7"),
        ("https://192.0.2.7", "2.7"),
        ("https://login.example.com", "https://example.com"),
        ("https://login.example.com", "example.com:443"),
        ("https://login.example.com", "example.com/"),
    ],
)
def test_no_other_domain_is(issuer: str, rp_id: str) -> None:
    (fault,) = faults_of(issuer=issuer, rp_id=rp_id)
    assert fault.startswith("passkeys.rp_id: ")


def test_further_origins_are_written_as_browsers_write_them() -> None:
    written = "https://EXAMPLE.co, https://example.de:443,https://example.fr:8443,http://localhost:3000"
    settings = load(environ_of(origins=written))
    assert settings.passkeys.origins == (
        "https://example.co",
        "https://example.de",
        "https://example.fr:8443",
        "http://localhost:3000",
    )


@pytest.mark.parametrize(
    "origin",
    [
        "example.co",
        "https://example.co/",
        "https://example.co/path",
        "https://example.co?",
        "https://example.co#",
        "https://ada@example.co",
        "ftp://example.co",
        "https://",
        "https://example.co:0",
        "*",
        "https://example.co,",
        "http://example.co",
    ],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    (fault,) = faults_of(origins=origin)
    assert fault.startswith("passkeys.origins: ")


@pytest.mark.parametrize("aaguid", ["yubikey", MAKE.replace("-", ""), MAKE + ",", "{" + MAKE + "}"])
def test_what_is_no_aaguid_is_refused(aaguid: str, tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(Vendor().pem)
    faults = faults_of(attestation="enterprise", aaguids=aaguid, roots=str(roots))
    assert faults[0].startswith("passkeys.aaguids: ")


def test_enterprise_takes_makes_and_their_certificates(tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(Vendor().pem)
    settings = load(environ_of(attestation="enterprise", aaguids=MAKE.upper(), roots=str(roots)))
    assert settings.passkeys.aaguids == (MAKE,)
    needed = [fault.partition(":")[0] for fault in faults_of(attestation="enterprise")]
    assert needed == ["passkeys.aaguids", "passkeys.roots"]


def test_makes_without_enterprise_would_not_be_in_force() -> None:
    (fault,) = faults_of(aaguids=MAKE)
    assert fault.startswith("passkeys.attestation: ")


@pytest.mark.parametrize("content", [None, b"", b"certificates"])
def test_a_file_without_certificates_is_a_fault(content: bytes | None, tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    if content is not None:
        roots.write_bytes(content)
    (fault,) = faults_of(attestation="enterprise", aaguids=MAKE, roots=str(roots))
    assert fault.startswith("passkeys.roots: ")
