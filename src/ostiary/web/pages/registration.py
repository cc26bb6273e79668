"""``/register``, ``/verify`` and ``/setup``: new accounts, and the proof of their addresses."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from ostiary.accounts import Account
from ostiary.authentication import FirstAdministratorRequest, RegistrationRequest, VerificationRequest
from ostiary.errors import InvalidChallenge, OstiaryError
from ostiary.web.bodies import form_struct
from ostiary.web.exchange import Exchange
from ostiary.web.pages.arrival import Arrival
from ostiary.web.pages.flow_cookie import forget_flow, keep_flow, kept_flow
from ostiary.web.pages.render import Pages, asked


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


class RegistrationPages:
    """The pages of who is about to have an account, or another address."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._arrival = Arrival(pages)

    async def register(self, exchange: Exchange) -> Response:
        if exchange.caller.kind != "anonymous":
            return self._pages.go(exchange, "/account")
        return self._register(exchange, asked(exchange, "next"))

    async def do_register(self, exchange: Exchange) -> Response:
        try:
            form: RegisterForm = form_struct(exchange.form, RegisterForm)
            request = RegistrationRequest(form.email, form.password, form.username, form.name)
            challenged = await exchange.use.registration(exchange.caller, request)
        except OstiaryError as problem:
            return self._register(exchange, exchange.form.get("next", ""), problem)
        keep_flow(exchange, challenged, form.next)
        return self._pages.go(exchange, "/verify")

    async def verify(self, exchange: Exchange) -> Response:
        token = asked(exchange, "token")
        if not token:
            return await self._verify(exchange)
        step = await exchange.use.verification.link_state(token, kept_flow(exchange).token, exchange.caller.at)
        return await self._verify(exchange, step, token)

    async def do_verify(self, exchange: Exchange) -> Response:
        kept = kept_flow(exchange)
        form: VerifyForm = form_struct(exchange.form, VerifyForm)
        request = VerificationRequest(flow=kept.token or None, code=form.code, token=form.token, password=form.password)
        try:
            outcome = await exchange.use.verification(exchange.caller, request)
        except OstiaryError as problem:
            return await self._not_verified(exchange, form, problem)
        if isinstance(outcome, Account):
            forget_flow(exchange)
            return self._pages.go(exchange, "/account", "email_changed")
        return self._arrival.go_on(exchange, outcome, kept.following, "verified")

    async def resend(self, exchange: Exchange) -> Response:
        kept = kept_flow(exchange)
        try:
            challenged = await exchange.use.verification.resend(exchange.caller, kept.token)
        except InvalidChallenge:
            return await self._verify(exchange, "invalid")
        keep_flow(exchange, challenged, kept.following)
        return self._pages.go(exchange, "/verify", "code_sent")

    async def setup(self, exchange: Exchange) -> Response:
        return await self._setup(exchange, asked(exchange, "token"))

    async def do_setup(self, exchange: Exchange) -> Response:
        try:
            request: FirstAdministratorRequest = form_struct(exchange.form, FirstAdministratorRequest)
            outcome = await exchange.use.first_administrator(exchange.caller, request)
        except OstiaryError as problem:
            return await self._setup(exchange, exchange.form.get("token", ""), problem)
        return self._arrival.go_on(exchange, outcome, "")

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
        step = await exchange.use.verification.link_state(form.token, kept_flow(exchange).token, exchange.caller.at)
        return await self._verify(exchange, step, form.token, problem)

    async def _verify(
        self,
        exchange: Exchange,
        step: str | None = None,
        token: str | None = None,
        problem: OstiaryError | None = None,
    ) -> Response:
        """The page at ``step``; without one, where to type the code, if this browser's flow still waits for it."""
        flow_token = kept_flow(exchange).token
        waiting = None
        if flow_token:
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
