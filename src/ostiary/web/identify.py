"""Who sent this request: at most one credential, recognised, becomes the Caller."""

from __future__ import annotations

from ostiary.authentication.recognition import Recognised
from ostiary.base.tokens import digest
from ostiary.credentials.api_key import looks_like_key
from ostiary.errors import AmbiguousCredentials, InvalidToken, PersonRequired, Unauthenticated
from ostiary.oauth.issuing import OPAQUE_PREFIX
from ostiary.tokens import ApplicationToken
from ostiary.web.csrf import session_binding
from ostiary.web.endpoints.shown import shown
from ostiary.web.exchange import Exchange

API_KEY = "x-api-key"


async def identify(exchange: Exchange) -> None:
    """Set the exchange's caller, and what its form tokens are tied to.

    A cookie that opens nothing any more leaves the caller anonymous, since browsers send cookies by themselves. It is
    not deleted: the browser may have got a new one of that name from a request beside this. A bearer token or an API
    key that is not valid is refused, since somebody put it there.

    Raises:
        AmbiguousCredentials: there is more than one credential.
        InvalidToken: the bearer token is not genuine, not for us, or expired; the key is none, or not good any more.
        Forbidden: the key is not good at this network address.
        PersonRequired: a key asks for a page, which is for people.
        Unauthenticated: the ``Authorization`` header has a scheme that is not understood here.
    """
    session = exchange.cookies.get(exchange.jar.session.name)
    access = exchange.cookies.get(exchange.jar.access.name)
    authorization = exchange.headers.get("authorization")
    key = exchange.headers.get(API_KEY)
    if (session, access, authorization, key).count(None) < 3:
        raise AmbiguousCredentials(
            "Send a session cookie, a token cookie, an Authorization header or an API key, not two of them."
        )
    if key is not None:
        await _by_key(exchange, key)
    elif authorization is not None:
        await _by_bearer(exchange, authorization)
    elif not (
        (session is not None and await _by_session(exchange, session))
        or (access is not None and await _by_token_cookie(exchange, access))
    ):
        exchange.caller = exchange.use.recognition.anonymous(exchange.facts)
    if exchange.binding is None and exchange.account is None:
        browser = exchange.cookies.get(exchange.jar.browser.name)
        exchange.binding = None if browser is None else browser_binding(browser)


async def _by_bearer(exchange: Exchange, authorization: str) -> None:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() not in ("bearer", "dpop") or not token.strip():
        raise Unauthenticated("Only bearer tokens are understood in the Authorization header.")
    token = token.strip()
    if looks_like_key(token):
        await _by_key(exchange, token)
    elif scheme.lower() == "dpop" or token.startswith(OPAQUE_PREFIX):
        await _by_application(exchange, authorization)
    else:
        try:
            _accept(exchange, await exchange.use.recognition.by_access_token(token, exchange.facts))
        except ApplicationToken:
            await _by_application(exchange, authorization)


async def _by_key(exchange: Exchange, key: str) -> None:
    if exchange.route is not None and exchange.route.page:
        raise PersonRequired  # whether the key is good or not: a page of ours is for a person in a browser
    _accept(exchange, await exchange.use.key_recognition(key, exchange.facts))


async def _by_application(exchange: Exchange, authorization: str) -> None:
    if exchange.route is not None and exchange.route.page:
        raise PersonRequired  # a page of ours is for a person in a browser
    _accept(exchange, await exchange.use.oauth.recognition(authorization, shown(exchange), exchange.facts))


async def _by_session(exchange: Exchange, token: str) -> bool:
    bound_cookie = exchange.cookies.get(exchange.jar.bound.name)
    found = await exchange.use.recognition.by_session(
        token, bound_cookie, exchange.facts, may_renew=not exchange.answering
    )
    if found is None or found.session is None:
        return False
    _accept(exchange, found)
    if found.caller.device_proof:
        if bound_cookie is not None:  # one that is of no use: its browser gets another only when it has none
            exchange.set_cookies.append(exchange.jar.bound.delete())
        return True
    exchange.binding = session_binding(found.session.id)
    exchange.cookie_authenticated = found.account is not None
    exchange.renew(found.renewed)
    return True


async def _by_token_cookie(exchange: Exchange, token: str) -> bool:
    try:
        _accept(exchange, await exchange.use.recognition.by_access_token(token, exchange.facts))
    except InvalidToken:
        return False  # expired, most likely: its refresh cookie is still to be used, so nothing is deleted here
    exchange.binding = family_binding(exchange.caller.session_id or "")
    exchange.cookie_authenticated = True
    return True


def _accept(exchange: Exchange, recognised: Recognised) -> None:
    exchange.caller, exchange.account = recognised.caller, recognised.account


def browser_binding(browser: str) -> bytes:
    """What form tokens of a browser are tied to before anybody has signed in.

    Marked, since anybody can send this cookie with any value: it must never come out as another one's binding. And
    hashed, so that what is remembered of it is short.
    """
    return b"browser:" + digest(browser)


def family_binding(family_id: str) -> bytes:
    """What form tokens of the delivery ``token_cookie`` are tied to."""
    return f"family:{family_id}".encode()
