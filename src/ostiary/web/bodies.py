"""From bytes to a frozen struct, once, bounded; nothing behind this sees raw input."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive

from ostiary.base import strict_json
from ostiary.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from ostiary.web.csrf import FIELD
from ostiary.web.exchange import Exchange
from ostiary.web.route import Route

_MAX_FIELDS = 50
_MAX_LENGTH_DIGITS = 18  # int() refuses a text of thousands of digits, with an error of its own
_AT = re.compile(r" - at `\$\.?([^`]*)`")
_NAMED = re.compile(r"field `([^`]*)`")


async def read_body(receive: Receive, headers: dict[str, str], limit: int) -> bytes:
    """The whole body.

    Raises:
        PayloadTooLarge: it is over ``limit`` bytes, or says that it will be; the rest is not read.
        InvalidRequest: the client went away in the middle of it, or its length is no number.
    """
    announced = headers.get("content-length", "0")
    if not (announced.isascii() and announced.isdigit()):
        raise InvalidRequest("Content-Length is not a number.")
    if len(announced) > _MAX_LENGTH_DIGITS or int(announced) > limit:
        raise PayloadTooLarge(f"A body may have {limit} bytes here.")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("The body ended early.")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise PayloadTooLarge(f"A body may have {limit} bytes here.")
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


def parse_json_body(exchange: Exchange, route: Route, body: bytes) -> Any:
    """The body as ``route.body``.

    Raises:
        UnsupportedMediaType: it is not announced as JSON.
        InvalidRequest: it is not JSON, or not of this form; ``field`` names the member.
    """
    media_type = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (media_type.endswith("+json") and media_type.isascii()):
        raise UnsupportedMediaType("Send the body as application/json.")
    return convert(strict_json.decode(body), route.body)


def parse_form(exchange: Exchange, body: bytes, joined: frozenset[str] = frozenset()) -> dict[str, str]:
    """A form's fields, each at most once but those that are to be ``joined``.

    Raises:
        UnsupportedMediaType: it is not ``application/x-www-form-urlencoded``.
        InvalidRequest: a field is there twice, or holds what is not text.
    """
    media_type = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("Send the form as application/x-www-form-urlencoded.")
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidRequest("The form is not encoded.") from None
    return parse_pairs(text, joined)


def parse_pairs(text: str, joined: frozenset[str] = frozenset()) -> dict[str, str]:
    """``a=1&b=2`` as a dictionary.

    Args:
        joined: those that may come several times, and become one value with spaces between: URIs have none.

    Raises:
        InvalidRequest: too many fields, one of them twice, or not text.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise InvalidRequest("The fields are not well formed.") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields and name not in joined:
            raise InvalidRequest("A field was sent twice.")
        fields[name] = f"{fields[name]} {value}" if name in fields else value
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise InvalidRequest("A field holds a NUL character.")
    return fields


def form_struct(fields: dict[str, str], form: Any) -> Any:
    """A form's fields as a struct; those left empty count as left out."""
    return convert({name: value for name, value in fields.items() if value and name != FIELD}, form)


def convert(value: Any, form: Any, *, lax: bool = False) -> Any:
    """``value`` as ``form``; ``lax`` reads numbers from text, as in a query.

    Raises:
        InvalidRequest: it is not of this form; ``field`` names the member.
    """
    try:
        parsed = msgspec.convert(value, form, strict=not lax)
    except msgspec.ValidationError as cause:
        text = str(cause)
        place, named = _AT.search(text), _NAMED.search(text)
        path = ".".join(part.group(1) for part in (place, named) if part is not None and part.group(1))
        raise InvalidRequest(_AT.sub("", text) + ".", field=path or None) from None
    if lax and (null := next((name for name in value if getattr(parsed, name, "") is None), None)) is not None:
        raise InvalidRequest("A query has no null.", field=null)  # msgspec reads the word as None
    return parsed
