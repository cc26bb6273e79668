"""Which makes of authenticator are trusted, and whether an attestation ends at one of them (WebAuthn section 6.5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

FORMATS = frozenset({"packed", "tpm", "android-key", "apple", "fido-u2f"})
"""Statement formats with certificates. `android-safetynet` is withdrawn: Google stopped its service."""
_MOST_CERTIFICATES = 8
_AAGUID = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")  # id-fido-gen-ce-aaguid


class Makes(msgspec.Struct, frozen=True):
    """What is trusted.

    Attributes:
        aaguids: of the makes, in lower case with dashes.
        roots: PEM, one certificate each: what a chain has to end at, whether it signs itself or not.
    """

    aaguids: frozenset[str]
    roots: tuple[bytes, ...]


def read_roots(pem: bytes) -> tuple[bytes, ...]:
    """The certificates of a file, each in one spelling.

    Raises:
        ValueError: it holds none, or something else.
    """
    return tuple(certificate.public_bytes(Encoding.PEM) for certificate in x509.load_pem_x509_certificates(pem))


def certified_make(raw: bytes) -> str | None:
    """The make that a certificate names (section 8.2.1); None where it names none. ValueError: it cannot be read."""
    for extension in x509.load_der_x509_certificate(raw).extensions:
        if extension.oid == _AAGUID:
            return str(UUID(bytes=extension.value.public_bytes().removeprefix(b"\x04\x10")))
    return None


def check_chain(x5c: Sequence[bytes], roots: Sequence[bytes], at: int) -> None:
    """That the certificates of a statement end at a trusted one.

    Args:
        x5c: DER, that of the authenticator first.
        roots: PEM.
        at: the time at which they have to be valid, in milliseconds.

    Raises:
        Exception: of whatever kind the libraries have for it.
    """
    from OpenSSL import crypto

    if not 0 < len(x5c) <= _MOST_CERTIFICATES:
        raise ValueError("no certificates, or too many")
    store = crypto.X509Store()
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.set_time(datetime.fromtimestamp(at // 1000, UTC))
    for root in roots:
        store.add_cert(crypto.X509.from_cryptography(x509.load_pem_x509_certificate(root)))
    leaf, *between = [crypto.X509.from_cryptography(x509.load_der_x509_certificate(raw)) for raw in x5c]
    crypto.X509StoreContext(store, leaf, between).verify_certificate()


def check_packed_leaf(raw: bytes) -> None:
    """That a certificate is one for attestation (section 8.2.1).

    Raises:
        ValueError: it is not.
    """
    leaf = x509.load_der_x509_certificate(raw)
    units = [name.value for name in leaf.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATIONAL_UNIT_NAME)]
    if leaf.version is not x509.Version.v3 or units != ["Authenticator Attestation"]:
        raise ValueError("no certificate for attestation")
    if leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
        raise ValueError("a certificate of an authority")
