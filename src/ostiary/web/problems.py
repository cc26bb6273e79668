"""Errors on the wire: problem details (RFC 9457) for clients, an error page for people. The one place that does it."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from ostiary.errors import InsufficientAuthentication, MethodNotAllowed, OstiaryError, Unauthenticated
from ostiary.web.answers import json
from ostiary.web.exchange import Exchange


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Problem details; members beyond these are the error's own (RFC 9457 section 3.2)."""

    type: str
    title: str
    status: int
    code: str
    request_id: str
    detail: str | None = None
    field: str | None = None


def problem_response(exchange: Exchange, error: OstiaryError) -> Response:
    """The error as ``application/problem+json`` with the headers that belong to it."""
    problem = Problem(
        type=f"{exchange.use.settings.issuer}/docs/errors#{error.code}",
        title=error.title,
        status=error.status,
        code=error.code,
        request_id=exchange.facts.request_id,
        detail=error.detail,
        field=error.field,
    )
    members = msgspec.to_builtins(problem) | {
        k: v for k, v in error.extra.items() if k not in problem.__struct_fields__
    }
    response = json(members, error.status, "application/problem+json")
    response.headers.update(problem_headers(error))
    return response


def problem_headers(error: OstiaryError) -> dict[str, str]:
    """``WWW-Authenticate`` with every 401 (RFC 9110 section 11.6.1), ``Retry-After``, ``Allow``."""
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="ostiary"' + _bearer_parameters(error)
    allow = error.extra.get("allow")
    if isinstance(error, MethodNotAllowed) and isinstance(allow, list):
        headers["allow"] = ", ".join(allow)
    return headers


def _bearer_parameters(error: Unauthenticated) -> str:
    """What a 401 says to a client with tokens: RFC 6750 section 3, RFC 9470 section 3."""
    if isinstance(error, InsufficientAuthentication):
        age = "" if error.max_age is None else f', max_age="{error.max_age}"'
        return f', error="{error.code}", error_description="{error.title}", acr_values="{error.level}"{age}'
    return ', error="invalid_token"' if error.code == "invalid_token" else ""
