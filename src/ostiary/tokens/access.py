"""Access tokens after RFC 9068: JWTs that a service verifies by itself, with nothing but our published keys."""

from __future__ import annotations

import msgspec

from ostiary.base.clock import SECOND, Clock
from ostiary.base.ids import new_id
from ostiary.crypto import ACCESS_TOKEN_CLAIMS, KeyRing, jose
from ostiary.errors import InvalidToken
from ostiary.settings import TokenSettings

FIRST_PARTY = "ostiary"
"""The ``client_id`` of tokens that a person got from Ostiary itself, with no application in between."""

_OF_A_SIGN_IN = ("sid", "auth_time", "amr", "acr")


class ApplicationToken(InvalidToken):
    """A genuine token for us, which an application has got."""


class AccessClaims(msgspec.Struct, frozen=True):
    """What a verified access token says. Times in seconds since the epoch, as on the wire."""

    sub: str
    sid: str
    client_id: str
    jti: str
    iat: int
    exp: int
    auth_time: int
    amr: tuple[str, ...]
    acr: str


class AccessTokens:
    """Mints and verifies the access tokens for Ostiary's own audience."""

    def __init__(self, keys: KeyRing, issuer: str, settings: TokenSettings, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._algorithm = settings.algorithm
        self._clock = clock
        self.ttl = settings.access_ttl
        """How long a token lives, in seconds."""

    async def ready(self) -> None:
        """See the keys that another process has made; call before :meth:`mint`, outside of a transaction."""
        await self._keys.refresh()

    def mint(self, *, account_id: str, family_id: str, amr: tuple[str, ...], acr: str, auth_time: int) -> str:
        """A signed token for a sign-in that happened at ``auth_time`` (milliseconds)."""
        now = self._clock()
        claims: dict[str, object] = {
            "iss": self._issuer,
            "sub": account_id,
            "aud": self._issuer,
            "client_id": FIRST_PARTY,
            "exp": now // SECOND + self.ttl,
            "iat": now // SECOND,
            "jti": new_id("tok", now),
            "sid": family_id,
            "auth_time": auth_time // SECOND,
            "amr": list(amr),
            "acr": acr,
        }
        return jose.sign(claims, key=self._keys.signing_key(self._algorithm, now), typ="at+jwt")

    async def verify(self, token: str) -> AccessClaims:
        """What the token says, if it is genuine, for us and in time, and no application's.

        Raises:
            ApplicationToken: all of this, but an application's.
            InvalidToken: it is not; the detail names the check that failed.
        """
        now = self._clock()
        await self.ready()
        claims = self._keys.verifier(now).verify(
            token,
            typ="at+jwt",
            issuer=self._issuer,
            audience=self._issuer,
            now=now,
            required=ACCESS_TOKEN_CLAIMS,
        )
        if claims["client_id"] != FIRST_PARTY:
            raise ApplicationToken("This token is an application's.")
        for name in _OF_A_SIGN_IN:
            if not claims.get(name):
                raise InvalidToken(f"The token lacks {name}.")
        return msgspec.convert(claims, AccessClaims)
