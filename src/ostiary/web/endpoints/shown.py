"""What a request shows at an endpoint of the protocol: the client's proof, a DPoP proof, a certificate."""

from __future__ import annotations

from typing import Any

from ostiary.authorization import Caller
from ostiary.crypto.certificates import Certificate
from ostiary.oauth.client_auth import Knocking
from ostiary.oauth.proofs import Shown
from ostiary.web.address import is_trusted
from ostiary.web.exchange import Exchange


def nobody(exchange: Exchange) -> Caller:
    """Who asks, before the client has proved who it is."""
    return exchange.use.recognition.anonymous(exchange.facts)


def knocking(exchange: Exchange) -> Knocking:
    """What shows which client asks."""
    return Knocking(
        endpoint=_url(exchange),
        authorization=exchange.headers.get("authorization"),
        form=exchange.form,
        certificate=certificate_of(exchange),
    )


def shown(exchange: Exchange) -> Shown:
    """What the request shows possession of."""
    return Shown(
        method=exchange.scope["method"],
        url=_url(exchange),
        proof=exchange.headers.get("dpop"),
        certificate=certificate_of(exchange),
    )


def certificate_of(exchange: Exchange) -> Certificate | None:
    """The client's certificate: of the connection itself (the ASGI extension ``tls``), or as a trusted proxy says.

    Raises:
        InvalidRequest: the proxy sent something else.
    """
    extension: dict[str, Any] = exchange.scope.get("extensions", {}).get("tls") or {}
    if chain := extension.get("client_cert_chain"):
        return Certificate.from_header(chain[0])
    settings = exchange.use.settings
    header = settings.oauth.certificate_header
    if header is None:
        return None
    client = exchange.scope.get("client")
    if not is_trusted(client[0] if client else "", settings.server.trusted_proxies):
        return None
    value = exchange.headers.get(header)
    return Certificate.from_header(value) if value else None


def _url(exchange: Exchange) -> str:
    """The URL as clients know it: made of the issuer, never of the header ``Host``."""
    settings = exchange.use.settings
    return settings.issuer.removesuffix(settings.base_path) + exchange.path
