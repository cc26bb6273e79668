"""``/account/api-keys``: a person's own API keys. Whatever changes one begins with a fresh proof."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.responses import Response

from ostiary.authentication import ApiKeyCreate, ApiKeyRotate, ApiKeyView, IssuedApiKey
from ostiary.base.clock import DAY
from ostiary.base.pages import MAX_LIMIT, PageQuery
from ostiary.errors import InsufficientAuthentication, InvalidRequest, NotFound, OstiaryError
from ostiary.web.bodies import form_struct
from ostiary.web.exchange import Exchange
from ostiary.web.pages.render import Pages, moment

API_KEYS = "/account/api-keys"
LIVES = {"30": "30 days", "90": "90 days", "365": "A year", "": "Until you revoke it"}
"""For how many days a key may be made, and how that is called."""
OVERLAPS = {
    "0": "Stops at once",
    "3600": "Works for another hour",
    "86400": "Works for another day",
    "604800": "Works for another week",
}
"""What may become of the secret before a rotation, by seconds."""


class KeyForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``scopes`` and ``networks`` with spaces or commas between; ``days`` that the key lasts, empty for no end."""

    name: str = ""
    scopes: str = ""
    networks: str = ""
    days: str = ""


class ApiKeyPages:
    """The list, and each key made, given another secret, and revoked."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(self, exchange: Exchange) -> Response:
        found = await exchange.use.api_keys.list(exchange.caller, PageQuery(limit=MAX_LIMIT))
        return self._render(exchange, "api_keys.html", keys=[_shown(key, exchange.caller.at) for key in found.items])

    async def new(self, exchange: Exchange) -> Response:
        await exchange.use.own_credentials.require_fresh(exchange.caller)
        return self._new(exchange)

    async def create(self, exchange: Exchange) -> Response:
        try:
            form: KeyForm = form_struct(exchange.form, KeyForm)
            issued = await exchange.use.api_keys.create(exchange.caller, _wanted(form, exchange.caller.at))
        except InsufficientAuthentication:
            raise
        except OstiaryError as problem:
            return self._new(exchange, problem)
        return self._issued(exchange, issued)

    async def rotate(self, exchange: Exchange) -> Response:
        await exchange.use.own_credentials.require_fresh(exchange.caller)
        return await self._one(exchange, "api_key_rotate.html", overlaps=OVERLAPS)

    async def do_rotate(self, exchange: Exchange) -> Response:
        try:
            overlap = exchange.form.get("overlap", "0")
            if overlap not in OVERLAPS:
                raise InvalidRequest("Choose one of these.", field="overlap")
            rotation = ApiKeyRotate(int(overlap))
            issued = await exchange.use.api_keys.rotate(exchange.caller, exchange.parameters["key_id"], rotation)
        except (InsufficientAuthentication, NotFound):
            raise
        except OstiaryError as problem:
            return await self._one(exchange, "api_key_rotate.html", problem, overlaps=OVERLAPS)
        return self._issued(exchange, issued)

    async def revoke(self, exchange: Exchange) -> Response:
        await exchange.use.own_credentials.require_fresh(exchange.caller)
        return await self._one(exchange, "api_key_revoke.html")

    async def do_revoke(self, exchange: Exchange) -> Response:
        await exchange.use.api_keys.revoke(exchange.caller, exchange.parameters["key_id"])
        return self._pages.go(exchange, API_KEYS, "key_revoked")

    def _new(self, exchange: Exchange, problem: OstiaryError | None = None) -> Response:
        return self._render(exchange, "api_key_new.html", problem, lives=LIVES)

    def _issued(self, exchange: Exchange, issued: IssuedApiKey) -> Response:
        return self._render(exchange, "api_key_issued.html", key=_shown(issued, exchange.caller.at), secret=issued.key)

    async def _one(
        self, exchange: Exchange, template: str, problem: OstiaryError | None = None, **context: Any
    ) -> Response:
        key = await exchange.use.api_keys.get(exchange.caller, exchange.parameters["key_id"])
        return self._render(exchange, template, problem, key=_shown(key, exchange.caller.at), **context)

    def _render(
        self, exchange: Exchange, template: str, problem: OstiaryError | None = None, **context: Any
    ) -> Response:
        return self._pages.render(exchange, template, account=exchange.own_account(), problem=problem, **context)


def _wanted(form: KeyForm, now: int) -> ApiKeyCreate:
    if form.days not in LIVES:
        raise InvalidRequest("Choose one of these.", field="days")
    ends = datetime.fromtimestamp((now + int(form.days) * DAY) / 1000, UTC) if form.days else None
    return ApiKeyCreate(form.name, _parts(form.scopes), ends, _parts(form.networks))


def _parts(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _shown(key: ApiKeyView, now: int) -> dict[str, Any]:
    ends = key.expires_at
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "scopes": key.scopes,
        "networks": key.networks,
        "created": moment(key.created_at),
        "expires": None if ends is None else moment(ends),
        "expired": ends is not None and datetime.fromisoformat(ends).timestamp() * 1000 <= now,
        "used": None if key.used_at is None else moment(key.used_at),
        "previous": None if key.previous_until is None else moment(key.previous_until),
    }
