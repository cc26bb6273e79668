"""``/login/step`` and ``/step-up``: the step that a flow is at, whatever the credential and the purpose."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from ostiary.authentication import AnswerRequest, ChallengeRequest
from ostiary.authentication.dispatcher import Open
from ostiary.authentication.progress import Answer
from ostiary.authorization import Caller
from ostiary.authorization.caller import Level
from ostiary.base import strict_json
from ostiary.base.clock import DAY, HOUR, SECOND
from ostiary.credentials import PasswordText
from ostiary.errors import (
    Forbidden,
    InvalidChallenge,
    InvalidCredentials,
    InvalidRequest,
    OstiaryError,
    Unauthenticated,
    UnknownPasskey,
)
from ostiary.web import answers
from ostiary.web.bodies import convert, form_struct
from ostiary.web.exchange import Exchange
from ostiary.web.pages.arrival import Arrival
from ostiary.web.pages.flow_cookie import KeptFlow, keep_flow, kept_flow
from ostiary.web.pages.render import Pages, asked
from ostiary.web.problems import problem_response

_CODES = ("totp", "sms_code", "email_code", "recovery_code", "enrol_totp")
_SENT = ("email_code", "sms_code")
_BEGINNING = ("password", "email_code", "passkey")
"""What a sign-in by name shows first: the way that most people have."""
_CONFIRMING = ("passkey", "totp", "password", "sms_code", "email_code", "recovery_code")
"""What a step-up shows first: what is at hand before what has to be sent."""
_ENDED = "This has ended or taken too long; begin again."


class StepForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``method`` says what the rest is; ``next`` is where to go afterwards, instead of what the flow's cookie says."""

    method: str = "password"
    password: PasswordText | None = None
    code: str | None = None
    credential: str | None = None
    trust_device: str = ""
    remember: str = ""
    next: str = ""

    def __repr__(self) -> str:
        return f"StepForm({self.method})"


class SendForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    method: str


