"""The one route table: one row a request, and all that is true of it before its handler runs."""

from __future__ import annotations

from typing import Any

from ostiary.accounts import AccountChange, AccountCreate, AccountView, ProfileChange
from ostiary.audit import AuditEvent
from ostiary.authentication import (
    EmailChangeRequest,
    PasswordChangeRequest,
    RegistrationRequest,
    SignInRecord,
    SignInRequest,
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
    Forbidden,
    InvalidChallenge,
    InvalidCredentials,
    InvalidToken,
    NotFound,
    PreconditionFailed,
    RateLimited,
    Unavailable,
    UsernameTaken,
    WeakPassword,
)
from ostiary.settings import Settings
from ostiary.web.api import accounts, auth, decisions, roles, sessions
from ostiary.web.openapi import ReferenceRoutes
from ostiary.web.pages.account import AccountPages
from ostiary.web.pages.development import DevelopmentPages
from ostiary.web.pages.render import Pages
from ostiary.web.pages.sign_in import SignInPages
from ostiary.web.route import Handler, Knock, Route
from ostiary.web.system import FileVersion, HealthAnswer, SystemRoutes

_ANYONE, _SIGNED_IN = Knock.ANYONE, Knock.SIGNED_IN
_SIGN_IN_ANSWERS = {200: auth.CompleteAnswer | auth.ChallengeAnswer}


def all_routes(settings: Settings, pages: Pages) -> list[Route]:
    """Every row of this installation."""
    api = [*_auth(), *_sessions(), *_accounts(), *_roles(), *_decisions()]
    return [*api, *_pages(settings, pages), *_system(pages, api)]


def _auth() -> list[Route]:
    return [
        Route(
            method="POST",
            path="/api/auth/register",
            handle=auth.register,
            knock=_ANYONE,
            tag="auth",
            summary="Register an e-mail address",
            body=RegistrationRequest,
            answers={200: auth.ChallengeAnswer},
            errors=(WeakPassword, UsernameTaken, Forbidden, RateLimited, Unavailable),
            limit="register_address",
        ),
        Route(
            method="POST",
            path="/api/auth/login",
            handle=auth.login,
            knock=_ANYONE,
            tag="auth",
            summary="Sign in with a password",
            body=SignInRequest,
            answers=_SIGN_IN_ANSWERS,
            errors=(InvalidCredentials, AccountDisabled, RateLimited, Unavailable),
            limit="login_address",
        ),
        Route(
            method="POST",
            path="/api/auth/verify",
            handle=auth.verify,
            knock=_ANYONE,
            tag="auth",
            summary="Prove an e-mail address by the mailed code or link",
            body=VerificationRequest,
            answers={200: auth.CompleteAnswer | auth.ChangedAnswer},
            errors=(InvalidChallenge, InvalidCredentials, Conflict, RateLimited, Unavailable),
            limit="verify_address",
        ),
        Route(
            method="POST",
            path="/api/auth/verify/resend",
            handle=auth.resend,
            knock=_ANYONE,
            tag="auth",
            summary="Have a new code and link mailed",
            body=auth.ResendBody,
            answers={200: auth.ChallengeAnswer},
            errors=(InvalidChallenge, RateLimited),
            limit="verify_address",
        ),
        Route(
            method="POST",
            path="/api/auth/refresh",
            handle=auth.refresh,
            knock=_ANYONE,
            tag="auth",
            summary="Spend a refresh token for new tokens",
            body=auth.RefreshBody,
            answers={200: auth.CompleteAnswer},
            errors=(InvalidToken, RateLimited),
            limit="login_address",
            recognise=False,
        ),
        Route(
            method="POST",
            path="/api/auth/logout",
            handle=auth.logout,
            knock=_ANYONE,
            tag="auth",
            summary="Sign out here",
            body=auth.RefreshBody,
            answers={204: None},
        ),
        Route(
            method="GET",
            path="/api/auth/me",
            handle=auth.me,
            knock=_SIGNED_IN,
            tag="auth",
            summary="Who am I",
            answers={200: auth.MeAnswer},
        ),
        Route(
            method="PATCH",
            path="/api/auth/me",
            handle=auth.change_me,
            knock=_SIGNED_IN,
            tag="auth",
            summary="Change one's own profile",
            body=ProfileChange,
            answers={200: auth.MeAnswer},
            errors=(UsernameTaken,),
        ),
        Route(
            method="PUT",
            path="/api/credentials/password",
            handle=auth.change_password,
            knock=_SIGNED_IN,
            tag="auth",
            summary="Change one's own password",
            body=PasswordChangeRequest,
            answers={204: None},
            errors=(InvalidCredentials, WeakPassword, RateLimited, Unavailable),
            limit="login_address",
        ),
        Route(
            method="POST",
            path="/api/auth/email",
            handle=auth.change_email,
            knock=_SIGNED_IN,
            tag="auth",
            summary="Begin to change one's own e-mail address",
            body=EmailChangeRequest,
            answers={200: auth.ChallengeAnswer},
            errors=(InvalidCredentials, RateLimited, Unavailable),
            limit="login_address",
        ),
    ]


