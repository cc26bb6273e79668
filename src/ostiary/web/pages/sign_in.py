"""``/login``, ``/register``, ``/verify``, ``/logout`` and ``/setup``."""

from __future__ import annotations

import base64
import re

import msgspec
from starlette.responses import Response

from ostiary.accounts import Account
from ostiary.authentication import (
    Challenged,
    FirstAdministratorRequest,
    RegistrationRequest,
    SignedIn,
    SignInRequest,
    StepUpRequest,
    VerificationRequest,
)
from ostiary.errors import InvalidChallenge, InvalidCredentials, OstiaryError, Unauthenticated
from ostiary.web.answers import redirect
from ostiary.web.bodies import form_struct
from ostiary.web.delivery import deliver, forget
from ostiary.web.exchange import Exchange
from ostiary.web.pages.render import Pages

_MAX_NEXT = 1024


class LoginForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    identifier: str
    password: str
    remember: str = ""
    next: str = ""


class StepUpForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    password: str
    next: str = ""


class RegisterForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: str
    password: str
    username: str | None = None
    name: str = ""
    next: str = ""


class VerifyForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str | None = None
    token: str | None = None
    password: str | None = None


class SignInPages:
    """The pages before and around a sign-in."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def start(self, exchange: Exchange) -> Response:
        return self._pages.go(exchange, "/login" if exchange.caller.kind == "anonymous" else "/account")

    async def login(self, exchange: Exchange) -> Response:
        if exchange.caller.kind != "anonymous":
            return self._go_on_to(exchange, _query(exchange, "next"))
        return self._login(exchange, _query(exchange, "next"))

    async def do_login(self, exchange: Exchange) -> Response:
        try:
            form: LoginForm = form_struct(exchange.form, LoginForm)
            request = SignInRequest(form.identifier, form.password, remember=form.remember == "on")
            outcome = await exchange.use.sign_in(exchange.caller, request)
        except OstiaryError as problem:
            if isinstance(problem, InvalidCredentials):
                problem.field = "password"  # which of the two was wrong is not said; this one is empty again
            return self._login(exchange, exchange.form.get("next", ""), problem)
        return self._go_on(exchange, outcome, form.next)

    async def step_up(self, exchange: Exchange) -> Response:
        return await self._step_up(exchange, _query(exchange, "next"))

    async def do_step_up(self, exchange: Exchange) -> Response:
        try:
            form: StepUpForm = form_struct(exchange.form, StepUpForm)
            signed_in = await exchange.use.step_up(exchange.caller, StepUpRequest(form.password))
        except OstiaryError as problem:
            return await self._step_up(exchange, exchange.form.get("next", ""), problem)
        return self._signed_in(exchange, signed_in, form.next, None)

    async def register(self, exchange: Exchange) -> Response:
        if exchange.caller.kind != "anonymous":
            return self._pages.go(exchange, "/account")
        return self._register(exchange, _query(exchange, "next"))

    async def do_register(self, exchange: Exchange) -> Response:
        try:
            form: RegisterForm = form_struct(exchange.form, RegisterForm)
            request = RegistrationRequest(form.email, form.password, form.username, form.name)
            outcome = await exchange.use.registration(exchange.caller, request)
        except OstiaryError as problem:
            return self._register(exchange, exchange.form.get("next", ""), problem)
        return self._go_on(exchange, outcome, form.next)

    async def verify(self, exchange: Exchange) -> Response:
        token = _query(exchange, "token")
        if not token:
            return await self._verify(exchange)
        flow_token, _ = _flow(exchange)
        step = await exchange.use.verification.link_state(token, flow_token, exchange.caller.at)
        return await self._verify(exchange, step, token)

    async def do_verify(self, exchange: Exchange) -> Response:
        flow_token, following = _flow(exchange)
        form: VerifyForm = form_struct(exchange.form, VerifyForm)
        request = VerificationRequest(flow=flow_token, code=form.code, token=form.token, password=form.password)
        try:
            outcome = await exchange.use.verification(exchange.caller, request)
        except OstiaryError as problem:
            return await self._not_verified(exchange, form, problem)
        exchange.set_cookies.append(exchange.jar.flow.delete())
        if isinstance(outcome, Account):
            return self._pages.go(exchange, "/account", "email_changed")
        return self._signed_in(exchange, outcome, following, "verified")

    async def resend(self, exchange: Exchange) -> Response:
        flow_token, following = _flow(exchange)
        try:
            challenged = await exchange.use.verification.resend(exchange.caller, flow_token or "")
        except InvalidChallenge:
            return await self._verify(exchange, "invalid")
        keep_flow(exchange, challenged, following)
        return self._pages.go(exchange, "/verify", "code_sent")

    async def logout(self, exchange: Exchange) -> Response:
        await exchange.use.sign_ins.sign_out(exchange.caller)
        forget(exchange)
        if "next" in exchange.form:
            return self._go_on_to(exchange, exchange.form["next"])
        return self._pages.go(exchange, "/login", "signed_out")

    async def setup(self, exchange: Exchange) -> Response:
        return await self._setup(exchange, _query(exchange, "token"))

    async def do_setup(self, exchange: Exchange) -> Response:
        try:
            request: FirstAdministratorRequest = form_struct(exchange.form, FirstAdministratorRequest)
            signed_in = await exchange.use.first_administrator(exchange.caller, request)
        except OstiaryError as problem:
            return await self._setup(exchange, exchange.form.get("token", ""), problem)
        return self._signed_in(exchange, signed_in, "", None)

    def _login(self, exchange: Exchange, following: str, problem: OstiaryError | None = None) -> Response:
        return self._pages.render(exchange, "login.html", problem=problem, next=following)

    async def _step_up(self, exchange: Exchange, following: str, problem: OstiaryError | None = None) -> Response:
        try:
            _, account = await exchange.use.step_up.waiting(exchange.caller)
        except Unauthenticated:
            return self._pages.go(exchange, "/login")
        return self._pages.render(
            exchange,
            "step_up.html",
            problem=problem,
            next=following,
            # Whoever shows a stolen cookie is not told whose it is.
            name=None if exchange.caller.step_up else account.email or account.username or account.name,
        )

    def _register(self, exchange: Exchange, following: str, problem: OstiaryError | None = None) -> Response:
        rules = exchange.use.passwords.rules
        return self._pages.render(exchange, "register.html", problem=problem, next=following, password_rules=rules)

    async def _setup(self, exchange: Exchange, token: str, problem: OstiaryError | None = None) -> Response:
        valid = await exchange.use.first_administrator.valid(token, exchange.caller.at)
        return self._pages.render(
            exchange,
            "setup.html",
            problem=problem if valid else problem or InvalidChallenge(),
            valid=valid,
            token=token,
            password_rules=exchange.use.passwords.rules,
        )

    async def _not_verified(self, exchange: Exchange, form: VerifyForm, problem: OstiaryError) -> Response:
        if form.token is None:
            return await self._verify(exchange, problem=problem)
        flow_token, _ = _flow(exchange)
        step = await exchange.use.verification.link_state(form.token, flow_token, exchange.caller.at)
        return await self._verify(exchange, step, form.token, problem)

    async def _verify(
        self,
        exchange: Exchange,
        step: str | None = None,
        token: str | None = None,
        problem: OstiaryError | None = None,
    ) -> Response:
        """The page at ``step``; without one, where to type the code, if this browser's flow still waits for it."""
        flow_token, _ = _flow(exchange)
        waiting = None
        if flow_token is not None:
            waiting = await exchange.use.verification.waiting(flow_token, exchange.caller.at)
        step = step or ("code" if waiting else "invalid")
        if step == "invalid" and problem is None:
            problem = InvalidChallenge()
        return self._pages.render(
            exchange,
            "verify.html",
            problem=problem,
            step=step,
            token=token,
            purpose=waiting.purpose if waiting else "register",
            sent_to=waiting.sent_to if waiting else None,
        )

    def _go_on(self, exchange: Exchange, outcome: SignedIn | Challenged, following: str) -> Response:
        if isinstance(outcome, SignedIn):
            return self._signed_in(exchange, outcome, following, None)
        keep_flow(exchange, outcome, following)
        return self._pages.go(exchange, "/verify")

    def _signed_in(self, exchange: Exchange, signed_in: SignedIn, following: str, notice: str | None) -> Response:
        deliver(exchange, signed_in)
        return self._go_on_to(exchange, following, notice)

    def _go_on_to(self, exchange: Exchange, following: str, notice: str | None = None) -> Response:
        """To the page that ``next`` named, perhaps an embedder's; otherwise to the account, which shows ``notice``."""
        path = local_path(following)
        return redirect(path) if path else self._pages.go(exchange, "/account", notice)


