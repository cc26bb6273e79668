"""``/account/security``: what protects a person's own account; each of it named, removed, forgotten."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from ostiary.authentication import CredentialView, DeviceView, RenameRequest
from ostiary.authentication.protection import Protection
from ostiary.base.pages import MAX_LIMIT, PageQuery
from ostiary.errors import NotFound, OstiaryError
from ostiary.web.exchange import Exchange
from ostiary.web.pages.render import Pages, moment

SECURITY = "/account/security"
_FIRST = {
    "password": "your password",
    "passkey": "a passkey",
    "email_code": "a code or link that we mail you",
}
_SECOND = {
    "security_key": "your security key",
    "totp": "a code from your authenticator app",
    "sms_code": "a code by text message",
    "email_code": "a code that we mail you",
    "passkey": "a passkey",
    "password": "your password",
}


class SecurityPages:
    """The overview, and what may happen to each thing on it."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(self, exchange: Exchange) -> Response:
        use, caller = exchange.use, exchange.caller
        credentials = await use.own_credentials.list(caller)
        protection = await use.own_credentials.protection(caller)
        return self._pages.render(
            exchange,
            "security.html",
            account=exchange.own_account(),
            sentence=sentence_of(protection),
            advice=protection.advice,
            passkeys=[shown(one) for one in credentials if one.type == "passkey"],
            apps=[shown(one) for one in credentials if one.type == "totp"],
            numbers=[shown(one) for one in credentials if one.type == "sms_code"],
            password=next((shown(one) for one in credentials if one.type == "password"), None),
            codes=next((shown(one) for one in credentials if one.type == "recovery_code"), None),
            keys=len((await use.api_keys.list(caller, PageQuery(limit=MAX_LIMIT))).items),
            devices=[_device(one) for one in await use.devices.list(caller)],
            passkeys_offered=use.passkeys.available,
            sms_offered=sms_offered(exchange),
            signals=_signals(await use.own_credentials.signals(caller)),
        )

    async def name(self, exchange: Exchange) -> Response:
        return await self._name(exchange)

    async def change_name(self, exchange: Exchange) -> Response:
        request = RenameRequest(exchange.form.get("name", ""))
        try:
            await exchange.use.own_credentials.rename(exchange.caller, _id_in(exchange), request)
        except NotFound:
            raise
        except OstiaryError as problem:
            return await self._name(exchange, problem)
        return self._pages.go(exchange, SECURITY, "credential_named")

    async def remove(self, exchange: Exchange) -> Response:
        await exchange.use.own_credentials.require_fresh(exchange.caller)
        return await self._remove(exchange)

    async def do_remove(self, exchange: Exchange) -> Response:
        removed = await _one(exchange)
        try:
            await exchange.use.own_credentials.remove(exchange.caller, removed.id)
        except OstiaryError as problem:
            if problem.status != 409:
                raise
            return await self._remove(exchange, problem)
        return self._pages.go(exchange, SECURITY, "credential_removed")

    async def forget_device(self, exchange: Exchange) -> Response:
        await exchange.use.devices.forget(exchange.caller, exchange.parameters["device_id"])
        return self._pages.go(exchange, SECURITY, "device_forgotten")

    async def _name(self, exchange: Exchange, problem: OstiaryError | None = None) -> Response:
        credential = await _one(exchange)
        if credential.id == credential.type:
            raise NotFound("What there is once at the most has no name.")
        return self._pages.render(
            exchange,
            "security_name.html",
            account=exchange.own_account(),
            problem=problem,
            credential=shown(credential),
        )

    async def _remove(self, exchange: Exchange, problem: OstiaryError | None = None) -> Response:
        return self._pages.render(
            exchange,
            "security_remove.html",
            account=exchange.own_account(),
            problem=problem,
            credential=shown(await _one(exchange)),
        )


def sms_offered(exchange: Exchange) -> bool:
    """Whether codes are sent by text message here."""
    return exchange.use.settings.sms.sender != "off"


def shown(credential: CredentialView) -> dict[str, Any]:
    """A credential as templates have it."""
    return {
        "id": credential.id,
        "type": credential.type,
        "name": credential.name,
        "second": credential.second,
        "created": moment(credential.created_at),
        "used": None if credential.used_at is None else moment(credential.used_at),
        "details": credential.details,
    }


def sentence_of(protection: Protection) -> str:
    """How sign-in goes now: ``You sign in with a passkey, or with your password and a code by text message.``"""
    if not protection.ways:
        return "Nothing opens your account yet."
    by_first: dict[str, list[str]] = {}
    for first, *more in protection.ways:
        by_first.setdefault(first, []).extend(_SECOND[other] for other in more)
    ways = [
        "with " + _FIRST[first] + (" and " + _any_of(seconds) if seconds else "") for first, seconds in by_first.items()
    ]
    if len(ways) > 1 and any(by_first.values()):
        return "You sign in " + ", or ".join(ways) + "."
    return "You sign in " + _any_of(ways) + "."


def _signals(signals: dict[str, Any]) -> dict[str, str]:
    """In JSON, as the script of passkeys wants them."""
    members = {"accepted": ("allAcceptedCredentialIds",), "user": ("name", "displayName")}
    return {
        signal: msgspec.json.encode({name: signals[name] for name in ("rpId", "userId", *own)}).decode()
        for signal, own in members.items()
    }


def _any_of(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


async def _one(exchange: Exchange) -> CredentialView:
    for credential in await exchange.use.own_credentials.list(exchange.caller):
        if credential.id == _id_in(exchange):
            return credential
    raise NotFound("There is no such credential.")


def _id_in(exchange: Exchange) -> str:
    return exchange.parameters["credential_id"]


def _device(one: DeviceView) -> dict[str, Any]:
    return {
        "id": one.id,
        "device": one.device,
        "place": one.place,
        "address": one.address,
        "current": one.current,
        "used": moment(one.used_at),
        "trusted": None if one.trusted_until is None else moment(one.trusted_until),
    }
