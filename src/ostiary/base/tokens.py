"""Random secrets that are handed out once and stored only as their SHA-256."""

from __future__ import annotations

import hashlib
import hmac
import secrets


def new_token(prefix: str = "") -> str:
    """256 random bits in base64url, after an optional ``prefix`` that tells secret scanners what they found."""
    return prefix + secrets.token_urlsafe(32)


def new_code(digits: int = 6) -> str:
    """A decimal code that people can type. Short, so its use must be bounded in tries and time."""
    return f"{secrets.randbelow(10**digits):0{digits}d}"


def digest(token: str) -> bytes:
    """SHA-256 of a random token: what is stored and looked up. Not for passwords, which are not random."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def equal(left: bytes, right: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left, right)
