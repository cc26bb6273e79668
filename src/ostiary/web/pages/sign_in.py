"""``/login``, ``/recover``, ``/step-up``, ``/logout`` and the mailed link: where flows begin."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from ostiary.authentication import FlowRequest, Outcome, SignInRequest
from ostiary.authorization.caller import Level
from ostiary.base.tokens import digest, equal
from ostiary.credentials import PasswordText
from ostiary.errors import Forbidden, InvalidChallenge, InvalidCredentials, OstiaryError, Unauthenticated
from ostiary.web.bodies import convert, form_struct
from ostiary.web.delivery import forget
from ostiary.web.exchange import Exchange
from ostiary.web.pages.arrival import Arrival
from ostiary.web.pages.flow_cookie import KeptFlow, keep_flow, kept_flow, local_path
from ostiary.web.pages.render import Pages, asked
from ostiary.web.pages.steps import StepPages, is_step_up_of, nameless, waiting


class LoginForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The name alone, or the password along with it, as password managers that fill in by themselves send it."""

    identifier: str
    password: PasswordText | None = None
    remember: str = ""
    next: str = ""

    def __repr__(self) -> str:
        return "LoginForm()"


class RecoverForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    identifier: str
    next: str = ""


class LinkForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str

    def __repr__(self) -> str:
        return "LinkForm()"


class _StepUpQuery(msgspec.Struct, frozen=True):
    """What is asked for. How old a proof may be does not matter here: the one that is asked for is new."""

    level: Level = "aal1"


