"""Proof Key for Code Exchange (RFC 7636): always, and only by S256 (RFC 9700 section 2.1.1)."""

from __future__ import annotations

import re

from ostiary.crypto.base64 import sha256_url
from ostiary.errors import InvalidRequest

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def parse_challenge(challenge: str | None, method: str | None) -> str:
    """The ``code_challenge`` of an authorization request (section 4.3).

    Raises:
        InvalidRequest: there is none, it is not made by S256, or is none.
    """
    if challenge is None:
        raise InvalidRequest("code_challenge is missing; PKCE with S256 is always asked for.", field="code_challenge")
    if method != "S256":
        raise InvalidRequest("code_challenge_method has to be S256.", field="code_challenge_method")
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequest("code_challenge is 43 characters of base64url.", field="code_challenge")
    return challenge


def challenge_of(verifier: str | None) -> str:
    """The challenge that this ``code_verifier`` answers (section 4.6); to be compared with the one that was sent.

    Raises:
        InvalidRequest: it is missing, or has not its form (section 4.1).
    """
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        raise InvalidRequest("code_verifier is 43 to 128 letters, digits and -._~.", field="code_verifier")
    return sha256_url(verifier.encode())
