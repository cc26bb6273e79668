"""``/api/credentials/api-keys``, one's own, and ``/api/accounts/{account_id}/api-keys``, those of others."""

from __future__ import annotations

from starlette.responses import Response

from ostiary.authentication import ApiKeyCreate, ApiKeyRotate, ApiKeyUpdate
from ostiary.base.pages import PageQuery
from ostiary.web import answers
from ostiary.web.exchange import Exchange


async def list_keys(exchange: Exchange) -> Response:
    listing: PageQuery = exchange.query
    return answers.json(await exchange.use.api_keys.list(exchange.caller, listing, _account(exchange)))


async def create(exchange: Exchange) -> Response:
    body: ApiKeyCreate = exchange.body
    return answers.json(await exchange.use.api_keys.create(exchange.caller, body, _account(exchange)), 201)


async def get(exchange: Exchange) -> Response:
    return answers.json(await exchange.use.api_keys.get(exchange.caller, _key(exchange), _account(exchange)))


async def change(exchange: Exchange) -> Response:
    body: ApiKeyUpdate = exchange.body
    return answers.json(await exchange.use.api_keys.change(exchange.caller, _key(exchange), body, _account(exchange)))


async def rotate(exchange: Exchange) -> Response:
    body: ApiKeyRotate = exchange.body or ApiKeyRotate()
    return answers.json(await exchange.use.api_keys.rotate(exchange.caller, _key(exchange), body, _account(exchange)))


async def revoke(exchange: Exchange) -> Response:
    await exchange.use.api_keys.revoke(exchange.caller, _key(exchange), _account(exchange))
    return answers.no_content()


def _account(exchange: Exchange) -> str | None:
    """Whose keys they are; None for the caller's own."""
    return exchange.parameters.get("account_id")


def _key(exchange: Exchange) -> str:
    return exchange.parameters["key_id"]
