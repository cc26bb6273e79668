"""``/api/session/bound``: where a browser binds its session to a key, and where it proves again that it holds that key.

No page of ours calls these: the browser does, by itself (Device Bound Session Credentials, W3C editor's draft). Neither
looks at a cookie: what a request may do follows from what it has signed, a challenge for one session. So there is
nothing that another site could have a browser do unknowingly, and no form token to ask for.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from starlette.responses import Response

from ostiary.base.clock import SECOND
from ostiary.errors import DeviceChallenge, InvalidRequest
from ostiary.sessions import Session, device_bound
from ostiary.web import answers
from ostiary.web.exchange import Exchange

REGISTER, REFRESH = "/api/session/bound/register", "/api/session/bound/refresh"
_PROOF_HEADER = "secure-session-response"
_PROOF = re.compile(r'("?)([A-Za-z0-9_.-]+)\1(?:;.*)?')
"""A string (RFC 9651 section 3.3.3) whose parameters are ignored; Chromium 156 leaves the quotes out."""


_NEED_NOBODY = ("/static", "/.well-known")


class ScopeRule(msgspec.Struct, frozen=True):
    """Where a request does not need the bound cookie."""

    type: Literal["include", "exclude"]
    domain: str
    path: str


class SessionScope(msgspec.Struct, frozen=True):
    """Which requests need the bound cookie."""

    origin: str
    include_site: bool
    scope_specification: tuple[ScopeRule, ...]


class BoundCookie(msgspec.Struct, frozen=True):
    """The cookie that the browser keeps fresh."""

    type: Literal["cookie"]
    name: str
    attributes: str


class SessionInstructions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the browser does for this session from now on; with `continue` false, nothing any more."""

    session_identifier: str
    refresh_url: str | None = None
    scope: SessionScope | None = None
    credentials: tuple[BoundCookie, ...] = ()
    allowed_refresh_initiators: tuple[str, ...] = ()
    continues: bool = msgspec.field(name="continue", default=True)


def offer(exchange: Exchange, session: Session) -> None:
    """Ask the browser that has just signed in to bind its session; those that do not know how leave it."""
    challenge = exchange.use.device_bound.offer(session, exchange.facts.at)
    if challenge is None:
        return
    algorithms = " ".join(device_bound.ALGORITHMS)
    asked = f'({algorithms});path="{exchange.base}{REGISTER}";challenge="{challenge}"'
    exchange.set_headers.append((b"secure-session-registration", asked.encode()))
    if exchange.jar.bound.name in exchange.cookies:
        # The browser knows an older session, and without this cookie would refresh that one while it binds the new
        # one. Of the two, it would keep the one whose answer comes last.
        exchange.set_cookies.append(exchange.jar.bound.set("-", device_bound.COOKIE_LIFE // SECOND))


async def register(exchange: Exchange) -> Response:
    caller = exchange.use.recognition.anonymous(exchange.facts)
    return _bound(exchange, await exchange.use.device_bound.register(caller, _proof(exchange)))


async def refresh(exchange: Exchange) -> Response:
    bound, now = exchange.use.device_bound, exchange.facts.at
    session = await bound.find_by_address(exchange.parameters["name"], now)
    if session is None or not session.bound_key:
        return answers.json(SessionInstructions(_identifier(exchange), continues=False))
    if _PROOF_HEADER not in exchange.headers or not bound.answers(_proof(exchange), session, now):
        asked = f'"{bound.challenge(session, now)}";id="{_identifier(exchange)}"'
        exchange.set_headers.append((b"secure-session-challenge", asked.encode()))
        raise DeviceChallenge
    return _bound(exchange, session)


def _bound(exchange: Exchange, session: Session) -> Response:
    """A fresh bound cookie, and how to get the next one."""
    cookie, issuer = exchange.jar.bound, urlsplit(exchange.use.settings.issuer)
    value = exchange.use.device_bound.cookie(session, exchange.facts.at)
    exchange.set_cookies.append(cookie.set(value, device_bound.COOKIE_LIFE // SECOND))
    instructions = SessionInstructions(
        _identifier(exchange),
        refresh_url=f"{exchange.base}{REFRESH}/{exchange.use.device_bound.address(session)}",
        scope=SessionScope(
            f"{issuer.scheme}://{issuer.netloc}",
            include_site=False,
            scope_specification=tuple(
                ScopeRule("exclude", issuer.hostname or "", exchange.base + path) for path in _NEED_NOBODY
            ),
        ),
        credentials=(BoundCookie("cookie", cookie.name, cookie.attributes),),
        # Whoever follows a link from another site arrives signed in. The browser refreshes for no request that the
        # bound cookie would not go along with, so by SameSite no other site can cause more than such a visit.
        allowed_refresh_initiators=("*",),
    )
    return answers.json(instructions)


def _identifier(exchange: Exchange) -> str:
    """What the browser keeps the session under, one for the whole site (registrable domain).

    The same for every session of this installation, so that one sign-in replaces what the one before has left in the
    browser: two of them would overwrite each other's bound cookie.
    """
    return exchange.use.settings.issuer.partition("://")[2]


def _proof(exchange: Exchange) -> str:
    found = _PROOF.fullmatch(exchange.headers.get(_PROOF_HEADER, ""))
    if found is None:
        raise InvalidRequest(f"The header {_PROOF_HEADER} is missing, or is not a token.", field=_PROOF_HEADER)
    return found.group(2)
