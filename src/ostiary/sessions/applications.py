"""Which applications know of a session, so that each can be told when it ends.

A row that is not due stands for a session that goes on; there is none for one that has ended and been told.
"""

from __future__ import annotations

from ostiary.database import Reader, Transaction


async def note_known(
    tx: Transaction,
    now: int,
    *,
    session_id: str,
    client_id: str,
    account_id: str,
    subject: str,
    sid: str,
    expires_at: int,
) -> None:
    """An application has learned of a session.

    Args:
        subject, sid: how account and session are called to it.
        expires_at: when the session ends at the latest.
    """
    await tx.execute(
        "INSERT INTO session_clients"
        " (session_id, client_id, account_id, subject, sid, attempts, created_at, expires_at)"
        " VALUES (:session_id, :client_id, :account_id, :subject, :sid, 0, :now, :expires_at)"
        " ON CONFLICT (session_id, client_id) DO UPDATE SET expires_at = excluded.expires_at",
        session_id=session_id,
        client_id=client_id,
        account_id=account_id,
        subject=subject,
        sid=sid,
        now=now,
        expires_at=expires_at,
    )


async def goes_on(reader: Reader, session_id: str, client_id: str) -> bool:
    """Whether a session that this application knows of has not ended."""
    return None is not await reader.fetch_value(
        "SELECT 1 FROM session_clients WHERE session_id = :session_id AND client_id = :client_id AND due_at IS NULL",
        session_id=session_id,
        client_id=client_id,
    )


async def note_ended(tx: Transaction, session_id: str) -> None:
    """A session has ended: those who know of it are to be told, at once."""
    await tx.execute(
        "UPDATE session_clients SET due_at = 0 WHERE session_id = :session_id AND due_at IS NULL",
        session_id=session_id,
    )


async def note_all_ended(tx: Transaction, account_id: str, keep: str | None) -> None:
    """Every session of an account has, except the one whose id is ``keep``."""
    await tx.execute(
        "UPDATE session_clients SET due_at = 0"
        " WHERE account_id = :account_id AND session_id <> :keep AND due_at IS NULL",
        account_id=account_id,
        keep=keep or "",
    )


async def sweep_ended(tx: Transaction, now: int, limit: int = 500) -> int:
    """Up to ``limit`` sessions have ended by themselves; returns how many who know of them are to be told."""
    return await tx.execute(
        "UPDATE session_clients SET due_at = 0 WHERE due_at IS NULL AND expires_at <= :now AND session_id IN"
        " (SELECT session_id FROM session_clients WHERE due_at IS NULL AND expires_at <= :now"
        " ORDER BY expires_at LIMIT :limit)",
        now=now,
        limit=limit,
    )
