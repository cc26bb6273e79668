"""Errors of the protocol, each under the name that its RFC gives it.

On the endpoints for clients they are answered as RFC 6749 section 5.2 has it, ``{"error": …, "error_description": …}``;
at the authorization endpoint most of them go back to the client, in the parameters of its redirect URI.
"""

from __future__ import annotations

from ostiary.errors import Forbidden, InvalidRequest, OstiaryError, Unauthenticated

_CLIENT = "For developers of the application: `error_description` says what to change in the request."


class OAuthError(InvalidRequest):
    """What a client did wrong, or what its user decided; ``code`` is the ``error`` of the protocol."""

    remedy = _CLIENT


class InvalidClient(Unauthenticated):
    """RFC 6749 section 5.2."""

    code = "invalid_client"
    title = "The client could not be authenticated."
    remedy = (
        "Look at the client's id, its secret or key, and at the `token_endpoint_auth_method` it is registered with."
    )


class InvalidGrant(OAuthError):
    """RFC 6749 section 5.2."""

    code = "invalid_grant"
    title = "The code, token or assertion is wrong, was used before, has expired, or belongs to another client."
    remedy = (
        "Have the person sign in once more; look whether `redirect_uri` and `code_verifier` are those of the request."
    )


class UnauthorizedClient(OAuthError):
    """RFC 6749 sections 4.1.2.1 and 5.2."""

    code = "unauthorized_client"
    title = "The client is not registered for this."
    remedy = "Add the grant or response type to the client's registration."


class UnsupportedGrantType(OAuthError):
    """RFC 6749 section 5.2."""

    code = "unsupported_grant_type"
    title = "There is no such grant type here."
    remedy = "Use one of `grant_types_supported` in the discovery document."


class UnsupportedResponseType(OAuthError):
    """RFC 6749 section 4.1.2.1."""

    code = "unsupported_response_type"
    title = "There is no such response type here."
    remedy = "Use `code`; it is the one response type unless the settings add another."


class InvalidScope(OAuthError):
    """RFC 6749 section 5.2."""

    code = "invalid_scope"
    title = "A scope is unknown, or more than this client may have."
    remedy = "Ask for scopes that the client is registered for, or add them to its registration."


class InvalidTarget(OAuthError):
    """RFC 8707 section 2."""

    code = "invalid_target"
    title = "The resource is unknown, or cannot be asked for together with the others."
    remedy = "Register the API (`ostiary apis create`), or name one `resource` at a time."


class AccessDenied(OAuthError):
    """RFC 6749 section 4.1.2.1."""

    code = "access_denied"
    title = "The request was refused."
    remedy = "The person, or a rule of this installation, said no; asking once more is for the person to decide."


class LoginRequired(OAuthError):
    """OpenID Connect Core section 3.1.2.6."""

    code = "login_required"
    title = "Nobody is signed in, and no page may be shown."
    remedy = "Send the request again without `prompt=none`."


class ConsentRequired(LoginRequired):
    """OpenID Connect Core section 3.1.2.6."""

    code = "consent_required"
    title = "Consent is missing, and no page may be shown."
    remedy = "Send it without `prompt=none`, so that the person can be asked."


class InteractionRequired(LoginRequired):
    """OpenID Connect Core section 3.1.2.6."""

    code = "interaction_required"
    title = "The person has something to do first, and no page may be shown."
    remedy = "Send it without `prompt=none`, and let the person finish."


class AccountSelectionRequired(LoginRequired):
    """OpenID Connect Core section 3.1.2.6."""

    code = "account_selection_required"
    title = "The person has to choose an account, and no page may be shown."
    remedy = "Send it without `prompt=none`, so that the person can choose."


class UnmetAuthenticationRequirements(OAuthError):
    """OpenID Connect Core Error Code unmet_authentication_requirements 1.0."""

    code = "unmet_authentication_requirements"
    title = "Nobody can prove who they are as well as that here."
    remedy = "Ask for one of the levels in `acr_values_supported` of the discovery document."


