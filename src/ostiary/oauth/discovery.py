"""What clients find out by themselves: OpenID Connect Discovery, RFC 8414, and RFC 9728 for Ostiary's own API."""

from __future__ import annotations

from typing import Any

from ostiary.oauth.authorize import reachable_levels
from ostiary.oauth.claims import SUPPORTED
from ostiary.oauth.client_store import Catalogue
from ostiary.oauth.model import DEVICE_CODE, IDENTITY_SCOPES, JWT_BEARER, TOKEN_EXCHANGE
from ostiary.oauth.parameters import PROMPTS, RESPONSE_MODES
from ostiary.permissions import Permission
from ostiary.settings import Settings

_ALGORITHMS = ["ES256", "RS256", "EdDSA"]
_METHODS = [
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "none",
]
_TLS_METHODS = ["tls_client_auth", "self_signed_tls_client_auth"]


def server_metadata(settings: Settings, catalogue: Catalogue) -> dict[str, Any]:
    """The one document for both well-known addresses."""
    issuer, oauth = settings.issuer, settings.oauth
    methods = _METHODS + (_TLS_METHODS if oauth.certificate_header is not None else [])
    signing = {"_signing_alg_values_supported": [*_ALGORITHMS, "HS256"]}
    document: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "pushed_authorization_request_endpoint": f"{issuer}/oauth/par",
        "device_authorization_endpoint": f"{issuer}/oauth/device_authorization",
        "end_session_endpoint": f"{issuer}/oauth/end_session",
        "scopes_supported": [*IDENTITY_SCOPES, *sorted(catalogue.by_scope)],
        "response_types_supported": ["code", *(["code id_token"] if oauth.hybrid else [])],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            DEVICE_CODE,
            TOKEN_EXCHANGE,
            JWT_BEARER,
        ],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": _ALGORITHMS,
        "userinfo_signing_alg_values_supported": _ALGORITHMS,
        "introspection_signing_alg_values_supported": _ALGORITHMS,
        "authorization_signing_alg_values_supported": _ALGORITHMS,
        "request_object_signing_alg_values_supported": _ALGORITHMS,
        "dpop_signing_alg_values_supported": _ALGORITHMS,
        "acr_values_supported": sorted(reachable_levels(settings)),
        "claims_supported": list(SUPPORTED),
        "prompt_values_supported": list(PROMPTS),
        "ui_locales_supported": ["en"],
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": False,
        "require_pushed_authorization_requests": False,
        "authorization_response_iss_parameter_supported": True,
        "authorization_details_types_supported": sorted(
            {each for api in catalogue.apis.values() for each in api.definition.authorization_details_types}
        ),
        "client_id_metadata_document_supported": oauth.client_documents,
        "tls_client_certificate_bound_access_tokens": oauth.certificate_header is not None,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "service_documentation": f"{issuer}/docs",
    }
    for endpoint in ("token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        document[f"{endpoint}_auth_methods_supported"] = methods
        document |= {f"{endpoint}_auth{name}": value for name, value in signing.items()}
    if oauth.registration != "off":
        document["registration_endpoint"] = f"{issuer}/oauth/register"
    return document


def resource_metadata_url(settings: Settings) -> str:
    """Where the latter is: the path of the issuer comes last (RFC 9728 section 3.1)."""
    origin = settings.issuer.removesuffix(settings.base_path)
    return f"{origin}/.well-known/oauth-protected-resource{settings.base_path}"


def resource_metadata(settings: Settings) -> dict[str, Any]:
    """RFC 9728: how to get tokens for Ostiary's own API."""
    return {
        "resource": settings.issuer,
        "authorization_servers": [settings.issuer],
        "jwks_uri": f"{settings.issuer}/.well-known/jwks.json",
        "scopes_supported": ["openid", *sorted(str(permission) for permission in Permission)],
        "bearer_methods_supported": ["header"],
        "resource_name": settings.site_name,
        "resource_documentation": f"{settings.issuer}/docs",
        "dpop_signing_alg_values_supported": _ALGORITHMS,
        "tls_client_certificate_bound_access_tokens": settings.oauth.certificate_header is not None,
    }
