"""How a sign-in reaches the client, and how all that is left of one is taken away again."""

from __future__ import annotations

from ostiary.authentication import SignedIn
from ostiary.authentication.devices import FORGOTTEN_AFTER
from ostiary.base.clock import SECOND
from ostiary.web.api import device_bound
from ostiary.web.exchange import Exchange
from ostiary.web.identify import family_binding


def deliver(exchange: Exchange, signed_in: SignedIn) -> str | None:
    """Set the delivery's cookies, delete those of any other; the CSRF token that goes with them, if any."""
    jar, settings = exchange.jar, exchange.use.settings
    if signed_in.device is not None and signed_in.delivery != "token":
        exchange.set_cookies.append(jar.device.set(signed_in.device, FORGOTTEN_AFTER // SECOND))
    if signed_in.delivery == "token_cookie" and signed_in.refresh_token is None:  # proved once more: the family goes on
        exchange.set_cookies.append(jar.access.set(signed_in.access_token or "", settings.tokens.access_ttl))
        return exchange.csrf.issue(family_binding(signed_in.sign_in_id))
    forget(exchange)
    if signed_in.session is not None and signed_in.session_token is not None:
        exchange.keep_session(signed_in.session_token, signed_in.session)
        device_bound.offer(exchange, signed_in.session)
        return exchange.csrf_token()
    if signed_in.delivery == "token":
        return None
    csrf_token = exchange.csrf.issue(family_binding(signed_in.sign_in_id))
    lifetime = settings.tokens.refresh_idle
    exchange.set_cookies += [
        jar.access.set(signed_in.access_token or "", settings.tokens.access_ttl),
        jar.refresh.set(signed_in.refresh_token or "", lifetime),
        jar.csrf.set(csrf_token, lifetime),
    ]
    return csrf_token


def forget(exchange: Exchange) -> None:
    """Delete every cookie of a sign-in that the browser has shown, or may have kept from us by its path."""
    jar = exchange.jar
    shown = [cookie for cookie in (jar.session, jar.bound, jar.access, jar.csrf) if cookie.name in exchange.cookies]
    if jar.csrf in shown:
        shown.append(jar.refresh)
    exchange.set_cookies += [cookie.delete() for cookie in shown]
