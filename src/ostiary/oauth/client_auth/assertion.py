"""A client's own signed statement of who it is: ``private_key_jwt`` and ``client_secret_jwt`` (RFC 7523 section 3)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ostiary.base.clock import HOUR, SECOND
from ostiary.crypto import Verifier, jose
from ostiary.errors import InvalidToken
from ostiary.oauth.faults import InvalidClient
from ostiary.oauth.spent import Spend

_TYPES = ("", "jwt", "client-authentication+jwt")
_LONGEST = HOUR
"""How far ahead an assertion may expire: it is remembered until then."""
_MAX_JTI = 256


def subject_of(assertion: str) -> str:
    """Whom an assertion claims to be from, before it is believed.

    Raises:
        InvalidClient: it is no JWT.
    """
    try:
        subject = jose.unverified_claims(assertion).get("sub")
    except InvalidToken:
        raise InvalidClient("The assertion is not well formed.") from None
    if not isinstance(subject, str) or not subject:
        raise InvalidClient("The assertion names no client.")
    return subject


def check_assertion(
    assertion: str, *, verifier: Verifier, client_id: str, audiences: Collection[str], now: int
) -> Spend:
    """Believe an assertion, if it holds; what has to be spent so that it counts once.

    Args:
        audiences: what it may be made for, each by itself: the issuer, the endpoint.

    Raises:
        InvalidClient: it does not hold.
    """
    try:
        claims = verifier.verify(
            assertion, typ=_TYPES, issuer=client_id, audience=audiences, now=now, required=("sub", "jti", "aud")
        )
    except InvalidToken as fault:
        raise InvalidClient(f"The assertion is refused. {fault.detail or ''}".strip()) from None
    if claims["sub"] != client_id:
        raise InvalidClient("The assertion is about somebody else than who made it.")
    return spending("client", client_id, claims, now)


def spending(kind: str, maker: str, claims: dict[str, Any], now: int) -> Spend:
    """What is to be spent of a verified assertion.

    Raises:
        InvalidClient: it would have to be remembered for too long.
    """
    until = claims["exp"] * SECOND
    if until > now + _LONGEST or len(claims["jti"]) > _MAX_JTI:
        raise InvalidClient("The assertion may expire at most an hour ahead, and its jti has at most 256 characters.")
    return Spend(kind, maker, claims["jti"], until + jose.LEEWAY)
