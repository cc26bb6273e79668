"""Signatures of outgoing webhooks, after Standard Webhooks (version 1.0.0), which receivers have libraries for."""

from __future__ import annotations

import binascii
import hashlib
import hmac


def webhook_headers(key: str, *, id: str, timestamp: int, body: bytes) -> dict[str, str]:  # noqa: A002 - the standard's
    """The headers that tell the receiver who sent ``body``, and when: ``webhook-id``, ``-timestamp``, ``-signature``.

    Args:
        key: ``whsec_`` and the secret in base64.
        id: the same each time that the same message is sent, so that the receiver can tell.
        timestamp: of this try, in seconds since the epoch.
    """
    secret = binascii.a2b_base64(key.removeprefix("whsec_"))
    signature = hmac.digest(secret, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v1," + binascii.b2a_base64(signature, newline=False).decode(),
    }
