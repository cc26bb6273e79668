"""``/api/policies``."""

from __future__ import annotations

from starlette.responses import Response

from ostiary.authorization import PolicyRule
from ostiary.base.pages import PageQuery
from ostiary.web import answers
from ostiary.web.exchange import Exchange


async def list_policies(exchange: Exchange) -> Response:
    listing: PageQuery = exchange.query
    return answers.json(await exchange.use.policies.list(exchange.caller, listing.cursor, listing.limit))


async def get(exchange: Exchange) -> Response:
    return answers.json(await exchange.use.policies.get(exchange.caller, exchange.parameters["name"]))


async def put(exchange: Exchange) -> Response:
    body: PolicyRule = exchange.body
    return answers.json(await exchange.use.policies.put(exchange.caller, exchange.parameters["name"], body))


async def delete(exchange: Exchange) -> Response:
    await exchange.use.policies.delete(exchange.caller, exchange.parameters["name"])
    return answers.no_content()
