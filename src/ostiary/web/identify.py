"""Who sent this request: at most one credential, recognised, becomes the Caller."""

from __future__ import annotations

from ostiary.authentication.recognition import Recognised
from ostiary.errors import AmbiguousCredentials, InvalidToken, Unauthenticated
from ostiary.web.exchange import Exchange


async def identify(exchange: Exchange) -> None:
    """Set the exchange's caller, and what its form tokens are tied to.

    A cookie that opens nothing any more leaves the caller anonymous, since browsers send cookies by themselves; a
    bearer token that is not valid is refused, since somebody put it there.

    Raises:
        AmbiguousCredentials: there is more than one credential.
        InvalidToken: the bearer token is not genuine, not for us, or expired.
        Unauthenticated: the ``Authorization`` header has a scheme that is not understood here.
    """
    session = exchange.cookies.get(exchange.jar.session.name)
    access = exchange.cookies.get(exchange.jar.access.name)
    authorization = exchange.headers.get("authorization")
    if (session, access, authorization).count(None) < 2:
        raise AmbiguousCredentials("Send a session cookie, a token cookie or an Authorization header, not two of them.")
    if authorization is not None:
        await _by_bearer(exchange, authorization)
    elif session is not None:
        await _by_session(exchange, session)
    elif access is not None:
        await _by_token_cookie(exchange, access)
    if exchange.account is None:
        exchange.caller = exchange.use.recognition.anonymous(exchange.facts)
        browser = exchange.cookies.get(exchange.jar.browser.name)
        exchange.binding = None if browser is None else browser_binding(browser)


async def _by_bearer(exchange: Exchange, authorization: str) -> None:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Only bearer tokens are understood in the Authorization header.")
    _accept(exchange, await exchange.use.recognition.by_access_token(token.strip(), exchange.facts))


async def _by_session(exchange: Exchange, token: str) -> None:
    found = await exchange.use.recognition.by_session(token, exchange.facts)
    if found is None:
        exchange.set_cookies.append(exchange.jar.session.delete())
        return
    _accept(exchange, found)
    exchange.binding = None if found.session is None else found.session.id_hash
    exchange.cookie_authenticated = True


async def _by_token_cookie(exchange: Exchange, token: str) -> None:
    try:
        _accept(exchange, await exchange.use.recognition.by_access_token(token, exchange.facts))
    except InvalidToken:
        return  # expired, most likely: its refresh cookie is still to be used, so nothing is deleted here
    exchange.binding = family_binding(exchange.caller.session_id or "")
    exchange.cookie_authenticated = True


def _accept(exchange: Exchange, recognised: Recognised) -> None:
    exchange.caller, exchange.account = recognised.caller, recognised.account


def browser_binding(browser: str) -> bytes:
    """What form tokens of a browser are tied to before anybody has signed in.

    Marked, since anybody can send this cookie with any value: it must never come out as another one's binding.
    """
    return f"browser:{browser}".encode()


def family_binding(family_id: str) -> bytes:
    """What form tokens of the delivery ``token_cookie`` are tied to."""
    return f"family:{family_id}".encode()
