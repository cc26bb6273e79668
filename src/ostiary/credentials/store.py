"""Enrolled credentials in SQL: one table, whatever the type."""

from __future__ import annotations

import msgspec

from ostiary.audit import SYSTEM, Event, record
from ostiary.base.ids import new_id
from ostiary.credentials.face import CredentialType
from ostiary.database import Database, Reader, Transaction


class StoredCredential(msgspec.Struct, frozen=True):
    """One row. Times in milliseconds.

    Attributes:
        second: having it makes every sign-in ask for a second factor (0 or 1).
        lookup: finds it without the account; unique.
        counter: goes up with each use.
        data: the type's own; sealed where it is secret.
    """

    id: str
    account_id: str
    type: CredentialType
    name: str
    second: int
    lookup: bytes | None
    counter: int
    data: bytes
    created_at: int
    used_at: int | None

    def __repr__(self) -> str:
        return f"StoredCredential({self.id}, {self.type})"


_COLUMNS = ", ".join(StoredCredential.__struct_fields__)
_VALUES = ", ".join(":" + name for name in StoredCredential.__struct_fields__)


class CredentialStore:
    """Reads and writes; decides nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def insert(
        self,
        tx: Transaction,
        now: int,
        *,
        account_id: str,
        kind: CredentialType,
        name: str,
        second: bool,
        data: bytes,
        lookup: bytes | None = None,
        counter: int = 0,
    ) -> StoredCredential | None:
        """A new credential; None where its ``lookup`` is somebody's already."""
        return await tx.fetch_one(
            StoredCredential,
            f"INSERT INTO credentials ({_COLUMNS}) VALUES ({_VALUES}) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
            id=new_id("cred", now),
            account_id=account_id,
            type=kind,
            name=name,
            second=int(second),
            lookup=lookup,
            counter=counter,
            data=data,
            created_at=now,
            used_at=None,
        )

    async def of_account(
        self, account_id: str, kind: CredentialType | None = None, reader: Reader | None = None
    ) -> list[StoredCredential]:
        """The account's, of one type or of all, oldest first."""
        return await (reader or self._db).fetch_all(
            StoredCredential,
            f"SELECT {_COLUMNS} FROM credentials WHERE account_id = :account_id AND (:type = '' OR type = :type)"
            " ORDER BY id",
            account_id=account_id,
            type=kind or "",
        )

    async def by_lookup(self, lookup: bytes) -> StoredCredential | None:
        """The one that this finds."""
        return await self._db.fetch_one(
            StoredCredential, f"SELECT {_COLUMNS} FROM credentials WHERE lookup = :lookup", lookup=lookup
        )

    async def use(self, credential_id: str, before: int, after: int, now: int, data: bytes | None = None) -> bool:
        """Note a use that moves the counter from ``before`` to ``after``; False where another use came first.

        Args:
            data: what the type's own data is from now on; None leaves it.
        """
        async with self._db.transaction() as tx:
            moved = await tx.execute(
                "UPDATE credentials SET counter = :after, used_at = :now, data = COALESCE(:data, data)"
                " WHERE id = :id AND counter = :before",
                id=credential_id,
                before=before,
                after=after,
                now=now,
                data=data,
            )
        return moved == 1

    async def note_copied(self, row: StoredCredential, counter: int, now: int) -> None:
        """Record that a use came with a counter that the credential has passed: somebody has a copy of its key."""
        async with self._db.transaction() as tx:
            await record(
                tx,
                now,
                Event.CREDENTIAL_CLONED,
                SYSTEM,
                row.account_id,
                credential=row.id,
                counter=counter,
                expected_above=row.counter,
            )

    async def rename(self, tx: Transaction, account_id: str, credential_id: str, name: str) -> StoredCredential | None:
        """Give it another name; None where the account has none of that id."""
        return await tx.fetch_one(
            StoredCredential,
            f"UPDATE credentials SET name = :name WHERE id = :id AND account_id = :account_id RETURNING {_COLUMNS}",
            id=credential_id,
            account_id=account_id,
            name=name,
        )

    async def remove(self, tx: Transaction, account_id: str, credential_id: str) -> StoredCredential | None:
        """Remove it; None where the account has none of that id."""
        return await tx.fetch_one(
            StoredCredential,
            f"DELETE FROM credentials WHERE id = :id AND account_id = :account_id RETURNING {_COLUMNS}",
            id=credential_id,
            account_id=account_id,
        )
