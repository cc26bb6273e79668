"""Errors on the wire: problem details (RFC 9457) for clients, an error page for people. The one place that does it."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from ostiary.errors import InsufficientAuthentication, MethodNotAllowed, OstiaryError, Unauthenticated
from ostiary.oauth.discovery import resource_metadata_url
from ostiary.oauth.faults import InsufficientScope, InvalidClient, UseDpopNonce, is_protocol_error
from ostiary.settings import Settings
from ostiary.web.answers import json
from ostiary.web.exchange import Exchange

_SHARED = frozenset({"invalid_request", "invalid_token"})
_CODES = {400: "invalid_request", 413: "invalid_request", 415: "invalid_request", 429: "slow_down"}
_CODES |= {500: "server_error", 503: "temporarily_unavailable"}
"""What errors of ours that the protocol has no word for are called there, by status."""


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
    response.headers.update(problem_headers(error, exchange.use.settings))
    return response


def protocol_response(exchange: Exchange, error: OstiaryError) -> Response:
    """The error as OAuth clients read it (RFC 6749 section 5.2), with the header that says how to authenticate."""
    code = error.code if is_protocol_error(error) or error.code in _SHARED else _CODES.get(error.status, error.code)
    response = json({"error": code, "error_description": _described(error)}, error.status)
    response.headers.update(problem_headers(error, exchange.use.settings))
    if isinstance(error, UseDpopNonce):
        response.headers["dpop-nonce"] = error.nonce
    if isinstance(error, InvalidClient):
        response.headers["www-authenticate"] = 'Basic realm="ostiary", charset="UTF-8"'
    if isinstance(error, InsufficientScope):
        response.headers["www-authenticate"] = f'Bearer realm="ostiary", error="{error.code}", scope="{error.scope}"'
    return response


def _described(error: OstiaryError) -> str:
    """Only what RFC 6749 section 5.2 lets a description consist of."""
    text = error.detail or error.title
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "'" for each in text)


def problem_headers(error: OstiaryError, settings: Settings) -> dict[str, str]:
    """``WWW-Authenticate`` with every 401 (RFC 9110 11.6.1, RFC 9728 5.1), ``Retry-After``, ``Allow``."""
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    if isinstance(error, Unauthenticated):
        about = f'resource_metadata="{resource_metadata_url(settings)}"'
        headers["www-authenticate"] = f'Bearer realm="ostiary"{_bearer_parameters(error)}, {about}'
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
