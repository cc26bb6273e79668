"""What machines ask: health, keys, the API's description, static files."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from ostiary.errors import OstiaryError, Unavailable
from ostiary.web import answers
from ostiary.web.exchange import Exchange
from ostiary.web.pages.render import Pages


class HealthAnswer(msgspec.Struct, frozen=True):
    status: str


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

    async def static(self, exchange: Exchange) -> Response:
        return self._pages.files.response("/".join(exchange.parameters.values()))
