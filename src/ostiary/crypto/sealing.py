"""Sealing of secrets at rest, under a master key that is not in the database.

A sealed value is ``version (1) || key fingerprint (4) || nonce (12) || AES-256-GCM ciphertext and tag``. Its context,
such as the table and row it belongs to, is authenticated with it: a value copied to another row does not open there.
"""

from __future__ import annotations

import binascii
import re
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ostiary.errors import ConfigurationError, OstiaryError

_KEY_LENGTH = 32
_VERSION = b"\x01"
_PREFIX_LENGTH = 5
_NONCE_LENGTH = 12


class Unsealable(OstiaryError):
    """A sealed value does not open. Public text stays general; ``str()`` tells the operator what to look at."""

    def __init__(self, context: str, reason: str) -> None:
        super().__init__()
        self.args = (f"cannot open the sealed value {context!r}: {reason}",)


class Sealer:
    """Seals and opens with a key derived from ``master_key``, 32 bytes (see :func:`parse_master_key`)."""

    def __init__(self, master_key: bytes) -> None:
        self._cipher = AESGCM(derive_key(master_key, "sealing"))
        self._prefix = _VERSION + derive_key(master_key, "sealing fingerprint")[: _PREFIX_LENGTH - 1]

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """``plaintext`` encrypted and bound to ``context``; 33 bytes longer. Two calls never give the same bytes."""
        nonce = secrets.token_bytes(_NONCE_LENGTH)
        return self._prefix + nonce + self._cipher.encrypt(nonce, plaintext, self._prefix + context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """What was sealed for ``context``.

        Raises:
            Unsealable: another master key or context sealed it, or it was changed.
        """
        if not sealed.startswith(self._prefix):
            raise Unsealable(context, "the master key does not match this database")
        body = memoryview(sealed)[_PREFIX_LENGTH:]
        try:
            return self._cipher.decrypt(body[:_NONCE_LENGTH], body[_NONCE_LENGTH:], self._prefix + context.encode())
        except (InvalidTag, ValueError) as cause:
            raise Unsealable(context, "it was changed, or belongs to something else") from cause


def derive_key(master_key: bytes, purpose: str) -> bytes:
    """32 bytes for one ``purpose``, telling nothing about those for another (HKDF-SHA256, RFC 5869)."""
    if len(master_key) != _KEY_LENGTH:
        raise ValueError("a master key has 32 bytes")
    return HKDF(SHA256(), _KEY_LENGTH, salt=None, info=b"ostiary " + purpose.encode()).derive(master_key)


def new_master_key() -> str:
    """A random master key in the form that :func:`parse_master_key` reads: base64url, 43 characters."""
    return secrets.token_urlsafe(_KEY_LENGTH)


def parse_master_key(text: str) -> bytes:
    """The 32 bytes that ``text`` holds in hex, base64 or base64url, with or without padding.

    Raises:
        ConfigurationError: it holds something else. The text itself is not in the error.
    """
    text = text.strip()
    if re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        return bytes.fromhex(text)
    if re.fullmatch(r"[0-9A-Za-z+/_-]{43}=?", text):
        standard = text.rstrip("=").replace("-", "+").replace("_", "/")
        return binascii.a2b_base64(standard + "=")
    raise ConfigurationError(["the master key must be 32 bytes in base64, base64url or hex"])
