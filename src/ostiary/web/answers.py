"""How an answer becomes bytes."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

_encode = msgspec.json.Encoder().encode


class _Encoded(Response):
    """A body that is bytes already: without the general case that Starlette's own constructor goes through."""

    def __init__(self, body: bytes, status: int, media_type: str) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", media_type.encode("latin-1")),
        ]


def json(content: Any, status: int = 200, media_type: str = "application/json") -> Response:
    """``content`` (structs, dicts, lists) as JSON."""
    return _Encoded(_encode(content), status, media_type)


def text(content: str, media_type: str) -> Response:
    """``content``, ASCII, as it is."""
    return _Encoded(content.encode("ascii"), 200, media_type)


def no_content() -> Response:
    return Response(status_code=204)


def redirect(location: str) -> Response:
    """Go there with GET (RFC 9110 section 15.4.4). Where to is ours to say, or is what an application registered."""
    return Response(status_code=303, headers={"location": location})
