"""Token, userinfo, introspection, revocation, pushed requests, device authorization, registration, discovery."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from ostiary.oauth.discovery import resource_metadata
from ostiary.web import answers
from ostiary.web.endpoints.shown import knocking, nobody, shown
from ostiary.web.exchange import Exchange

_JWT = "application/jwt"
_INTROSPECTION_JWT = "application/token-introspection+jwt"


class ProtocolError(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 6749 section 5.2."""

    error: str
    error_description: str | None = None


async def token(exchange: Exchange) -> Response:
    answer = await exchange.use.oauth.token(nobody(exchange), knocking(exchange), shown(exchange))
    _offer_nonce(exchange)
    return answers.json(answer)


async def userinfo(exchange: Exchange) -> Response:
    """By GET or POST; the token in the header, where no log and no form keeps it."""
    told = await exchange.use.oauth.userinfo(nobody(exchange), exchange.headers.get("authorization"), shown(exchange))
    _offer_nonce(exchange)
    return answers.text(told, _JWT) if isinstance(told, str) else answers.json(told)


async def introspect(exchange: Exchange) -> Response:
    signed = _INTROSPECTION_JWT in exchange.headers.get("accept", "")
    told = await exchange.use.oauth.introspection.introspect(nobody(exchange), knocking(exchange), signed=signed)
    return answers.text(told, _INTROSPECTION_JWT) if isinstance(told, str) else answers.json(told)


async def revoke(exchange: Exchange) -> Response:
    await exchange.use.oauth.introspection.revoke(nobody(exchange), knocking(exchange))
    return answers.json({})


async def push(exchange: Exchange) -> Response:
    return answers.json(await exchange.use.oauth.pushed(nobody(exchange), knocking(exchange), shown(exchange)), 201)


async def device_authorization(exchange: Exchange) -> Response:
    return answers.json(await exchange.use.oauth.devices.begin(nobody(exchange), knocking(exchange)))


async def register(exchange: Exchange) -> Response:
    body: dict[str, Any] = exchange.body
    return answers.json(await exchange.use.oauth.registration.register(nobody(exchange), _bearer(exchange), body), 201)


async def read_registration(exchange: Exchange) -> Response:
    found = await exchange.use.oauth.registration.read(nobody(exchange), _bearer(exchange), _client_id(exchange))
    return answers.json(found)


async def replace_registration(exchange: Exchange) -> Response:
    body: dict[str, Any] = exchange.body
    registration = exchange.use.oauth.registration
    return answers.json(await registration.replace(nobody(exchange), _bearer(exchange), _client_id(exchange), body))


async def delete_registration(exchange: Exchange) -> Response:
    await exchange.use.oauth.registration.delete(nobody(exchange), _bearer(exchange), _client_id(exchange))
    return answers.no_content()


async def discovery(exchange: Exchange) -> Response:
    return _public(await exchange.use.oauth.discovery())


async def protected_resource(exchange: Exchange) -> Response:
    return _public(resource_metadata(exchange.use.settings))


def _public(document: dict[str, Any]) -> Response:
    response = answers.json(document)
    response.headers["cache-control"] = "public, max-age=300"
    return response


def _bearer(exchange: Exchange) -> str | None:
    scheme, _, token = exchange.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _client_id(exchange: Exchange) -> str:
    return exchange.parameters["client_id"]


def _offer_nonce(exchange: Exchange) -> None:
    """The nonce for the next proof, so that it need not be asked for (RFC 9449 section 8.2)."""
    dpop = exchange.use.oauth.dpop
    if dpop.nonce_required and "dpop" in exchange.headers:
        exchange.set_headers.append((b"dpop-nonce", dpop.nonce(exchange.facts.at).encode()))
