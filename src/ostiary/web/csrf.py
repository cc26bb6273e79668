"""Whether an unsafe request comes from a page of ours: where it came from, and a token tied to the session.

The origin is what the browser says of the page (Fetch Metadata, then Origin, then Referer); it is looked at for every
unsafe request, a sign-in too. The token is what only a page of ours could know; it is asked of pages' forms, and of
whoever a cookie identified. A bearer token needs none: no browser adds that by itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import random
import secrets
from collections.abc import Mapping
from functools import lru_cache

from ostiary.errors import CsrfRejected

HEADER = "x-csrf-token"
FIELD = "csrf_token"
_SIZE = 16
TOKEN = r"[A-Za-z0-9_-]{43}"
"""What a token looks like: base64url of a mask and the masked hash, of ``_SIZE`` bytes each."""


class CsrfTokens:
    """Tokens that are a keyed hash of what they are tied to, so nothing is stored.

    Each one that is given out is masked afresh: a page that is compressed together with what an attacker makes it
    reflect does not leak it (BREACH).
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._expected = lru_cache(1024)(self._keyed_hash)
        # A mask is public, it is sent along: it has to be another one each time, not one that nobody can foretell.
        self._masks = random.Random(secrets.randbits(128))  # noqa: S311

    def issue(self, binding: bytes) -> str:
        """A token for a page or client of this session or browser."""
        mask = self._masks.randbytes(_SIZE)
        return base64.urlsafe_b64encode(mask + _xor(mask, self._expected(binding))).rstrip(b"=").decode()

    def check(self, binding: bytes | None, token: str | None) -> None:
        """Raises CsrfRejected unless ``token`` was issued for ``binding``."""
        if binding is None or not token:
            raise CsrfRejected("The form token is missing; reload the page and try again.")
        try:
            octets = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            octets = b""
        if len(octets) != 2 * _SIZE or not hmac.compare_digest(
            _xor(octets[:_SIZE], octets[_SIZE:]), self._expected(binding)
        ):
            raise CsrfRejected("The form token is of an older session; reload the page and try again.")

    def _keyed_hash(self, binding: bytes) -> bytes:
        return hmac.digest(self._key, binding, hashlib.sha256)[:_SIZE]


def session_binding(session_id: str) -> bytes:
    """What form tokens of a session are tied to: its public id, so that a form outlives a change of the secret."""
    return f"session:{session_id}".encode()


def check_origin(headers: Mapping[str, str], origin: str) -> bool:
    """Refuse an unsafe request that a browser sent from a page of another origin.

    Returns:
        Whether it said so; False where it is no browser.

    Args:
        headers: by lower-case name.
        origin: our own, ``https://host[:port]``.

    Raises:
        CsrfRejected: the page that sent it is not ours.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        ours = site in ("same-origin", "none")
    elif (sent := headers.get("origin")) is not None:
        ours = sent == origin
    elif (referer := headers.get("referer")) is not None:
        ours = "/".join(referer.split("/", 3)[:3]) == origin
    else:
        return False  # not a browser; a cookie that comes along still needs the token
    if not ours:
        raise CsrfRejected("The request was sent from a page of another site.")
    return True


def check_handshake(headers: Mapping[str, str], origin: str) -> None:
    """Refuse a WebSocket that a page of another origin opens with the cookies of this one (RFC 6455 section 10.2).

    No form token can come along with the handshake, so the browser has to say whose page it is; every browser does.

    Raises:
        CsrfRejected: the page is not ours, or not named.
    """
    if headers.get("origin") != origin:
        raise CsrfRejected("The WebSocket was not opened by a page of this site.")


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(_SIZE, "big")
