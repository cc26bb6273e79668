"""``/dev/outbox``: the mails and SMS that development mode keeps. The route exists in development mode only."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from ostiary.notify import OutboxMessage
from ostiary.web.exchange import Exchange
from ostiary.web.pages.render import Pages, moment

_LINK = re.compile(r"https?://[^\s<>\"]+")
_CODE = re.compile(r"^(?:\s*|@\S+ #)(\d{6})\s*$", re.MULTILINE)


class DevelopmentPages:
    """What a developer sees instead of a mail box and a telephone."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def outbox(self, exchange: Exchange) -> Response:
        messages = await exchange.use.mailer.outbox()
        return self._pages.render(exchange, "outbox.html", messages=[_shown(message) for message in messages])


def _shown(message: OutboxMessage) -> dict[str, Any]:
    code = _CODE.search(message.text)
    return {
        "id": message.id,
        "to": message.to,
        "subject": message.subject or "SMS",
        "created": moment(message.created_at),
        "code": code.group(1) if code else None,
        "parts": _parts(message.text),
    }


def _parts(text: str) -> list[dict[str, str | None]]:
    """The text in pieces, its links apart."""
    parts: list[dict[str, str | None]] = []
    end = 0
    for link in _LINK.finditer(text):
        parts.append({"text": text[end : link.start()], "href": None})
        parts.append({"text": link.group(), "href": link.group()})
        end = link.end()
    return [*parts, {"text": text[end:], "href": None}]
