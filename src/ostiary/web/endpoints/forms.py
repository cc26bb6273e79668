"""The fields of the protocol's forms, for the description of the API; what they mean is the use cases' to say."""

from __future__ import annotations

import msgspec


class ClientForm(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a client proves itself in a form; by a header, a key or a certificate, other fields are used, or none."""

    client_id: str = ""
    client_secret: str = ""
    client_assertion_type: str = ""
    client_assertion: str = ""


class TokenForm(ClientForm, frozen=True, omit_defaults=True, kw_only=True):
    """RFC 6749, 7523, 8628, 8693, 8707."""

    grant_type: str
    code: str = ""
    redirect_uri: str = ""
    code_verifier: str = ""
    refresh_token: str = ""
    scope: str = ""
    resource: str = ""
    device_code: str = ""
    assertion: str = ""
    subject_token: str = ""
    subject_token_type: str = ""
    actor_token: str = ""
    actor_token_type: str = ""
    requested_token_type: str = ""
    audience: str = ""


class OneTokenForm(ClientForm, frozen=True, omit_defaults=True, kw_only=True):
    """RFC 7662 section 2.1, RFC 7009 section 2.1."""

    token: str
    token_type_hint: str = ""


class DeviceForm(ClientForm, frozen=True, omit_defaults=True, kw_only=True):
    """RFC 8628 section 3.1."""

    scope: str = ""
    resource: str = ""


class AuthorizationForm(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2.1, RFC 7636, 8707, 9101, 9126, 9396, 9449."""

    client_id: str = ""
    response_type: str = ""
    redirect_uri: str = ""
    scope: str = ""
    state: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    nonce: str = ""
    response_mode: str = ""
    prompt: str = ""
    max_age: str = ""
    acr_values: str = ""
    login_hint: str = ""
    id_token_hint: str = ""
    ui_locales: str = ""
    claims: str = ""
    resource: str = ""
    authorization_details: str = ""
    dpop_jkt: str = ""
    request: str = ""
    request_uri: str = ""


class PushedForm(AuthorizationForm, frozen=True, omit_defaults=True, kw_only=True):
    """RFC 9126 section 2.1: an authorization request, with the client's proof."""

    client_secret: str = ""
    client_assertion_type: str = ""
    client_assertion: str = ""


class EndSessionForm(msgspec.Struct, frozen=True, omit_defaults=True):
    """OpenID Connect RP-Initiated Logout section 2."""

    id_token_hint: str = ""
    client_id: str = ""
    post_logout_redirect_uri: str = ""
    state: str = ""
    logout_hint: str = ""
    ui_locales: str = ""
