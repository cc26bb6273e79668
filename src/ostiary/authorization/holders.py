"""Who can hold roles and grants: an account, or a group, whose members then have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ostiary.authorization.membership import change_members_privileges
from ostiary.authorization.model import Resource, parse_resource
from ostiary.authorization.relations import SubjectSet, read_key
from ostiary.authorization.schema import USER
from ostiary.authorization.store import require_account

if TYPE_CHECKING:
    from ostiary.database import Transaction

_GROUP, _MEMBER = "group", "member"


class Group(msgspec.Struct, frozen=True):
    """All members of a group, by its id; a group without members is one, too."""

    id: str

    @property
    def key(self) -> str:
        return SubjectSet(_GROUP, self.id, _MEMBER).key


Holder = str | Group
"""An account's id, or a group."""


def stored(holder: Holder) -> str:
    """What the column of :func:`column_of` holds. Raises InvalidRequest where no group can have this id."""
    if isinstance(holder, str):
        return holder
    parse_resource(Resource(_GROUP, holder.id), "group")
    return holder.key


def column_of(holder: Holder) -> str:
    """The column of ``role_assignments`` and ``direct_grants`` that names such a holder."""
    return "account_id" if isinstance(holder, str) else "group_id"


def both_columns(holder: Holder) -> tuple[str | None, str | None]:
    """The columns ``account_id`` and ``group_id``, of which one is there."""
    return (holder, None) if isinstance(holder, str) else (None, stored(holder))


def group_shown(group_id: str | None) -> str | None:
    """A group's own id, of the key that is stored."""
    return None if group_id is None else read_key(group_id).id


def recorded(holder: Holder) -> tuple[str | None, dict[str, object]]:
    """The account of an audit event, and what else it says of the holder."""
    return (holder, {}) if isinstance(holder, str) else (None, {"group": holder.id})


def words(holder: Holder) -> str:
    return "The account" if isinstance(holder, str) else "The group"


async def require_holder(tx: Transaction, holder: Holder) -> None:
    """Raises NotFound for an account that does not exist; groups are there by being named."""
    if isinstance(holder, str):
        await require_account(tx, holder)


async def change_holder_privileges(tx: Transaction, holder: Holder) -> None:
    """Have the sessions of the account, or of all members, given new secrets."""
    await change_members_privileges(tx, f"{USER}:{holder}" if isinstance(holder, str) else holder.key)
