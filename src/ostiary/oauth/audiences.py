"""What a token may be for: scopes and resources, held against the client's registration and the APIs (RFC 8707)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from ostiary.oauth.client_store import Catalogue
from ostiary.oauth.faults import InvalidScope, InvalidTarget
from ostiary.oauth.metadata import is_scope
from ostiary.oauth.model import IDENTITY_SCOPES, Api, Client, scope_text
from ostiary.permissions import Permission

_MAX_SCOPE = 4096
_MAX_RESOURCES = 10
_OWN = frozenset(str(permission) for permission in Permission)
"""The scopes of Ostiary's own API: its permissions, by name."""


class Target(msgspec.Struct, frozen=True):
    """What one access token is made for.

    Attributes:
        audience: identifiers of APIs, or the issuer for Ostiary's own.
        scope: those of the scopes that mean something there.
        ttl: seconds; None: as the settings say.
    """

    audience: tuple[str, ...]
    scope: str
    algorithm: str | None
    format: str
    ttl: int | None
    claims: frozenset[str]
    secret_of: Api | None = None


def parse_scope(text: str) -> tuple[str, ...]:
    """Scopes of a request, each once (RFC 6749 section 3.3). Raises InvalidScope."""
    scopes = tuple(dict.fromkeys(text.split(" "))) if text else ()
    if len(text) > _MAX_SCOPE or not all(is_scope(scope) for scope in scopes):
        raise InvalidScope("scope: names separated by one space each.", field="scope")
    return scopes


def parse_resources(text: str, catalogue: Catalogue, issuer: str) -> tuple[str, ...]:
    """The resources of a request, joined by spaces, each once. Raises InvalidTarget for one that is not known."""
    resources = tuple(dict.fromkeys(text.split()))
    if len(resources) > _MAX_RESOURCES:
        raise InvalidTarget(f"At most {_MAX_RESOURCES} resources.", field="resource")
    for resource in resources:
        if resource != issuer and resource not in catalogue.apis:
            raise InvalidTarget(f"There is no API {resource[:200]}.", field="resource")
    return resources


def allowed_scopes(
    client: Client, asked: Sequence[str], resources: Sequence[str], catalogue: Catalogue, issuer: str
) -> tuple[str, ...]:
    """The scopes that a client gets of those that it asks for; by default all that it may have of the resources.

    Raises:
        InvalidScope: it may not have one, or none of the resources has it.
    """
    if not asked:
        known = known_at(resources, catalogue, issuer) if resources else None
        asked = [scope for scope in sorted(client.scopes) if scope not in IDENTITY_SCOPES]
        return tuple(scope for scope in asked if known is None or scope in known)
    for scope in asked:
        if scope not in client.scopes:
            raise InvalidScope(f"This client may not ask for {scope}.", field="scope")
    if resources:
        known = known_at(resources, catalogue, issuer)
        for scope in asked:
            if scope not in known and scope not in IDENTITY_SCOPES:
                raise InvalidScope(f"None of the resources has the scope {scope}.", field="scope")
    else:
        for scope in asked:
            _owners(scope, catalogue, issuer)
    return tuple(asked)


def known_at(resources: Collection[str], catalogue: Catalogue, issuer: str) -> frozenset[str]:
    """The scopes that these resources have; for the issuer, Ostiary's own permissions."""
    found: set[str] = set()
    for resource in resources:
        if resource == issuer:
            found |= _OWN
        elif resource in catalogue.apis:
            found |= set(catalogue.apis[resource].definition.scopes)
    return frozenset(found)


def target_of(
    client: Client, scopes: Sequence[str], resources: Sequence[str], catalogue: Catalogue, issuer: str
) -> Target:
    """What a token with these scopes is made for: the resources that are named, else those that have the scopes.

    Raises:
        InvalidTarget: an API is gone, or two of them do not take the same kind of token.
    """
    audience = tuple(resources) or _implied(scopes, catalogue, issuer)
    apis = []
    for identifier in audience:
        if identifier == issuer:
            continue
        if identifier not in catalogue.apis:
            raise InvalidTarget(f"There is no API {identifier[:200]} any more.", field="resource")
        apis.append(catalogue.apis[identifier])
    kinds = {(api.definition.algorithm, api.definition.token_format) for api in apis}
    secret = {api.id for api in apis if api.definition.algorithm == "HS256"}
    if len(kinds) > 1 or (secret and len(audience) > 1):
        raise InvalidTarget("These resources take tokens of different kinds; ask for one at a time.", field="resource")
    algorithm, kept = next(iter(kinds), (None, "jwt"))
    ttls = [api.definition.token_ttl for api in apis if api.definition.token_ttl is not None]
    known = known_at(audience, catalogue, issuer) | (set(IDENTITY_SCOPES) if issuer in audience else set())
    return Target(
        audience=audience,
        scope=scope_text([scope for scope in scopes if scope in known]),
        algorithm=algorithm,
        format=client.metadata.access_token_format or kept,
        ttl=min(ttls, default=None),
        claims=frozenset(claim for api in apis for claim in api.definition.claims),
        secret_of=apis[0] if secret else None,
    )


def described(
    scopes: Sequence[str], resources: Sequence[str], catalogue: Catalogue
) -> tuple[tuple[str, str | None, str | None], ...]:
    """Each scope with what it lets an application do, and the name of its API; None where a page has its own words."""
    found: list[tuple[str, str | None, str | None]] = []
    for scope in scopes:
        owners = catalogue.by_scope.get(scope, ())
        owner = next((each for each in owners if each in resources), next(iter(owners), None))
        api = None if owner is None else catalogue.apis[owner].definition
        found.append((scope, None, None) if api is None else (scope, api.scopes[scope] or scope, api.name))
    return tuple(found)


def _implied(scopes: Sequence[str], catalogue: Catalogue, issuer: str) -> tuple[str, ...]:
    owners = [owner for scope in scopes for owner in _owners(scope, catalogue, issuer)]
    return tuple(dict.fromkeys(owners)) or (issuer,)


def _owners(scope: str, catalogue: Catalogue, issuer: str) -> tuple[str, ...]:
    """Whose scope this is; nobody's, where it is about the person."""
    if scope in IDENTITY_SCOPES:
        return ()
    if scope in _OWN:
        return (issuer,)
    owners = catalogue.by_scope.get(scope, ())
    if len(owners) > 1:
        raise InvalidTarget(f"Several APIs have the scope {scope}; name a resource.", field="resource")
    if not owners:
        raise InvalidScope(f"There is no scope {scope}.", field="scope")
    return owners
