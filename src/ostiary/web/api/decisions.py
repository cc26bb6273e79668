"""``/access/v1``: decisions for other applications (OpenID AuthZEN Authorization API 1.0), and the audit log."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from ostiary.authorization import AuditQuery
from ostiary.authorization.authzen_messages import (
    ActionSearch,
    EvaluationRequest,
    EvaluationsRequest,
    ResourceSearch,
    SubjectSearch,
    metadata,
)
from ostiary.web import answers
from ostiary.web.exchange import Exchange


async def evaluate(exchange: Exchange) -> Response:
    body: EvaluationRequest = exchange.body
    _keep_request_id(exchange)
    return answers.json(await exchange.use.authzen.evaluate(exchange.caller, body, _model(exchange)))


async def evaluate_many(exchange: Exchange) -> Response:
    body: EvaluationsRequest = exchange.body
    _keep_request_id(exchange)
    return answers.json(await exchange.use.authzen.evaluate_many(exchange.caller, body, _model(exchange)))


async def search_subjects(exchange: Exchange) -> Response:
    body: SubjectSearch = exchange.body
    _keep_request_id(exchange)
    return answers.json(await exchange.use.authzen.subjects(exchange.caller, body, _model(exchange)))


async def search_resources(exchange: Exchange) -> Response:
    body: ResourceSearch = exchange.body
    _keep_request_id(exchange)
    return answers.json(await exchange.use.authzen.resources(exchange.caller, body, _model(exchange)))


async def search_actions(exchange: Exchange) -> Response:
    body: ActionSearch = exchange.body
    _keep_request_id(exchange)
    return answers.json(await exchange.use.authzen.actions(exchange.caller, body, _model(exchange)))


async def pdp_metadata(exchange: Exchange) -> Response:
    model = _model(exchange)
    await exchange.use.authzen.require_model(model)
    issuer = exchange.use.settings.issuer
    response = answers.json(metadata(f"{issuer}/pdp/{model}" if model else issuer))
    response.headers["cache-control"] = "public, max-age=300"
    return response


def _model(exchange: Exchange) -> str:
    return exchange.parameters.get("model", "")


def _keep_request_id(exchange: Exchange) -> None:
    """Answer with the asker's own id, refusals too (section 10.1.6, "Request Identification")."""
    if (sent := exchange.headers.get("x-request-id")) is not None and sent.isascii() and sent.isprintable():
        exchange.facts = msgspec.structs.replace(exchange.facts, request_id=sent[:128])


async def audit(exchange: Exchange) -> Response:
    query: AuditQuery = exchange.query
    return answers.json(await exchange.use.audit.list(exchange.caller, query))
