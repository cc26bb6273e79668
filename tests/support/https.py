"""A certificate authority that lives as long as the run, for browsers that are told to trust it.

``Secure`` cookies, ``__Host-`` names and ``Strict-Transport-Security`` work only where a browser finds nothing wrong
with the certificate, so it is not enough to have it look away.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class Authority:
    """Makes one certificate, good for every name and address that it is given.

    Attributes:
        chain: PEM file of the certificate and of the authority's own.
        key: PEM file of the certificate's private key.
        spki: SHA-256 of the authority's public key in base64, by which Chromium can be told to trust it.
    """

    def __init__(self, folder: Path, names: list[str], addresses: list[str]) -> None:
        own_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        own_name = _name("Authority of one test run")
        own = _certificate(own_name, own_name, own_key, own_key, x509.BasicConstraints(ca=True, path_length=0))
        hosts = [
            *(x509.DNSName(name) for name in names),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
        ]
        leaf = _certificate(
            _name(names[0]),
            own_name,
            key,
            own_key,
            x509.SubjectAlternativeName(hosts),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        )
        public = own_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.spki = base64.b64encode(hashlib.sha256(public).digest()).decode()
        self.chain, self.key = folder / "chain.pem", folder / "key.pem"
        self.chain.write_bytes(leaf.public_bytes(Encoding.PEM) + own.public_bytes(Encoding.PEM))
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def server_context(self) -> ssl.SSLContext:
        """What a server of one of the names needs for TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    *extensions: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(issuer_key, hashes.SHA256())
