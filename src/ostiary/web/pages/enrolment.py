"""``/account/security/…``: the pages that add a credential. Each takes a fresh proof before a form is filled in."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from ostiary.authentication import ConfirmRequest, EnrolRequest
from ostiary.authentication.enrolments import Added, Begun
from ostiary.authentication.progress import Answer
from ostiary.base import strict_json
from ostiary.credentials import CredentialType, PasskeyAnswer, SmsCodeAnswer, TotpAnswer
from ostiary.errors import InsufficientAuthentication, InvalidChallenge, NotFound, OstiaryError
from ostiary.web import answers
from ostiary.web.bodies import convert, form_struct
from ostiary.web.exchange import Exchange
from ostiary.web.pages.render import Pages
from ostiary.web.pages.security import SECURITY, sms_offered
from ostiary.web.problems import problem_response

_WRONG: dict[CredentialType, str] = {
    "totp": "This is not the code that the app shows now.",
    "sms_code": "This is not the code that we sent.",
}
RECOVERY_CODES = SECURITY + "/recovery-codes"


class CodeForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code that shows what is to be added. ``flow`` is the enrolment's secret."""

    flow: str
    code: str = ""
    name: str = ""

    def __repr__(self) -> str:
        return "CodeForm()"


class PasskeyForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``credential``: what the browser made, as JSON. ``given``: what was asked for, see ``EnrolRequest``."""

    flow: str = ""
    credential: str = ""
    given: str = ""
    name: str = ""

    def __repr__(self) -> str:
        return "PasskeyForm()"


class NumberForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    given: str = ""


class EnrolmentPages:
    """Passkeys, authenticator apps, telephone numbers, and the set of recovery codes."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def passkey(self, exchange: Exchange) -> Response:
        await exchange.use.own_credentials.require_fresh(exchange.caller)
        return self._render(exchange, "security_passkey.html")

    async def passkey_options(self, exchange: Exchange) -> Response:
        """For the script of the page, when its button is pressed."""
        try:
            form: PasskeyForm = form_struct(exchange.form, PasskeyForm)
            begun = await exchange.use.enrolments.begin(exchange.caller, "passkey", EnrolRequest(form.given))
        except InsufficientAuthentication:
            raise  # the script goes where this leads
        except OstiaryError as problem:
            return problem_response(exchange, problem)
        return answers.json({**begun.challenge, "flow": begun.flow})

    async def add_passkey(self, exchange: Exchange) -> Response:
        try:
            form: PasskeyForm = form_struct(exchange.form, PasskeyForm)
            answer = PasskeyAnswer(convert(strict_json.decode(form.credential.encode()), dict[str, Any]))
            request = ConfirmRequest(form.flow, answer, form.name)
            added = await exchange.use.enrolments.confirm(exchange.caller, "passkey", request)
        except InsufficientAuthentication:
            raise
        except OstiaryError as problem:
            return self._render(exchange, "security_passkey.html", problem)
        return await self._added(exchange, added)

    async def totp(self, exchange: Exchange) -> Response:
        begun = await exchange.use.enrolments.begin(exchange.caller, "totp", EnrolRequest())
        return self._code_page(exchange, "security_totp.html", begun)

    async def add_totp(self, exchange: Exchange) -> Response:
        try:
            form = _code_form(exchange)
            added = await _confirm(exchange, "totp", form, TotpAnswer(form.code))
        except OstiaryError as problem:
            begun = await self._begun(exchange, "totp", problem)
            if begun is None:  # it has taken too long
                begun = await exchange.use.enrolments.begin(exchange.caller, "totp", EnrolRequest())
            return self._code_page(exchange, "security_totp.html", begun, problem)
        return await self._added(exchange, added)

    async def phone(self, exchange: Exchange) -> Response:
        if not sms_offered(exchange):
            raise NotFound("No text messages are sent here.")
        await exchange.use.own_credentials.require_fresh(exchange.caller)
        return self._phone_page(exchange)

    async def add_phone(self, exchange: Exchange) -> Response:
        """Of the two forms of this page, the one that was sent: the number, or the code."""
        if "flow" not in exchange.form:
            return await self._send_code(exchange)
        try:
            form = _code_form(exchange)
            added = await _confirm(exchange, "sms_code", form, SmsCodeAnswer(form.code))
        except OstiaryError as problem:
            begun = await self._begun(exchange, "sms_code", problem)
            if begun is None:
                return self._phone_page(exchange, problem)
            return self._code_page(exchange, "security_phone.html", begun, problem)
        return await self._added(exchange, added)

    async def recovery_codes(self, exchange: Exchange) -> Response:
        await exchange.use.own_credentials.require_fresh(exchange.caller)
        found = await exchange.use.own_credentials.list(exchange.caller)
        codes = next((one for one in found if one.type == "recovery_code"), None)
        left = codes.details["left"] if codes else 0
        return self._render(exchange, "security_recovery_codes.html", codes=[], file="", left=left)

    async def make_recovery_codes(self, exchange: Exchange) -> Response:
        codes = await exchange.use.own_credentials.new_recovery_codes(exchange.caller)
        account = exchange.own_account()
        lines = [f"Recovery codes: {exchange.use.settings.site_name}, {account.email or account.username or ''}", ""]
        file = "data:text/plain;charset=utf-8," + quote("\r\n".join([*lines, *codes, ""]))
        return self._render(exchange, "security_recovery_codes.html", codes=codes, file=file, left=0)

    async def _send_code(self, exchange: Exchange) -> Response:
        try:
            form: NumberForm = form_struct(exchange.form, NumberForm)
            begun = await exchange.use.enrolments.begin(exchange.caller, "sms_code", EnrolRequest(form.given))
        except InsufficientAuthentication:
            raise
        except OstiaryError as problem:
            return self._phone_page(exchange, problem)
        return self._code_page(exchange, "security_phone.html", begun)

    async def _begun(self, exchange: Exchange, kind: CredentialType, problem: OstiaryError) -> Begun | None:
        """The enrolment that goes on after a wrong code; None where it is over.

        Raises:
            OstiaryError: ``problem``, where it is not about what was typed.
        """
        if isinstance(problem, InsufficientAuthentication):
            raise problem
        if isinstance(problem, InvalidChallenge):
            problem.field, problem.detail = "code", _WRONG[kind]
        try:
            return await exchange.use.enrolments.begun(exchange.caller, kind, exchange.form.get("flow", ""))
        except InvalidChallenge as over:
            problem.detail, problem.field = over.detail, None
            return None

    async def _added(self, exchange: Exchange, added: Added) -> Response:
        exchange.renew(added.renewed)
        found = await exchange.use.own_credentials.list(exchange.caller)
        if added.enrolled.second and all(one.type != "recovery_code" for one in found):
            return self._pages.go(exchange, RECOVERY_CODES, "credential_added")
        return self._pages.go(exchange, SECURITY, "credential_added")

    def _phone_page(self, exchange: Exchange, problem: OstiaryError | None = None) -> Response:
        return self._render(exchange, "security_phone.html", problem, flow="", challenge={})

    def _code_page(
        self, exchange: Exchange, template: str, begun: Begun, problem: OstiaryError | None = None
    ) -> Response:
        return self._render(exchange, template, problem, flow=begun.flow, challenge=begun.challenge)

    def _render(
        self, exchange: Exchange, template: str, problem: OstiaryError | None = None, **context: Any
    ) -> Response:
        return self._pages.render(exchange, template, account=exchange.own_account(), problem=problem, **context)


def _code_form(exchange: Exchange) -> CodeForm:
    form: CodeForm = form_struct(exchange.form, CodeForm)
    return form


async def _confirm(exchange: Exchange, kind: CredentialType, form: CodeForm, answer: Answer) -> Added:
    request = ConfirmRequest(form.flow, answer, form.name)
    return await exchange.use.enrolments.confirm(exchange.caller, kind, request)
