"""There is always somebody who can administer Ostiary."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from ostiary.authorization.escalation import own
from ostiary.authorization.model import Effect
from ostiary.authorization.store import load_subject
from ostiary.base.ids import new_id
from ostiary.permissions import ADMINISTRATOR, NAMESPACE

if TYPE_CHECKING:
    from ostiary.database import Reader, Transaction


class _Administrator(msgspec.Struct, frozen=True):
    account_id: str


async def is_last_administrator(tx: Transaction, account_id: str, now: int) -> bool:
    """Whether nobody but ``account_id`` is an administrator: active, with the built-in role everywhere, undenied.

    Only an answer to act on in a transaction that has bumped ``authorization`` before: two administrators that are
    removed in parallel would otherwise each see the other.
    """
    candidates = await _administrators(tx, now)
    return account_id in candidates and not await _any_undenied(tx, candidates - {account_id}, now)


async def leaves_no_administrator(tx: Transaction, now: int) -> bool:
    """Whether nobody is an administrator in that sense any more: a change of groups may deny many at once.

    Not where nobody active has the role at all: then it is not this change that took anybody away.
    """
    return await has_administrator(tx) and not await _any_undenied(tx, await _administrators(tx, now), now)


async def _administrators(tx: Transaction, now: int) -> frozenset[str]:
    """Active accounts that have the role themselves and no denial of their own; those by a group do not count."""
    found = await tx.fetch_all(
        _Administrator,
        "SELECT DISTINCT held.account_id AS account_id FROM role_assignments held"
        " JOIN accounts ON accounts.id = held.account_id"
        " WHERE held.role = :administrator AND held.resource_type = '' AND accounts.status = 'active'"
        " AND NOT EXISTS (SELECT 1 FROM direct_grants denied WHERE denied.account_id = held.account_id"
        "  AND denied.effect = 'deny' AND denied.resource_type = ''"
        "  AND (denied.permission = '*' OR denied.permission LIKE :own)"
        "  AND (denied.expires_at IS NULL OR denied.expires_at > :now))",
        administrator=ADMINISTRATOR,
        own=f"{NAMESPACE}%",
        now=now,
    )
    return frozenset(each.account_id for each in found)


async def _any_undenied(tx: Transaction, accounts: Iterable[str], now: int) -> bool:
    """Whether one of them is in no group either that is denied a part of Ostiary everywhere."""
    for account_id in sorted(accounts):
        subject = await load_subject(tx, account_id)
        if subject is not None and not own(
            grant.permission
            for grants in subject.everywhere.grants.values()
            for grant in grants
            if grant.effect is Effect.DENY and (grant.expires_at is None or now < grant.expires_at)
        ):
            return True
    return False


async def has_administrator(on: Reader) -> bool:
    """Whether anybody active has the built-in role everywhere."""
    return None is not await on.fetch_value(
        "SELECT held.account_id FROM role_assignments held JOIN accounts ON accounts.id = held.account_id"
        " WHERE held.role = :administrator AND held.resource_type = '' AND accounts.status = 'active' LIMIT 1",
        administrator=ADMINISTRATOR,
    )


async def appoint(tx: Transaction, account_id: str, now: int) -> None:
    """Give an account the built-in role everywhere, on nobody's authority but the operator's: for the first one only.

    Call ``tx.bump("authorization")`` before, so that two cannot both be the first.
    """
    await tx.execute(
        "INSERT INTO role_assignments (id, account_id, role, resource_type, resource_id, created_at)"
        " VALUES (:id, :account_id, :role, '', '', :now)",
        id=new_id("asg", now),
        account_id=account_id,
        role=ADMINISTRATOR,
        now=now,
    )
