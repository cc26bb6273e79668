"""``/api/sessions`` and ``/api/session/data``: where somebody is signed in, and what applications keep there."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from starlette.responses import Response

from ostiary.base.pages import Page
from ostiary.errors import InvalidRequest
from ostiary.sessions import SessionData
from ostiary.web import answers, session_data
from ostiary.web.csrf import HEADER
from ostiary.web.exchange import Exchange

_ETAG = re.compile(r'"(\d{1,15})"')


class EndedAnswer(msgspec.Struct, frozen=True):
    """How many sign-ins ended."""

    ended: int


async def list_own(exchange: Exchange) -> Response:
    return answers.json(Page(await exchange.use.sign_ins.list(exchange.caller), None))


async def get_own(exchange: Exchange) -> Response:
    return answers.json(await exchange.use.sign_ins.get(exchange.caller, exchange.parameters["sign_in_id"]))


async def end_others(exchange: Exchange) -> Response:
    return answers.json(EndedAnswer(await exchange.use.sign_ins.end_all(exchange.caller)))


async def end_own(exchange: Exchange) -> Response:
    await exchange.use.sign_ins.end(exchange.caller, exchange.parameters["sign_in_id"])
    return answers.no_content()


async def list_of_account(exchange: Exchange) -> Response:
    found = await exchange.use.sign_ins.list(exchange.caller, exchange.parameters["account_id"])
    return answers.json(Page(found, None))


async def get_one_of_account(exchange: Exchange) -> Response:
    found = await exchange.use.sign_ins.get(
        exchange.caller, exchange.parameters["sign_in_id"], exchange.parameters["account_id"]
    )
    return answers.json(found)


async def end_of_account(exchange: Exchange) -> Response:
    ended = await exchange.use.sign_ins.end_all(exchange.caller, exchange.parameters["account_id"])
    return answers.json(EndedAnswer(ended))


async def end_one_of_account(exchange: Exchange) -> Response:
    await exchange.use.sign_ins.end(
        exchange.caller, exchange.parameters["sign_in_id"], exchange.parameters["account_id"]
    )
    return answers.no_content()


async def read_data(exchange: Exchange) -> Response:
    return _data(exchange, await exchange.use.session_data.read(exchange.caller))


async def change_data(exchange: Exchange) -> Response:
    patch: dict[str, Any] = exchange.body
    return _data(exchange, await session_data.change(exchange, patch, _if_match(exchange)))


def _data(exchange: Exchange, data: SessionData) -> Response:
    response = answers.json(data.data)
    response.headers["etag"] = f'"{data.version}"'
    # Who has not signed in has no other way to one; without a session there is nothing yet to protect.
    if exchange.caller.method == "session" and (csrf_token := exchange.csrf_token()) is not None:
        response.headers[HEADER] = csrf_token
    return response


def _if_match(exchange: Exchange) -> int | None:
    """The version in ``If-Match`` (RFC 9110 section 13.1.1); None where any will do."""
    header = exchange.headers.get("if-match")
    if header is None or header == "*":
        return None
    found = _ETAG.fullmatch(header)
    if found is None:
        raise InvalidRequest("If-Match takes the ETag of the data, one only.")
    return int(found.group(1))
