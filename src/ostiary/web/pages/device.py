"""``/device``: where people type the code that a device shows (RFC 8628 section 3.3)."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from ostiary.errors import InvalidRequest, OstiaryError
from ostiary.web.exchange import Exchange
from ostiary.web.pages.consent import IDENTITY
from ostiary.web.pages.render import Pages, asked

DEVICE = "/device"


class DevicePages:
    """Asks for the code, then whether the device may have what it asks for."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(self, exchange: Exchange) -> Response:
        typed = asked(exchange, "user_code")
        return await self._ask(exchange, typed) if typed else self._enter(exchange)

    async def answer(self, exchange: Exchange) -> Response:
        typed, answer = exchange.form.get("user_code", ""), exchange.form.get("answer", "")
        if not answer:
            return await self._ask(exchange, typed)
        if answer not in ("allow", "deny"):
            raise InvalidRequest("There is no such answer.", field="answer")
        try:
            client = await exchange.use.oauth.devices.decide(exchange.caller, typed, allow=answer == "allow")
        except OstiaryError as problem:
            return self._enter(exchange, problem)
        return self._pages.render(
            exchange, "device_done.html", account=exchange.own_account(), name=client.name, allowed=answer == "allow"
        )

    async def _ask(self, exchange: Exchange, typed: str) -> Response:
        try:
            found = await exchange.use.oauth.devices.asked(exchange.caller, typed)
        except OstiaryError as problem:
            return self._enter(exchange, problem, typed)
        allowed: list[dict[str, Any]] = [
            {"text": IDENTITY.get(scope, text or scope), "api": api} for scope, text, api in found.scopes
        ]
        return self._pages.render(
            exchange,
            "device_confirm.html",
            account=exchange.own_account(),
            code=found.user_code,
            name=found.client.name,
            stranger=found.client.source != "administrator",
            allowed=allowed,
        )

    def _enter(self, exchange: Exchange, problem: OstiaryError | None = None, typed: str = "") -> Response:
        return self._pages.render(
            exchange, "device.html", account=exchange.own_account(), problem=problem, typed=typed[:16]
        )
