"""``/account``: what a person sees and changes of their own account."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from ostiary.accounts import ProfileChange
from ostiary.authentication import EmailChangeRequest, PasswordChangeRequest, SignInRecord
from ostiary.errors import OstiaryError
from ostiary.oauth import ConsentView
from ostiary.web.bodies import form_struct
from ostiary.web.exchange import Exchange
from ostiary.web.pages.consent import IDENTITY
from ostiary.web.pages.flow_cookie import keep_flow
from ostiary.web.pages.render import Pages, is_administrator, moment
from ostiary.web.pages.security import SECURITY, sentence_of


class ProfileForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str = ""
    username: str | None = None


class AccountPages:
    """The pages of whoever is signed in."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(self, exchange: Exchange) -> Response:
        return await self._account(exchange)

    async def change_profile(self, exchange: Exchange) -> Response:
        try:
            form: ProfileForm = form_struct(exchange.form, ProfileForm)
            await exchange.use.profiles.change(exchange.caller, ProfileChange(form.name, form.username))
        except OstiaryError as problem:
            return await self._account(exchange, problem)
        return self._pages.go(exchange, "/account", "profile_saved")

    async def password(self, exchange: Exchange) -> Response:
        return await self._password(exchange)

    async def change_password(self, exchange: Exchange) -> Response:
        try:
            request: PasswordChangeRequest = form_struct(exchange.form, PasswordChangeRequest)
            renewed = await exchange.use.password_change(exchange.caller, request)
        except OstiaryError as problem:
            if problem.field == "password":
                problem.field = "new_password"
            return await self._password(exchange, problem)
        exchange.renew(renewed)
        had_one = request.current_password is not None
        return self._pages.go(exchange, SECURITY, "password_changed" if had_one else "password_set")

    async def email(self, exchange: Exchange) -> Response:
        return await self._email(exchange)

    async def change_email(self, exchange: Exchange) -> Response:
        try:
            request: EmailChangeRequest = form_struct(exchange.form, EmailChangeRequest)
            challenged = await exchange.use.email_change(exchange.caller, request)
        except OstiaryError as problem:
            return await self._email(exchange, problem)
        keep_flow(exchange, challenged, "")
        return self._pages.go(exchange, "/verify")

    async def end_sign_in(self, exchange: Exchange) -> Response:
        await exchange.use.sign_ins.end(exchange.caller, exchange.parameters["sign_in_id"])
        return self._pages.go(exchange, "/account", "sign_in_ended")

    async def end_others(self, exchange: Exchange) -> Response:
        await exchange.use.sign_ins.end_all(exchange.caller)
        return self._pages.go(exchange, "/account", "others_ended")

    async def revoke_consent(self, exchange: Exchange) -> Response:
        await exchange.use.oauth.consents.revoke(exchange.caller, exchange.form.get("client_id", ""))
        return self._pages.go(exchange, "/account", "consent_revoked")

    async def _account(self, exchange: Exchange, problem: OstiaryError | None = None) -> Response:
        account = exchange.own_account()
        sign_ins = await exchange.use.sign_ins.list(exchange.caller)
        return self._pages.render(
            exchange,
            "account.html",
            account=account,
            administrator=await is_administrator(exchange),
            problem=problem,
            email_verified=account.email_verified_at is not None,
            sentence=sentence_of(await exchange.use.own_credentials.protection(exchange.caller)),
            sign_ins=[_sign_in(one) for one in sorted(sign_ins, key=lambda one: not one.current)],
            applications=[_application(one) for one in await exchange.use.oauth.consents.list(exchange.caller)],
            roles=[
                {"name": role.name, "description": role.description, "resource": role.resource and str(role.resource)}
                for role in await exchange.use.assignments.own(exchange.caller)
            ],
        )

    async def _password(self, exchange: Exchange, problem: OstiaryError | None = None) -> Response:
        return self._pages.render(
            exchange,
            "account_password.html",
            account=exchange.own_account(),
            problem=problem,
            has_one=await exchange.use.password_change.ready(exchange.caller),
            password_rules=exchange.use.passwords.rules,
        )

    async def _email(self, exchange: Exchange, problem: OstiaryError | None = None) -> Response:
        await exchange.use.own_credentials.require_fresh(exchange.caller)
        account = exchange.own_account()
        return self._pages.render(exchange, "account_email.html", account=account, problem=problem)


def _application(one: ConsentView) -> dict[str, Any]:
    return {
        "id": one.client_id,
        "name": one.client_name,
        "given": moment(one.given_at),
        "texts": [IDENTITY.get(scope, scope) for scope in one.scopes],
    }


def _sign_in(one: SignInRecord) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": "browser" if one.kind == "session" else "app",
        "device": one.device,
        "place": one.place,
        "address": one.address,
        "created": moment(one.created_at),
        "used": moment(one.used_at),
        "current": one.current,
    }
