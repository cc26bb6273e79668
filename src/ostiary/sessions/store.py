"""Sessions in SQL. Each change of state is one conditional statement."""

from __future__ import annotations

import msgspec

from ostiary.base.clock import SECOND
from ostiary.base.ids import new_id
from ostiary.base.tokens import digest, new_token
from ostiary.database import Database, Transaction
from ostiary.sessions.model import Session
from ostiary.settings import SessionSettings

_COLUMNS = ", ".join(Session.__struct_fields__)
_VALUES = ", ".join(":" + name for name in Session.__struct_fields__)


class Sessions:
    """All sessions of one installation."""

    def __init__(self, db: Database, settings: SessionSettings) -> None:
        self._db = db
        self._idle = settings.idle * SECOND
        self._absolute = settings.absolute * SECOND

    async def begin(
        self,
        tx: Transaction,
        now: int,
        *,
        account_id: str,
        amr: str,
        authenticated_at: int,
        address: str,
        user_agent: str,
    ) -> tuple[str, Session]:
        """A new session and the secret that opens it: the only time that anybody sees it."""
        token = new_token()
        expires_at = now + self._absolute
        session = Session(
            id=new_id("ses", now),
            id_hash=digest(token),
            account_id=account_id,
            amr=amr,
            authenticated_at=authenticated_at,
            created_at=now,
            seen_at=now,
            idle_expires_at=min(now + self._idle, expires_at),
            expires_at=expires_at,
            address=address,
            user_agent=user_agent[:512],
        )
        await tx.execute(
            f"INSERT INTO sessions ({_COLUMNS}, data, data_version) VALUES ({_VALUES}, :data, 0)",
            **msgspec.structs.asdict(session),
            data=b"{}",
        )
        return token, session

    async def touch(self, session: Session, now: int) -> None:
        """Move the sliding expiry on. Written at most once in a tenth of its window: a session is there to be read."""
        if now - session.seen_at < self._idle // 10:
            return
        async with self._db.transaction() as tx:
            await tx.execute(
                "UPDATE sessions SET seen_at = :now, idle_expires_at = :until"
                " WHERE id_hash = :id_hash AND seen_at = :seen_at",  # of requests at once, one writes
                id_hash=session.id_hash,
                now=now,
                until=min(now + self._idle, session.expires_at),
                seen_at=session.seen_at,
            )

    async def of_account(self, account_id: str, now: int) -> list[Session]:
        """The account's open sessions, newest first."""
        return await self._db.fetch_all(
            Session,
            f"SELECT {_COLUMNS} FROM sessions WHERE account_id = :account_id AND idle_expires_at > :now"
            " ORDER BY id DESC LIMIT 200",
            account_id=account_id,
            now=now,
        )

    async def end(self, tx: Transaction, account_id: str, session_id: str) -> bool:
        """End one session of an account; False when there was none of that id."""
        return (
            await tx.execute(
                "DELETE FROM sessions WHERE id = :id AND account_id = :account_id", id=session_id, account_id=account_id
            )
            == 1
        )

    async def end_all(self, tx: Transaction, account_id: str, keep: str | None = None) -> int:
        """End every session of an account, except the one whose id is ``keep``; returns how many ended."""
        return await tx.execute(
            "DELETE FROM sessions WHERE account_id = :account_id AND id <> :keep",
            account_id=account_id,
            keep=keep or "",
        )

    async def sweep(self, tx: Transaction, now: int, limit: int = 500) -> int:
        """Delete up to ``limit`` sessions that have expired; returns how many."""
        return await tx.execute(
            "DELETE FROM sessions WHERE idle_expires_at <= :now AND id_hash IN"
            " (SELECT id_hash FROM sessions WHERE idle_expires_at <= :now ORDER BY idle_expires_at LIMIT :limit)",
            now=now,
            limit=limit,
        )
