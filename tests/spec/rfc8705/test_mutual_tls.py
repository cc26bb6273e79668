"""RFC 8705: clients and tokens by the certificate that a trusted proxy hands on."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ostiary.app import Ostiary
from ostiary.crypto.certificates import Certificate
from tests.support.installation import new_person, settings_for_test
from tests.support.oauth import claims_of, new_api, new_application
from tests.support.time import ManualClock


def certificate(name: str) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    until = at + dt.timedelta(days=1)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), at, until)
    return builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False).sign(key, hashes.SHA256())


OURS, OTHER = certificate("robot.example"), certificate("other.example")


def pem(cert: x509.Certificate) -> dict[str, str]:
    return {"Client-Cert": quote(cert.public_bytes(Encoding.PEM).decode())}


def rfc9440(cert: x509.Certificate) -> dict[str, str]:
    return {"Client-Cert": f":{base64.b64encode(cert.public_bytes(Encoding.DER)).decode()}:"}


@pytest.fixture
async def behind_proxy(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    settings = settings_for_test(
        sqlite_url, oauth__certificate_header="Client-Cert", server__trusted_proxies=["203.0.113.7/32"]
    )
    async with await Ostiary.open(settings, clock=clock) as opened:
        await new_api(opened)
        yield opened


OWN: dict[str, Any] = {"redirect_uris": [], "grant_types": ["client_credentials"], "scope": "forecasts.read"}


@pytest.mark.parametrize("name", ["tls_client_auth_subject_dn", "tls_client_auth_san_dns"])
async def test_2_1_by_its_name(behind_proxy: Ostiary, name: str) -> None:
    value = "CN=robot.example" if name.endswith("dn") else "robot.example"
    app = await new_application(behind_proxy, token_endpoint_auth_method="tls_client_auth", **{name: value}, **OWN)
    form = {"grant_type": "client_credentials", "client_id": app.id}
    for headers in (pem(OURS), rfc9440(OURS)):
        assert (await app.http.post("/oauth/token", data=form, headers=headers)).status_code == 200
    for headers in (pem(OTHER), {}):
        assert (await app.http.post("/oauth/token", data=form, headers=headers)).status_code == 401
    junk = await app.http.post("/oauth/token", data=form, headers={"Client-Cert": "junk"})
    assert junk.status_code == 400


async def test_2_2_by_the_certificate_itself(behind_proxy: Ostiary) -> None:
    x5c = base64.b64encode(OURS.public_bytes(Encoding.DER)).decode()
    numbers = OURS.public_key().public_numbers()  # type: ignore[union-attr]
    jwk = {"kty": "EC", "crv": "P-256", "x5c": [x5c]} | {
        part: base64.urlsafe_b64encode(getattr(numbers, part).to_bytes(32)).rstrip(b"=").decode() for part in "xy"
    }
    app = await new_application(
        behind_proxy, token_endpoint_auth_method="self_signed_tls_client_auth", jwks={"keys": [jwk]}, **OWN
    )
    form = {"grant_type": "client_credentials", "client_id": app.id}
    assert (await app.http.post("/oauth/token", data=form, headers=pem(OURS))).status_code == 200
    assert (await app.http.post("/oauth/token", data=form, headers=pem(OTHER))).status_code == 401


async def test_3_tokens_are_bound_to_it(behind_proxy: Ostiary) -> None:
    app = await new_application(behind_proxy, tls_client_certificate_bound_access_tokens=True)
    found = await app.authorize(await new_person(behind_proxy))
    assert (await app.redeem(found["code"])).json()["error"] == "invalid_request"
    tokens = (await app.redeem(found["code"], headers=pem(OURS))).json()
    thumbprint = Certificate.from_der(OURS.public_bytes(Encoding.DER)).thumbprint
    assert claims_of(tokens["access_token"])["cnf"] == {"x5t#S256": thumbprint}
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    for headers, status in ((pem(OURS), 200), (pem(OTHER), 401), ({}, 401)):
        assert (await app.http.get("/oauth/userinfo", headers=bearer | headers)).status_code == status


async def test_nobody_but_the_proxy_says_so(sqlite_url: str, clock: ManualClock) -> None:
    """The header is anybody's to send; only a trusted proxy's is read."""
    settings = settings_for_test(
        sqlite_url, oauth__certificate_header="Client-Cert", server__trusted_proxies=["198.51.100.1/32"]
    )
    async with await Ostiary.open(settings, clock=clock) as server:
        await new_api(server)
        app = await new_application(
            server, token_endpoint_auth_method="tls_client_auth", tls_client_auth_san_dns="robot.example", **OWN
        )
        form = {"grant_type": "client_credentials", "client_id": app.id}
        assert (await app.http.post("/oauth/token", data=form, headers=pem(OURS))).status_code == 401
