"""The form token in a body that the application has still to read."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping

from starlette.types import Message, Receive

from ostiary.errors import CsrfRejected, InvalidRequest
from ostiary.web.csrf import FIELD, TOKEN

# Where the field is, and nothing else of the form: that is for the application to parse. It does no harm to find it
# where no parser would see a field, since only a page of this site can have written a token that counts.
_FIELDS = {
    "application/x-www-form-urlencoded": re.compile(rf"(?:\A|&){FIELD}=({TOKEN})".encode()),
    # RFC 7578 section 4.2: the name of the part, the rest of its headers, an empty line, the value.
    "multipart/form-data": re.compile(
        rf'name="{FIELD}"[^\r\n]{{0,100}}\r\n(?:[^\r\n]{{1,200}}\r\n){{0,4}}\r\n({TOKEN})'.encode()
    ),
}
_LONGEST = 2048
"""More bytes than any of the patterns spans."""


class Body:
    """A request's body, to be read (ASGI ``receive``) by the application as if nobody had read of it before."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._kept: deque[Message] = deque()

    async def __call__(self) -> Message:
        return self._kept.popleft() if self._kept else await self._receive()

    async def form_token(self, headers: Mapping[str, str], limit: int) -> str | None:
        """The form token, where the body is a form; no more of it is read than up to the token.

        Raises:
            CsrfRejected: the first ``limit`` bytes of the form do not have it.
            InvalidRequest: the body broke off.
        """
        field = _FIELDS.get(headers.get("content-type", "").partition(";")[0].strip().lower())
        if field is None:
            return None
        read = bytearray()
        more = True
        while more and len(read) <= limit:
            seen = len(read)
            more = await self._read_on(read)
            found = field.search(read, max(0, seen - _LONGEST))
            if found is not None:
                return found[1].decode()
        if more:
            raise CsrfRejected(f"The form token is not in the first {limit} bytes; put its field before the others.")
        return None

    async def _read_on(self, read: bytearray) -> bool:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("The body ended early.")
        self._kept.append(message)
        read += message.get("body", b"")
        return bool(message.get("more_body"))
