"""Policies that are administered one by one, beside those of a model's file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from ostiary.audit import Event, record
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.caller import Caller
from ostiary.authorization.escalation import require_cover
from ostiary.authorization.model import TYPE
from ostiary.authorization.policy import PolicyRule, compile_policy
from ostiary.authorization.store import change_model, load_models, windows_of
from ostiary.base.clock import Clock, Timestamp, rfc3339
from ostiary.base.pages import DEFAULT_LIMIT, Page, check_limit, decode_cursor, page_of
from ostiary.errors import InvalidRequest, NotFound
from ostiary.permissions import NAMESPACE, Permission

if TYPE_CHECKING:
    from ostiary.database import Database, Reader

_NAME = "([a-z][a-z0-9_-]*/)?[a-z][a-z0-9_.-]{0,63}"
_ACTION = r"\*|[a-z][a-z0-9_-]*"
_RESOURCE = rf"([a-z][a-z0-9_-]*/)?\*|{TYPE}"
_MOST_RULE = 16_384
_SELECT = "SELECT name, rule, created_at, updated_at FROM policies"


class Policy(msgspec.Struct, frozen=True):
    """A policy as it is shown."""

    name: str
    rule: PolicyRule
    created_at: Timestamp
    updated_at: Timestamp


class _Row(msgspec.Struct, frozen=True):
    name: str
    rule: str
    created_at: int
    updated_at: int


class Policies:
    def __init__(self, db: Database, authorizer: Authorizer, clock: Clock) -> None:
        self._db = db
        self._authorizer = authorizer
        self._clock = clock

    async def list(self, caller: Caller, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Policy]:
        """Policies by name.

        Raises:
            InvalidRequest: the cursor or the limit is not usable.
        """
        await caller.require(Permission.POLICIES_READ)
        rows = await self._db.fetch_all(
            _Row,
            f"{_SELECT} WHERE name > :after ORDER BY name LIMIT :most",
            after="" if cursor is None else decode_cursor(cursor),
            most=check_limit(limit) + 1,
        )
        return page_of(rows, limit, key=lambda row: row.name, item=_view)

    async def get(self, caller: Caller, name: str) -> Policy:
        """One policy. Raises NotFound if there is none of this name."""
        await caller.require(Permission.POLICIES_READ)
        return _view(await _row(self._db, name))

    async def put(self, caller: Caller, name: str, rule: PolicyRule) -> Policy:
        """Make a policy, or have it say something else.

        Raises:
            InvalidRequest: the name, an action, a resource type or the condition is not one.
            Forbidden: it is about more of Ostiary than the caller holds.
        """
        await caller.require(Permission.POLICIES_UPDATE)
        _check(name, rule)
        holdings, now = await self._authorizer.holdings(caller), self._clock()
        require_cover(holdings, _of_ostiary(rule))
        text = msgspec.json.encode(rule).decode()
        if len(text) > _MOST_RULE:
            raise InvalidRequest(f"A policy has at most {_MOST_RULE} characters.")
        async with self._db.transaction() as tx:
            await change_model(tx)
            compile_policy(name, rule, windows_of(await load_models(tx)))
            if before := await tx.fetch_one(_Row, f"{_SELECT} WHERE name = :name", name=name):
                require_cover(holdings, _of_ostiary(_rule(before)))
            await tx.execute(
                "INSERT INTO policies (name, rule, created_at, updated_at) VALUES (:name, :rule, :now, :now)"
                " ON CONFLICT (name) DO UPDATE SET rule = excluded.rule, updated_at = excluded.updated_at",
                name=name,
                rule=text,
                now=now,
            )
            await record(tx, now, Event.POLICY_CHANGED, caller.actor, None, policy=name, rule=msgspec.to_builtins(rule))
            return _view(await _row(tx, name))

    async def delete(self, caller: Caller, name: str) -> None:
        """Take a policy away.

        Raises:
            NotFound: there is no such policy.
            Forbidden: it is about more of Ostiary than the caller holds.
        """
        await caller.require(Permission.POLICIES_UPDATE)
        holdings, now = await self._authorizer.holdings(caller), self._clock()
        async with self._db.transaction() as tx:
            await change_model(tx)
            before = _rule(await _row(tx, name))
            require_cover(holdings, _of_ostiary(before))
            await tx.execute("DELETE FROM policies WHERE name = :name", name=name)
            await record(tx, now, Event.POLICY_DELETED, caller.actor, None, policy=name)


def _check(name: str, rule: PolicyRule) -> None:
    if re.fullmatch(_NAME, name) is None:
        raise InvalidRequest("A policy is named in lower case, with at most 64 characters.", field="name")
    for action in _each(rule.action):
        if re.fullmatch(_ACTION, action) is None:
            raise InvalidRequest("An action is written in lower case, like read; * is every one.", field="action")
    for resource in _each(rule.resource):
        if re.fullmatch(_RESOURCE, resource) is None:
            raise InvalidRequest("A resource type is written in lower case; * is every one.", field="resource")
        if rule.effect == "allow" and f"{resource}.".startswith(NAMESPACE):
            raise InvalidRequest(
                "Ostiary's own permissions are given by roles and grants only; a policy may deny them.",
                field="resource",
            )


def _of_ostiary(rule: PolicyRule) -> list[str]:
    """What of Ostiary's own permissions the policy is about."""
    return [f"{resource}.*" for resource in _each(rule.resource) if f"{resource}.".startswith(NAMESPACE)]


def _each(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else names


def _rule(row: _Row) -> PolicyRule:
    return msgspec.json.decode(row.rule, type=PolicyRule)


async def _row(on: Reader, name: str) -> _Row:
    row = await on.fetch_one(_Row, f"{_SELECT} WHERE name = :name", name=name)
    if row is None:
        raise NotFound("There is no such policy.")
    return row


def _view(row: _Row) -> Policy:
    return Policy(row.name, _rule(row), rfc3339(row.created_at), rfc3339(row.updated_at))
