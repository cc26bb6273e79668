"""``/api/model``."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from ostiary.authorization import ModelChange
from ostiary.authorization.models import ModelText
from ostiary.base.pages import DEFAULT_LIMIT, Cursor, Limit
from ostiary.web import answers
from ostiary.web.exchange import Exchange


class ModelQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which model; without a name the one that applies where none is named."""

    name: Annotated[str, Meta(max_length=64)] = ""


class VersionsQuery(ModelQuery, frozen=True, forbid_unknown_fields=True):
    """Which part of its versions."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class ModelBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model's file, in YAML."""

    text: ModelText


async def current(exchange: Exchange) -> Response:
    query: ModelQuery = exchange.query
    return answers.json(await exchange.use.models.current(exchange.caller, query.name))


async def versions(exchange: Exchange) -> Response:
    query: VersionsQuery = exchange.query
    return answers.json(await exchange.use.models.versions(exchange.caller, query.name, query.cursor, query.limit))


async def check(exchange: Exchange) -> Response:
    body: ModelBody = exchange.body
    return answers.json(await exchange.use.models.check(exchange.caller, body.text))


async def apply(exchange: Exchange) -> Response:
    body: ModelChange = exchange.body
    return answers.json(await exchange.use.models.apply(exchange.caller, body))
