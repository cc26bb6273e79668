"""Signed request objects (RFC 9101): the parameters of an authorization request, in a JWT that the client signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ostiary.crypto import jose
from ostiary.errors import OstiaryError
from ostiary.oauth.directory import Directory
from ostiary.oauth.faults import (
    InvalidRequestObject,
    PageError,
    RequestNotSupported,
    RequestUriNotSupported,
)
from ostiary.oauth.model import Client

_TYPES = ("", "jwt", "oauth-authz-req+jwt")
_MAX_OBJECT = 16_384
_JSON = ("claims", "authorization_details")
_ENVELOPE = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})


class RequestObjects:
    """Opens them."""

    def __init__(self, directory: Directory, issuer: str) -> None:
        self._directory = directory
        self._issuer = issuer

    async def open(self, client: Client, parameters: Mapping[str, str], now: int) -> dict[str, str]:
        """The parameters inside, and no others: what stands beside the object does not count (section 5).

        Raises:
            PageError: it cannot be opened, so that nothing in it, not even where to answer, can be believed.
        """
        try:
            return await self._open(client, parameters, now)
        except OstiaryError as fault:
            raise PageError(fault.detail or fault.title) from None

    async def _open(self, client: Client, parameters: Mapping[str, str], now: int) -> dict[str, str]:
        if "request" in parameters and "request_uri" in parameters:
            raise InvalidRequestObject("One of request and request_uri, not both.")
        text = parameters.get("request")
        if text is None:
            raise RequestUriNotSupported  # nobody's server is asked because a browser came with its address
        if client.metadata.jwks is None and client.metadata.jwks_uri is None:
            raise RequestNotSupported("This client has registered no keys to sign with.")
        verifier = await self._directory.keys_of(client, text)
        claims = verifier.verify(text, typ=_TYPES, issuer=client.id, audience=self._issuer, now=now, required=("aud",))
        if claims.get("client_id") != client.id or parameters.get("client_id") != client.id:
            raise InvalidRequestObject("The object names another client_id than the request.")
        if "request" in claims or "request_uri" in claims:
            raise InvalidRequestObject("An object holds no other object.")
        algorithm = client.metadata.request_object_signing_alg
        if algorithm is not None and jose.names_algorithm(text) != algorithm:
            raise InvalidRequestObject(f"This client signs its requests with {algorithm}.")
        return _as_parameters(claims)


def require_no_object(client: Client) -> None:
    """A request came without an object. Raises InvalidRequestObject: this client has to sign its requests."""
    if client.metadata.require_signed_request_object:
        raise InvalidRequestObject("This client has to sign its requests (RFC 9101).")


def _as_parameters(claims: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in claims.items():
        if name in _ENVELOPE:
            continue
        if isinstance(value, str):
            found[name] = value
        elif name in _JSON:
            found[name] = msgspec.json.encode(value).decode()
        elif isinstance(value, int) and not isinstance(value, bool):
            found[name] = str(value)
        elif name == "resource" and isinstance(value, list):
            found[name] = " ".join(str(each) for each in value)
        else:
            raise InvalidRequestObject(f"The parameter {name[:50]!r} is neither text nor a number.")
    return found
