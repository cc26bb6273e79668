"""Where sessions are kept: one protocol, in SQL and in Redis."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence

import msgspec

from ostiary.database import Transaction
from ostiary.sessions.model import Found, Session, SessionData, Stored

GRACE = 30_000
"""How long a superseded secret still opens its session, for requests under way (milliseconds)."""


class Limit(msgspec.Struct, frozen=True):
    """How many sessions an account may have at once, and what happens to one more."""

    sessions: int
    refuse: bool


class SessionStore(ABC):
    """What every store does. Each change is atomic, also among processes; all may raise ``Unavailable``.

    What takes a transaction belongs to it: a store outside the database waits with it for the commit. Whether a session
    is still good is decided with the database in every store: its account is active, its epoch is the account's (or it
    is the one that was kept when the others ended), and it was not ended by itself.
    """

    @abstractmethod
    async def find(self, id_hash: bytes, now: int) -> Found | None:
        """The open session with this secret, whose sliding expiry moves on."""

    @abstractmethod
    async def begin(self, tx: Transaction, session: Session, limit: Limit | None = None) -> None:
        """Keep a new session.

        Raises:
            TooManySessions: ``limit`` refuses it.
        """

    @abstractmethod
    async def rotate(self, before: Session, after: Session) -> bool:
        """Replace a session by the same one with another secret; the old one opens it, as it was, for ``GRACE``.

        Of requests at once one does it; False for the others, and where the session has ended.
        """

    @abstractmethod
    async def bind(self, session: Session, key: bytes, now: int) -> bool:
        """Bind the session to a key; False where it is bound already, or has ended."""

    @abstractmethod
    async def of_account(self, account_id: str, now: int) -> list[Session]:
        """The account's open sessions, newest first; 200 at the most."""

    @abstractmethod
    async def end(self, tx: Transaction, session_id: str, account_id: str | None, until: int) -> bool:
        """End one session; False when it has ended here already.

        Args:
            account_id: whose it is; another account's session is not touched.
            until: no session of today lives longer.
        """

    @abstractmethod
    async def end_all(self, tx: Transaction, account_id: str, keep: str | None) -> None:
        """Take away every session of an account but ``keep``, whose epoch has just ended."""

    @abstractmethod
    async def read_data(self, session_id: str) -> SessionData:
        """What is kept in a session."""

    @abstractmethod
    async def replace_data(self, session: Session, after: SessionData) -> bool:
        """Write what is kept in a session; False where it is not of the version before ``after`` any more."""

    @abstractmethod
    async def carry_data(self, tx: Transaction, session_id: str, after: Session) -> None:
        """Give what is kept in one session to another, new one."""

    @abstractmethod
    async def sweep(self, tx: Transaction, now: int, limit: int) -> int:
        """Delete up to ``limit`` of what has expired; returns how many."""

    @abstractmethod
    async def count(self) -> int:
        """How many sessions are kept here, more or less: for whoever watches them move."""

    @abstractmethod
    def batches(self, size: int) -> AsyncIterator[list[Stored]]:
        """Everything that is kept here, in lists of about ``size``; what comes or goes meanwhile may be missed."""

    @abstractmethod
    async def put(self, stored: Sequence[Stored]) -> None:
        """Keep these too, just as they are; what is here already, or has been ended by itself, is left alone."""

    @abstractmethod
    async def remove(self, stored: Sequence[Stored]) -> list[Stored]:
        """Take these away; returns those that are not here any more, or not as they are given, and were left alone."""
