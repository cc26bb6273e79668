"""Authorization codes: claimed by one conditional statement, and remembered for a while when they were."""

from __future__ import annotations

import msgspec

from ostiary.base.clock import MINUTE, SECOND
from ostiary.base.tokens import digest, new_token
from ostiary.database import Transaction
from ostiary.oauth.model import Authorized

REMEMBERED = 60 * MINUTE
"""How long a code is known after its time, so that its second use ends what came of the first (RFC 9700 2.1.1)."""
CODE_PREFIX = "ost_ac_"


class Claimed(msgspec.Struct, frozen=True):
    """What a code was given for."""

    account_id: str
    authorized: bytes

    def read(self) -> Authorized:
        return msgspec.json.decode(self.authorized, type=Authorized)


class _Spent(msgspec.Struct, frozen=True):
    account_id: str
    family_id: str


class Codes:
    """All codes of one installation."""

    def __init__(self, ttl: int) -> None:
        """``ttl``: seconds."""
        self._ttl = ttl * SECOND

    async def issue(
        self,
        tx: Transaction,
        now: int,
        *,
        client_id: str,
        account_id: str,
        redirect_uri: str,
        challenge: str,
        authorized: Authorized,
    ) -> str:
        """A new code."""
        code = new_token(CODE_PREFIX)
        await tx.execute(
            "INSERT INTO authorization_codes (code_hash, client_id, account_id, redirect_uri, challenge, authorized,"
            " created_at, expires_at) VALUES (:hash, :client_id, :account_id, :redirect_uri, :challenge, :authorized,"
            " :now, :expires_at)",
            hash=digest(code),
            client_id=client_id,
            account_id=account_id,
            redirect_uri=redirect_uri,
            challenge=challenge,
            authorized=msgspec.json.encode(authorized),
            now=now,
            expires_at=now + self._ttl,
        )
        return code

    async def claim(
        self,
        tx: Transaction,
        code: str,
        now: int,
        *,
        client_id: str,
        redirect_uri: str | None,
        challenge: str,
        family_id: str,
    ) -> Claimed | None:
        """Spend a code for the family ``family_id``; None where it is not this client's, or not good any more.

        Args:
            redirect_uri: as the client sends it; OAuth 2.1 has it left out.
            challenge: that the client's verifier answers.
        """
        return await tx.fetch_one(
            Claimed,
            "UPDATE authorization_codes SET family_id = :family_id WHERE code_hash = :hash AND family_id IS NULL"
            " AND client_id = :client_id AND challenge = :challenge AND expires_at > :now"
            " AND (CAST(:redirect_uri AS TEXT) IS NULL OR redirect_uri = :redirect_uri)"
            " RETURNING account_id, authorized",
            hash=digest(code),
            family_id=family_id,
            client_id=client_id,
            challenge=challenge,
            now=now,
            redirect_uri=redirect_uri,
        )

    async def spent_for(self, tx: Transaction, code: str, client_id: str) -> tuple[str, str] | None:
        """The account and the family of a code of this client that was spent before."""
        spent = await tx.fetch_one(
            _Spent,
            "SELECT account_id, family_id FROM authorization_codes"
            " WHERE code_hash = :hash AND client_id = :client_id AND family_id IS NOT NULL",
            hash=digest(code),
            client_id=client_id,
        )
        return None if spent is None else (spent.account_id, spent.family_id)

    async def sweep(self, tx: Transaction, now: int, limit: int = 500) -> int:
        """Delete up to ``limit`` codes that are past being remembered; returns how many."""
        return await tx.execute(
            "DELETE FROM authorization_codes WHERE code_hash IN"
            " (SELECT code_hash FROM authorization_codes WHERE expires_at <= :before ORDER BY expires_at LIMIT :limit)",
            before=now - REMEMBERED,
            limit=limit,
        )
