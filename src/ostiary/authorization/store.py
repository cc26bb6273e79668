"""Reading the facts. Each statement is one snapshot, so a half-written change is never seen."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from ostiary.authorization.facts import Policy, Subject, compile_subject
from ostiary.authorization.model import Effect, Granted, Resource
from ostiary.errors import NotFound

if TYPE_CHECKING:
    from ostiary.database import Reader, Transaction


class _RoleFact(msgspec.Struct, frozen=True):
    kind: str
    role: str
    value: str


class _SubjectFact(msgspec.Struct, frozen=True):
    fact: str
    name: str
    detail: str
    resource_type: str
    resource_id: str
    expires_at: int | None


class _Held(msgspec.Struct, frozen=True):
    permission: str


async def load_policy(db: Reader) -> Policy:
    rows = await db.fetch_all(
        _RoleFact,
        "SELECT 'permission' AS kind, role, permission AS value FROM role_permissions"
        " UNION ALL SELECT 'include', role, included FROM role_includes",
    )
    found: dict[str, dict[str, list[str]]] = {"permission": defaultdict(list), "include": defaultdict(list)}
    for row in rows:
        found[row.kind][row.role].append(row.value)
    return Policy(found["permission"], found["include"])


async def load_subject(db: Reader, account_id: str) -> Subject | None:
    rows = await db.fetch_all(
        _SubjectFact,
        "SELECT 'account' AS fact, kind AS name, status AS detail, '' AS resource_type, '' AS resource_id,"
        " CAST(NULL AS BIGINT) AS expires_at FROM accounts WHERE id = :account_id"
        " UNION ALL SELECT 'role', role, '', resource_type, resource_id, NULL FROM role_assignments"
        " WHERE account_id = :account_id"
        " UNION ALL SELECT 'grant', permission, effect, resource_type, resource_id, expires_at FROM direct_grants"
        " WHERE account_id = :account_id",
        account_id=account_id,
    )
    account = next((row for row in rows if row.fact == "account"), None)
    if account is None:
        return None
    return compile_subject(
        account.name,
        account_id,
        account.detail == "active",
        [(row.name, place(row.resource_type, row.resource_id)) for row in rows if row.fact == "role"],
        [
            Granted(row.name, Effect(row.detail), place(row.resource_type, row.resource_id), row.expires_at)
            for row in rows
            if row.fact == "grant"
        ],
    )


async def lock_facts(tx: Transaction) -> None:
    """Make this transaction the only one that changes facts until it ends, and its change seen by the next decision.

    To be called before anything is read that the change depends on.
    """
    await tx.bump("authorization")


async def held_by_role(tx: Transaction, role: str) -> frozenset[str]:
    """Every permission and wildcard that the role holds as the transaction sees it, itself or through others."""
    rows = await tx.fetch_all(
        _Held,
        "WITH RECURSIVE reached (role) AS (SELECT name FROM roles WHERE name = :role"
        " UNION SELECT included FROM role_includes JOIN reached ON reached.role = role_includes.role)"
        " SELECT permission FROM role_permissions JOIN reached ON reached.role = role_permissions.role",
        role=role,
    )
    return frozenset(row.permission for row in rows)


async def require_account(tx: Transaction, account_id: str) -> None:
    """Raises NotFound unless the account exists."""
    if await tx.fetch_value("SELECT 1 FROM accounts WHERE id = :account_id", account_id=account_id) is None:
        raise NotFound("There is no such account.")


async def change_privileges(tx: Transaction, account_id: str) -> None:
    """Have the account's sessions given new secrets, as at each change of what it may do."""
    await tx.execute("UPDATE accounts SET privilege_epoch = privilege_epoch + 1 WHERE id = :id", id=account_id)


def place(resource_type: str, resource_id: str) -> Resource | None:
    """The resource of a stored row; both columns are empty where a fact holds everywhere."""
    return Resource(resource_type, resource_id) if resource_type else None


def columns(resource: Resource | None) -> dict[str, str]:
    """The other way round: the statement's parameters ``resource_type`` and ``resource_id``."""
    if resource is None:
        return {"resource_type": "", "resource_id": ""}
    return {"resource_type": resource.type, "resource_id": resource.id}
