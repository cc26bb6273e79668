"""The certificate that a client's connection was made with, as a trusted proxy hands it on (RFC 8705, RFC 9440)."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from urllib.parse import unquote

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from ostiary.crypto.base64 import sha256_url
from ostiary.errors import InvalidRequest

_MAX = 16_384


class Certificate:
    """One X.509 certificate; who vouched for it, the proxy has checked.

    Attributes:
        der: the certificate itself.
        thumbprint: ``x5t#S256`` (RFC 8705 section 3.1).
    """

    __slots__ = ("_parsed", "der", "thumbprint")

    def __init__(self, parsed: x509.Certificate, der: bytes) -> None:
        self._parsed = parsed
        self.der = der
        self.thumbprint = sha256_url(der)

    @classmethod
    def from_der(cls, der: bytes) -> Certificate:
        """Raises InvalidRequest where it is none."""
        try:
            return cls(x509.load_der_x509_certificate(der), der)
        except ValueError:
            raise InvalidRequest("The client certificate is not well formed.") from None

    @classmethod
    def from_header(cls, value: str) -> Certificate:
        """From a proxy's header: PEM, percent-encoded or in one line, or ``:base64:`` (RFC 9440 section 2.2).

        Raises:
            InvalidRequest: it is none of these.
        """
        try:
            text = unquote(value[:_MAX]).strip()
            if text.startswith(":") and text.endswith(":"):
                return cls.from_der(base64.b64decode(text[1:-1], validate=True))
            body = text.removeprefix("-----BEGIN CERTIFICATE-----").partition("-----END")[0]
            return cls.from_der(base64.b64decode("".join(body.split()), validate=True))
        except (binascii.Error, ValueError):
            raise InvalidRequest("The client certificate is not well formed.") from None

    def is_named(
        self, *, subject: str | None, dns: str | None, uri: str | None, ip: str | None, email: str | None
    ) -> bool:
        """Whether it has this subject (RFC 4514), or this alternative name; the first that is given counts."""
        if subject is not None:
            return self._parsed.subject.rfc4514_string() == subject
        try:
            names = self._parsed.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
        except x509.ExtensionNotFound:
            return False
        if not isinstance(names, x509.SubjectAlternativeName):
            return False
        if dns is not None:
            return dns in names.get_values_for_type(x509.DNSName)
        if uri is not None:
            return uri in names.get_values_for_type(x509.UniformResourceIdentifier)
        if ip is not None:
            return ipaddress.ip_address(ip) in names.get_values_for_type(x509.IPAddress)
        return email is not None and email in names.get_values_for_type(x509.RFC822Name)