class InvalidRequestUri(OAuthError):
    """OpenID Connect Core section 3.1.2.6, RFC 9126 section 4."""

    code = "invalid_request_uri"
    title = "The request URI is unknown, was used before, or has expired."
    remedy = "Push the request once more, and use its `request_uri` once and soon."


class InvalidRequestObject(OAuthError):
    """RFC 9101 section 6."""

    code = "invalid_request_object"
    title = "The request object is not valid."
    remedy = "Sign the parameters with a registered key, with `iss` the client, `aud` the issuer and an `exp`."


class RequestNotSupported(OAuthError):
    """OpenID Connect Core section 3.1.2.6."""

    code = "request_not_supported"
    title = "Request objects are not taken here."
    remedy = "Register keys (`jwks` or `jwks_uri`) to sign requests with, or send the parameters plainly."


class RequestUriNotSupported(OAuthError):
    """OpenID Connect Core section 3.1.2.6."""

    code = "request_uri_not_supported"
    title = "Request URIs other than those of pushed requests are not taken here."
    remedy = "Push the request (RFC 9126), and use the `request_uri` that comes of it."


class InvalidAuthorizationDetails(OAuthError):
    """RFC 9396 section 5."""

    code = "invalid_authorization_details"
    title = "The authorization details are not of a type that the API has, or not of its form."
    remedy = "Use types that the API lists and the client is registered for."


class InvalidDpopProof(OAuthError):
    """RFC 9449 section 5."""

    code = "invalid_dpop_proof"
    title = "The DPoP proof is not valid for this request."
    remedy = "Make a new proof for each request, with `htm`, `htu`, `iat`, `jti`, and `ath` beside a token."


class UseDpopNonce(OAuthError):
    """RFC 9449 section 8."""

    code = "use_dpop_nonce"
    title = "The DPoP proof needs the nonce of this answer."
    remedy = "Make another proof with the value of the header `DPoP-Nonce` as its `nonce`, and send the request again."

    def __init__(self, nonce: str) -> None:
        super().__init__()
        self.nonce = nonce


class AuthorizationPending(OAuthError):
    """RFC 8628 section 3.5."""

    code = "authorization_pending"
    title = "The person has not decided yet."
    remedy = "Ask again after `interval` seconds."


class SlowDown(OAuthError):
    """RFC 8628 section 3.5."""

    code = "slow_down"
    title = "The client asks too often."
    remedy = "Wait five seconds more between two questions, from now on."


class ExpiredToken(OAuthError):
    """RFC 8628 section 3.5."""

    code = "expired_token"
    title = "The device code has expired."
    remedy = "Begin again, with a new code."


class InvalidRedirectUri(OAuthError):
    """RFC 7591 section 3.2.2."""

    code = "invalid_redirect_uri"
    title = "A redirect URI cannot be used."
    remedy = "Use https, a loopback address, or for native applications a scheme of one's own; no fragment."


class InvalidClientMetadata(OAuthError):
    """RFC 7591 section 3.2.2."""

    code = "invalid_client_metadata"
    title = "What the client is to be registered with cannot be used."
    remedy = "Correct the member that is named."


class InsufficientScope(Forbidden):
    """RFC 6750 section 3.1."""

    code = "insufficient_scope"
    title = "The access token does not have the scope that this takes."
    remedy = "Ask for the scope that is named when asking for the token."

    def __init__(self, scope: str) -> None:
        super().__init__(extra={"scope": scope})
        self.scope = scope


class PageError(InvalidRequest):
    """An authorization request that must not go back to anybody: client or redirect URI are wrong."""

    code = "invalid_authorization_request"
    title = "The application that sent you here made a mistake."
    remedy = "For developers of the application: `client_id` and `redirect_uri` have to be those that are registered."


def is_protocol_error(error: OstiaryError) -> bool:
    """Whether the error's code is one that OAuth clients know."""
    return isinstance(error, OAuthError | InvalidClient | InsufficientScope)
