"""The one route table: one row a request, and all that is true of it before its handler runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ostiary.accounts import AccountChange, AccountCreate, AccountView, ProfileChange
from ostiary.authentication import (
    AnswerRequest,
    ApiKeyCreate,
    ApiKeyRotate,
    ApiKeyUpdate,
    ApiKeyView,
    ChallengeRequest,
    ConfirmRequest,
    CredentialView,
    DeviceView,
    EmailChangeRequest,
    EnrolRequest,
    FlowRequest,
    IssuedApiKey,
    PasswordChangeRequest,
    RegistrationRequest,
    RenameRequest,
    SignInRecord,
    SignInRequest,
    StepUpRequest,
    VerificationRequest,
)
from ostiary.authentication.factor_removal import FactorRemoval
from ostiary.authorization import (
    Assignment,
    AssignmentCreate,
    Grant,
    GrantChange,
    GrantCreate,
    GrantQuery,
    LastAdministrator,
    LastOwner,
    Role,
    RoleChange,
    RoleCreate,
)
from ostiary.base.pages import Page, PageQuery
from ostiary.credentials import CredentialType
from ostiary.errors import (
    AccountDisabled,
    Conflict,
    DeviceChallenge,
    Forbidden,
    InsufficientAuthentication,
    InvalidChallenge,
    InvalidCredentials,
    InvalidToken,
    LastCredential,
    MethodNotAllowed,
    NotFound,
    PersonRequired,
    TooManySessions,
    Unauthenticated,
    Unavailable,
    UsernameTaken,
    WeakPassword,
)
from ostiary.settings import Settings
from ostiary.web.api import accounts, api_keys, auth, credentials, device_bound, roles, sessions
from ostiary.web.decision_routes import decision_routes
from ostiary.web.oauth_routes import oauth_pages, oauth_routes
from ostiary.web.pages.account import AccountPages
from ostiary.web.pages.api_keys import API_KEYS, ApiKeyPages
from ostiary.web.pages.development import DevelopmentPages
from ostiary.web.pages.enrolment import RECOVERY_CODES, EnrolmentPages
from ostiary.web.pages.playground import PLAYGROUND, PlaygroundPages
from ostiary.web.pages.registration import RegistrationPages
from ostiary.web.pages.render import Pages
from ostiary.web.pages.security import SECURITY, SecurityPages
from ostiary.web.pages.sign_in import SignInPages
from ostiary.web.pages.steps import StepPages
from ostiary.web.reference import ReferenceRoutes
from ostiary.web.route import Handler, Knock, Route, api_route
from ostiary.web.system import RELATED_ORIGINS, FileVersion, HealthAnswer, RelatedOrigins, SystemRoutes

_ANYONE, _SIGNED_IN, _PERSON = Knock.ANYONE, Knock.SIGNED_IN, Knock.PERSON

TAGS = {
    "auth": "A person's own way in and out, for clients without pages of ours.",
    "credentials": "What a person proves themselves with, and the devices that they are signed in from.",
    "sessions": "Where somebody is signed in, and what applications keep there.",
    "api keys": "What programs show instead of a session: one's own, and those of other accounts for administrators.",
    "accounts": "Who exists, and what each of them holds. For administrators.",
    "roles": "Named sets of permissions. For administrators.",
    "relations": "Who stands in which relation to what. For administrators, and applications that keep them here.",
    "entities": "Attributes of accounts, resources and others, for policies. For administrators and applications.",
    "policies": "Rules over the attributes of who asks, of what is asked for, and of the request. For administrators.",
    "model": "Types, relations, permissions, roles and policies as one file, in versions. For administrators.",
    "decisions": "May this subject do this? For applications.",
    "clients": "Applications, the APIs that they get tokens for, and who lets them. For administrators.",
    "oauth": "OAuth 2.1 and OpenID Connect, for applications. Errors are those of the RFCs.",
    "audit": "What happened. For administrators.",
    "system": "Health and keys, for machines.",
}
"""What the parts of the API are about, in the order of its description."""


def all_routes(settings: Settings, pages: Pages) -> list[Route]:
    """Every row of this installation."""
    system = SystemRoutes(pages)
    described = [*_auth(), *_credentials(), *_api_keys(), *_sessions(), *_accounts(), *_groups()]
    described += [*_roles(), *decision_routes(), *oauth_routes(settings), *_system(settings, system)]
    reference = ReferenceRoutes(settings, pages, described, TAGS)
    return [*described, *_pages(settings, pages), *_reference(reference, system)]


# One row a request, in the same columns throughout; the formatter would give each argument a line of its own.
# fmt: off

def _auth() -> list[Route]:
    anyone, signed_in = partial(api_route, "auth", _ANYONE, ()), partial(api_route, "auth", _SIGNED_IN, ())
    person = partial(api_route, "auth", _PERSON, ())
    signs_in = {200: auth.CompleteAnswer | auth.ChallengeAnswer}
    stepped = {200: auth.CompleteAnswer | auth.ChallengeAnswer | auth.RecoveredAnswer}
    challenged, refreshed = {200: auth.ChallengeAnswer}, {200: auth.CompleteAnswer}
    verified = {200: auth.CompleteAnswer | auth.ChallengeAnswer | auth.ChangedAnswer}
    flow = "/api/auth/flow"
    me, password, email = "/api/auth/me", "/api/credentials/password", "/api/auth/email"
    return [
        anyone("POST", "/api/auth/register", auth.register, "Register an e-mail address", {200: auth.ChallengeAnswer},
               WeakPassword, UsernameTaken, Forbidden, body=RegistrationRequest, limit="register_address"),
        anyone("POST", "/api/auth/login", auth.login, "Sign in with a password", signs_in,
               InvalidCredentials, AccountDisabled, TooManySessions, body=SignInRequest, limit="login_address"),
        anyone("POST", "/api/auth/step-up", auth.step_up, "Prove once more who one is, by password", signs_in,
               InvalidCredentials, PersonRequired, body=StepUpRequest, limit="step_up_address"),
        anyone("POST", flow, auth.begin_flow, "Begin to sign in, to step up, or to recover", challenged,
               Unauthenticated, PersonRequired, Forbidden, body=FlowRequest, limit="login_address"),
        anyone("POST", flow + "/challenge", auth.challenge, "Ask for the challenge of a step", challenged,
               InvalidChallenge, Conflict, body=ChallengeRequest, limit="verify_address"),
        anyone("POST", flow + "/answer", auth.answer, "Answer a step", stepped, InvalidChallenge, InvalidCredentials,
               AccountDisabled, WeakPassword, TooManySessions, Conflict, body=AnswerRequest, limit="login_address"),
        anyone("POST", flow + "/link", auth.open_link, "Answer a step by the mailed link", stepped,
               InvalidChallenge, AccountDisabled, TooManySessions, body=auth.LinkBody, limit="verify_address"),
        anyone("POST", "/api/auth/verify", auth.verify, "Prove an e-mail address by the mailed code or link", verified,
               InvalidChallenge, InvalidCredentials, Conflict, body=VerificationRequest, limit="verify_address"),
        anyone("POST", "/api/auth/verify/resend", auth.resend, "Have a new code mailed", {200: auth.ChallengeAnswer},
               InvalidChallenge, body=auth.ResendBody, limit="verify_address"),
        anyone("POST", "/api/auth/refresh", auth.refresh, "Spend a refresh token for new tokens", refreshed,
               InvalidToken, Unavailable, body=auth.RefreshBody, body_optional=True, limit="login_address",
               recognise=False),
        anyone("POST", "/api/auth/logout", auth.logout, "Sign out here", {204: None}, PersonRequired,
               body=auth.RefreshBody, body_optional=True),
        signed_in("GET", me, auth.me, "Who am I", {200: auth.MeAnswer}),
        person("PATCH", me, auth.change_me, "Change one's own profile", {200: auth.MeAnswer},
               UsernameTaken, body=ProfileChange),
        person("PUT", password, auth.change_password, "Change one's own password, or set the first", {204: None},
               InvalidCredentials, InsufficientAuthentication, WeakPassword,
               body=PasswordChangeRequest, limit="login_address"),
        person("POST", email, auth.change_email, "Begin to change one's own address", {200: auth.ChallengeAnswer},
               InvalidCredentials, InsufficientAuthentication, body=EmailChangeRequest, limit="login_address"),
    ]


def _credentials() -> list[Route]:
    own = partial(api_route, "credentials", _PERSON, ())
    every = "/api/credentials"
    one, password, codes = every + "/{credential_id}", every + "/password", every + "/recovery_code"
    listed, named = {200: Page[CredentialView]}, {200: CredentialView}
    removed: dict[int, Any] = {204: None}
    rows = [
        own("GET", every, credentials.list_own, "What protects my account", listed),
        own("PATCH", one, credentials.rename, "Name a credential", named, MethodNotAllowed, body=RenameRequest),
        own("DELETE", one, credentials.remove, "Remove a credential", removed,
            InsufficientAuthentication, LastCredential, MethodNotAllowed),
        own("DELETE", password, credentials.remove, "Do without a password", removed,
            InsufficientAuthentication, LastCredential, NotFound),
        own("DELETE", codes, credentials.remove, "Void the recovery codes", removed, InsufficientAuthentication,
            NotFound),
        own("POST", codes, credentials.new_recovery_codes, "Make new recovery codes, shown this once",
            {200: credentials.RecoveryCodesAnswer}, InsufficientAuthentication),
        own("GET", "/api/devices", credentials.list_devices, "Devices I have signed in from", {200: Page[DeviceView]}),
        own("DELETE", "/api/devices/{device_id}", credentials.forget_device, "Forget a device", removed,
            InsufficientAuthentication),
    ]
    waits = every + "/second-factor-removal"
    rows += [
        own("GET", waits, credentials.get_own_removal, "Whether an administrator is to remove my second factors",
            {200: FactorRemoval}, NotFound),
        own("DELETE", waits, credentials.stop_own_removal, "Stop that", removed, NotFound),
    ]
    kinds: dict[CredentialType, str] = {
        "passkey": "a passkey or security key",
        "totp": "an authenticator app",
        "sms_code": "a telephone number",
    }
    for kind, name in kinds.items():
        rows += [
            own("POST", f"{every}/{kind}", credentials.enrol(kind), f"Begin to add {name}",
                {200: credentials.EnrolmentAnswer}, InsufficientAuthentication, Conflict, NotFound, body=EnrolRequest,
                body_optional=True, limit="verify_address"),
            own("POST", f"{every}/{kind}/confirm", credentials.confirm(kind), f"Add {name}, by showing it",
                {201: CredentialView}, InsufficientAuthentication, InvalidChallenge, Conflict, body=ConfirmRequest,
                limit="verify_address"),
        ]
    return rows


def _sessions() -> list[Route]:
    anyone, own = partial(api_route, "sessions", _ANYONE, ()), partial(api_route, "sessions", _PERSON, ())
    account = partial(api_route, "sessions", _SIGNED_IN, (PersonRequired,))
    ours, data, theirs = "/api/sessions", "/api/session/data", "/api/accounts/{account_id}/sessions"
    # Neither needs a session: what the browser has signed says whose request it is, see web/api/device_bound.py.
    browser = partial(api_route, "sessions", _ANYONE, (InvalidToken, Unavailable), recognise=False)
    listed, ended, shown = {200: Page[SignInRecord]}, {200: sessions.EndedAnswer}, {200: dict[str, Any]}
    instructed = {200: device_bound.SessionInstructions}
    return [
        own("GET", ours, sessions.list_own, "Where I am signed in", listed),
        own("DELETE", ours, sessions.end_others, "Sign out everywhere else", ended),
        own("GET", ours + "/{sign_in_id}", sessions.get_own, "One place where I am signed in", {200: SignInRecord}),
        own("DELETE", ours + "/{sign_in_id}", sessions.end_own, "Sign out there", {204: None}),
        anyone("GET", data, sessions.read_data, "Read the session's data", shown, PersonRequired, etag=True),
        anyone("PATCH", data, sessions.change_data, "Change the session's data by a JSON merge patch", shown,
               Unauthenticated, PersonRequired, body=dict[str, Any], etag=True),
        browser("POST", device_bound.REGISTER, device_bound.register, "Bind a session to a key of its browser (DBSC)",
                instructed, Conflict, limit="anonymous_address"),
        browser("POST", device_bound.REFRESH + "/{name}", device_bound.refresh,
                "Prove the possession of that key (DBSC)", instructed, DeviceChallenge),
        account("GET", theirs, sessions.list_of_account, "Where an account is signed in", listed),
        account("DELETE", theirs, sessions.end_of_account, "Sign an account out everywhere", ended),
        account("GET", theirs + "/{sign_in_id}", sessions.get_one_of_account, "One place where an account is signed in",
                {200: SignInRecord}),
        account("DELETE", theirs + "/{sign_in_id}", sessions.end_one_of_account, "Sign an account out at one place",
                {204: None}),
    ]


def _api_keys() -> list[Route]:
    theirs = "/api/accounts/{account_id}/api-keys"
    return [*_keys_at("/api/credentials/api-keys", "one's own", _PERSON), *_keys_at(theirs, "an account's", _SIGNED_IN)]


def _keys_at(every: str, whose: str, knock: Knock) -> list[Route]:
    one = every + "/{key_id}"
    # A key that may reads and revokes those of other accounts, but it makes none, and no secret.
    row = partial(api_route, "api keys", knock, (PersonRequired,))
    makes = partial(api_route, "api keys", _PERSON, (InsufficientAuthentication,))
    return [
        row("GET", every, api_keys.list_keys, f"List {whose} API keys", {200: Page[ApiKeyView]}, query=PageQuery),
        makes("POST", every, api_keys.create, f"Make one of {whose} API keys", {201: IssuedApiKey},
              Conflict, body=ApiKeyCreate),
        row("GET", one, api_keys.get, f"One of {whose} API keys", {200: ApiKeyView}),
        makes("PATCH", one, api_keys.change, f"Change one of {whose} API keys", {200: ApiKeyView}, body=ApiKeyUpdate),
        makes("POST", one + "/rotate", api_keys.rotate, f"Give one of {whose} API keys another secret",
              {200: IssuedApiKey}, Conflict, body=ApiKeyRotate, body_optional=True),
        row("DELETE", one, api_keys.revoke, f"Revoke one of {whose} API keys", {204: None},
            InsufficientAuthentication),
    ]


def _accounts() -> list[Route]:
    row = partial(api_route, "accounts", _SIGNED_IN, (Forbidden, PersonRequired))
    every, one = "/api/accounts", "/api/accounts/{account_id}"
    lost = one + "/second-factor-removal"
    return [
        row("GET", every, accounts.list_accounts, "List accounts", {200: Page[AccountView]}, query=PageQuery),
        row("POST", every, accounts.create, "Create an account", {201: AccountView},
            WeakPassword, Conflict, body=AccountCreate),
        row("GET", one, accounts.get, "One account", {200: AccountView}),
        row("PATCH", one, accounts.change, "Change an account", {200: AccountView},
            InsufficientAuthentication, Conflict, LastAdministrator, body=AccountChange),
        row("DELETE", one, accounts.delete, "Delete an account", {204: None}, LastAdministrator, LastOwner),
        row("GET", one + "/credentials", credentials.list_of_account, "What protects an account",
            {200: Page[CredentialView]}),
        row("GET", lost, credentials.get_removal, "Whether the second factors of an account are to be removed",
            {200: FactorRemoval}),
        row("POST", lost, credentials.request_removal, "Have lost second factors removed, after a time to object",
            {200: FactorRemoval}, InsufficientAuthentication, Conflict),
        row("DELETE", lost, credentials.stop_removal, "Stop that", {204: None}),
        row("POST", one + "/recovery", credentials.mail_recovery, "Mail the owner a way to a new password", {204: None},
            Conflict, limit="recover_address"),
        *_held(row, one, "an account"),
    ]


def _held(row: Callable[..., Route], one: str, whose: str) -> list[Route]:
    """What an account or a group holds."""
    held, granted = one + "/roles", one + "/grants"
    return [
        row("GET", held, accounts.list_roles, f"The roles of {whose}", {200: Page[Assignment]}, query=PageQuery),
        row("POST", held, accounts.assign_role, f"Give {whose} a role", {201: Assignment}, body=AssignmentCreate),
        row("GET", held + "/{assignment_id}", accounts.get_role, f"One role of {whose}", {200: Assignment}),
        row("DELETE", held + "/{assignment_id}", accounts.unassign_role, f"Take a role away from {whose}", {204: None},
            LastAdministrator),
        row("GET", granted, accounts.list_grants, f"The grants of {whose}", {200: Page[Grant]}, query=PageQuery),
        row("POST", granted, accounts.create_grant, f"Allow or deny {whose} something directly", {201: Grant},
            Conflict, LastAdministrator, body=GrantCreate),
        row("GET", granted + "/{grant_id}", accounts.get_grant, f"One grant of {whose}", {200: Grant}),
        row("PATCH", granted + "/{grant_id}", accounts.change_grant, f"Change a direct grant of {whose}", {200: Grant},
            Conflict, LastAdministrator, body=GrantChange),
        row("DELETE", granted + "/{grant_id}", accounts.delete_grant, f"Remove a direct grant of {whose}", {204: None}),
    ]


def _groups() -> list[Route]:
    row = partial(api_route, "accounts", _SIGNED_IN, (Forbidden, PersonRequired))
    return [
        row("GET", "/api/grants", accounts.find_grants, "Direct grants of everybody", {200: Page[Grant]},
            query=GrantQuery),
        *_held(row, "/api/groups/{group_id}", "a group"),
    ]


def _roles() -> list[Route]:
    row = partial(api_route, "roles", _SIGNED_IN, (Forbidden,))
    every, one = "/api/roles", "/api/roles/{name}"
    return [
        row("GET", every, roles.list_roles, "List roles", {200: Page[Role]}, query=PageQuery),
        row("POST", every, roles.create, "Create a role", {201: Role}, Conflict, body=RoleCreate),
        row("GET", one, roles.get, "One role", {200: Role}),
        row("PATCH", one, roles.change, "Change a role", {200: Role}, Conflict, body=RoleChange),
        row("DELETE", one, roles.delete, "Delete a role", {204: None}, Conflict),
    ]


def _system(settings: Settings, system: SystemRoutes) -> list[Route]:
    row = partial(api_route, "system", _ANYONE, (), recognise=False)
    rows = [
        row("GET", "/healthz", system.healthz, "The process answers", {200: HealthAnswer}),
        row("GET", "/readyz", system.readyz, "The process can do its work", {200: HealthAnswer}, Unavailable),
        row("GET", "/.well-known/jwks.json", system.jwks, "The keys that verify access tokens", {200: dict[str, Any]},
            Unavailable, media_type="application/jwk-set+json"),
    ]
    if settings.passkeys.origins:
        rows.append(row("GET", RELATED_ORIGINS, system.related_origins, "The origins that may use the passkeys",
                        {200: RelatedOrigins}))
    return rows


def _reference(reference: ReferenceRoutes, system: SystemRoutes) -> list[Route]:
    row = partial(api_route, "", _ANYONE, (), recognise=False)
    return [
        row("GET", "/openapi.json", reference.description, "The description of the API", {}),
        _page("GET", "/docs", reference.viewer),
        _page("GET", "/docs/errors", reference.errors),
        row("GET", "/static/{first}", system.static, "A file of ours", {}, query=FileVersion),
        row("GET", "/static/{first}/{second}/{third}", system.static, "A file of others", {}, query=FileVersion),
    ]


def _pages(settings: Settings, pages: Pages) -> list[Route]:
    steps, registration, account = StepPages(pages), RegistrationPages(pages), AccountPages(pages)
    sign_in = SignInPages(pages, steps)
    rows = [
        _page("GET", "/", sign_in.start),
        _page("GET", "/login", sign_in.login),
        _page("POST", "/login", sign_in.do_login, limit="login_address"),
        _page("POST", "/login/passkey", sign_in.passkey),
        _page("GET", "/login/step", steps.step),
        _page("POST", "/login/step", steps.answer, limit="login_address"),
        _page("POST", "/login/step/passkey", steps.passkey),
        _page("POST", "/login/send", steps.send, limit="verify_address"),
        _page("GET", "/login/link", sign_in.link),
        _page("POST", "/login/link", sign_in.open_link, limit="verify_address"),
        _page("GET", "/login/recovery-codes", sign_in.recovery_codes, _SIGNED_IN),
        _page("GET", "/recover", sign_in.recover),
        _page("POST", "/recover", sign_in.do_recover, limit="recover_address"),
        _page("GET", "/step-up", sign_in.step_up),
        _page("POST", "/step-up", steps.answer, limit="step_up_address"),
        _page("GET", "/register", registration.register),
        _page("POST", "/register", registration.do_register, limit="register_address"),
        _page("GET", "/verify", registration.verify),
        _page("POST", "/verify", registration.do_verify, limit="verify_address"),
        _page("POST", "/verify/resend", registration.resend, limit="verify_address"),
        _page("POST", "/logout", sign_in.logout),
        _page("GET", "/setup", registration.setup),
        _page("POST", "/setup", registration.do_setup, limit="verify_address"),
        _page("GET", "/account", account.show, _PERSON),
        _page("POST", "/account/profile", account.change_profile, _PERSON),
        _page("GET", "/account/password", account.password, _PERSON),
        _page("POST", "/account/password", account.change_password, _PERSON, limit="login_address"),
        _page("GET", "/account/email", account.email, _PERSON),
        _page("POST", "/account/email", account.change_email, _PERSON, limit="login_address"),
        _page("POST", "/account/applications/revoke", account.revoke_consent, _PERSON),
        _page("POST", "/account/sessions/end-others", account.end_others, _PERSON),
        _page("POST", "/account/sessions/{sign_in_id}/end", account.end_sign_in, _PERSON),
        *_security_pages(SecurityPages(pages), EnrolmentPages(pages)),
        *_api_key_pages(ApiKeyPages(pages)),
        *_playground_pages(PlaygroundPages(pages)),
        *oauth_pages(pages),
    ]
    if settings.dev:
        rows.append(_page("GET", "/dev/outbox", DevelopmentPages(pages).outbox))
    return rows


def _security_pages(security: SecurityPages, enrolment: EnrolmentPages) -> list[Route]:
    passkey, totp, phone = SECURITY + "/passkey", SECURITY + "/totp", SECURITY + "/phone"
    one = SECURITY + "/{credential_id}"
    return [
        _page("GET", SECURITY, security.show, _PERSON),
        _page("GET", passkey, enrolment.passkey, _PERSON),
        _page("POST", passkey, enrolment.add_passkey, _PERSON, limit="verify_address"),
        _page("POST", passkey + "/options", enrolment.passkey_options, _PERSON, limit="verify_address"),
        _page("GET", totp, enrolment.totp, _PERSON),
        _page("POST", totp, enrolment.add_totp, _PERSON, limit="verify_address"),
        _page("GET", phone, enrolment.phone, _PERSON),
        _page("POST", phone, enrolment.add_phone, _PERSON, limit="verify_address"),
        _page("GET", RECOVERY_CODES, enrolment.recovery_codes, _PERSON),
        _page("POST", RECOVERY_CODES, enrolment.make_recovery_codes, _PERSON),
        _page("GET", one + "/name", security.name, _PERSON),
        _page("POST", one + "/name", security.change_name, _PERSON),
        _page("GET", one + "/remove", security.remove, _PERSON),
        _page("POST", one + "/remove", security.do_remove, _PERSON),
        _page("POST", SECURITY + "/devices/{device_id}/forget", security.forget_device, _PERSON),
    ]


def _playground_pages(playground: PlaygroundPages) -> list[Route]:
    return [
        _page("GET", PLAYGROUND, playground.show, _PERSON),
        _page("POST", PLAYGROUND, playground.ask, _PERSON),
    ]


def _api_key_pages(keys: ApiKeyPages) -> list[Route]:
    one = API_KEYS + "/{key_id}"
    return [
        _page("GET", API_KEYS, keys.show, _PERSON),
        _page("POST", API_KEYS, keys.create, _PERSON),
        _page("GET", API_KEYS + "/new", keys.new, _PERSON),
        _page("GET", one + "/rotate", keys.rotate, _PERSON),
        _page("POST", one + "/rotate", keys.do_rotate, _PERSON),
        _page("GET", one + "/revoke", keys.revoke, _PERSON),
        _page("POST", one + "/revoke", keys.do_revoke, _PERSON),
    ]

# fmt: on


def _page(method: str, path: str, handle: Handler, knock: Knock = _ANYONE, limit: str | None = None) -> Route:
    return Route(method=method, path=path, handle=handle, knock=knock, summary="", limit=limit, page=True)
