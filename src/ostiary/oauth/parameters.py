"""An authorization request, parsed and held against its client: a table of checks, one row a parameter.

Two of them come first and decide where everything else goes (RFC 9700 section 4.11): who the client is, and where its
answers may be sent. What is wrong with these is shown to the person; what is wrong with the rest goes to the client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ostiary.authorization.caller import Level
from ostiary.base import strict_json
from ostiary.errors import InvalidRequest
from ostiary.oauth.audiences import allowed_scopes, parse_resources, parse_scope
from ostiary.oauth.claims import parse_claims
from ostiary.oauth.client_store import Catalogue
from ostiary.oauth.faults import (
    InvalidAuthorizationDetails,
    InvalidTarget,
    PageError,
    RequestNotSupported,
    RequestUriNotSupported,
    UnauthorizedClient,
    UnmetAuthenticationRequirements,
    UnsupportedResponseType,
)
from ostiary.oauth.model import Client
from ostiary.oauth.pkce import parse_challenge
from ostiary.oauth.uris import matching_redirect_uri

PROMPTS = ("none", "login", "consent", "select_account", "create")
RESPONSE_MODES = ("query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt")
_LEVELS: tuple[Level, ...] = ("aal1", "aal2", "aal3")
_MAX_STATE = 2048
_MAX_NONCE = 512
_MAX_HINT = 8192
_MAX_DETAILS = 10

Parameters = Mapping[str, str]


class ReplyTo(msgspec.Struct, frozen=True):
    """Where the answer goes, and in which form: known before anything else is."""

    client: Client
    redirect_uri: str
    response_mode: str
    state: str | None


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """A request that can be granted.

    Attributes:
        hybrid: ``code id_token``.
        scopes, resources: as the client gets them.
        prompts: OpenID Connect Core section 3.1.2.1.
        max_age: seconds; None for any.
        level: the lowest of the ``acr_values`` that is known here; None where none was asked for.
        dpop_jkt: the key that the code is bound to (RFC 9449 section 10).
        subject_hint: the ``sub`` that ``id_token_hint`` or ``claims`` ask for.
    """

    reply: ReplyTo
    challenge: str
    hybrid: bool
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    prompts: frozenset[str]
    nonce: str | None = None
    max_age: int | None = None
    level: Level | None = None
    claims: dict[str, Any] = {}
    details: tuple[dict[str, Any], ...] = ()
    login_hint: str = ""
    id_token_hint: str | None = None
    dpop_jkt: str = ""

    @property
    def client(self) -> Client:
        return self.reply.client


def reply_to(client: Client | None, parameters: Parameters) -> ReplyTo:
    """Where the answer to these parameters goes.

    Raises:
        PageError: nowhere: the client is not known, or the redirect URI is not one of its own.
    """
    if client is None:
        raise PageError("There is no application of this client_id.")
    registered = client.metadata.redirect_uris
    asked = parameters.get("redirect_uri")
    if asked is None:
        if len(registered) != 1 or "openid" in parameters.get("scope", "").split():
            raise PageError("redirect_uri is missing.")
        asked = registered[0]
    elif not matching_redirect_uri(asked, registered, native=client.metadata.application_type == "native"):
        raise PageError("redirect_uri is not one that this application has registered.")
    hybrid = parameters.get("response_type") == "code id_token"
    mode = parameters.get("response_mode", "fragment" if hybrid else "query")
    if mode == "jwt":
        mode = "fragment.jwt" if hybrid else "query.jwt"
    known = mode if mode in RESPONSE_MODES and not (hybrid and mode.startswith("query")) else ""
    return ReplyTo(client, asked, known or ("fragment" if hybrid else "query"), _state(parameters))


def _state(parameters: Parameters) -> str | None:
    state = parameters.get("state")
    return state if state is None or len(state) <= _MAX_STATE else None


class Rules(msgspec.Struct, frozen=True):
    """What of the installation a request is held against. ``reachable``: the levels that a sign-in here can reach."""

    catalogue: Catalogue
    issuer: str
    hybrid: bool
    reachable: frozenset[str]


def parse_request(reply: ReplyTo, parameters: Parameters, rules: Rules) -> AuthorizationRequest:
    """The request, if this client may make it.

    Raises:
        OstiaryError: it may not; the error goes back to the client.
    """
    found: dict[str, Any] = {"reply": reply}
    for check in _CHECKS:
        found |= check(reply.client, parameters, rules)
    return AuthorizationRequest(**found)


def _unsupported(client: Client, parameters: Parameters, rules: Rules) -> dict[str, Any]:
    if "request" in parameters:
        raise RequestNotSupported
    if "request_uri" in parameters:
        raise RequestUriNotSupported
    if len(parameters.get("state", "")) > _MAX_STATE:
        raise InvalidRequest(f"state has at most {_MAX_STATE} characters.", field="state")
    return {}


def _response_type(client: Client, parameters: Parameters, rules: Rules) -> dict[str, Any]:
    asked = parameters.get("response_type")
    if asked is None:
        raise InvalidRequest("response_type is missing.", field="response_type")
    asked = " ".join(sorted(asked.split()))
    if asked not in ("code", "code id_token") or (asked == "code id_token" and not rules.hybrid):
        raise UnsupportedResponseType
    if asked not in client.metadata.response_types or "authorization_code" not in client.grants:
        raise UnauthorizedClient(f"This client is not registered for the response type {asked}.")
    if asked == "code id_token" and "nonce" not in parameters:
        raise InvalidRequest("code id_token takes a nonce (OpenID Connect Core section 3.3.2.11).", field="nonce")
    return {"hybrid": asked == "code id_token"}


def _response_mode(client: Client, parameters: Parameters, rules: Rules) -> dict[str, Any]:
    mode = parameters.get("response_mode", "query")
    if mode not in RESPONSE_MODES:
        raise InvalidRequest("There is no such response_mode.", field="response_mode")
    if "id_token" in parameters.get("response_type", "") and parameters.get("response_mode") in ("query", "query.jwt"):
        raise InvalidRequest("Tokens are not sent in a query.", field="response_mode")
    return {}


def _challenge(client: Client, parameters: Parameters, rules: Rules) -> dict[str, Any]:
    return {"challenge": parse_challenge(parameters.get("code_challenge"), parameters.get("code_challenge_method"))}


def _scope(client: Client, parameters: Parameters, rules: Rules) -> dict[str, Any]:
    resources = parse_resources(parameters.get("resource", ""), rules.catalogue, rules.issuer)
    if client.metadata.profile == "mcp" and not resources:
        raise InvalidTarget("A client of the Model Context Protocol names the resource it asks for.", field="resource")
    asked = parse_scope(parameters.get("scope", ""))
    scopes = allowed_scopes(client, asked, resources, rules.catalogue, rules.issuer)
    if "offline_access" in scopes and "refresh_token" not in client.grants:
        scopes = tuple(scope for scope in scopes if scope != "offline_access")  # OpenID Connect Core section 11
    return {"scopes": scopes, "resources": resources}


def _prompt(client: Client, parameters: Parameters, rules: Rules) -> dict[str, Any]:
    prompts = frozenset(parameters.get("prompt", "").split())
    if not prompts <= frozenset(PROMPTS) or ("none" in prompts and len(prompts) > 1):
        raise InvalidRequest("prompt is none alone, or some of login, consent, select_account, create.", field="prompt")
    return {"prompts": prompts}


def _max_age(client: Client, parameters: Parameters, rules: Rules) -> dict[str, Any]:
    text = parameters.get("max_age")
    if text is None:
        return {"max_age": client.metadata.default_max_age}
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidRequest("max_age is a number of seconds.", field="max_age")
    return {"max_age": int(text)}


def _nonce(client: Client, parameters: Parameters, rules: Rules) -> dict[str, Any]:
    nonce = parameters.get("nonce")
    if nonce is not None and len(nonce) > _MAX_NONCE:
        raise InvalidRequest(f"nonce has at most {_MAX_NONCE} characters.", field="nonce")
    return {"nonce": nonce}


def _claims(client: Client, parameters: Parameters, rules: Rules) -> dict[str, Any]:
    """``claims``, and with them which level is asked for: there and in ``acr_values``."""
    claims = parse_claims(parameters.get("claims"))
    asked = claims.id_token.get("acr") or {}
    values = asked.get("values") or [asked["value"]] if {"value", "values"} & asked.keys() else []
    essential = bool(asked.get("essential")) and bool(values)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidRequest("claims: acr names its values as text.", field="claims")
    values = values or parameters.get("acr_values", "").split() or list(client.metadata.default_acr_values)
    known = [level for level in _LEVELS if level in values and level in rules.reachable]
    if essential and not known:
        raise UnmetAuthenticationRequirements
    return {
        "claims": msgspec.to_builtins(claims),
        "level": known[0] if known else None,
    }


def _hints(client: Client, parameters: Parameters, rules: Rules) -> dict[str, Any]:
    hint = parameters.get("id_token_hint")
    if hint is not None and len(hint) > _MAX_HINT:
        raise InvalidRequest("id_token_hint is too long.", field="id_token_hint")
    return {"login_hint": parameters.get("login_hint", "")[:254], "id_token_hint": hint}


def _binding(client: Client, parameters: Parameters, rules: Rules) -> dict[str, Any]:
    thumbprint = parameters.get("dpop_jkt", "")
    if thumbprint and (len(thumbprint) != 43 or not thumbprint.replace("-", "").replace("_", "").isalnum()):
        raise InvalidRequest("dpop_jkt is the SHA-256 thumbprint of a key.", field="dpop_jkt")
    return {"dpop_jkt": thumbprint}


def parse_details(text: str | None, client: Client, catalogue: Catalogue) -> tuple[dict[str, Any], ...]:
    """``authorization_details`` (RFC 9396 section 2): objects of types that an API understands.

    Raises:
        InvalidAuthorizationDetails: they are not.
    """
    if text is None:
        return ()
    known = {each for api in catalogue.apis.values() for each in api.definition.authorization_details_types}
    allowed = frozenset(client.metadata.authorization_details_types)
    try:
        details = msgspec.convert(strict_json.decode(text.encode()), tuple[dict[str, Any], ...])
    except (InvalidRequest, msgspec.ValidationError):
        raise InvalidAuthorizationDetails("A JSON array of objects.", field="authorization_details") from None
    if len(details) > _MAX_DETAILS or len(text) > 16_384:
        raise InvalidAuthorizationDetails(f"At most {_MAX_DETAILS}.", field="authorization_details")
    for each in details:
        kind = each.get("type")
        if not isinstance(kind, str) or kind not in known or kind not in allowed:
            raise InvalidAuthorizationDetails(f"This client may not ask for the type {str(kind)[:100]!r}.")
    return details


def _details(client: Client, parameters: Parameters, rules: Rules) -> dict[str, Any]:
    return {"details": parse_details(parameters.get("authorization_details"), client, rules.catalogue)}


_CHECKS: tuple[Callable[[Client, Parameters, Rules], dict[str, Any]], ...] = (
    _unsupported,
    _response_type,
    _response_mode,
    _challenge,
    _scope,
    _prompt,
    _max_age,
    _nonce,
    _claims,
    _hints,
    _binding,
    _details,
)
