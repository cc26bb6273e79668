"""``/api/roles``."""

from __future__ import annotations

from starlette.responses import Response

from ostiary.authorization import RoleChange, RoleCreate
from ostiary.base.pages import PageQuery
from ostiary.web import answers
from ostiary.web.exchange import Exchange


async def list_roles(exchange: Exchange) -> Response:
    listing: PageQuery = exchange.query
    return answers.json(await exchange.use.roles.list(exchange.caller, listing.cursor, listing.limit))


async def create(exchange: Exchange) -> Response:
    body: RoleCreate = exchange.body
    return answers.json(await exchange.use.roles.create(exchange.caller, body), 201)


async def get(exchange: Exchange) -> Response:
    return answers.json(await exchange.use.roles.get(exchange.caller, exchange.parameters["name"]))


async def change(exchange: Exchange) -> Response:
    body: RoleChange = exchange.body
    return answers.json(await exchange.use.roles.change(exchange.caller, exchange.parameters["name"], body))


async def delete(exchange: Exchange) -> Response:
    await exchange.use.roles.delete(exchange.caller, exchange.parameters["name"])
    return answers.no_content()
