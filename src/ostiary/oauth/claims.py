"""What is told of a person: the standard claims of OpenID Connect Core section 5, by scope and by request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ostiary.accounts import Account
from ostiary.authorization import Authorizer, held_everywhere
from ostiary.base import strict_json
from ostiary.base.clock import SECOND, Clock
from ostiary.errors import InvalidRequest

_PROFILE = (
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
)
BY_SCOPE: Mapping[str, tuple[str, ...]] = {
    "profile": _PROFILE,
    "email": ("email", "email_verified"),
    "phone": ("phone_number", "phone_number_verified"),
    "address": ("address",),
}
"""OpenID Connect Core section 5.4."""
SUPPORTED = ("sub", *(claim for claims in BY_SCOPE.values() for claim in claims), "roles", "permissions")
_OURS = frozenset({"name", "preferred_username", "updated_at", "email", "email_verified"})
"""What the account itself says; the rest are attributes that are stored of it."""
_FORMS: Mapping[str, type | tuple[type, ...]] = {"address": dict, "phone_number_verified": bool}
_MAX_CLAIMS = 50


class ClaimsRequest(msgspec.Struct, frozen=True):
    """The parameter ``claims`` (section 5.5), parsed: what is wanted where, by name."""

    userinfo: dict[str, dict[str, Any] | None] = {}
    id_token: dict[str, dict[str, Any] | None] = {}


def parse_claims(text: str | None) -> ClaimsRequest:
    """Raises InvalidRequest: it is not of that form."""
    if text is None:
        return ClaimsRequest()
    try:
        request = msgspec.convert(strict_json.decode(text.encode()), ClaimsRequest)
    except (msgspec.ValidationError, InvalidRequest):
        raise InvalidRequest("claims: not of the form of OpenID Connect Core section 5.5.", field="claims") from None
    if len(request.userinfo) + len(request.id_token) > _MAX_CLAIMS:
        raise InvalidRequest(f"claims: at most {_MAX_CLAIMS}.", field="claims")
    return request


def wanted_claims(scopes: tuple[str, ...], requested: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of what is told, by scopes and by the claims that were asked for one by one."""
    by_scope = [claim for scope in scopes for claim in BY_SCOPE.get(scope, ())]
    return tuple(dict.fromkeys([*by_scope, *(name for name in requested if name in SUPPORTED and name != "sub")]))


class PersonalClaims:
    """Tells them."""

    def __init__(self, authorizer: Authorizer, clock: Clock) -> None:
        self._authorizer = authorizer
        self._clock = clock

    async def of(self, account: Account, wanted: tuple[str, ...]) -> dict[str, Any]:
        """Those of the wanted claims that are known; what is not is left out (section 5.3.2)."""
        if not wanted:
            return {}
        told = _of_account(account)
        stored: Mapping[str, Any] = {}
        if not _OURS.issuperset(wanted):
            facts = await self._authorizer.facts(account.id)
            stored = {} if facts.subject is None else facts.subject.attributes
            told |= await self.of_rights(account.id, frozenset(wanted))
        found = {}
        for name in wanted:
            value = told.get(name)
            if value is None and name not in _OURS and isinstance(stored.get(name), _FORMS.get(name, str)):
                value = stored[name]
            if value is not None and value != "":
                found[name] = value
        return found

    async def of_rights(self, account_id: str, wanted: frozenset[str]) -> dict[str, Any]:
        """``roles`` and ``permissions`` that hold everywhere, by name; nothing of what is denied."""
        if wanted.isdisjoint(("roles", "permissions")):
            return {}
        facts = await self._authorizer.facts(account_id)
        subject = facts.subject
        if subject is None or not subject.active:
            return {}
        found: dict[str, Any] = {}
        if "roles" in wanted:
            found["roles"] = sorted(subject.everywhere.roles)
        if "permissions" in wanted:
            found["permissions"] = sorted(held_everywhere(facts, self._clock()))
        return found


def _of_account(account: Account) -> dict[str, Any]:
    return {
        "name": account.name or None,
        "preferred_username": account.username,
        "updated_at": account.updated_at // SECOND,
        "email": account.email,
        "email_verified": None if account.email is None else account.email_verified_at is not None,
    }
