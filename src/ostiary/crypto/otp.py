"""One-time passwords from a shared secret: HOTP (RFC 4226) and TOTP (RFC 6238)."""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Literal

from ostiary.base.clock import SECOND

PERIOD = 30
"""Seconds that a time step lasts: what every authenticator app takes, whatever else it could."""
DIGITS = 6
_SECRET_LENGTH = 20  # RFC 4226 section 4, R6: 160 bits

Algorithm = Literal["sha1", "sha256", "sha512"]


def new_otp_secret() -> bytes:
    """160 random bits."""
    return secrets.token_bytes(_SECRET_LENGTH)


def otp_secret_as_text(secret: bytes) -> str:
    """A secret as authenticator apps take it: base32 (RFC 4648 section 6) without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def hotp(secret: bytes, counter: int, digits: int = DIGITS, algorithm: Algorithm = "sha1") -> str:
    """The code of ``counter`` (RFC 4226 section 5.3), with ``algorithm`` as RFC 6238 section 1.2 allows."""
    mac = hmac.digest(secret, counter.to_bytes(8), algorithm)
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4]) & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}d}"


def time_step(at: int) -> int:
    """The step that ``at``, in milliseconds since the epoch, lies in (RFC 6238 section 4.2)."""
    return at // (PERIOD * SECOND)


def totp_step(secret: bytes, code: str, now: int, *, after: int, drift: int = 1) -> int | None:
    """The time step that ``code`` is of; None where it is of none that counts. Every step costs the same time.

    Args:
        now: milliseconds.
        after: the last step that was used: only later ones count (RFC 6238 section 5.2).
        drift: steps that clocks may differ, each way.
    """
    found = None
    typed = code.encode()
    for step in range(max(time_step(now) - drift, 0), time_step(now) + drift + 1):
        if hmac.compare_digest(hotp(secret, step).encode(), typed) and step > after:
            found = step
    return found
