"""What a client may be registered with: the checks, one after the other, whoever registers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ostiary.crypto.keys import PRIVATE_MEMBERS, Key
from ostiary.errors import InvalidRequest
from ostiary.oauth.faults import InvalidClientMetadata, InvalidRedirectUri
from ostiary.oauth.model import (
    CERTIFICATE_METHODS,
    DEVICE_CODE,
    JWT_BEARER,
    SECRET_METHODS,
    TOKEN_EXCHANGE,
    ClientMetadata,
)
from ostiary.oauth.uris import redirect_uri_fault, web_uri_fault

MAX_NAME = 100
MAX_URIS = 50
MAX_KEYS = 20
_MAX_SCOPE = 4096
_NEEDS_PROOF = ("client_credentials", TOKEN_EXCHANGE, JWT_BEARER)
"""Grants in which nothing but the client's own proof stands between anybody and a token."""
_PAGES = ("client_uri", "logo_uri", "policy_uri", "tos_uri", "sector_identifier_uri", "jwks_uri")
_CALLED = ("backchannel_logout_uri", "frontchannel_logout_uri")
_ASYMMETRIC = ("ES256", "RS256", "EdDSA")
_SIGNED_FOR_CLIENT = (
    "id_token_signed_response_alg",
    "userinfo_signed_response_alg",
    "introspection_signed_response_alg",
    "authorization_signed_response_alg",
    "request_object_signing_alg",
)
_TLS_NAMES = (
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
)


def check_metadata(metadata: ClientMetadata) -> ClientMetadata:
    """The metadata, if a client may have it, with what its profile adds.

    Raises:
        InvalidRedirectUri, InvalidClientMetadata: it may not; ``field`` names the member.
    """
    for check in _CHECKS:
        check(metadata)
    return _held_to_profile(metadata)


def _refuse(field: str, text: str) -> None:
    raise InvalidClientMetadata(f"{field}: {text}", field=field)


def _name(metadata: ClientMetadata) -> None:
    name = metadata.client_name
    if len(name) > MAX_NAME or not name.isprintable() or name != name.strip():
        _refuse("client_name", f"has at most {MAX_NAME} characters, all of them visible.")


def _redirect_uris(metadata: ClientMetadata) -> None:
    native = metadata.application_type == "native"
    if "authorization_code" in metadata.grant_types and not metadata.redirect_uris:
        raise InvalidRedirectUri(
            "redirect_uris: the grant authorization_code takes at least one.", field="redirect_uris"
        )
    for field in ("redirect_uris", "post_logout_redirect_uris"):
        uris: tuple[str, ...] = getattr(metadata, field)
        if len(uris) > MAX_URIS or len(set(uris)) != len(uris):
            raise InvalidRedirectUri(f"{field}: at most {MAX_URIS}, each once.", field=field)
        for uri in uris:
            if (fault := redirect_uri_fault(uri, native=native)) is not None:
                raise InvalidRedirectUri(f"{field}: {uri[:200]} {fault}.", field=field)


def _addresses(metadata: ClientMetadata) -> None:
    for field in (*_PAGES, *_CALLED):
        uri = getattr(metadata, field)
        if uri is not None and (fault := web_uri_fault(uri)) is not None:
            _refuse(field, f"{fault}.")


def _grants(metadata: ClientMetadata) -> None:
    grants = metadata.grant_types
    if len(set(grants)) != len(grants) or not grants:
        _refuse("grant_types", "name at least one, each once.")
    if "refresh_token" in grants and not {"authorization_code", DEVICE_CODE} & set(grants):
        _refuse("grant_types", "refresh_token comes with authorization_code or the device code.")
    if metadata.token_endpoint_auth_method == "none":
        for grant in _NEEDS_PROOF:
            if grant in grants:
                _refuse("grant_types", f"a client that proves itself by nothing cannot have {grant}.")
    if not metadata.response_types and "authorization_code" in grants:
        _refuse("response_types", "authorization_code takes code.")


def _scope(metadata: ClientMetadata) -> None:
    scopes = metadata.scope.split(" ") if metadata.scope else []
    if len(metadata.scope) > _MAX_SCOPE or not all(is_scope(scope) for scope in scopes):
        _refuse("scope", "names separated by one space each, of visible ASCII without quotes and backslashes.")


def _keys(metadata: ClientMetadata) -> None:
    if metadata.jwks is not None and metadata.jwks_uri is not None:
        _refuse("jwks", "one of jwks and jwks_uri, not both.")
    method = metadata.token_endpoint_auth_method
    needs = method == "private_key_jwt" or metadata.require_signed_request_object or JWT_BEARER in metadata.grant_types
    if needs and metadata.jwks is None and metadata.jwks_uri is None:
        _refuse("jwks", "what signs needs jwks or jwks_uri.")
    if method == "self_signed_tls_client_auth" and metadata.jwks is None and metadata.jwks_uri is None:
        _refuse("jwks", "self_signed_tls_client_auth compares with the x5c in jwks or jwks_uri.")
    if metadata.jwks is not None:
        check_keys(metadata.jwks)
    signing = metadata.token_endpoint_auth_signing_alg
    allowed = ("HS256",) if method == "client_secret_jwt" else _ASYMMETRIC
    if signing is not None and signing not in allowed:
        _refuse("token_endpoint_auth_signing_alg", f"{method} is signed with one of {', '.join(allowed)}.")