class StepPages:
    """Shows the step that is due, one at a time, and takes its answer."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._arrival = Arrival(pages)

    async def step(self, exchange: Exchange) -> Response:
        """The step at hand; ``use`` names another one of those that would do."""
        kept = kept_flow(exchange)
        opened = await waiting(exchange)
        if opened is not None and opened.flow.kind == "sign_in" and exchange.caller.kind != "anonymous":
            return self._arrival.go_on_to(exchange, kept.following)  # signed in already, in another tab
        return await self.show(exchange, kept, asked(exchange, "use"))

    async def answer(self, exchange: Exchange) -> Response:
        kept = kept_flow(exchange)
        method = exchange.form.get("method", "password")
        try:
            form: StepForm = form_struct(exchange.form, StepForm)
            request = AnswerRequest(kept.token, _answer(form), trust_device=form.trust_device == "on")
            outcome = await exchange.use.dispatcher.answer(exchange.caller, request)
        except OstiaryError as problem:
            return await self._refused(exchange, kept, method, problem)
        following = form.next or kept.following
        return self._arrival.go_on(exchange, outcome, following, by_recovery_code=method == "recovery_code")

    async def send(self, exchange: Exchange) -> Response:
        """Send the code of a step; or make the secret of an enrolment, which is shown this once."""
        kept = kept_flow(exchange)
        method = exchange.form.get("method", "")
        before = await waiting(exchange)
        try:
            form: SendForm = form_struct(exchange.form, SendForm)
            request = ChallengeRequest(kept.token, form.method)
            challenged = await exchange.use.dispatcher.challenge(exchange.caller, request)
        except OstiaryError as problem:
            return await self._refused(exchange, kept, method, problem)
        keep_flow(exchange, challenged, kept.following, sent=method)
        if method not in _SENT:
            return await self.show(exchange, kept, method, challenge=challenged.challenge)
        again = before is not None and method in before.progress.kept
        return self._pages.go(exchange, f"/login/step?use={method}", "code_sent" if again else None)

    async def passkey(self, exchange: Exchange) -> Response:
        """The options of the ceremony that is due, for the page's script."""
        kept, opened = kept_flow(exchange), await waiting(exchange)
        if opened is None:
            return problem_response(exchange, InvalidChallenge(_ENDED))
        method = "enrol_passkey" if "enrol_passkey" in opened.due else "passkey"
        return await self.challenge_passkey(exchange, kept.token, method, kept.following)

    async def challenge_passkey(self, exchange: Exchange, token: str, method: str, following: str) -> Response:
        """The options of a ceremony in this flow, as JSON; what is wrong, too."""
        try:
            challenged = await exchange.use.dispatcher.challenge(exchange.caller, ChallengeRequest(token, method))
        except OstiaryError as problem:
            return problem_response(exchange, problem)
        keep_flow(exchange, challenged, following)
        return answers.json(challenged.challenge)

    async def login(
        self, exchange: Exchange, following: str, problem: OstiaryError | None = None, unknown: str = "", hint: str = ""
    ) -> Response:
        """The page of the name.

        Args:
            hint: the name that an application expects.
            unknown: the id of a passkey that nobody here has, for its provider to know.
        """
        passkeys = exchange.use.passkeys
        signal = {"rpId": passkeys.relying_party.id, "credentialId": unknown} if unknown else None
        return self._pages.render(
            exchange,
            "login.html",
            problem=problem,
            next=following,
            hint=hint,
            passkeys=passkeys.available,
            autofill=passkeys.available and not unknown and await self._may_offer(exchange),
            signal=None if signal is None else msgspec.json.encode(signal).decode(),
        )

    async def show(
        self,
        exchange: Exchange,
        kept: KeptFlow,
        use: str = "",
        problem: OstiaryError | None = None,
        challenge: dict[str, Any] | None = None,
    ) -> Response:
        """The page of a step of this flow.

        Args:
            use: the step, where it is one that would do.
            challenge: what was made for it a moment ago.
        """
        opened = await opened_by(exchange, kept.token)
        if opened is None:
            return self._begin_again(exchange, kept.following, "took_too_long" if kept.token else None)
        if opened.flow.tries_left <= 0:
            return self._begin_again(exchange, kept.following, "too_many_tries")
        if nameless(opened):
            unknown = _credential_id(exchange.form) if isinstance(problem, UnknownPasskey) else ""
            return await self.login(exchange, kept.following, problem, unknown)
        if not opened.due:
            raise Forbidden("This account has nothing to confirm this with. Sign out, and sign in again.")
        settings = exchange.use.settings
        step = _chosen(opened, use)
        second = opened.flow.kind == "sign_in" and bool(opened.progress.proofs) and not step.startswith("enrol")
        return self._pages.render(
            exchange,
            "step.html",
            problem=problem,
            purpose=opened.flow.kind,
            step=step,
            others=[(other, other in opened.progress.kept) for other in opened.due if other != step],
            action="/step-up" if opened.flow.kind == "step_up" else "/login/step",
            name=_name(exchange, opened),
            first=not opened.progress.proofs and opened.flow.kind != "step_up",
            suspect=exchange.caller.step_up,
            asked=step in opened.progress.kept,
            sent_to="" if exchange.caller.step_up else _sent_to(kept, opened, step),
            challenge=challenge or {},
            passkeys=exchange.use.passkeys.available,
            trust=_duration(settings.sign_in.trust_device) if second else "",
            recover=settings.recovery.by_email and opened.flow.kind == "sign_in",
            next=kept.following,
            password_rules=exchange.use.passwords.rules,
        )

    async def _may_offer(self, exchange: Exchange) -> bool:
        """What is offered in the field of the name needs a challenge, and so a flow: not at the cost of another one."""
        token = kept_flow(exchange).token
        if not token:
            return True
        opened = await opened_by(exchange, token)
        if opened is not None:
            return nameless(opened)
        return await exchange.use.verification.waiting(token, exchange.facts.at) is None

    async def _refused(self, exchange: Exchange, kept: KeptFlow, method: str, problem: OstiaryError) -> Response:
        if isinstance(problem, Unauthenticated) and not isinstance(problem, InvalidCredentials):
            return self._begin_again(exchange, kept.following, "took_too_long")  # begun by another session
        if isinstance(problem, InvalidChallenge) and problem.field is None and method in _CODES:
            problem.field, problem.detail = "code", problem.detail or "This code is not right, or not any more."
        return await self.show(exchange, kept, method, problem)

    def _begin_again(self, exchange: Exchange, following: str, notice: str | None) -> Response:
        signed_in = exchange.caller.kind != "anonymous" or exchange.caller.step_up
        path = "/step-up" if signed_in else "/login"
        return self._pages.go(exchange, path + ("?" + urlencode({"next": following}) if following else ""), notice)


