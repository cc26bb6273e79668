"""What machines ask: health, keys, the API's description, static files."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from ostiary.credentials.relying_party import RelyingParty
from ostiary.errors import OstiaryError, Unavailable
from ostiary.web import answers
from ostiary.web.exchange import Exchange
from ostiary.web.pages.render import Pages

RELATED_ORIGINS = "/.well-known/webauthn"
"""From the root of the origin, also where the issuer has a path: browsers look nowhere else."""


class HealthAnswer(msgspec.Struct, frozen=True):
    status: str


class RelatedOrigins(msgspec.Struct, frozen=True):
    """WebAuthn Level 3 section 5.11."""

    origins: tuple[str, ...]


class FileVersion(msgspec.Struct, frozen=True):
    """``v`` only makes a new address of a new content, for caches."""

    v: str = ""


class SystemRoutes:
    """Endpoints that need nobody."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def healthz(self, exchange: Exchange) -> Response:
        """The process answers."""
        return answers.json(HealthAnswer("ok"))

    async def readyz(self, exchange: Exchange) -> Response:
        """The process can do its work: the database answers, and Redis where there is one."""
        try:
            await exchange.use.db.revision("keys")
            if exchange.use.redis is not None:
                await exchange.use.redis.execute("PING")
        except OstiaryError as cause:
            raise Unavailable("The database or Redis does not answer.", retry_after=5) from cause
        return answers.json(HealthAnswer("ready"))

    async def jwks(self, exchange: Exchange) -> Response:
        """The public keys (RFC 7517). Kept by caches for less than the time for which a new key waits to sign."""
        await exchange.use.keys.refresh()
        response = answers.json(exchange.use.keys.jwks(exchange.facts.at), media_type="application/jwk-set+json")
        response.headers["cache-control"] = "public, max-age=300"
        response.headers["access-control-allow-origin"] = "*"
        return response

    async def related_origins(self, exchange: Exchange) -> Response:
        """Whose pages may use the passkeys that belong to this host (WebAuthn Level 3 section 5.11)."""
        response = answers.json(RelatedOrigins(RelyingParty.of(exchange.use.settings).origins))
        response.headers["cache-control"] = "public, max-age=300"
        return response

    async def static(self, exchange: Exchange) -> Response:
        return self._pages.files.response("/".join(exchange.parameters.values()))
