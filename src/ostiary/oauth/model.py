"""What is known of clients and protected APIs, parsed once and held compiled."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ostiary.crypto import Verifier

AuthMethod = Literal[
    "none",
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
]
GrantType = Literal[
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
]
SigningAlgorithm = Literal["ES256", "RS256", "EdDSA"]
ResponseType = Literal["code", "code id_token"]
Profile = Literal["", "fapi2", "browser-bff", "mcp"]
"""A set of stricter rules that a client is held to: FAPI 2.0, RFC 10017, the Model Context Protocol."""

DEVICE_CODE: GrantType = "urn:ietf:params:oauth:grant-type:device_code"
TOKEN_EXCHANGE: GrantType = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER: GrantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})
CERTIFICATE_METHODS = frozenset({"tls_client_auth", "self_signed_tls_client_auth"})
IDENTITY_SCOPES = ("openid", "profile", "email", "phone", "address", "offline_access")
"""OpenID Connect Core sections 5.4 and 11: about the person, and for no API."""


class ClientMetadata(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a client is registered with, under the names of RFC 7591 section 2 and of those that add to it.

    Attributes:
        scope: all that the client may ask for, separated by spaces.
        id_token_signed_response_alg: RS256 where nothing is said (OpenID Connect Registration section 2).
        access_token_format: ``opaque`` tokens mean nothing to anybody but our introspection; None: as each API says.
        trusted: one of ours, whose users are not asked for consent. Only an administrator sets it.
        profile: the stricter rules that it is held to.
    """

    client_name: str = ""
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    contacts: tuple[str, ...] = ()
    software_id: str | None = None
    software_version: str | None = None
    application_type: Literal["web", "native"] = "web"
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[GrantType, ...] = ("authorization_code",)
    response_types: tuple[ResponseType, ...] = ("code",)
    scope: str = ""
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"
    token_endpoint_auth_signing_alg: str | None = None
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    tls_client_auth_subject_dn: str | None = None
    tls_client_auth_san_dns: str | None = None
    tls_client_auth_san_uri: str | None = None
    tls_client_auth_san_ip: str | None = None
    tls_client_auth_san_email: str | None = None
    tls_client_certificate_bound_access_tokens: bool = False
    dpop_bound_access_tokens: bool = False
    subject_type: Literal["public", "pairwise"] = "public"
    sector_identifier_uri: str | None = None
    id_token_signed_response_alg: SigningAlgorithm = "RS256"
    userinfo_signed_response_alg: SigningAlgorithm | None = None
    introspection_signed_response_alg: SigningAlgorithm | None = None
    authorization_signed_response_alg: SigningAlgorithm = "RS256"
    request_object_signing_alg: SigningAlgorithm | None = None
    require_signed_request_object: bool = False
    require_pushed_authorization_requests: bool = False
    default_max_age: int | None = None
    require_auth_time: bool = False
    default_acr_values: tuple[str, ...] = ()
    authorization_details_types: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    frontchannel_logout_uri: str | None = None
    frontchannel_logout_session_required: bool = False
    access_token_format: Literal["jwt", "opaque"] | None = None
    trusted: bool = False
    profile: Profile = ""


class ClientSecret(msgspec.Struct, frozen=True):
    """One secret of a client. Times in milliseconds; ``sealed`` where it signs assertions itself."""

    id: str
    client_id: str
    hash: bytes
    sealed: bytes | None
    hint: str
    created_at: int
    expires_at: int | None

    def __repr__(self) -> str:
        return f"ClientSecret({self.id})"


Source = Literal["administrator", "registration", "document"]


class Client(msgspec.Struct, frozen=True):
    """An application, as every request of it needs it.

    Attributes:
        source: who has described it: an administrator, itself by dynamic registration, or itself in a document at the
            URL that is its id.
        account_id: the service account whose roles its own tokens carry.
        scopes: what it may ask for.
        keys: what verifies its signatures; None where it has registered none, or they are to be fetched.
        sector: the host that pairwise subjects are made for.
    """

    id: str
    source: Source
    metadata: ClientMetadata
    secrets: tuple[ClientSecret, ...]
    account_id: str | None
    created_at: int
    updated_at: int
    scopes: frozenset[str]
    grants: frozenset[str]
    keys: Verifier | None
    sector: str

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.metadata.client_name or self.id

    @property
    def public(self) -> bool:
        """Whether it has nothing to prove itself with."""
        return self.metadata.token_endpoint_auth_method == "none"

    def __repr__(self) -> str:
        return f"Client({self.id})"


class ApiDefinition(msgspec.Struct, frozen=True):
    """What a protected API is registered with.

    Attributes:
        scopes: by name, what each lets an application do, in words for the page of consent.
        token_format: ``opaque`` tokens are understood by introspection only.
        algorithm: signs its tokens; HS256 with a secret that only this API and Ostiary have.
        token_ttl: life of its access tokens in seconds; None: as the settings say.
        claims: what its tokens say of the account besides: ``roles``, ``permissions``.
        authorization_details_types: those of RFC 9396 that it understands.
    """

    name: str
    scopes: dict[str, str] = {}
    token_format: Literal["jwt", "opaque"] = "jwt"
    algorithm: Literal["ES256", "RS256", "EdDSA", "HS256"] = "ES256"
    token_ttl: int | None = None
    claims: tuple[Literal["roles", "permissions"], ...] = ()
    authorization_details_types: tuple[str, ...] = ()


class Api(msgspec.Struct, frozen=True):
    """A protected API: an audience of access tokens.

    Attributes:
        identifier: the URI that tokens name as their audience, and requests as ``resource`` (RFC 8707).
        sealed_secret: for HS256.
    """

    id: str
    identifier: str
    definition: ApiDefinition
    sealed_secret: bytes | None
    created_at: int
    updated_at: int

    def __repr__(self) -> str:
        return f"Api({self.identifier})"


class Authorized(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an application was allowed, from the code that says so to the last token that comes of it.

    Attributes:
        scope: separated by spaces; resources: identifiers of APIs.
        claims: the parsed ``claims`` parameter (OpenID Connect Core section 5.5).
        amr, acr, authenticated_at: how, how well and when (milliseconds) the person proved who they are.
        session_id: the browser session that it was allowed in, and ends with unless ``offline_access`` is allowed.
        binding: the confirmation (``cnf``) that whoever redeems has to show: ``jkt:…`` or ``x5t:…``; empty for none.
        details: RFC 9396.
    """

    scope: str
    resources: tuple[str, ...] = ()
    claims: dict[str, Any] = {}
    nonce: str | None = None
    amr: tuple[str, ...] = ()
    acr: str = ""
    authenticated_at: int = 0
    session_id: str | None = None
    session_expires_at: int = 0
    sid: str | None = None
    binding: str = ""
    details: tuple[dict[str, Any], ...] = ()

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self.scope.split())


def scope_text(scopes: list[str] | tuple[str, ...] | frozenset[str]) -> str:
    """Scopes as they go over the wire, in a stable order."""
    order = {name: at for at, name in enumerate(IDENTITY_SCOPES)}
    return " ".join(sorted(scopes, key=lambda scope: (order.get(scope, len(order)), scope)))