def _sessions() -> list[Route]:
    of_account = "/api/accounts/{account_id}/sessions"
    return [
        _row("GET", "/api/sessions", sessions.list_own, "sessions", "Where I am signed in", {200: Page[SignInRecord]}),
        _row(
            "DELETE",
            "/api/sessions",
            sessions.end_others,
            "sessions",
            "Sign out everywhere else",
            {200: sessions.EndedAnswer},
        ),
        _row(
            "DELETE",
            "/api/sessions/{sign_in_id}",
            sessions.end_own,
            "sessions",
            "Sign out there",
            {204: None},
            errors=(NotFound,),
        ),
        _row(
            "GET",
            "/api/session/data",
            sessions.read_data,
            "sessions",
            "Read the session's data",
            {200: dict[str, Any]},
            errors=(Forbidden,),
        ),
        _row(
            "PATCH",
            "/api/session/data",
            sessions.change_data,
            "sessions",
            "Change the session's data by a JSON merge patch",
            {200: dict[str, Any]},
            body=dict[str, Any],
            errors=(Forbidden, PreconditionFailed, Unavailable),
        ),
        _row(
            "GET",
            of_account,
            sessions.list_of_account,
            "sessions",
            "Where an account is signed in",
            {200: Page[SignInRecord]},
            errors=(Forbidden,),
        ),
        _row(
            "DELETE",
            of_account,
            sessions.end_of_account,
            "sessions",
            "Sign an account out everywhere",
            {200: sessions.EndedAnswer},
            errors=(Forbidden,),
        ),
        _row(
            "DELETE",
            of_account + "/{sign_in_id}",
            sessions.end_one_of_account,
            "sessions",
            "Sign an account out at one place",
            {204: None},
            errors=(Forbidden, NotFound),
        ),
    ]


def _accounts() -> list[Route]:
    one, roles_path, grants = (
        "/api/accounts/{account_id}",
        "/api/accounts/{account_id}/roles",
        "/api/accounts/{account_id}/grants",
    )
    return [
        _row(
            "GET",
            "/api/accounts",
            accounts.list_accounts,
            "accounts",
            "List accounts",
            {200: Page[AccountView]},
            query=PageQuery,
            errors=(Forbidden,),
        ),
        _row(
            "POST",
            "/api/accounts",
            accounts.create,
            "accounts",
            "Create an account",
            {201: AccountView},
            body=AccountCreate,
            errors=(Forbidden, WeakPassword, Conflict, Unavailable),
        ),
        _row("GET", one, accounts.get, "accounts", "One account", {200: AccountView}, errors=(Forbidden, NotFound)),
        _row(
            "PATCH",
            one,
            accounts.change,
            "accounts",
            "Change an account",
            {200: AccountView},
            body=AccountChange,
            errors=(Forbidden, NotFound, Conflict),
        ),
        _row(
            "DELETE",
            one,
            accounts.delete,
            "accounts",
            "Delete an account",
            {204: None},
            errors=(Forbidden, NotFound, Conflict),
        ),
        _row(
            "GET",
            roles_path,
            accounts.list_roles,
            "accounts",
            "The roles of an account",
            {200: Page[Assignment]},
            query=PageQuery,
            errors=(Forbidden,),
        ),
        _row(
            "POST",
            roles_path,
            accounts.assign_role,
            "accounts",
            "Give an account a role",
            {201: Assignment},
            body=AssignmentCreate,
            errors=(Forbidden, NotFound, Conflict),
        ),
        _row(
            "DELETE",
            roles_path + "/{assignment_id}",
            accounts.unassign_role,
            "accounts",
            "Take a role away",
            {204: None},
            errors=(Forbidden, NotFound, LastAdministrator),
        ),
        _row(
            "GET",
            grants,
            accounts.list_grants,
            "accounts",
            "The direct grants of an account",
            {200: Page[Grant]},
            query=PageQuery,
            errors=(Forbidden,),
        ),
        _row(
            "POST",
            grants,
            accounts.create_grant,
            "accounts",
            "Allow or deny directly",
            {201: Grant},
            body=GrantCreate,
            errors=(Forbidden, NotFound, Conflict),
        ),
        _row(
            "PATCH",
            grants + "/{grant_id}",
            accounts.change_grant,
            "accounts",
            "Change a direct grant",
            {200: Grant},
            body=GrantChange,
            errors=(Forbidden, NotFound, Conflict),
        ),
        _row(
            "DELETE",
            grants + "/{grant_id}",
            accounts.delete_grant,
            "accounts",
            "Remove a direct grant",
            {204: None},
            errors=(Forbidden, NotFound, LastAdministrator),
        ),
    ]


