"""``/api/acl/{type}/{id}``: who has what on one object, for whoever may share it."""

from __future__ import annotations

import re

from starlette.responses import Response

from ostiary.authorization import AccessControlList, AclChange, AclWrite, Resource
from ostiary.errors import InvalidRequest
from ostiary.web import answers
from ostiary.web.exchange import Exchange

_ETAG = re.compile(r'"(\d{1,15})"')


async def get(exchange: Exchange) -> Response:
    return _answer(await exchange.use.access_control.get(exchange.caller, _resource(exchange)))


async def put(exchange: Exchange) -> Response:
    body: AclWrite = exchange.body
    one, if_match = _resource(exchange), _if_match(exchange)
    return _answer(await exchange.use.access_control.put(exchange.caller, one, body, if_match))


async def patch(exchange: Exchange) -> Response:
    body: AclChange = exchange.body
    one, if_match = _resource(exchange), _if_match(exchange)
    return _answer(await exchange.use.access_control.patch(exchange.caller, one, body, if_match))


def _resource(exchange: Exchange) -> Resource:
    return Resource(exchange.parameters["type"], exchange.parameters["id"])


def _answer(found: AccessControlList) -> Response:
    response = answers.json(found)
    response.headers["etag"] = f'"{found.etag}"'
    return response


def _if_match(exchange: Exchange) -> str | None:
    """The list's tag in ``If-Match`` (RFC 9110 section 13.1.1); None where any will do."""
    header = exchange.headers.get("if-match")
    if header is None or header == "*":
        return None
    found = _ETAG.fullmatch(header)
    if found is None:
        raise InvalidRequest("If-Match takes the ETag of the list, one only.")
    return found[1]
