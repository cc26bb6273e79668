"""Sessions in the database, SQLite or PostgreSQL. Each change of state is one conditional statement."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from ostiary.audit import SYSTEM, Event, record
from ostiary.database import Database, Memo, Transaction, Value
from ostiary.errors import TooManySessions
from ostiary.sessions.applications import note_ended
from ostiary.sessions.model import NO_DATA, Found, Session, SessionData, Stored
from ostiary.sessions.store import GRACE, Limit, SessionStore

_NAMES = Session.__struct_fields__
_COLUMNS = ", ".join(_NAMES)
_VALUES = ", ".join(":" + name for name in _NAMES)
_INSERT = f"INSERT INTO sessions ({_COLUMNS}, idle_expires_at) VALUES ({_VALUES}, :idle_expires_at)"
_EXPIRED = "sessions WHERE idle_expires_at <= :now"
_OF_SESSION = ", ".join("s." + name for name in _NAMES)
_IN_TURN = "ORDER BY idle_expires_at, id_hash LIMIT :limit"

STANDS = "a.status = 'active' AND (a.session_epoch = {epoch} OR a.kept_session = {id})"
"""Whether a session is still good as far as its account ``a`` goes: the one text of that rule."""
_STANDS = STANDS.format(epoch="s.epoch", id="s.id")
_ALL_BUT_ONE = "account_id = :account_id AND id <> :keep"


class _Id(msgspec.Struct, frozen=True):
    id: str


class _Data(msgspec.Struct, frozen=True):
    data: bytes
    version: int


class SqlSessions(SessionStore):
    """See :class:`SessionStore`."""

    def __init__(self, db: Database, account_columns: Sequence[str]) -> None:
        """``account_columns``: what to read along of ``accounts``, since every request needs both."""
        self._db = db
        self._memo: Memo[bytes, Found] = Memo(db)
        columns = ", ".join("a." + name for name in account_columns)
        self.statement = (
            f"SELECT {_OF_SESSION}, a.privilege_epoch, {columns}"
            " FROM sessions s LEFT JOIN accounts a ON a.id = s.account_id"
            f" WHERE s.id_hash = :id_hash AND (s.account_id IS NULL OR {_STANDS})"
        )

    async def find(self, id_hash: bytes, now: int) -> Found | None:
        found = await self._memo.get(id_hash, lambda: self._read(id_hash))
        if found is None or found.session.idle_expires_at <= now:
            return None
        if found.session.is_due(now):
            await self._touch(found.session, now)
        return found

    async def _read(self, id_hash: bytes) -> Found | None:
        row = await self._db.fetch_tuple(self.statement, id_hash=id_hash)
        if row is None:
            return None
        session = Session(*row[: len(_NAMES)])  # type: ignore[arg-type]  # the columns are those of the struct
        if session.account_id is None:
            return Found(session, None, 0)
        return Found(session, row[len(_NAMES) + 1 :], row[len(_NAMES)])  # type: ignore[arg-type]

    async def _touch(self, session: Session, now: int) -> None:
        async with self._db.transaction() as tx:
            await tx.execute(
                "UPDATE sessions SET seen_at = :now, idle_expires_at = :until"
                # Of requests at once, one writes.
                " WHERE id_hash = :id_hash AND seen_at = :seen_at AND superseded = 0",
                id_hash=session.id_hash,
                now=now,
                until=min(now + session.idle, session.expires_at),
                seen_at=session.seen_at,
            )

    async def begin(self, tx: Transaction, session: Session, limit: Limit | None = None) -> None:
        if limit is not None and session.account_id is not None:
            await self._make_room(tx, session.account_id, session.created_at, limit)
        await self._insert(tx, session)

    async def _insert(self, tx: Transaction, session: Session) -> None:
        await tx.execute(_INSERT, **_row(session))

    async def _make_room(self, tx: Transaction, account_id: str, now: int, limit: Limit) -> None:
        """The caller holds the account's row, so that two sign-ins at once do not both find room for the last."""
        open_ones = await tx.fetch_all(
            _Id,
            "SELECT id FROM sessions WHERE account_id = :account_id AND superseded = 0 AND idle_expires_at > :now"
            " ORDER BY created_at, id",
            account_id=account_id,
            now=now,
        )
        excess = len(open_ones) - limit.sessions + 1
        if excess > 0 and limit.refuse:
            raise TooManySessions
        for oldest in open_ones[: max(excess, 0)]:
            await self.end(tx, oldest.id, account_id, now)
            await record_ended_by_limit(tx, now, account_id, oldest.id)

    async def rotate(self, before: Session, after: Session) -> bool:
        grace_ends = min(after.seen_at + GRACE, before.expires_at)
        async with self._db.transaction() as tx:
            claimed = await tx.execute(
                "UPDATE sessions SET superseded = 1, expires_at = :until, idle_expires_at = :until"
                # What was bound to a key after it was read must not go on without it.
                " WHERE id_hash = :id_hash AND superseded = 0 AND bound_at = :bound_at",
                id_hash=before.id_hash,
                until=grace_ends,
                bound_at=before.bound_at,
            )
            if claimed:
                await self._insert(tx, after)
        return claimed == 1

    async def bind(self, session: Session, key: bytes, now: int) -> bool:
        async with self._db.transaction() as tx:
            bound = await tx.execute(
                "UPDATE sessions SET bound_key = :key, bound_at = :now"
                " WHERE id_hash = :id_hash AND superseded = 0 AND bound_at = 0",
                id_hash=session.id_hash,
                key=key,
                now=now,
            )
        return bound == 1

    async def of_account(self, account_id: str, now: int) -> list[Session]:
        return await self._db.fetch_all(
            Session,
            f"SELECT {_OF_SESSION} FROM sessions s JOIN accounts a ON a.id = s.account_id"
            " WHERE s.account_id = :account_id AND s.superseded = 0 AND s.idle_expires_at > :now"
            f" AND {_STANDS} ORDER BY s.created_at DESC, s.id DESC LIMIT 200",
            account_id=account_id,
            now=now,
        )

    async def end(self, tx: Transaction, session_id: str, account_id: str | None, until: int) -> bool:
        where = "account_id IS NULL" if account_id is None else "account_id = :account_id"
        params = {"id": session_id} | ({} if account_id is None else {"account_id": account_id})
        ended = False
        # Again, until there is none: where this has waited for a change of the secret, it has not seen the new one.
        while await tx.execute(f"DELETE FROM sessions WHERE id = :id AND {where}", **params):
            ended = True
        if ended:
            await tx.execute("DELETE FROM session_data WHERE session_id = :id", id=session_id)
        return ended

    async def end_all(self, tx: Transaction, account_id: str, keep: str | None) -> None:
        await tx.execute(
            f"DELETE FROM session_data WHERE session_id IN (SELECT id FROM sessions WHERE {_ALL_BUT_ONE})",
            account_id=account_id,
            keep=keep or "",
        )
        await tx.execute(f"DELETE FROM sessions WHERE {_ALL_BUT_ONE}", account_id=account_id, keep=keep or "")

    async def read_data(self, session_id: str) -> SessionData:
        row = await self._db.fetch_one(
            _Data, "SELECT data, version FROM session_data WHERE session_id = :id", id=session_id
        )
        return NO_DATA if row is None else SessionData(msgspec.json.decode(row.data), row.version)

    async def replace_data(self, session: Session, after: SessionData) -> bool:
        data = msgspec.json.encode(after.data)
        async with self._db.transaction() as tx:
            if after.version == 1:
                changed = await tx.execute(
                    "INSERT INTO session_data (session_id, data, version, expires_at)"
                    # Not for one that has ended meanwhile; and where its secret has changed, until the later end.
                    " SELECT id, :data, 1, MAX(expires_at) FROM sessions WHERE id = :id GROUP BY id"
                    " ON CONFLICT DO NOTHING",
                    id=session.id,
                    data=data,
                )
            else:
                changed = await tx.execute(
                    "UPDATE session_data SET data = :data, version = :version"
                    " WHERE session_id = :id AND version = :before",
                    id=session.id,
                    data=data,
                    version=after.version,
                    before=after.version - 1,
                )
        return changed == 1

    async def carry_data(self, tx: Transaction, session_id: str, after: Session) -> None:
        await tx.execute(
            "UPDATE session_data SET session_id = :after, expires_at = :expires_at WHERE session_id = :before",
            before=session_id,
            after=after.id,
            expires_at=after.expires_at,
        )

    async def sweep(self, tx: Transaction, now: int, limit: int) -> int:
        # Not of those that are superseded: it is still that of the session behind its new secret.
        await tx.execute(
            f"DELETE FROM session_data WHERE session_id IN (SELECT id FROM {_EXPIRED} AND superseded = 0 {_IN_TURN})",
            now=now,
            limit=limit,
        )
        sessions = await tx.execute(
            f"DELETE FROM {_EXPIRED} AND id_hash IN (SELECT id_hash FROM {_EXPIRED} {_IN_TURN})", now=now, limit=limit
        )
        data = await tx.execute(
            "DELETE FROM session_data WHERE session_id IN"
            " (SELECT session_id FROM session_data WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit)",
            now=now,
            limit=limit,
        )
        return max(sessions, data)

    async def count(self) -> int:
        found: int = await self._db.fetch_value("SELECT COUNT(*) FROM sessions")
        return found

    async def batches(self, size: int) -> AsyncIterator[list[Stored]]:
        after = b""
        while rows := await self._db.fetch_all(
            Session,
            f"SELECT {_COLUMNS} FROM sessions WHERE id_hash > :after ORDER BY id_hash LIMIT :size",
            after=after,
            size=size,
        ):
            yield [Stored(session, await self.read_data(session.id)) for session in rows]
            after = rows[-1].id_hash

    async def put(self, stored: Sequence[Stored]) -> None:
        async with self._db.transaction() as tx:
            for one in stored:
                # The account first: an end that is under way waits until it sees what is put here, or is seen here.
                gone = one.session.account_id is not None and not await hold_account(tx, one.session.account_id)
                ended = await tx.fetch_value(
                    "SELECT 1 FROM ended_sessions WHERE id IN (:id, :secret) AND account_id = :account_id",
                    id=one.session.id,
                    secret="" if one.session.superseded else one.session.id_hash.hex(),
                    account_id=one.session.account_id or "",
                )
                if ended is None and not gone:
                    await tx.execute(_INSERT + " ON CONFLICT DO NOTHING", **_row(one.session))
                    await self._put_data(tx, one)

    async def _put_data(self, tx: Transaction, stored: Stored) -> None:
        if stored.data.version:
            await tx.execute(
                "INSERT INTO session_data (session_id, data, version, expires_at)"
                " VALUES (:id, :data, :version, :expires_at) ON CONFLICT DO NOTHING",
                id=stored.session.id,
                data=msgspec.json.encode(stored.data.data),
                version=stored.data.version,
                expires_at=stored.session.expires_at,
            )

    async def remove(self, stored: Sequence[Stored]) -> list[Stored]:
        async with self._db.transaction() as tx:
            return [one for one in stored if not await self._remove(tx, one)]

    async def _remove(self, tx: Transaction, stored: Stored) -> bool:
        session = stored.session
        removed = await tx.execute(
            "DELETE FROM sessions WHERE id_hash = :id_hash AND seen_at = :seen_at AND superseded = :superseded"
            " AND bound_at = :bound_at AND :version ="
            " COALESCE((SELECT version FROM session_data WHERE session_id = :id), 0)",
            id_hash=session.id_hash,
            seen_at=session.seen_at,
            superseded=int(session.superseded),
            bound_at=session.bound_at,
            version=stored.data.version,
            id=session.id,
        )
        if removed:
            await tx.execute(
                "DELETE FROM session_data WHERE session_id = :id"
                " AND NOT EXISTS (SELECT 1 FROM sessions WHERE id = :id)",
                id=session.id,
            )
        return removed == 1


def _row(session: Session) -> dict[str, Value]:
    row = msgspec.structs.asdict(session) | {"idle_expires_at": session.idle_expires_at}
    return row | {"remembered": int(session.remembered), "superseded": int(session.superseded)}


async def hold_account(tx: Transaction, account_id: str) -> bool:
    """Keep an account as it is until the end of the transaction; False where there is none."""
    sql = "SELECT 1 FROM accounts WHERE id = :id /* FOR NO KEY UPDATE */"
    return await tx.fetch_value(sql, id=account_id) is not None


async def record_ended_by_limit(tx: Transaction, now: int, account_id: str, session_id: str) -> None:
    """A sign-in beyond the limit has ended the oldest session."""
    await note_ended(tx, session_id)
    await record(tx, now, Event.SESSION_ENDED, SYSTEM, account_id, session=session_id, reason="limit")
