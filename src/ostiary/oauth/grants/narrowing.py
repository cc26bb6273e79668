"""Tokens for less than was allowed: never for more (RFC 6749 section 6, RFC 8707 section 2.2)."""

from __future__ import annotations

from ostiary.oauth.audiences import Target, parse_resources, parse_scope, target_of
from ostiary.oauth.faults import InvalidScope, InvalidTarget
from ostiary.oauth.grants.face import TokenRequest
from ostiary.oauth.model import Authorized


def narrowed(request: TokenRequest, authorized: Authorized) -> Target:
    """What the token is to be for: of what was allowed, that which ``scope`` and ``resource`` of the request name.

    Raises:
        InvalidScope, InvalidTarget: they name more.
    """
    scopes = authorized.scopes
    asked = parse_scope(request.form.get("scope", ""))
    for scope in asked:
        if scope not in scopes:
            raise InvalidScope(f"{scope} was not allowed.", field="scope")
    whole = target_of(request.client, scopes, authorized.resources, request.catalogue, request.issuer)
    resources = parse_resources(request.form.get("resource", ""), request.catalogue, request.issuer)
    for resource in resources:
        if resource not in whole.audience:
            raise InvalidTarget(f"{resource[:200]} was not allowed.", field="resource")
    if not asked and not resources:
        return whole
    return target_of(
        request.client, asked or scopes, resources or authorized.resources, request.catalogue, request.issuer
    )
