"""Sets of subjects by their tuples: what a set brings its members, and who they are.

A set is known by its key, ``group#member:eng``. Its members are found downwards, through groups in groups, and what it
holds upwards, through the groups that it is in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ostiary.authorization.model import Effect
from ostiary.authorization.relations import EVERYBODY, SIGNED_IN, read_key
from ostiary.authorization.schema import USER
from ostiary.authorization.store import change_privileges

if TYPE_CHECKING:
    from ostiary.database import Reader, Transaction

_UPWARDS = (
    " UNION SELECT sets.type || '#' || sets.relation || ':' || substr(relations.object, length(sets.type) + 2)"
    " FROM held CROSS JOIN subject_sets sets CROSS JOIN relations"
    " WHERE relations.subject = held.subject AND relations.relation = sets.relation"
    " AND relations.object > sets.type || ':' AND relations.object < sets.type || ';')"
)
_OF_SET = f"WITH RECURSIVE held (subject) AS (SELECT CAST(:key AS TEXT){_UPWARDS}"
SETS_OF_ACCOUNT = (
    "WITH RECURSIVE held (subject) AS (SELECT CAST(:key AS TEXT) UNION ALL SELECT CAST(:signed_in AS TEXT)"
    f" UNION ALL SELECT CAST(:everybody AS TEXT){_UPWARDS}"
)
"""Begins a statement that reads ``held``: every key that an account is known by. See :func:`account_keys`."""

_MEMBERS = (
    "WITH RECURSIVE members (subject) AS (SELECT CAST(:key AS TEXT) UNION SELECT relations.subject"
    " FROM members CROSS JOIN subject_sets sets CROSS JOIN relations"
    " WHERE substr(members.subject, 1, length(sets.type) + length(sets.relation) + 2)"
    " = sets.type || '#' || sets.relation || ':' AND relations.relation = sets.relation"
    " AND relations.object = sets.type || ':'"
    " || substr(members.subject, length(sets.type) + length(sets.relation) + 3))"
)


class Held(msgspec.Struct, frozen=True):
    """What whoever is in a set has by it, through the sets that it is in as well.

    Attributes:
        patterns: permissions, allowed and denied, of its roles and grants.
        denied: those of them that are denied everywhere.
    """

    patterns: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()


class _Fact(msgspec.Struct, frozen=True):
    permission: str
    effect: str
    everywhere: int


def account_keys(account_id: str) -> dict[str, str]:
    """The parameters of :data:`SETS_OF_ACCOUNT`."""
    return {"key": f"{USER}:{account_id}", "signed_in": SIGNED_IN, "everybody": EVERYBODY}


async def held_by_set(tx: Reader, key: str) -> Held:
    """What a set of subjects has by roles and grants, its own and those of the sets that it is in."""
    rows = await tx.fetch_all(
        _Fact,
        f"{_OF_SET}, reached (role) AS ("
        "SELECT role FROM role_assignments WHERE group_id IN (SELECT subject FROM held)"
        " UNION SELECT included FROM role_includes JOIN reached ON reached.role = role_includes.role)"
        " SELECT permission, 'allow' AS effect, 0 AS everywhere FROM role_permissions"
        " WHERE role IN (SELECT role FROM reached)"
        " UNION SELECT permission, effect, CASE resource_type WHEN '' THEN 1 ELSE 0 END FROM direct_grants"
        " WHERE group_id IN (SELECT subject FROM held)",
        key=key,
    )
    denied = frozenset(row.permission for row in rows if row.effect == Effect.DENY and row.everywhere)
    return Held(frozenset(row.permission for row in rows), denied)


async def any_set_holds(tx: Reader) -> bool:
    """Whether any set of subjects has any role or grant at all."""
    found = await tx.fetch_value(
        "SELECT 1 FROM role_assignments WHERE group_id > '' UNION ALL SELECT 1 FROM direct_grants WHERE group_id > ''"
        " LIMIT 1"
    )
    return found is not None


async def change_members_privileges(tx: Transaction, key: str) -> None:
    """Have the sessions of all that ``key`` stands for given new secrets: one account, or the members of a set.

    Everybody (``user:*``) is nobody in particular: a change for all accounts at once renews no session.
    """
    subject = read_key(key)
    if subject.type == USER and not subject.relation:
        await change_privileges(tx, subject.id)
    elif subject.relation:
        await tx.execute(
            "UPDATE accounts SET privilege_epoch = privilege_epoch + 1 WHERE id IN ("
            f"{_MEMBERS} SELECT substr(subject, 6) FROM members WHERE substr(subject, 1, 5) = 'user:')",
            key=key,
        )
