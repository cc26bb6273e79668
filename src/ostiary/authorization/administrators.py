"""There is always somebody who can administer Ostiary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

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
    found = await tx.fetch_all(
        _Administrator,
        "SELECT DISTINCT held.account_id AS account_id FROM role_assignments held"
        " JOIN accounts ON accounts.id = held.account_id"
        " WHERE held.role = :administrator AND held.resource_type = '' AND accounts.status = 'active'"
        " AND NOT EXISTS (SELECT 1 FROM direct_grants denied WHERE denied.account_id = held.account_id"
        "  AND denied.effect = 'deny' AND denied.resource_type = ''"
        "  AND (denied.permission = '*' OR denied.permission LIKE :own)"
        "  AND (denied.expires_at IS NULL OR denied.expires_at > :now))"
        " LIMIT 2",
        administrator=ADMINISTRATOR,
        own=f"{NAMESPACE}%",
        now=now,
    )
    return [each.account_id for each in found] == [account_id]


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
