"""``/api/entities``: attributes of accounts, of resources, and of subjects that are no accounts."""

from __future__ import annotations

from starlette.responses import Response

from ostiary.authorization import EntitiesWrite, EntityWrite, Resource
from ostiary.base.pages import PageQuery
from ostiary.web import answers
from ostiary.web.exchange import Exchange


async def list_entities(exchange: Exchange) -> Response:
    listing: PageQuery = exchange.query
    found = await exchange.use.entities.list(
        exchange.caller, exchange.parameters["type"], listing.cursor, listing.limit
    )
    return answers.json(found)


async def get(exchange: Exchange) -> Response:
    return answers.json(await exchange.use.entities.get(exchange.caller, _one(exchange)))


async def put(exchange: Exchange) -> Response:
    body: EntityWrite = exchange.body
    return answers.json(await exchange.use.entities.put(exchange.caller, _one(exchange), body))


async def patch(exchange: Exchange) -> Response:
    body: EntityWrite = exchange.body
    return answers.json(await exchange.use.entities.patch(exchange.caller, _one(exchange), body))


async def delete(exchange: Exchange) -> Response:
    await exchange.use.entities.delete(exchange.caller, _one(exchange))
    return answers.no_content()


async def write(exchange: Exchange) -> Response:
    body: EntitiesWrite = exchange.body
    return answers.json(await exchange.use.entities.write(exchange.caller, body))


def _one(exchange: Exchange) -> Resource:
    return Resource(exchange.parameters["type"], exchange.parameters["id"])
