"""What tells one device from another: a name for people, and whether a session still comes from where it began.

Both go by the user agent, which anybody can make up: this recognises devices, it proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

MAX_USER_AGENT = 512
"""Characters of a user agent that count. What is longer is nobody's, and is cut before anything else is done."""

_LONGEST_NAME = 60

# The first that is contained names it: browsers claim to be each other, the newest one at the end of the text.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"(?!Mozilla/)([\w.-]+)/")
"""How programs name themselves (RFC 9110 section 10.1.5). That browsers all begin as Mozilla says nothing."""

_WORDS = {"Mobile": "", "iOS": "", "UI/WKWebView": "WebView"}
"""What ua-parser says beside the name of a browser; the system says it better."""


class _Family(NamedTuple):
    browser: str | None
    system: str | None


def device_name(user_agent: str) -> str:
    """``Firefox on Linux``; the beginning of the text itself where it is none that we know."""
    text = user_agent[:MAX_USER_AGENT]
    browser, system = _family(text)
    name = f"{browser} on {system}" if browser and system else browser or system or text
    return name[:_LONGEST_NAME] or "Unknown device"


def same_device(before: str, now: str) -> bool:
    """Whether two user agents are of the same family of browser on the same family of system.

    Versions do not count, so that an update is no change. A browser that we do not know, or none at all, is the same
    only as itself, to the letter.
    """
    before, now = before[:MAX_USER_AGENT], now[:MAX_USER_AGENT]
    if before == now:
        return True
    family = _family(before)
    return family.browser is not None and family == _family(now)


def same_network(before: str, now: str) -> bool:
    """Whether two addresses are of one network: a /24 of IPv4, a /48 of IPv6.

    A /24 is the smallest network that the Internet routes, and what a provider gives addresses of by turns. A /48 is
    the most that one site has (RFC 6177): a new prefix for a home within it is no move. What is no address is the same
    only as itself.
    """
    return before == now or _network(before) == _network(now)


def _network(address: str) -> bytes | str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return parsed.packed[:6]
        parsed = parsed.ipv4_mapped  # all of IPv4 is in one /96
    return parsed.packed[:3]


@lru_cache(maxsize=1024)
def _family(user_agent: str) -> _Family:
    browser = _parser()(user_agent) or _first(_BROWSERS, user_agent) or _product(user_agent)
    return _Family(browser, _first(_SYSTEMS, user_agent))


def _first(marks: tuple[tuple[str, str], ...], user_agent: str) -> str | None:
    return next((name for mark, name in marks if mark in user_agent), None)


def _product(user_agent: str) -> str | None:
    found = _PRODUCT.match(user_agent)
    return found and found.group(1)


@cache
def _parser() -> Callable[[str], str | None]:
    """What names a browser better than the list above: ua-parser, where it is installed.

    Only its engine in Rust will do, whose time grows with the length of the text and with nothing else. The one in
    Python goes back and forth, as long as whoever wrote the text likes.
    """
    try:
        from ua_parser.core import Domain
        from ua_parser.loaders import load_lazy_builtins
        from ua_parser.regex import Resolver
    except ImportError:
        return lambda _: None
    browsers, _, _ = load_lazy_builtins()
    resolver = Resolver((browsers, [], []))  # systems are few, and models would take as much memory as all else

    def browser(user_agent: str) -> str | None:
        found = resolver(user_agent, Domain.USER_AGENT).user_agent
        return _plain(found.family) if found else None

    return browser


def _plain(family: str) -> str:
    return " ".join(filter(None, (_WORDS.get(word, word) for word in family.split())))
