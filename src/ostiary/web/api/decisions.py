"""``/access/v1``: decisions for other applications (OpenID AuthZEN Authorization API 1.0), and the audit log."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from ostiary.authorization import AuditQuery, EvaluationRequest
from ostiary.web import answers
from ostiary.web.exchange import Exchange


async def evaluate(exchange: Exchange) -> Response:
    body: EvaluationRequest = exchange.body
    response = answers.json(await exchange.use.authzen.evaluate(exchange.caller, body))
    # The asker's own id of the request comes back (AuthZEN, "Request Identification").
    if (sent := exchange.headers.get("x-request-id")) is not None and sent.isascii() and sent.isprintable():
        exchange.facts = msgspec.structs.replace(exchange.facts, request_id=sent[:128])
    return response


async def audit(exchange: Exchange) -> Response:
    query: AuditQuery = exchange.query
    return answers.json(await exchange.use.audit.list(exchange.caller, query))
