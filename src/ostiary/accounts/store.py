"""Accounts in SQL."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from ostiary.accounts.model import Account, AccountView, Status, account_view, username_key
from ostiary.base.email import EmailAddress, parse_email
from ostiary.base.ids import new_id
from ostiary.base.pages import Page, check_limit, decode_cursor, page_of
from ostiary.database import Database, Memo, Transaction, UniqueViolation
from ostiary.errors import InvalidRequest

COLUMNS = ", ".join(Account.__struct_fields__)
_VALUES = ", ".join(":" + name for name in Account.__struct_fields__)


class AccountUpdate(msgspec.Struct, frozen=True):
    """Which members to write, parsed; those left out stay as they are. A new address counts as verified."""

    email: EmailAddress | UnsetType = UNSET
    username: str | UnsetType | None = UNSET
    name: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET


class AccountStore:
    """Reads and writes accounts; decides nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._memo: Memo[str, Account] = Memo(db)

    async def get(self, account_id: str) -> Account | None:
        """The account with this id."""

        async def read() -> Account | None:
            return await self._db.fetch_one(Account, f"SELECT {COLUMNS} FROM accounts WHERE id = :id", id=account_id)

        return await self._memo.get(account_id, read)

    async def get_in(self, tx: Transaction, account_id: str) -> Account | None:
        """The account with this id, as the transaction sees it."""
        return await tx.fetch_one(Account, f"SELECT {COLUMNS} FROM accounts WHERE id = :id", id=account_id)

    async def hold(self, tx: Transaction, account_id: str) -> Account | None:
        """The account with this id, which nobody else changes or deletes until the end of the transaction."""
        return await tx.fetch_one(
            Account, f"SELECT {COLUMNS} FROM accounts WHERE id = :id /* FOR NO KEY UPDATE */", id=account_id
        )

    async def by_identifier(self, identifier: str) -> Account | None:
        """The account that somebody means who types this e-mail address or username."""
        column, key = identifier_key(identifier)
        return await self._db.fetch_one(Account, f"SELECT {COLUMNS} FROM accounts WHERE {column} = :key", key=key)

    async def by_email(self, tx: Transaction, email_key: str) -> Account | None:
        """The account that has this address, in whatever status."""
        return await tx.fetch_one(Account, f"SELECT {COLUMNS} FROM accounts WHERE email_key = :key", key=email_key)

    async def username_taken(self, tx: Transaction, username: str | None, besides: str = "") -> bool:
        """Whether an account other than ``besides`` has this username."""
        return None is not await tx.fetch_value(
            "SELECT id FROM accounts WHERE username_key = :key AND id <> :besides",
            key=username_key(username) or "",
            besides=besides,
        )

    async def insert(
        self,
        tx: Transaction,
        now: int,
        *,
        status: str,
        email: str | None = None,
        email_key: str | None = None,
        email_verified: bool = False,
        username: str | None = None,
        name: str = "",
        kind: str = "user",
    ) -> Account | None:
        """A new account; None where its address or username belongs to another one already."""
        return await tx.fetch_one(
            Account,
            f"INSERT INTO accounts ({COLUMNS}) VALUES ({_VALUES}) ON CONFLICT DO NOTHING RETURNING {COLUMNS}",
            id=new_id("acc", now),
            kind=kind,
            status=status,
            email=email,
            email_key=email_key,
            email_verified_at=now if email_verified else None,
            username=username,
            username_key=username_key(username),
            name=name,
            created_at=now,
            updated_at=now,
        )

    async def update(self, tx: Transaction, account_id: str, now: int, change: AccountUpdate) -> Account | None:
        """Write the members that ``change`` has; None where the account is gone, or a name belongs to another one."""
        values: dict[str, str | int | None] = {}
        if change.email is not UNSET:
            values |= {"email": change.email.address, "email_key": change.email.key, "email_verified_at": now}
        if change.username is not UNSET:
            values |= {"username": change.username, "username_key": username_key(change.username)}
        if change.name is not UNSET:
            values["name"] = change.name
        if change.status is not UNSET:
            values["status"] = change.status
        columns = "".join(f", {name} = :{name}" for name in values)
        try:
            async with tx.savepoint():
                return await tx.fetch_one(
                    Account,
                    f"UPDATE accounts SET updated_at = :now{columns} WHERE id = :id RETURNING {COLUMNS}",
                    id=account_id,
                    now=now,
                    **values,
                )
        except UniqueViolation:
            return None

    async def activate(self, tx: Transaction, account_id: str, now: int) -> Account | None:
        """End the wait for the proof of the address; None where the account is not pending any more."""
        return await tx.fetch_one(
            Account,
            "UPDATE accounts SET status = 'active', email_verified_at = :now, updated_at = :now"
            f" WHERE id = :id AND status = 'pending' RETURNING {COLUMNS}",
            id=account_id,
            now=now,
        )

    async def end_flows(self, tx: Transaction, account_id: str) -> None:
        """End what was begun by who read the mail of the address before; the messages of it are there."""
        await tx.execute("DELETE FROM flows WHERE account_id = :id", id=account_id)

    async def delete_pending(self, tx: Transaction, email_key: str) -> None:
        """Delete the account, if any, that claims this address without having proved it."""
        await tx.execute("DELETE FROM accounts WHERE email_key = :key AND status = 'pending'", key=email_key)

    async def delete(self, tx: Transaction, account_id: str) -> bool:
        """Delete an account with all that belongs to it; False where there is none."""
        return await tx.execute("DELETE FROM accounts WHERE id = :id", id=account_id) == 1

    async def listed(self, cursor: str | None, limit: int) -> Page[AccountView]:
        """A page of accounts, oldest first."""
        found = await self._db.fetch_all(
            Account,
            f"SELECT {COLUMNS} FROM accounts WHERE id > :after ORDER BY id LIMIT :limit",
            after="" if cursor is None else decode_cursor(cursor),
            limit=check_limit(limit) + 1,
        )
        return page_of(found, limit, lambda account: account.id, account_view)

    async def sweep_pending(self, tx: Transaction, before: int, limit: int = 500) -> int:
        """Delete up to ``limit`` accounts that never proved their address and are older than ``before``.

        Those that were imported stay: their owner has an account already, and only has to come.
        """
        return await tx.execute(
            "DELETE FROM accounts WHERE status = 'pending' AND id IN (SELECT id FROM accounts WHERE status = 'pending'"
            " AND import_mark IS NULL AND created_at < :before ORDER BY created_at LIMIT :limit)",
            before=before,
            limit=limit,
        )


def identifier_key(identifier: str) -> tuple[str, str]:
    """The column and the normal form under which a typed e-mail address or username is looked up.

    What can be neither still gets a key, one that no account has: a wrong identifier takes the same way as an unknown.
    """
    column = "email_key" if "@" in identifier else "username_key"
    if column == "email_key" and not identifier.isascii():
        try:
            return column, parse_email(identifier).key
        except InvalidRequest:
            pass
    return column, identifier.strip().lower()[:254]  # of an ASCII address, the same key without the parsing
