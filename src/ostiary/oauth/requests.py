"""Authorization requests that wait: pushed by their client (RFC 9126), or for their person to sign in and consent.

One row serves both. A pushed one is claimed once, when the browser brings its ``request_uri``; from then on it is known
by another secret, in the address of our own pages, so that these can be loaded again.
"""

from __future__ import annotations

import msgspec

from ostiary.base.clock import SECOND
from ostiary.base.tokens import digest, new_token
from ostiary.database import Database, Transaction

URN = "urn:ietf:params:oauth:request_uri:"


class Waiting(msgspec.Struct, frozen=True):
    """One that its person is busy with.

    Attributes:
        began_at: when the browser came with it, in milliseconds: a sign-in before does not count for ``prompt=login``.
        chosen: the account that the person chose; None before.
    """

    id_hash: bytes
    client_id: str
    parameters: bytes
    began_at: int
    chosen: str | None

    def read(self) -> dict[str, str]:
        return msgspec.json.decode(self.parameters, type=dict[str, str])


_COLUMNS = ", ".join(Waiting.__struct_fields__)


class AuthorizationRequests:
    """All that wait in one installation."""

    def __init__(self, db: Database, *, pushed_ttl: int, ttl: int) -> None:
        """``pushed_ttl``, ``ttl``: seconds until the browser comes, and from then on."""
        self._db = db
        self.pushed_ttl = pushed_ttl
        self._ttl = ttl * SECOND

    async def push(self, tx: Transaction, client_id: str, parameters: dict[str, str], now: int) -> str:
        """Keep a request of a client; returns its ``request_uri``."""
        secret = new_token()
        await self._insert(tx, secret, client_id, parameters, now, None, now + self.pushed_ttl * SECOND)
        return URN + secret

    async def begin(self, client_id: str, parameters: dict[str, str], now: int) -> str:
        """Keep a request that a browser has brought; returns the secret that it is known by."""
        secret = new_token()
        async with self._db.transaction() as tx:
            await self._insert(tx, secret, client_id, parameters, now, now, now + self._ttl)
        return secret

    async def claim(self, request_uri: str, client_id: str, now: int) -> str | None:
        """Take a pushed request up, once; returns the secret that it is known by from now on."""
        secret = new_token()
        async with self._db.transaction() as tx:
            claimed = await tx.execute(
                "UPDATE authorization_requests SET id_hash = :new, began_at = :now, expires_at = :until"
                " WHERE id_hash = :old AND client_id = :client_id AND began_at IS NULL AND expires_at > :now",
                new=digest(secret),
                old=digest(request_uri.removeprefix(URN)),
                client_id=client_id,
                now=now,
                until=now + self._ttl,
            )
        return secret if claimed == 1 else None

    async def find(self, secret: str, now: int) -> Waiting | None:
        """The request of this secret, which a browser has brought."""
        return await self._db.fetch_one(
            Waiting,
            f"SELECT {_COLUMNS} FROM authorization_requests"
            " WHERE id_hash = :hash AND began_at IS NOT NULL AND expires_at > :now",
            hash=digest(secret),
            now=now,
        )

    async def choose(self, waiting: Waiting, account_id: str) -> None:
        """Note which account the person goes on with."""
        async with self._db.transaction() as tx:
            await tx.execute(
                "UPDATE authorization_requests SET chosen = :account_id WHERE id_hash = :hash",
                account_id=account_id,
                hash=waiting.id_hash,
            )

    async def end(self, tx: Transaction, waiting: Waiting) -> bool:
        """End one, whatever came of it; False where it has ended before: it comes to one answer."""
        return await tx.execute("DELETE FROM authorization_requests WHERE id_hash = :hash", hash=waiting.id_hash) == 1

    async def sweep(self, tx: Transaction, now: int, limit: int = 500) -> int:
        """Delete up to ``limit`` that have expired; returns how many."""
        return await tx.execute(
            "DELETE FROM authorization_requests WHERE id_hash IN"
            " (SELECT id_hash FROM authorization_requests WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit)",
            now=now,
            limit=limit,
        )

    async def _insert(
        self,
        tx: Transaction,
        secret: str,
        client_id: str,
        parameters: dict[str, str],
        now: int,
        began_at: int | None,
        expires_at: int,
    ) -> None:
        await tx.execute(
            "INSERT INTO authorization_requests (id_hash, client_id, parameters, began_at, created_at, expires_at)"
            " VALUES (:hash, :client_id, :parameters, :began_at, :now, :expires_at)",
            hash=digest(secret),
            client_id=client_id,
            parameters=msgspec.json.encode(parameters),
            began_at=began_at,
            now=now,
            expires_at=expires_at,
        )
