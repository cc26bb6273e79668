"""API keys in SQL. Each change of state is one conditional statement."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from ostiary.base.clock import MINUTE, SECOND
from ostiary.base.ids import new_id
from ostiary.base.pages import check_limit, decode_cursor
from ostiary.credentials.api_key import hint_of, key_hash
from ostiary.database import Database, Memo, Reader, Transaction, Value

USED_EVERY = 5 * MINUTE
"""A use is noted when none was for so long: each note is a write, and keys are used all the time."""
ROTATED_EVERY = 10 * SECOND
"""Of rotations that come so close together one counts: the secret of another would be dead before it is put to use."""

Flaw = Literal["expired", "rotated", "account"]


class ApiKey(msgspec.Struct, frozen=True):
    """One row. Times in milliseconds.

    Attributes:
        hint: the last characters of the key.
        previous_hash: of the key before the last rotation, which is good until ``previous_until``.
        scopes, networks: separated by spaces.
        used_at: to ``USED_EVERY``.
    """

    id: str
    account_id: str
    name: str
    hint: str
    key_hash: bytes
    previous_hash: bytes | None
    previous_until: int | None
    scopes: str
    networks: str
    created_at: int
    rotated_at: int | None
    expires_at: int | None
    used_at: int | None

    def __repr__(self) -> str:
        return f"ApiKey({self.id})"


class FoundKey(msgspec.Struct, frozen=True):
    """A key that somebody has shown, with what stands in ``accounts`` of its owner, as it is now.

    Attributes:
        account: the columns that the store was asked to read along.
        active: whether the account may do anything.
    """

    key: ApiKey
    account: tuple[Value, ...]
    active: bool
    scopes: frozenset[str]

    def flaw(self, shown: bytes, now: int) -> Flaw | None:
        """Why the key, shown by this hash, is not good any more; None where it is."""
        key = self.key
        if key.expires_at is not None and key.expires_at <= now:
            return "expired"
        if shown != key.key_hash and (key.previous_until or 0) <= now:
            return "rotated"
        return None if self.active else "account"

    def allows(self, address: str) -> bool:
        """Whether the key is good at this network address."""
        return not self.key.networks or _is_in(self.key.networks, address)


@lru_cache(4096)  # programs call from the same few addresses all the time
def _is_in(networks: str, address: str) -> bool:
    """Whether an address is in one of these networks; one that cannot be read is in none."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in ip_network(each) for each in networks.split())


class ApiKeyChange(msgspec.Struct, frozen=True):
    """Which members to write, as they are stored; those left out stay as they are."""

    name: str | UnsetType = UNSET
    scopes: str | UnsetType = UNSET
    networks: str | UnsetType = UNSET
    expires_at: int | UnsetType | None = UNSET


_NAMES = ApiKey.__struct_fields__
_COLUMNS = ", ".join(_NAMES)
_VALUES = ", ".join(":" + name for name in _NAMES)
_OF_KEY = ", ".join("k." + name for name in _NAMES)
_MINE = "id = :id AND account_id = :account_id"


