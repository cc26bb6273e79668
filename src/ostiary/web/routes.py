"""The one route table: one row a request, and all that is true of it before its handler runs."""

from __future__ import annotations

from functools import partial
from typing import Any

from ostiary.accounts import AccountChange, AccountCreate, AccountView, ProfileChange
from ostiary.audit import AuditEvent
from ostiary.authentication import (
    EmailChangeRequest,
    PasswordChangeRequest,
    RegistrationRequest,
    SignInRecord,
    SignInRequest,
    StepUpRequest,
    VerificationRequest,
)
from ostiary.authorization import (
    Assignment,
    AssignmentCreate,
    AuditQuery,
    EvaluationRequest,
    EvaluationResponse,
    Grant,
    GrantChange,
    GrantCreate,
    LastAdministrator,
    Role,
    RoleChange,
    RoleCreate,
)
from ostiary.base.pages import Page, PageQuery
from ostiary.errors import (
    AccountDisabled,
    Conflict,
    DeviceChallenge,
    Forbidden,
    InvalidChallenge,
    InvalidCredentials,
    InvalidToken,
    OstiaryError,
    TooManySessions,
    Unauthenticated,
    Unavailable,
    UsernameTaken,
    WeakPassword,
)
from ostiary.settings import Settings
from ostiary.web.api import accounts, auth, decisions, device_bound, roles, sessions
from ostiary.web.pages.account import AccountPages
from ostiary.web.pages.development import DevelopmentPages
from ostiary.web.pages.render import Pages
from ostiary.web.pages.sign_in import SignInPages
from ostiary.web.reference import ReferenceRoutes
from ostiary.web.route import Handler, Knock, Route
from ostiary.web.system import FileVersion, HealthAnswer, SystemRoutes

_ANYONE, _SIGNED_IN = Knock.ANYONE, Knock.SIGNED_IN

TAGS = {
    "auth": "A person's own way in and out, for clients without pages of ours.",
    "sessions": "Where somebody is signed in, and what applications keep there.",
    "accounts": "Who exists, and what each of them holds. For administrators.",
    "roles": "Named sets of permissions. For administrators.",
    "decisions": "May this subject do this? For applications.",
    "audit": "What happened. For administrators.",
    "system": "Health and keys, for machines.",
}
"""What the parts of the API are about, in the order of its description."""


def all_routes(settings: Settings, pages: Pages) -> list[Route]:
    """Every row of this installation."""
    system = SystemRoutes(pages)
    described = [*_auth(), *_sessions(), *_accounts(), *_roles(), *_decisions(), *_system(system)]
    reference = ReferenceRoutes(settings, pages, described, TAGS)
    return [*described, *_pages(settings, pages), *_reference(reference, system)]


# One row a request, in the same columns throughout; the formatter would give each argument a line of its own.
# fmt: off

def _auth() -> list[Route]:
    anyone, signed_in = partial(_row, "auth", _ANYONE, ()), partial(_row, "auth", _SIGNED_IN, ())
    signs_in = {200: auth.CompleteAnswer | auth.ChallengeAnswer}
    verified, refreshed = {200: auth.CompleteAnswer | auth.ChangedAnswer}, {200: auth.CompleteAnswer}
    me, password, email = "/api/auth/me", "/api/credentials/password", "/api/auth/email"
    return [
        anyone("POST", "/api/auth/register", auth.register, "Register an e-mail address", {200: auth.ChallengeAnswer},
               WeakPassword, UsernameTaken, Forbidden, body=RegistrationRequest, limit="register_address"),
        anyone("POST", "/api/auth/login", auth.login, "Sign in with a password", signs_in,
               InvalidCredentials, AccountDisabled, TooManySessions, body=SignInRequest, limit="login_address"),
        anyone("POST", "/api/auth/step-up", auth.step_up, "Prove once more who one is", {200: auth.CompleteAnswer},
               InvalidCredentials, Forbidden, body=StepUpRequest, limit="step_up_address"),
        anyone("POST", "/api/auth/verify", auth.verify, "Prove an e-mail address by the mailed code or link", verified,
               InvalidChallenge, InvalidCredentials, Conflict, body=VerificationRequest, limit="verify_address"),
        anyone("POST", "/api/auth/verify/resend", auth.resend, "Have a new code mailed", {200: auth.ChallengeAnswer},
               InvalidChallenge, body=auth.ResendBody, limit="verify_address"),
        anyone("POST", "/api/auth/refresh", auth.refresh, "Spend a refresh token for new tokens", refreshed,
               InvalidToken, Unavailable, body=auth.RefreshBody, body_optional=True, limit="login_address",
               recognise=False),
        anyone("POST", "/api/auth/logout", auth.logout, "Sign out here", {204: None},
               body=auth.RefreshBody, body_optional=True),
        signed_in("GET", me, auth.me, "Who am I", {200: auth.MeAnswer}),
        signed_in("PATCH", me, auth.change_me, "Change one's own profile", {200: auth.MeAnswer},
                  UsernameTaken, body=ProfileChange),
        signed_in("PUT", password, auth.change_password, "Change one's own password", {204: None},
                  InvalidCredentials, WeakPassword, body=PasswordChangeRequest, limit="login_address"),
        signed_in("POST", email, auth.change_email, "Begin to change one's own address", {200: auth.ChallengeAnswer},
                  InvalidCredentials, body=EmailChangeRequest, limit="login_address"),
    ]


