"""What a request shows of its client: read, not yet believed (RFC 6749 section 2.3, RFC 7521 section 4.2)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote_plus

import msgspec

from ostiary.errors import InvalidRequest
from ostiary.oauth.faults import InvalidClient

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MAX_ID = 2048


class Presented(msgspec.Struct, frozen=True):
    """``method``: by its look; an assertion is ``jwt``, whoever signed it. ``proof``: secret or assertion."""

    client_id: str
    method: str
    proof: str = ""

    def __repr__(self) -> str:
        return f"Presented({self.method})"


def read_presented(authorization: str | None, form: Mapping[str, str]) -> Presented:
    """What is shown, in exactly one way.

    Raises:
        InvalidClient: nothing is, or in a way that is not understood.
        InvalidRequest: two proofs are shown, or they name two clients.
    """
    shown = [name for name in ("client_secret", "client_assertion") if name in form]
    if authorization is not None:
        shown.append("Authorization")
    if len(shown) > 1:
        raise InvalidRequest(f"The client proves itself in one way, not by {' and '.join(shown)}.")
    named = form.get("client_id")
    if authorization is not None:
        found = _basic(authorization)
    elif "client_assertion" in form:
        found = _assertion(form)
    elif named is None:
        raise InvalidClient("The request names no client.")
    elif "client_secret" in form:
        found = Presented(named, "client_secret_post", form["client_secret"])
    else:
        found = Presented(named, "none")
    if named is not None and named != found.client_id:
        raise InvalidRequest("The request names two clients.", field="client_id")
    if len(found.client_id) > _MAX_ID:
        raise InvalidClient
    return found


def _basic(authorization: str) -> Presented:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("Clients authenticate by Basic in the header Authorization, or in the form.")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise InvalidClient("The header Authorization is not well formed.") from None
    name, colon, secret = text.partition(":")
    if not colon:
        raise InvalidClient("The header Authorization is not well formed.")
    return Presented(unquote_plus(name), "client_secret_basic", unquote_plus(secret))


def _assertion(form: Mapping[str, str]) -> Presented:
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise InvalidRequest(f"client_assertion_type has to be {ASSERTION_TYPE}.", field="client_assertion_type")
    from ostiary.oauth.client_auth.assertion import subject_of

    return Presented(subject_of(form["client_assertion"]), "jwt", form["client_assertion"])
