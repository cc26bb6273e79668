"""An access token of ours, shown at one of our own doors: what it says, and whether it still counts."""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.base.clock import SECOND
from ostiary.crypto import jose
from ostiary.database import Database
from ostiary.errors import InvalidToken, Unauthenticated
from ostiary.oauth.issuing import OPAQUE_PREFIX, Issuer, binding_of
from ostiary.oauth.proofs import Proofs, Shown
from ostiary.oauth.spent import spend_all
from ostiary.tokens import RefreshFamily, RefreshTokens


class Opened(msgspec.Struct, frozen=True):
    """A token that counts. ``family``: that it came of; None for a client's own."""

    claims: dict[str, Any]
    scopes: frozenset[str]
    family: RefreshFamily | None

    @property
    def account_id(self) -> str | None:
        """Whose it is; None for a client's own."""
        return None if self.family is None else self.family.account_id


class BearerTokens:
    """Opens access tokens."""

    def __init__(self, db: Database, issuer: Issuer, refresh_tokens: RefreshTokens, proofs: Proofs) -> None:
        self._db = db
        self._issuer = issuer
        self._refresh_tokens = refresh_tokens
        self._proofs = proofs

    async def open(self, token: str, now: int, *, audience: str | None) -> Opened:
        """What a token says, if it is genuine, in time, and has not been ended early.

        Args:
            audience: that it has to be for; None for any.

        Raises:
            InvalidToken: it does not count.
        """
        if token.startswith(OPAQUE_PREFIX):
            found = await self._issuer.opaque(self._db, token, now)
            if found is None or (audience is not None and not jose.is_for(found.get("aud"), audience)):
                raise InvalidToken
            claims = found
        else:
            claims = await self._issuer.verify(token, now, typ="at+jwt", audience=audience)
        family_id = claims.get("sid")
        family = None
        if isinstance(family_id, str):
            family = await self._refresh_tokens.get(family_id, now)
            if family is None:
                raise InvalidToken("What this token came of has ended.")
        return Opened(claims, frozenset(str(claims.get("scope", "")).split()), family)

    async def shown(self, authorization: str | None, shown: Shown, now: int, *, audience: str) -> Opened:
        """The token in a header ``Authorization``, with the proof that it takes.

        Raises:
            Unauthenticated: there is none. InvalidToken, InvalidDpopProof: it does not count.
        """
        scheme, _, token = (authorization or "").partition(" ")
        scheme, token = scheme.lower(), token.strip()
        if scheme not in ("bearer", "dpop") or not token:
            raise Unauthenticated("Send an access token in the header Authorization.")
        opened = await self.open(token, now, audience=audience)
        spends = self._proofs.possession(binding_of(opened.claims), token, scheme, shown, now)
        if spends:
            async with self._db.transaction(durable=False) as tx:
                fresh = await spend_all(tx, spends)
            if not fresh:
                raise InvalidToken("This proof was used before.")
        return opened


def lasts(claims: dict[str, Any], now: int) -> int:
    """How many seconds a token has left."""
    return max(0, int(claims["exp"]) - now // SECOND)