def _roles() -> list[Route]:
    one = "/api/roles/{name}"
    return [
        _row(
            "GET",
            "/api/roles",
            roles.list_roles,
            "roles",
            "List roles",
            {200: Page[Role]},
            query=PageQuery,
            errors=(Forbidden,),
        ),
        _row(
            "POST",
            "/api/roles",
            roles.create,
            "roles",
            "Create a role",
            {201: Role},
            body=RoleCreate,
            errors=(Forbidden, Conflict),
        ),
        _row("GET", one, roles.get, "roles", "One role", {200: Role}, errors=(Forbidden, NotFound)),
        _row(
            "PATCH",
            one,
            roles.change,
            "roles",
            "Change a role",
            {200: Role},
            body=RoleChange,
            errors=(Forbidden, NotFound, Conflict),
        ),
        _row(
            "DELETE", one, roles.delete, "roles", "Delete a role", {204: None}, errors=(Forbidden, NotFound, Conflict)
        ),
    ]


def _decisions() -> list[Route]:
    return [
        _row(
            "POST",
            "/access/v1/evaluation",
            decisions.evaluate,
            "decisions",
            "May this subject do this (OpenID AuthZEN)",
            {200: EvaluationResponse},
            body=EvaluationRequest,
            errors=(Forbidden,),
        ),
        _row(
            "GET",
            "/api/audit",
            decisions.audit,
            "audit",
            "What happened",
            {200: Page[AuditEvent]},
            query=AuditQuery,
            errors=(Forbidden,),
        ),
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


def _system(pages: Pages, api: list[Route]) -> list[Route]:
    system = SystemRoutes(pages)
    described = [
        _open("/healthz", system.healthz, "The process answers", {200: HealthAnswer}),
        _open("/readyz", system.readyz, "The process can do its work", {200: HealthAnswer}, errors=(Unavailable,)),
        _open("/.well-known/jwks.json", system.jwks, "The keys that verify access tokens", {200: dict[str, Any]}),
    ]
    reference = ReferenceRoutes(pages, [*api, *described])
    return [
        *described,
        _open("/openapi.json", reference.description, "This description", {200: dict[str, Any]}),
        _page("GET", "/docs", reference.viewer),
        _page("GET", "/docs/errors", reference.errors),
        _open("/static/{file}", system.static, "A file of ours", {}, query=FileVersion),
        _open("/static/{folder}/{part}/{file}", system.static, "A file of others", {}, query=FileVersion),
    ]


def _row(
    method: str, path: str, handle: Handler, tag: str, summary: str, answers: dict[int, Any], **more: Any
) -> Route:
    return Route(
        method=method, path=path, handle=handle, knock=_SIGNED_IN, tag=tag, summary=summary, answers=answers, **more
    )


def _page(method: str, path: str, handle: Handler, knock: Knock = _ANYONE, limit: str | None = None) -> Route:
    return Route(method=method, path=path, handle=handle, knock=knock, summary="", limit=limit, page=True)


def _open(path: str, handle: Handler, summary: str, answers: dict[int, Any], **more: Any) -> Route:
    return Route(
        method="GET",
        path=path,
        handle=handle,
        knock=_ANYONE,
        tag="system",
        summary=summary,
        answers=answers,
        recognise=False,
        **more,
    )