async def waiting(exchange: Exchange) -> Open | None:
    """The flow that this browser is in, and what is due in it; None where there is none, or it is no such flow."""
    return await opened_by(exchange, kept_flow(exchange).token)


async def opened_by(exchange: Exchange, token: str) -> Open | None:
    """The same by the flow's token, which may be newer than the cookie."""
    try:
        return await exchange.use.dispatcher.waiting(token, exchange.facts.at) if token else None
    except InvalidChallenge:
        return None


def nameless(opened: Open) -> bool:
    """Whether it is a sign-in by passkey that nobody has typed a name for, and nothing has come of yet."""
    return opened.flow.kind == "sign_in" and not opened.progress.identifier and not opened.progress.proofs


def is_step_up_of(opened: Open, caller: Caller, level: Level) -> bool:
    """Whether it is a step-up of the caller's session, at least to this level."""
    progress = opened.progress
    return (
        opened.flow.kind == "step_up"
        and progress.sign_in == caller.session_id
        and progress.level >= level
        and progress.whole == caller.step_up
    )


def _answer(form: StepForm) -> Answer:
    """The answer that the form's fields make up.

    Raises:
        InvalidRequest: they make up none.
    """
    given: dict[str, Any] = {"method": form.method}
    if form.method == "passkey":
        given["credential"] = strict_json.decode((form.credential or "").encode())
    elif form.method in ("password", "new_password"):
        given["password"] = form.password
    else:
        given["code"] = form.code or ""
    if given.get("password", "") is None:
        raise InvalidRequest("Enter the password.", field="password")
    answer: Answer = convert(given, Answer)
    return answer


def _chosen(opened: Open, use: str) -> str:
    due, progress = opened.due, opened.progress
    if use in due:
        return use
    if use == "totp" and "enrol_totp" in due:
        return "enrol_totp"
    asked_for = [step for step in due if step in progress.kept and "passkey" not in step]
    if asked_for:
        return asked_for[0]
    if opened.flow.kind == "sign_in" and not progress.proofs:
        return min(due, key=_BEGINNING.index)
    if opened.flow.kind == "step_up" and not progress.proofs:
        return min(due, key=_CONFIRMING.index)
    return due[0]


def _name(exchange: Exchange, opened: Open) -> str:
    """Who the page says that it is about. Whoever shows a stolen cookie is not told whose it is."""
    account = opened.account
    if opened.flow.kind != "step_up" and opened.progress.identifier:
        return opened.progress.identifier
    if account is None or exchange.caller.step_up:
        return ""
    return account.email or account.username or account.name


def _sent_to(kept: KeptFlow, opened: Open, step: str) -> str:
    """As whoever typed it knows it; masked where it was not typed here."""
    if kept.sent == step:
        return kept.sent_to
    typed = step == "email_code" and not opened.progress.proofs and opened.flow.kind != "step_up"
    return opened.progress.identifier if typed else ""


def _credential_id(form: dict[str, str]) -> str:
    credential = strict_json.decode(form.get("credential", "{}").encode())
    found = credential.get("id") if isinstance(credential, dict) else None
    return found if isinstance(found, str) else ""


def _duration(seconds: int) -> str:
    """In words; nothing where it is no time at all."""
    for unit, name in ((DAY, "day"), (HOUR, "hour")):
        if seconds * SECOND >= unit:
            count = seconds * SECOND // unit
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{max(seconds // 60, 1)} minutes" if seconds else ""