def check_keys(jwks: object) -> list[Key]:
    """The keys of a JWK Set, all of which have to be public and strong.

    Raises:
        InvalidClientMetadata: one is not, or it is no JWK Set.
    """
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:
        raise InvalidClientMetadata(f"jwks: a JWK Set of 1 to {MAX_KEYS} keys.", field="jwks")
    found = []
    for jwk in keys:
        if not isinstance(jwk, dict) or not PRIVATE_MEMBERS.isdisjoint(jwk):
            raise InvalidClientMetadata("jwks: a key is private, or none at all; make a new one.", field="jwks")
        try:
            found.append(Key.from_jwk(jwk))
        except InvalidRequest:
            if jwk.get("use") == "enc":
                continue  # for what is sent to the client; nothing is encrypted to it here
            text = "jwks: a key is not one for ES256, RS256 from 2048 bits, or EdDSA with Ed25519."
            raise InvalidClientMetadata(text, field="jwks") from None
    if len({key.kid for key in found}) != len(found):
        raise InvalidClientMetadata("jwks: two keys have one kid.", field="jwks")
    return found


def _certificates(metadata: ClientMetadata) -> None:
    named = [name for name in _TLS_NAMES if getattr(metadata, name) is not None]
    if metadata.token_endpoint_auth_method == "tls_client_auth":
        if len(named) != 1:
            _refuse("tls_client_auth_subject_dn", f"tls_client_auth takes exactly one of {', '.join(_TLS_NAMES)}.")
    elif named:
        _refuse(named[0], "is for tls_client_auth only.")
    if metadata.dpop_bound_access_tokens and metadata.tls_client_certificate_bound_access_tokens:
        _refuse("dpop_bound_access_tokens", "tokens are bound to one thing: a DPoP key or a certificate.")


def _numbers(metadata: ClientMetadata) -> None:
    if metadata.default_max_age is not None and not 0 <= metadata.default_max_age <= 2**31:
        _refuse("default_max_age", "is a number of seconds.")


def _sector(metadata: ClientMetadata) -> None:
    if metadata.subject_type != "pairwise" or metadata.sector_identifier_uri is not None:
        return
    hosts = {urlsplit(uri).hostname for uri in metadata.redirect_uris}
    if len(hosts) > 1:
        _refuse("sector_identifier_uri", "pairwise subjects for redirect URIs of several hosts take one.")


def _profile(metadata: ClientMetadata) -> None:
    method, bound = metadata.token_endpoint_auth_method, metadata.dpop_bound_access_tokens
    bound = bound or metadata.tls_client_certificate_bound_access_tokens
    if metadata.profile == "fapi2":
        if method not in ("private_key_jwt", *CERTIFICATE_METHODS):
            _refuse("token_endpoint_auth_method", "FAPI 2.0 takes private_key_jwt or mutual TLS.")
        if metadata.jwks is not None and any(key.algorithm == "RS256" for key in check_keys(metadata.jwks)):
            _refuse("jwks", "FAPI 2.0 takes ES256 and EdDSA.")
        if not bound:
            _refuse("dpop_bound_access_tokens", "FAPI 2.0 binds tokens, by DPoP or mutual TLS.")
    if metadata.profile == "browser-bff" and method == "none":
        _refuse("token_endpoint_auth_method", "a backend for frontend proves itself: it is a confidential client.")


def _held_to_profile(metadata: ClientMetadata) -> ClientMetadata:
    """FAPI 2.0 Security Profile sections 5.3.2.2 and 5.4.1: pushed requests, and no signature that is RS256."""
    if metadata.profile != "fapi2":
        return metadata
    better = {name: "ES256" for name in _SIGNED_FOR_CLIENT if getattr(metadata, name) == "RS256"}
    return msgspec.structs.replace(metadata, require_pushed_authorization_requests=True, **better)


def is_scope(text: str) -> bool:
    """Whether this is a scope's name (RFC 6749 section 3.3)."""
    return 0 < len(text) <= 256 and all("!" <= each <= "~" and each not in '"\\' for each in text)


_CHECKS: tuple[Callable[[ClientMetadata], None], ...] = (
    _name,
    _redirect_uris,
    _addresses,
    _grants,
    _scope,
    _keys,
    _certificates,
    _numbers,
    _sector,
    _profile,
)


def needs_secret(metadata: ClientMetadata) -> bool:
    """Whether the client proves itself by a secret."""
    return metadata.token_endpoint_auth_method in SECRET_METHODS


def sector_of(metadata: ClientMetadata) -> str:
    """The host that the client's pairwise subjects are made for (OpenID Connect Core section 8.1)."""
    uri = metadata.sector_identifier_uri or next(iter(metadata.redirect_uris), "")
    return urlsplit(uri).hostname or ""


def parse_metadata(members: dict[str, Any]) -> ClientMetadata:
    """Metadata by name, of somebody who can be told of a typing error.

    Raises:
        InvalidClientMetadata: a member is unknown or of another type.
    """
    unknown = next((name for name in members if name not in ClientMetadata.__struct_fields__), None)
    if unknown is not None:
        raise InvalidClientMetadata(f"{unknown}: there is no such member.", field=f"metadata.{unknown}")
    return convert_metadata(members)


def convert_metadata(members: dict[str, Any]) -> ClientMetadata:
    """Metadata by name, those members that are known here. Raises InvalidClientMetadata."""
    try:
        return msgspec.convert(members, ClientMetadata)
    except msgspec.ValidationError as fault:
        raise InvalidClientMetadata(str(fault)) from None