def local_path(text: str) -> str:
    """``next`` where it is a path of this origin, from its root, prefix included; otherwise nothing.

    Never an open redirect: a second slash, also a backslash, which browsers read as one, would begin a host, and
    browsers drop control characters before they look. What is longer than any page's address is not kept in a cookie.
    """
    return text if len(text) <= _MAX_NEXT and re.fullmatch(r"/(?!/)[!-\[\]-~]*", text) else ""


def _query(exchange: Exchange, name: str) -> str:
    fields: dict[str, str] = exchange.query or {}
    return fields.get(name, "")


def keep_flow(exchange: Exchange, challenged: Challenged, following: str) -> None:
    """The flow's token and where to go afterwards, in the flow's cookie: 43 characters, then the path."""
    value = challenged.flow + _encoded(local_path(following))
    exchange.set_cookies.append(exchange.jar.flow.set(value, challenged.expires_in))


def _flow(exchange: Exchange) -> tuple[str | None, str]:
    value = exchange.cookies.get(exchange.jar.flow.name)
    return (None, "") if value is None else (value[:43], _decoded(value[43:]))


def _encoded(path: str) -> str:
    return base64.urlsafe_b64encode(path.encode()).decode().rstrip("=")


def _decoded(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "==").decode()
    except ValueError:
        return ""
