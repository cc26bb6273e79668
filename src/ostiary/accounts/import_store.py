"""The SQL of imported accounts, and what a dry run remembers of a file."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec

from ostiary.accounts.import_row import ImportRow
from ostiary.accounts.store import COLUMNS
from ostiary.database import Database, Reader, Transaction


class Holder(msgspec.Struct, frozen=True):
    """Who has an address or a username already."""

    id: str
    status: str
    import_mark: bytes | None


class ImportStore:
    """Reads and writes; decides nothing."""

    async def insert(self, tx: Transaction, row: ImportRow, account_id: str, mark: bytes, now: int) -> bool:
        """Write an account; False where its address or username belongs to another one."""
        return (
            await tx.execute(
                f"INSERT INTO accounts ({COLUMNS}, import_mark) VALUES (:id, :kind, :status, :email, :email_key,"
                " :email_verified_at, :username, :username_key, :name, :created_at, :updated_at, :import_mark)"
                " ON CONFLICT DO NOTHING",
                id=account_id,
                kind=row.kind,
                status=row.status,
                email=row.email,
                email_key=row.email_key,
                email_verified_at=now if row.email_verified else None,
                username=row.username,
                username_key=row.username_key,
                name=row.name,
                created_at=now if row.created_at is None else row.created_at,
                updated_at=now,
                import_mark=mark,
            )
            == 1
        )

    async def holder_of_email(self, reader: Reader, email_key: str | None) -> Holder | None:
        return await reader.fetch_one(
            Holder, "SELECT id, status, import_mark FROM accounts WHERE email_key = :key", key=email_key
        )

    async def holder_of_username(self, reader: Reader, username_key: str | None) -> Holder | None:
        return await reader.fetch_one(
            Holder, "SELECT id, status, import_mark FROM accounts WHERE username_key = :key", key=username_key
        )

    async def delete_unproved(self, tx: Transaction, account_id: str) -> None:
        """Delete an account that somebody registered and has not proved the address of."""
        await tx.execute(
            "DELETE FROM accounts WHERE id = :id AND status = 'pending' AND import_mark IS NULL", id=account_id
        )


class Seen:
    """The names of one file, outside of memory: a file may have any number of them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Seen]:
        """In a folder of its own that is gone afterwards. Only keyed hashes are ever in it."""
        with tempfile.TemporaryDirectory(prefix="ostiary-import-") as folder:
            db = await Database.open(f"sqlite:///{Path(folder) / 'seen.db'}")
            try:
                async with db.transaction() as tx:
                    await tx.execute("CREATE TABLE seen (name BLOB NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID")
                yield cls(db)
            finally:
                await db.close()

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return self._db.transaction()

    async def has(self, tx: Transaction, name: bytes | None) -> bool:
        """Whether it was added; None never was."""
        return None is not await tx.fetch_value("SELECT 1 FROM seen WHERE name = :name", name=name)

    async def add(self, tx: Transaction, *names: bytes | None) -> None:
        for name in names:
            if name is not None:
                await tx.execute("INSERT INTO seen (name) VALUES (:name)", name=name)
