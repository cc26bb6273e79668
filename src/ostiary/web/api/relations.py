"""``/api/relations``: tuples, for administrators and applications that keep them here."""

from __future__ import annotations

from starlette.responses import Response

from ostiary.authorization import RelationQuery, RelationWrite
from ostiary.web import answers
from ostiary.web.exchange import Exchange


async def list_relations(exchange: Exchange) -> Response:
    query: RelationQuery = exchange.query
    return answers.json(await exchange.use.relations.list(exchange.caller, query))


async def write(exchange: Exchange) -> Response:
    body: RelationWrite = exchange.body
    return answers.json(await exchange.use.relations.write(exchange.caller, body))