def _sessions() -> list[Route]:
    own, account = partial(_row, "sessions", _SIGNED_IN, ()), partial(_row, "sessions", _SIGNED_IN, (Forbidden,))
    anyone = partial(_row, "sessions", _ANYONE, ())
    ours, data, theirs = "/api/sessions", "/api/session/data", "/api/accounts/{account_id}/sessions"
    # Neither needs a session: what the browser has signed says whose request it is, see web/api/device_bound.py.
    browser = partial(_row, "sessions", _ANYONE, (InvalidToken, Unavailable), recognise=False)
    listed, ended, shown = {200: Page[SignInRecord]}, {200: sessions.EndedAnswer}, {200: dict[str, Any]}
    instructed = {200: device_bound.SessionInstructions}
    return [
        own("GET", ours, sessions.list_own, "Where I am signed in", listed),
        own("DELETE", ours, sessions.end_others, "Sign out everywhere else", ended),
        own("GET", ours + "/{sign_in_id}", sessions.get_own, "One place where I am signed in", {200: SignInRecord}),
        own("DELETE", ours + "/{sign_in_id}", sessions.end_own, "Sign out there", {204: None}),
        anyone("GET", data, sessions.read_data, "Read the session's data", shown, Forbidden, etag=True),
        anyone("PATCH", data, sessions.change_data, "Change the session's data by a JSON merge patch", shown,
               Unauthenticated, Forbidden, body=dict[str, Any], etag=True),
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


def _accounts() -> list[Route]:
    row = partial(_row, "accounts", _SIGNED_IN, (Forbidden,))
    every, one = "/api/accounts", "/api/accounts/{account_id}"
    held, granted = one + "/roles", one + "/grants"
    return [
        row("GET", every, accounts.list_accounts, "List accounts", {200: Page[AccountView]}, query=PageQuery),
        row("POST", every, accounts.create, "Create an account", {201: AccountView},
            WeakPassword, Conflict, body=AccountCreate),
        row("GET", one, accounts.get, "One account", {200: AccountView}),
        row("PATCH", one, accounts.change, "Change an account", {200: AccountView},
            Conflict, LastAdministrator, body=AccountChange),
        row("DELETE", one, accounts.delete, "Delete an account", {204: None}, LastAdministrator),
        row("GET", held, accounts.list_roles, "The roles of an account", {200: Page[Assignment]}, query=PageQuery),
        row("POST", held, accounts.assign_role, "Give an account a role", {201: Assignment}, body=AssignmentCreate),
        row("GET", held + "/{assignment_id}", accounts.get_role, "One role of an account", {200: Assignment}),
        row("DELETE", held + "/{assignment_id}", accounts.unassign_role, "Take a role away", {204: None},
            LastAdministrator),
        row("GET", granted, accounts.list_grants, "The grants of an account", {200: Page[Grant]}, query=PageQuery),
        row("POST", granted, accounts.create_grant, "Allow or deny directly", {201: Grant},
            Conflict, LastAdministrator, body=GrantCreate),
        row("GET", granted + "/{grant_id}", accounts.get_grant, "One grant of an account", {200: Grant}),
        row("PATCH", granted + "/{grant_id}", accounts.change_grant, "Change a direct grant", {200: Grant},
            Conflict, LastAdministrator, body=GrantChange),
        row("DELETE", granted + "/{grant_id}", accounts.delete_grant, "Remove a direct grant", {204: None}),
    ]


def _roles() -> list[Route]:
    row = partial(_row, "roles", _SIGNED_IN, (Forbidden,))
    every, one = "/api/roles", "/api/roles/{name}"
    return [
        row("GET", every, roles.list_roles, "List roles", {200: Page[Role]}, query=PageQuery),
        row("POST", every, roles.create, "Create a role", {201: Role}, Conflict, body=RoleCreate),
        row("GET", one, roles.get, "One role", {200: Role}),
        row("PATCH", one, roles.change, "Change a role", {200: Role}, Conflict, body=RoleChange),
        row("DELETE", one, roles.delete, "Delete a role", {204: None}, Conflict),
    ]


def _decisions() -> list[Route]:
    decide = partial(_row, "decisions", _SIGNED_IN, (Forbidden,))
    audit = partial(_row, "audit", _SIGNED_IN, (Forbidden,))
    return [
        decide("POST", "/access/v1/evaluation", decisions.evaluate, "May this subject do this (OpenID AuthZEN)",
               {200: EvaluationResponse}, body=EvaluationRequest),
        audit("GET", "/api/audit", decisions.audit, "What happened", {200: Page[AuditEvent]}, query=AuditQuery),
    ]


def _system(system: SystemRoutes) -> list[Route]:
    row = partial(_row, "system", _ANYONE, (), recognise=False)
    return [
        row("GET", "/healthz", system.healthz, "The process answers", {200: HealthAnswer}),
        row("GET", "/readyz", system.readyz, "The process can do its work", {200: HealthAnswer}, Unavailable),
        row("GET", "/.well-known/jwks.json", system.jwks, "The keys that verify access tokens", {200: dict[str, Any]},
            Unavailable, media_type="application/jwk-set+json"),
    ]


def _reference(reference: ReferenceRoutes, system: SystemRoutes) -> list[Route]:
    row = partial(_row, "", _ANYONE, (), recognise=False)
    return [
        row("GET", "/openapi.json", reference.description, "The description of the API", {}),
        _page("GET", "/docs", reference.viewer),
        _page("GET", "/docs/errors", reference.errors),
        row("GET", "/static/{first}", system.static, "A file of ours", {}, query=FileVersion),
        row("GET", "/static/{first}/{second}/{third}", system.static, "A file of others", {}, query=FileVersion),
    ]


def _pages(settings: Settings, pages: Pages) -> list[Route]:
    sign_in, account = SignInPages(pages), AccountPages(pages)
    rows = [
        _page("GET", "/", sign_in.start),
        _page("GET", "/login", sign_in.login),
        _page("POST", "/login", sign_in.do_login, limit="login_address"),
        _page("GET", "/register", sign_in.register),
        _page("POST", "/register", sign_in.do_register, limit="register_address"),
        _page("GET", "/verify", sign_in.verify),
        _page("POST", "/verify", sign_in.do_verify, limit="verify_address"),
        _page("POST", "/verify/resend", sign_in.resend, limit="verify_address"),
        _page("POST", "/logout", sign_in.logout),
        _page("GET", "/setup", sign_in.setup),
        _page("POST", "/setup", sign_in.do_setup, limit="verify_address"),
        _page("GET", "/step-up", sign_in.step_up),
        _page("POST", "/step-up", sign_in.do_step_up, limit="step_up_address"),
        _page("GET", "/account", account.show, _SIGNED_IN),
        _page("POST", "/account/profile", account.change_profile, _SIGNED_IN),
        _page("GET", "/account/password", account.password, _SIGNED_IN),
        _page("POST", "/account/password", account.change_password, _SIGNED_IN, limit="login_address"),
        _page("GET", "/account/email", account.email, _SIGNED_IN),
        _page("POST", "/account/email", account.change_email, _SIGNED_IN, limit="login_address"),
        _page("POST", "/account/sessions/end-others", account.end_others, _SIGNED_IN),
        _page("POST", "/account/sessions/{sign_in_id}/end", account.end_sign_in, _SIGNED_IN),
    ]
    if settings.dev:
        rows.append(_page("GET", "/dev/outbox", DevelopmentPages(pages).outbox))
    return rows

# fmt: on


def _row(
    tag: str,
    knock: Knock,
    errors_of_all: tuple[type[OstiaryError], ...],
    method: str,
    path: str,
    handle: Handler,
    summary: str,
    answers: dict[int, Any],
    *errors: type[OstiaryError],
    **more: Any,
) -> Route:
    return Route(
        method=method,
        path=path,
        handle=handle,
        knock=knock,
        tag=tag,
        summary=summary,
        answers=answers,
        errors=(*errors_of_all, *errors),
        **more,
    )


def _page(method: str, path: str, handle: Handler, knock: Knock = _ANYONE, limit: str | None = None) -> Route:
    return Route(method=method, path=path, handle=handle, knock=knock, summary="", limit=limit, page=True)