class SignInPages:
    """The pages before a sign-in, and the way out of one."""

    def __init__(self, pages: Pages, steps: StepPages) -> None:
        self._pages = pages
        self._steps = steps
        self._arrival = Arrival(pages)

    async def start(self, exchange: Exchange) -> Response:
        return self._pages.go(exchange, "/login" if exchange.caller.kind == "anonymous" else "/account")

    async def login(self, exchange: Exchange) -> Response:
        if exchange.caller.kind != "anonymous":
            return self._arrival.go_on_to(exchange, asked(exchange, "next"))
        return await self._steps.login(exchange, asked(exchange, "next"), hint=asked(exchange, "hint")[:254])

    async def do_login(self, exchange: Exchange) -> Response:
        try:
            form: LoginForm = form_struct(exchange.form, LoginForm)
            outcome = await self._begin(exchange, form)
        except OstiaryError as problem:
            if isinstance(problem, InvalidCredentials):
                problem.field = "identifier"  # which of the two was wrong is not said; the name is what is shown
            return await self._steps.login(exchange, exchange.form.get("next", ""), problem)
        return self._arrival.go_on(exchange, outcome, form.next)

    async def passkey(self, exchange: Exchange) -> Response:
        """The challenge for a sign-in by passkey without a name, in a flow that begins with it."""
        following, remember = exchange.form.get("next", ""), exchange.form.get("remember") == "on"
        dispatcher, caller = exchange.use.dispatcher, exchange.caller
        opened = await waiting(exchange)
        token = kept_flow(exchange).token
        if opened is None or not nameless(opened) or opened.progress.remember != remember:
            token = (await dispatcher.begin(caller, FlowRequest(remember=remember))).flow
        return await self._steps.challenge_passkey(exchange, token, "passkey", following)

    async def step_up(self, exchange: Exchange) -> Response:
        """The first step at once. Seen again, the page goes on with the flow that it began."""
        query = exchange.query or {}
        wanted = convert({name: text for name, text in query.items() if name == "level"}, _StepUpQuery)
        following = local_path(query["next"]) if "next" in query else kept_flow(exchange).following
        caller = exchange.caller
        try:
            await exchange.use.step_up.waiting(caller)
        except Unauthenticated:
            return self._pages.go(exchange, "/login" + ("?" + urlencode({"next": following}) if following else ""))
        opened, kept = await waiting(exchange), kept_flow(exchange)
        same = opened is not None and is_step_up_of(opened, caller, wanted.level)
        if not same or kept.following != following:
            challenged = await exchange.use.dispatcher.begin(caller, FlowRequest("step_up", acr_values=wanted.level))
            keep_flow(exchange, challenged, following)
            kept = KeptFlow(challenged.flow, following)
        return await self._steps.show(exchange, kept, asked(exchange, "use"))

    async def recover(self, exchange: Exchange) -> Response:
        return await self._recover(exchange, asked(exchange, "next"))

    async def do_recover(self, exchange: Exchange) -> Response:
        try:
            form: RecoverForm = form_struct(exchange.form, RecoverForm)
            request = FlowRequest("recover", form.identifier)
            challenged = await exchange.use.dispatcher.begin(exchange.caller, request)
        except OstiaryError as problem:
            return await self._recover(exchange, exchange.form.get("next", ""), problem)
        return self._arrival.to_step(exchange, challenged, form.next)

    async def link(self, exchange: Exchange) -> Response:
        return await self._link(exchange, asked(exchange, "token"))

    async def open_link(self, exchange: Exchange) -> Response:
        kept = kept_flow(exchange)
        try:
            form: LinkForm = form_struct(exchange.form, LinkForm)
            outcome = await exchange.use.dispatcher.open_link(exchange.caller, form.token, kept.token or None)
        except OstiaryError as problem:
            return await self._link(exchange, exchange.form.get("token", ""), problem)
        return self._arrival.go_on(exchange, outcome, kept.following)

    async def recovery_codes(self, exchange: Exchange) -> Response:
        """Shown once to who has just spent one."""
        found = await exchange.use.own_credentials.list(exchange.caller)
        details: dict[str, Any] = next((one.details for one in found if one.type == "recovery_code"), {})
        return self._pages.render(
            exchange,
            "recovery_code_used.html",
            account=exchange.own_account(),
            left=details.get("left", 0),
            few=details.get("few", True),
            next=local_path(asked(exchange, "next")) or f"{exchange.base}/account",
        )

    async def logout(self, exchange: Exchange) -> Response:
        await exchange.use.sign_ins.sign_out(exchange.caller)
        forget(exchange)
        if "next" in exchange.form:
            return self._arrival.go_on_to(exchange, exchange.form["next"])
        return self._pages.go(exchange, "/login", "signed_out")

    async def _begin(self, exchange: Exchange, form: LoginForm) -> Outcome:
        remember = form.remember == "on"
        if form.password is not None:
            request = SignInRequest(form.identifier, form.password, remember=remember)
            return await exchange.use.sign_in(exchange.caller, request)
        return await exchange.use.dispatcher.begin(
            exchange.caller, FlowRequest("sign_in", form.identifier, remember=remember)
        )

    async def _recover(self, exchange: Exchange, following: str, problem: OstiaryError | None = None) -> Response:
        if not exchange.use.settings.recovery.by_email:
            raise Forbidden("Forgotten passwords are not replaced by mail here; ask an administrator.")
        opened = await waiting(exchange)
        typed = opened.progress.identifier if opened and opened.flow.kind == "sign_in" else ""
        return self._pages.render(exchange, "recover.html", problem=problem, next=following, name=typed)

    async def _link(self, exchange: Exchange, token: str, problem: OstiaryError | None = None) -> Response:
        """What the link does, and a button for it: looking spends nothing, since mail scanners look, too."""
        purpose, step = "sign_in", "invalid"
        try:
            flow = (await exchange.use.dispatcher.link(token, exchange.caller.at)).flow
        except InvalidChallenge as invalid:
            problem = problem or invalid
        else:
            purpose = flow.kind
            here = equal(digest(kept_flow(exchange).token), flow.id_hash)
            settings = exchange.use.settings
            # From a page of another site, such as a mail box, a strict cookie comes with the button only.
            unseen = settings.cookies.same_site == "strict" and exchange.headers.get("sec-fetch-site") == "cross-site"
            opens = here or unseen or purpose == "recover" or settings.sign_in.link_anywhere
            step = "open" if opens else "elsewhere"
        return self._pages.render(exchange, "login_link.html", problem=problem, step=step, purpose=purpose, token=token)