class ApiKeyStore:
    """Reads and writes; decides nothing."""

    def __init__(self, db: Database, account_columns: Sequence[str]) -> None:
        """``account_columns``: what to read along of ``accounts``, since every request needs both."""
        self._db = db
        self._memo: Memo[bytes, FoundKey] = Memo(db)
        columns = ", ".join("a." + name for name in account_columns)
        self._statement = (
            f"SELECT {_OF_KEY}, a.status, {columns} FROM api_keys k JOIN accounts a ON a.id = k.account_id"
            " WHERE k.key_hash = :hash OR k.previous_hash = :hash"
        )

    async def find(self, shown: bytes) -> FoundKey | None:
        """The key with this hash, or with this one before its last rotation, good or not."""
        return await self._memo.get(shown, lambda: self._read(shown))

    async def _read(self, shown: bytes) -> FoundKey | None:
        row = await self._db.fetch_tuple(self._statement, hash=shown)
        if row is None:
            return None
        count = len(_NAMES)
        key = ApiKey(*row[:count])  # type: ignore[arg-type]  # the columns are those of the struct
        active = row[count] == "active"
        return FoundKey(key, row[count + 1 :], active, frozenset(key.scopes.split()))

    async def note_use(self, key: ApiKey, now: int) -> None:
        """Remember that the key is in use, where that was not noted for ``USED_EVERY``; of uses at once one writes."""
        if now - (key.used_at or 0) < USED_EVERY:
            return
        async with self._db.transaction() as tx:
            await tx.execute(
                "UPDATE api_keys SET used_at = :now WHERE id = :id AND COALESCE(used_at, 0) = :before",
                id=key.id,
                now=now,
                before=key.used_at or 0,
            )

    async def insert(
        self,
        tx: Transaction,
        now: int,
        *,
        account_id: str,
        key: str,
        name: str,
        scopes: str,
        networks: str,
        expires_at: int | None,
    ) -> ApiKey:
        """A new key."""
        made = ApiKey(
            id=new_id("key", now),
            account_id=account_id,
            name=name,
            hint=hint_of(key),
            key_hash=key_hash(key),
            previous_hash=None,
            previous_until=None,
            scopes=scopes,
            networks=networks,
            created_at=now,
            rotated_at=None,
            expires_at=expires_at,
            used_at=None,
        )
        await tx.execute(f"INSERT INTO api_keys ({_COLUMNS}) VALUES ({_VALUES})", **msgspec.structs.asdict(made))
        return made

    async def count(self, tx: Transaction, account_id: str) -> int:
        """How many keys the account has, expired ones too."""
        return int(await tx.fetch_value("SELECT COUNT(*) FROM api_keys WHERE account_id = :id", id=account_id))

    async def of_account(self, account_id: str, cursor: str | None, limit: int) -> list[ApiKey]:
        """Up to ``limit + 1`` of the account's keys, oldest first."""
        return await self._db.fetch_all(
            ApiKey,
            f"SELECT {_COLUMNS} FROM api_keys WHERE account_id = :account_id AND id > :after ORDER BY id LIMIT :most",
            account_id=account_id,
            after="" if cursor is None else decode_cursor(cursor),
            most=check_limit(limit) + 1,
        )

    async def get(self, account_id: str, key_id: str, reader: Reader | None = None) -> ApiKey | None:
        """One key of the account."""
        return await (reader or self._db).fetch_one(
            ApiKey, f"SELECT {_COLUMNS} FROM api_keys WHERE {_MINE}", id=key_id, account_id=account_id
        )

    async def change(self, tx: Transaction, account_id: str, key_id: str, change: ApiKeyChange) -> ApiKey | None:
        """Write the members that ``change`` has; None where the account has no such key."""
        written = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}
        columns = ", ".join(f"{name} = :{name}" for name in written)
        if not written:
            return await self.get(account_id, key_id, tx)
        return await tx.fetch_one(
            ApiKey,
            f"UPDATE api_keys SET {columns} WHERE {_MINE} RETURNING {_COLUMNS}",
            id=key_id,
            account_id=account_id,
            **written,
        )

    async def rotate(
        self, tx: Transaction, account_id: str, key_id: str, key: str, now: int, previous_until: int
    ) -> ApiKey | None:
        """Put another secret in the place of the one that is there, which is good until ``previous_until``.

        Returns:
            None where the account has no such key, or another rotation came a moment ago.
        """
        return await tx.fetch_one(
            ApiKey,
            "UPDATE api_keys SET previous_hash = key_hash, previous_until = :previous_until, key_hash = :key_hash,"
            f" hint = :hint, rotated_at = :now WHERE {_MINE} AND COALESCE(rotated_at, 0) <= :before"
            f" RETURNING {_COLUMNS}",
            id=key_id,
            account_id=account_id,
            key_hash=key_hash(key),
            hint=hint_of(key),
            now=now,
            before=now - ROTATED_EVERY,
            previous_until=previous_until,
        )

    async def remove(self, tx: Transaction, account_id: str, key_id: str) -> ApiKey | None:
        """Remove it; None where the account has no such key."""
        return await tx.fetch_one(
            ApiKey, f"DELETE FROM api_keys WHERE {_MINE} RETURNING {_COLUMNS}", id=key_id, account_id=account_id
        )
