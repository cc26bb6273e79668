"""The cookie that says which flow a browser is in, and where its person wanted to go."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple

from ostiary.authentication import Challenged
from ostiary.web.exchange import Exchange

_MAX_NEXT = 1024
_MAX_SENT_TO = 254
_TOKEN = 43


class KeptFlow(NamedTuple):
    """What the cookie says; empty where it says nothing.

    Attributes:
        following: a path of this origin.
        sent, sent_to: the step whose code was sent last, and where to.
    """

    token: str
    following: str
    sent: str = ""
    sent_to: str = ""


def keep_flow(exchange: Exchange, challenged: Challenged, following: str, *, sent: str = "") -> None:
    """Keep the flow's token and where to go afterwards: 43 characters, then the path.

    Args:
        sent: the step whose code was just sent; then where to is kept, too.
    """
    value = challenged.flow + _encoded(local_path(following))
    if sent and 0 < len(challenged.sent_to) <= _MAX_SENT_TO:
        value += "." + _encoded(f"{sent} {challenged.sent_to}")
    exchange.set_cookies.append(exchange.jar.flow.set(value, challenged.expires_in))


def kept_flow(exchange: Exchange) -> KeptFlow:
    """The flow of this browser."""
    value = exchange.cookies.get(exchange.jar.flow.name, "")
    following, _, last = value[_TOKEN:].partition(".")
    sent, _, sent_to = _decoded(last).partition(" ")
    return KeptFlow(value[:_TOKEN], local_path(_decoded(following)), sent, sent_to)


def forget_flow(exchange: Exchange) -> None:
    """The flow has ended."""
    if exchange.jar.flow.name in exchange.cookies:
        exchange.set_cookies.append(exchange.jar.flow.delete())


def local_path(text: str) -> str:
    """``next`` where it is a path of this origin, from its root, prefix included; otherwise nothing.

    Never an open redirect: a second slash, also a backslash, which browsers read as one, would begin a host, and
    browsers drop control characters before they look. What is longer than any page's address is not kept in a cookie.
    """
    return text if len(text) <= _MAX_NEXT and re.fullmatch(r"/(?!/)[!-\[\]-~]*", text) else ""


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "==").decode()
    except ValueError:
        return ""
