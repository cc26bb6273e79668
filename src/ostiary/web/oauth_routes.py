"""The rows of the authorization server: for applications, for the people that they send, and for administrators."""

from __future__ import annotations

from functools import partial
from typing import Any

from ostiary.base.pages import Page, PageQuery
from ostiary.errors import Conflict, Forbidden, InvalidToken, NotFound, PersonRequired, Unauthenticated, Unavailable
from ostiary.oauth import (
    ApiChange,
    ApiCreate,
    ApiView,
    ClientChange,
    ClientCreate,
    ClientView,
    ConsentView,
    IssuedApi,
    IssuedClient,
    IssuedSecret,
    SecretCreate,
)
from ostiary.oauth.device import DeviceAnswer
from ostiary.oauth.faults import (
    InsufficientScope,
    InvalidAuthorizationDetails,
    InvalidClient,
    InvalidClientMetadata,
    InvalidDpopProof,
    InvalidGrant,
    InvalidRedirectUri,
    InvalidScope,
    InvalidTarget,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from ostiary.oauth.par import PushedAnswer
from ostiary.oauth.token import TokenAnswer
from ostiary.settings import Settings
from ostiary.web.api import oauth
from ostiary.web.endpoints import forms, protocol
from ostiary.web.pages.arrival import CONSENT
from ostiary.web.pages.consent import AUTHORIZE, ConsentPages
from ostiary.web.pages.device import DEVICE, DevicePages
from ostiary.web.pages.render import Pages
from ostiary.web.pages.sign_out import END_SESSION, SIGN_OUT, SignOutPages
from ostiary.web.route import Knock, Route, api_route

# One row a request, in the same columns throughout; the formatter would give each argument a line of its own.
# fmt: off

def oauth_routes(settings: Settings) -> list[Route]:
    """Every row of this part that is described."""
    return [*_protocol(), *_registration(), *_discovery(settings), *_clients(), *_apis(), *_consents()]


def _protocol() -> list[Route]:
    row = partial(api_route, "oauth", Knock.ANYONE, (InvalidClient,), recognise=False, protocol=True,
                  limit="token_address")
    spoken: dict[int, Any] = {200: dict[str, Any]}
    told = partial(api_route, "oauth", Knock.ANYONE,
                   (Unauthenticated, InvalidToken, InvalidDpopProof, InsufficientScope), recognise=False,
                   protocol=True, limit="token_address")
    return [
        row("POST", "/oauth/token", protocol.token, "Tokens for a grant", {200: TokenAnswer}, InvalidGrant,
            InvalidScope, InvalidTarget, InvalidDpopProof, UnauthorizedClient, UnsupportedGrantType, Unavailable,
            form=forms.TokenForm),
        told("GET", "/oauth/userinfo", protocol.userinfo, "About the person who has allowed it", spoken),
        told("POST", "/oauth/userinfo", protocol.userinfo, "The same", spoken, form=forms.ClientForm),
        row("POST", "/oauth/introspect", protocol.introspect, "What a token says", spoken, UnauthorizedClient,
            form=forms.OneTokenForm),
        row("POST", "/oauth/revoke", protocol.revoke, "End a token", spoken, form=forms.OneTokenForm),
        row("POST", "/oauth/par", protocol.push, "Push an authorization request", {201: PushedAnswer}, InvalidScope,
            InvalidTarget, InvalidDpopProof, UnauthorizedClient, InvalidAuthorizationDetails, form=forms.PushedForm),
        row("POST", "/oauth/device_authorization", protocol.device_authorization, "Codes for a device",
            {200: DeviceAnswer}, InvalidScope, InvalidTarget, UnauthorizedClient, form=forms.DeviceForm),
    ]


def _registration() -> list[Route]:
    row = partial(api_route, "oauth", Knock.ANYONE, (InvalidToken,), recognise=False, protocol=True)
    every, one, refused = "/oauth/register", "/oauth/register/{client_id}", (InvalidClientMetadata, InvalidRedirectUri)
    shown = {200: dict[str, Any]}
    return [
        row("POST", every, protocol.register, "Register an application", {201: dict[str, Any]}, NotFound, *refused,
            body=dict[str, Any], limit="client_registration_address"),
        row("GET", one, protocol.read_registration, "What it is registered with", shown),
        row("PUT", one, protocol.replace_registration, "Register it with something else", shown, *refused,
            body=dict[str, Any]),
        row("DELETE", one, protocol.delete_registration, "Remove its registration", {204: None}),
    ]


def _discovery(settings: Settings) -> list[Route]:
    """Below the issuer; and, where that has a path, before it: RFC 8414 section 3.1, RFC 9728 section 3.1."""
    row = partial(api_route, "oauth", Knock.ANYONE, (), recognise=False, protocol=True)
    shown, base = {200: dict[str, Any]}, settings.base_path
    server, openid = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
    resource = "/.well-known/oauth-protected-resource"
    paths = {openid: protocol.discovery, server: protocol.discovery, resource: protocol.protected_resource}
    rows = [row("GET", path, handle, "What clients find out by themselves", shown) for path, handle in paths.items()]
    if base:
        rows += [row("GET", path + base, handle, "The same", shown) for path, handle in paths.items()]
    return rows


def _clients() -> list[Route]:
    row = partial(api_route, "clients", Knock.SIGNED_IN, (Forbidden,))
    every, one = "/api/clients", "/api/clients/{client_id}"
    refused = (InvalidClientMetadata, InvalidRedirectUri)
    return [
        row("GET", every, oauth.list_clients, "List clients", {200: Page[ClientView]}, query=PageQuery),
        row("POST", every, oauth.create_client, "Register a client", {201: IssuedClient}, Conflict, NotFound, *refused,
            body=ClientCreate),
        row("GET", one, oauth.get_client, "One client", {200: ClientView}),
        row("PATCH", one, oauth.change_client, "Change a client", {200: ClientView}, *refused, body=ClientChange),
        row("DELETE", one, oauth.delete_client, "Remove a client", {204: None}),
        row("POST", one + "/secrets", oauth.add_secret, "Give a client one more secret", {201: IssuedSecret}, Conflict,
            body=SecretCreate, body_optional=True),
        row("DELETE", one + "/secrets/{secret_id}", oauth.remove_secret, "End one secret of a client", {204: None}),
    ]


def _apis() -> list[Route]:
    row = partial(api_route, "clients", Knock.SIGNED_IN, (Forbidden,))
    every, one = "/api/apis", "/api/apis/{api_id}"
    return [
        row("GET", every, oauth.list_apis, "List protected APIs", {200: Page[ApiView]}, query=PageQuery),
        row("POST", every, oauth.create_api, "Register a protected API", {201: IssuedApi}, Conflict, body=ApiCreate),
        row("GET", one, oauth.get_api, "One protected API", {200: ApiView}),
        row("PATCH", one, oauth.change_api, "Change a protected API", {200: IssuedApi}, body=ApiChange),
        row("DELETE", one, oauth.delete_api, "Remove a protected API", {204: None}),
    ]


def _consents() -> list[Route]:
    own = partial(api_route, "clients", Knock.PERSON, ())
    row = partial(api_route, "clients", Knock.SIGNED_IN, (Forbidden, PersonRequired))
    ours, theirs = "/api/consents", "/api/accounts/{account_id}/consents"
    listed = {200: Page[ConsentView]}
    return [
        own("GET", ours, oauth.list_consents, "Which applications have access to my account", listed),
        own("DELETE", ours + "/{client_id}", oauth.revoke_consent, "Take access back", {204: None}),
        row("GET", theirs, oauth.list_consents, "Which applications have access to an account", listed),
        row("DELETE", theirs + "/{client_id}", oauth.revoke_consent, "Take their access back", {204: None}),
    ]


def oauth_pages(pages: Pages) -> list[Route]:
    """The pages of this part."""
    consent, device, sign_out = ConsentPages(pages), DevicePages(pages), SignOutPages(pages)
    return [
        _page("GET", AUTHORIZE, consent.authorize, limit="authorize_address"),
        _page("POST", AUTHORIZE, consent.post, limit="authorize_address", recognise=False,
              form=forms.AuthorizationForm),
        _page("GET", CONSENT, consent.consent),
        _page("POST", CONSENT, consent.answer, Knock.PERSON),
        _page("GET", DEVICE, device.show, Knock.PERSON, limit="device_code_address"),
        _page("POST", DEVICE, device.answer, Knock.PERSON, limit="device_code_address"),
        _page("GET", END_SESSION, sign_out.show),
        _page("POST", END_SESSION, sign_out.post, recognise=False, form=forms.EndSessionForm),
        _page("POST", SIGN_OUT, sign_out.confirm),
    ]

# fmt: on


def _page(method: str, path: str, handle: Any, knock: Knock = Knock.ANYONE, **more: Any) -> Route:
    return Route(method=method, path=path, handle=handle, knock=knock, summary="", page=True, **more)
