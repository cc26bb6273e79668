"""How an account and a session are called to applications: by one name for all, or by another for each sector."""

from __future__ import annotations

import base64
import hashlib
import hmac

from ostiary.oauth.model import Client


class Subjects:
    """Makes names that tell nothing, by a keyed hash, so that nothing is stored."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, client: Client, account_id: str) -> str:
        """The ``sub`` of an account (OpenID Connect Core section 8); pairwise, its hash with the client's sector."""
        if client.metadata.subject_type == "public":
            return account_id
        return self._name("subject", client.sector, account_id)

    def sid(self, client: Client, session_id: str) -> str:
        """The ``sid`` of a session: another one for each client, so that two of them cannot compare."""
        return self._name("session", client.id, session_id)

    def _name(self, *parts: str) -> str:
        hashed = hmac.digest(self._key, "\0".join(parts).encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(hashed[:24]).decode()
