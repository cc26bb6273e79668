"""A real SMTP server, which keeps what it gets and refuses what it is told to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ACCEPTED = "250 OK"


class Received(NamedTuple):
    recipients: list[str]
    message: EmailMessage
    encrypted: bool
    utf8: bool


class Postbox:
    """What aiosmtpd calls. ``recipient`` and ``content`` are the next replies, one a command; then all is accepted."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.recipient: list[str] = []
        self.content: list[str] = []
        self.port = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd's
        reply = self.recipient.pop(0) if self.recipient else ACCEPTED
        if reply == ACCEPTED:
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        reply = self.content.pop(0) if self.content else ACCEPTED
        if reply == ACCEPTED:
            message = message_from_bytes(envelope.content, policy=SMTP_POLICY)
            self.received.append(Received(envelope.rcpt_tos, message, session.ssl is not None, envelope.smtp_utf8))
        return reply


@asynccontextmanager
async def serve(postbox: Postbox, *, starttls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Postbox]:
    """``postbox`` behind a free port of this machine, which it then knows as ``port``."""
    loop = asyncio.get_running_loop()
    if starttls is not None:
        options |= {"tls_context": starttls, "require_starttls": True}
    server = await loop.create_server(lambda: SMTP(postbox, loop=loop, hostname="mx", **options), "127.0.0.1", 0)
    async with server:
        postbox.port = server.sockets[0].getsockname()[1]
        yield postbox


def only(username: str, password: str) -> Any:
    """An authenticator that knows one account."""

    def check(server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
        return AuthResult(success=(login.login, login.password) == (username.encode(), password.encode()))

    return check


def certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A self-signed certificate for ``host``: the context of the server, and that of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=file)
