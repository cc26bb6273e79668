"""What people have allowed applications, remembered until they take it back."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from ostiary.audit import Event, record
from ostiary.authorization import Authorizer, Caller
from ostiary.base.clock import Timestamp, rfc3339
from ostiary.database import Database, Reader, Transaction
from ostiary.errors import NotFound
from ostiary.oauth.client_store import ClientStore
from ostiary.oauth.model import Client, scope_text
from ostiary.permissions import Permission
from ostiary.tokens import RefreshTokens


class ConsentView(msgspec.Struct, frozen=True):
    """One application that has access to an account."""

    client_id: str
    client_name: str
    scopes: tuple[str, ...]
    given_at: Timestamp


class _Row(msgspec.Struct, frozen=True):
    client_id: str
    scope: str
    given_at: int


class Consents:
    """The consents of all accounts. Where no ``account_id`` is given, the caller's own."""

    def __init__(self, db: Database, store: ClientStore, refresh_tokens: RefreshTokens, authorizer: Authorizer) -> None:
        self._db = db
        self._store = store
        self._refresh_tokens = refresh_tokens
        self._authorizer = authorizer

    async def remembered(self, reader: Reader, account_id: str, client_id: str) -> frozenset[str] | None:
        """The scopes that an account has allowed a client; None where it has allowed none, not even to know of it."""
        scope = await reader.fetch_value(
            "SELECT scope FROM consents WHERE account_id = :account_id AND client_id = :client_id",
            account_id=account_id,
            client_id=client_id,
        )
        return None if scope is None else frozenset(str(scope).split())

    async def remember(
        self, tx: Transaction, now: int, account_id: str, client: Client, scopes: Collection[str]
    ) -> None:
        """Add to what an account allows a client."""
        before = await self.remembered(tx, account_id, client.id) or frozenset()
        await tx.execute(
            "INSERT INTO consents (account_id, client_id, scope, given_at)"
            " VALUES (:account_id, :client_id, :scope, :now)"
            " ON CONFLICT (account_id, client_id) DO UPDATE SET scope = excluded.scope, given_at = excluded.given_at",
            account_id=account_id,
            client_id=client.id,
            scope=scope_text(before | frozenset(scopes)),
            now=now,
        )

    async def list(self, caller: Caller, account_id: str | None = None) -> list[ConsentView]:
        """Which applications have access to the account, by when that was given, newest first.

        Raises:
            Unauthenticated: nobody has signed in; PersonRequired: a key calls.
            Forbidden: it is another account's, and the caller may not see it.
        """
        account_id = await self._permit(caller, account_id, Permission.CONSENTS_READ)
        rows = await self._db.fetch_all(
            _Row,
            "SELECT client_id, scope, given_at FROM consents WHERE account_id = :account_id"
            " ORDER BY given_at DESC, client_id LIMIT 200",
            account_id=account_id,
        )
        found = []
        for row in rows:
            client = await self._store.get(row.client_id)
            name = row.client_id if client is None else client.name
            found.append(ConsentView(row.client_id, name, tuple(row.scope.split()), rfc3339(row.given_at)))
        return found

    async def revoke(self, caller: Caller, client_id: str, account_id: str | None = None) -> None:
        """Take back what the account allowed a client; its refresh tokens end, its access tokens run out in minutes.

        Raises:
            NotFound: the client has no access. Otherwise as ``list``.
        """
        account_id = await self._permit(caller, account_id, Permission.CONSENTS_DELETE)
        async with self._db.transaction() as tx:
            gone = await tx.execute(
                "DELETE FROM consents WHERE account_id = :account_id AND client_id = :client_id",
                account_id=account_id,
                client_id=client_id,
            )
            ended = await self._refresh_tokens.end_of_client(tx, account_id, client_id)
            if gone or ended:
                await record(
                    tx, caller.at, Event.CONSENT_REVOKED, caller.actor, account_id, client=client_id, ended=ended
                )
        if not gone and not ended:
            raise NotFound("This application has no access to the account.")

    async def _permit(self, caller: Caller, account_id: str | None, permission: Permission) -> str:
        # No permission needed for one's own.
        if account_id is None or account_id == caller.account_id:
            return caller.require_person()
        await caller.require(permission)
        await self._authorizer.forbid_outranked(caller, account_id)
        return account_id
