"""What a person changes of their own account by themselves."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from ostiary.accounts.model import Account, TypedName, TypedUsername, parse_name, parse_username
from ostiary.accounts.store import AccountStore, AccountUpdate
from ostiary.audit import Event, record
from ostiary.authorization import Caller
from ostiary.database import Database
from ostiary.errors import Unauthenticated, UsernameTaken


class ProfileChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members that are left out stay as they are; an empty username removes it."""

    name: TypedName | UnsetType = UNSET
    username: TypedUsername | UnsetType | None = UNSET


class Profiles:
    """Reads and changes the caller's own account."""

    def __init__(self, db: Database, accounts: AccountStore) -> None:
        self._db = db
        self._accounts = accounts

    async def read(self, caller: Caller) -> Account:
        """The caller's own account.

        Raises:
            Unauthenticated: nobody is signed in, or the account was deleted a moment ago.
        """
        # No permission needed: it is the caller's own account.
        account = await self._accounts.get(caller.require_account())
        if account is None:
            raise Unauthenticated
        return account

    async def change(self, caller: Caller, change: ProfileChange) -> Account:
        """Change the caller's name or username.

        Raises:
            Unauthenticated: nobody is signed in; PersonRequired: a key calls.
            InvalidRequest: one of them cannot be used.
            UsernameTaken: somebody else has it.
        """
        # No permission needed: it is the caller's own account.
        account_id = caller.require_person()
        update = AccountUpdate(
            name=UNSET if change.name is UNSET else parse_name(change.name),
            username=UNSET if change.username is UNSET else parse_username(change.username),
        )
        async with self._db.transaction() as tx:
            changed = await self._accounts.update(tx, account_id, caller.at, update)
            if changed is None and await self._accounts.get_in(tx, account_id) is None:
                raise Unauthenticated
            if changed is None:
                raise UsernameTaken(field="username")
            await record(tx, caller.at, Event.ACCOUNT_PROFILE_CHANGED, caller.actor, account_id)
        return changed
