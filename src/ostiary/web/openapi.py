"""OpenAPI 3.1, generated from the route table and the structs in it.

What a row says is what is described; what follows from the steps that every request goes through (``application``)
is worked out from the row here, so that no row has to repeat it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec

from ostiary.errors import (
    AmbiguousCredentials,
    CsrfRejected,
    DeviceProofRequired,
    Forbidden,
    InvalidRequest,
    InvalidToken,
    NotFound,
    OstiaryError,
    PayloadTooLarge,
    PersonRequired,
    PreconditionFailed,
    RateLimited,
    StepUpRequired,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from ostiary.settings import Settings
from ostiary.web.cookies import Cookies
from ostiary.web.csrf import HEADER
from ostiary.web.endpoints.protocol import ProtocolError
from ostiary.web.identify import API_KEY
from ostiary.web.problems import Problem
from ostiary.web.route import MAX_SEGMENT, UNSAFE, Knock, Route

Json = dict[str, Any]

_ABOUT = """\
Every answer carries an `X-Request-Id`, by which it is found in the audit log. Times are RFC 3339 in UTC. Lists are
`{"items": […], "next": cursor}`; `next` is `null` on the last page. Errors are problem details (RFC 9457), told apart
by their stable `code`: [all of them](%s/docs/errors). A body may have %d bytes, all headers together %d.
"""
_PARAMETER = re.compile(r"\{(\w+)\}")


def openapi(routes: Iterable[Route], tags: Mapping[str, str], settings: Settings) -> Json:
    """The description of ``routes``, the same for the same code and settings.

    Args:
        tags: what each tag is about, in the order to show them.
    """
    routes = list(routes)
    schemas = _Schemas(routes)
    paths: Json = {}
    responses: Json = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas, responses)
    about = _ABOUT % (settings.issuer, settings.server.max_body, settings.server.max_header)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": settings.site_name,
            "version": version("ostiary"),
            "summary": "Who are you, and what may you do?",
            "description": about,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": settings.issuer}],
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": dict(sorted(responses.items())),
            "securitySchemes": _security_schemes(Cookies(settings)),
        },
    }


def problems_of(route: Route) -> dict[int, list[type[OstiaryError]]]:
    """What a row can answer besides success, by status: its own errors, and those of the steps before its handler."""
    found: list[type[OstiaryError]] = [InvalidRequest, AmbiguousCredentials, *route.errors]
    if route.recognise:
        found += [Unauthenticated, InvalidToken, StepUpRequired, DeviceProofRequired, Forbidden, Unavailable]
    if route.knock is Knock.PERSON:
        found.append(PersonRequired)
    if route.recognise or route.limit is not None:
        found.append(RateLimited)
    if "{" in route.path:
        found.append(NotFound)
    if route.method in UNSAFE:
        found += [PayloadTooLarge] if route.foreign else [CsrfRejected, PayloadTooLarge]
        if route.body is not None or route.form is not None:
            found.append(UnsupportedMediaType)
        if route.etag:
            found.append(PreconditionFailed)
    by_code = {error.code: error for error in found}
    by_status: dict[int, list[type[OstiaryError]]] = {}
    for error in sorted(by_code.values(), key=lambda error: (error.status, error.code)):
        by_status.setdefault(error.status, []).append(error)
    return by_status


class _Schemas:
    """The schema of every struct in the table, and references to them."""

    def __init__(self, routes: Iterable[Route]) -> None:
        shown: list[Any] = [Problem, ProtocolError]
        for route in routes:
            named = (route.body, route.form, route.query, *route.answers.values())
            shown += [form for form in named if form is not None]
        found, components = msgspec.json.schema_components(shown, ref_template="#/components/schemas/{name}")
        # ``Page[Role]`` is named Page_Role_ by msgspec; docstrings are in reStructuredText.
        text = re.sub(r"\bPage_(\w+?)_(?!\w)", r"\1Page", json.dumps([found, components])).replace("``", "`")
        found, components = json.loads(text)
        self._of = list(zip(shown, found, strict=True))
        queried = {route.query.__name__ for route in routes if route.query is not None}
        self._queries = {name: components[name] for name in queried}
        self.components: Json = {
            name: _first_paragraph(components[name]) for name in sorted(components) if name not in queried
        }

    def of(self, form: Any) -> Json:
        """The schema of a type that a row names."""
        return next(schema for known, schema in self._of if known == form)

    def parameters(self, query: type[msgspec.Struct]) -> list[Json]:
        """Each member of a query struct as a parameter; one that may be ``None`` is one that may be left out."""
        struct = self._queries[query.__name__]
        return [
            {"name": name, "in": "query", "required": name in struct["required"], "schema": _without_null(schema)}
            for name, schema in struct["properties"].items()
        ]


def _operation(route: Route, schemas: _Schemas, responses: Json) -> Json:
    operation: Json = {"operationId": route.operation, "summary": route.summary, "tags": [route.tag]}
    if parameters := _parameters(route, schemas):
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {"application/json": {"schema": schemas.of(route.body)}},
        }
    elif route.form is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/x-www-form-urlencoded": {"schema": schemas.of(route.form)}},
        }
    operation["responses"] = {str(status): _success(route, status, schemas) for status in route.answers}
    for status, errors in problems_of(route).items():
        if route.protocol:
            operation["responses"][str(status)] = _protocol_problem(errors)
            continue
        name = ".".join([str(status), *(error.code for error in errors)])
        responses[name] = _problem(status, errors)
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{name}"}
    operation["security"] = _security(route)
    return operation


_FORMS: dict[str, Json] = {"credential_id": {"pattern": "^cred_[0-9a-z]{26}$"}}
"""Of parameters beside which other rows have words of their own, which are none of their values."""


def _parameters(route: Route, schemas: _Schemas) -> list[Json]:
    segment = {"type": "string", "minLength": 1, "maxLength": MAX_SEGMENT, "pattern": "^[^/]+$"}
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": segment | _FORMS.get(name, {})}
        for name in _PARAMETER.findall(route.path)
    ]
    if route.query is not None:
        found += schemas.parameters(route.query)
    if route.etag and route.method in UNSAFE:
        found.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": False,
                "description": "The `ETag` of what was read: the change is refused where it has changed since.",
                "schema": {"type": "string", "pattern": r'^("[0-9]{1,15}"|\*)$'},
            }
        )
    return found


def _success(route: Route, status: int, schemas: _Schemas) -> Json:
    response: Json = {"description": HTTPStatus(status).phrase}
    if route.etag:
        response["headers"] = {"ETag": _header("The version of what is answered.")}
    form = route.answers[status]
    if form is not None:
        response["content"] = {route.media_type: {"schema": schemas.of(form)}}
    return response


def _problem(status: int, errors: list[type[OstiaryError]]) -> Json:
    response: Json = {
        "description": "\n".join(f"- `{error.code}`: {error.title}" for error in errors),
        "content": {
            "application/problem+json": {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Problem"},
                        {
                            "properties": {
                                "status": {"const": status},
                                "code": {"enum": [error.code for error in errors]},
                            }
                        },
                    ]
                }
            }
        },
    }
    if status == HTTPStatus.UNAUTHORIZED:
        response["headers"] = {"WWW-Authenticate": _header("How to authenticate (RFC 6750).")}
    elif status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        always = status == HTTPStatus.TOO_MANY_REQUESTS
        response["headers"] = {
            "Retry-After": _header("Seconds to wait.", {"type": "integer", "minimum": 1}, required=always)
        }
    return response


def _protocol_problem(errors: list[type[OstiaryError]]) -> Json:
    return {
        "description": "\n".join(f"- `{error.code}`: {error.title}" for error in errors),
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ProtocolError"}}},
    }


def _header(description: str, schema: Json | None = None, *, required: bool = True) -> Json:
    return {"description": description, "required": required, "schema": schema or {"type": "string"}}


def _security(route: Route) -> list[Json]:
    """One of these: nothing, a bearer token, a key, or a cookie, which needs the CSRF token to change anything."""
    if not route.recognise:
        return []
    csrf: Json = {"csrf": []} if route.method in UNSAFE else {}
    credentials: list[Json] = [{"bearer": []}, {"session": []} | csrf, {"token_cookie": []} | csrf]
    if route.knock is not Knock.PERSON:
        credentials.append({"api_key": []})
    return [{}, *credentials] if route.knock is Knock.ANYONE else credentials


def _security_schemes(jar: Cookies) -> Json:
    return {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access token of the delivery `token` (RFC 9068), or an API key.",
        },
        "api_key": {
            "type": "apiKey",
            "in": "header",
            "name": API_KEY.title().replace("Api", "API"),
            "description": "An API key, `ost_live_…`. It is no person: what protects an account is out of its reach.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": jar.session.name,
            "description": "The session of the delivery `cookie`.",
        },
        "token_cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": jar.access.name,
            "description": "The access token of the delivery `token_cookie`.",
        },
        "csrf": {
            "type": "apiKey",
            "in": "header",
            "name": HEADER.title().replace("Csrf", "CSRF"),
            "description": "The `csrf_token` of the sign-in or of `GET /api/auth/me`, along with either cookie.",
        },
    }


def _without_null(schema: Json) -> Json:
    """A query has no ``null``."""
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) != 1:
        return schema
    kept = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return {**choices[0], **kept}


def _first_paragraph(schema: Json) -> Json:
    """Without the lists of attributes in docstrings: the schema has those."""
    if "description" not in schema:
        return schema
    return schema | {"description": schema["description"].partition("\n\n")[0].replace("\n", " ")}
