"""Refresh tokens: opaque, rotated at each use, one family a sign-in; reuse ends the family (RFC 9700 section 4.14.2).

A token is two random secrets: the family's, the same in all its tokens, and the one of this generation. So one row a
family is enough to tell the token that may be used from every one that was used before, however long ago.
"""

from __future__ import annotations

import base64
import secrets

import msgspec

from ostiary.audit import Actor, Event, record
from ostiary.base.clock import SECOND
from ostiary.base.ids import new_id
from ostiary.base.tokens import digest
from ostiary.database import Database, Transaction
from ostiary.errors import InvalidToken
from ostiary.settings import TokenSettings

_PREFIX = "ost_rt_"
_FAMILY_BYTES = 32


class RefreshFamily(msgspec.Struct, frozen=True):
    """One sign-in by token. Times in milliseconds since the epoch, UTC.

    Attributes:
        id: public name (``fam_…``), the ``sid`` of its access tokens.
        delivery: how its tokens travel: ``token`` (in bodies) or ``token_cookie``.
        amr: how the person proved themselves (RFC 8176), separated by spaces; acr: how well.
        used_at: when it was last rotated.
    """

    id: str
    account_id: str
    delivery: str
    amr: str
    acr: str
    authenticated_at: int
    created_at: int
    used_at: int
    idle_expires_at: int
    expires_at: int
    address: str
    user_agent: str


class Refreshed(msgspec.Struct, frozen=True):
    """The next refresh token of a family, and the family."""

    token: str
    family: RefreshFamily

    def __repr__(self) -> str:
        return f"Refreshed({self.family.id})"


_COLUMNS = ", ".join(RefreshFamily.__struct_fields__)


class RefreshTokens:
    """All refresh families of one installation."""

    def __init__(self, db: Database, settings: TokenSettings) -> None:
        self._db = db
        self._idle = settings.refresh_idle * SECOND
        self._absolute = settings.refresh_absolute * SECOND

    async def begin(
        self,
        tx: Transaction,
        now: int,
        *,
        account_id: str,
        delivery: str,
        amr: str,
        acr: str,
        address: str,
        user_agent: str,
    ) -> Refreshed:
        """A new family and its first token."""
        family_key, token = _new_token(secrets.token_bytes(_FAMILY_BYTES))
        expires_at = now + self._absolute
        family = RefreshFamily(
            id=new_id("fam", now),
            account_id=account_id,
            delivery=delivery,
            amr=amr,
            acr=acr,
            authenticated_at=now,
            created_at=now,
            used_at=now,
            idle_expires_at=min(now + self._idle, expires_at),
            expires_at=expires_at,
            address=address,
            user_agent=user_agent[:512],
        )
        await tx.execute(
            f"INSERT INTO refresh_families ({_COLUMNS}, key_hash, current_hash, generation) VALUES"
            f" ({', '.join(':' + name for name in RefreshFamily.__struct_fields__)}, :key_hash, :current_hash, 1)",
            **msgspec.structs.asdict(family),
            key_hash=digest(family_key),
            current_hash=digest(token),
        )
        return Refreshed(token, family)

    async def rotate(self, token: str, delivery: str, now: int, actor: Actor) -> Refreshed:
        """Spend a refresh token and return the next one.

        One conditional statement decides, so of two uses of one token exactly one wins; the other is a reuse, and a
        reuse ends the family: one of the two holders is a thief, and nobody can tell which.

        Args:
            delivery: how the token came; a token that left its cookie is not accepted in a body, nor the reverse.

        Raises:
            InvalidToken: unknown, expired, ended or used before.
        """
        family_key = _family_key(token)
        _, following = _new_token(base64.urlsafe_b64decode(family_key + "="))
        async with self._db.transaction() as tx:
            family = await tx.fetch_one(
                RefreshFamily,
                "UPDATE refresh_families SET current_hash = :next, generation = generation + 1, used_at = :now,"
                " idle_expires_at = CASE WHEN expires_at < :until THEN expires_at ELSE :until END"
                " WHERE key_hash = :key_hash AND current_hash = :current AND delivery = :delivery"
                f" AND idle_expires_at > :now RETURNING {_COLUMNS}",
                next=digest(following),
                now=now,
                until=now + self._idle,
                key_hash=digest(family_key),
                current=digest(token),
                delivery=delivery,
            )
            if family is not None:
                await record(tx, now, Event.REFRESH_ROTATED, actor, family.account_id, family=family.id)
            else:
                await self._end_reused(tx, family_key, token, now, actor)
        if family is None:
            raise InvalidToken("The refresh token is unknown, expired, or was used before. Sign in again.")
        return Refreshed(following, family)

    async def prove(
        self, tx: Transaction, account_id: str, family_id: str, amr: str, acr: str, now: int
    ) -> RefreshFamily | None:
        """Note that its person has proved once more who they are; None where the family has ended."""
        return await tx.fetch_one(
            RefreshFamily,
            "UPDATE refresh_families SET amr = :amr, acr = :acr, authenticated_at = :now"
            f" WHERE id = :id AND account_id = :account_id RETURNING {_COLUMNS}",
            id=family_id,
            account_id=account_id,
            amr=amr,
            acr=acr,
            now=now,
        )

    async def _end_reused(self, tx: Transaction, family_key: str, token: str, now: int, actor: Actor) -> None:
        """End the family of a token that is genuine and is not the current one; leave an expired one to the sweep."""
        reused = await tx.fetch_one(
            RefreshFamily,
            "DELETE FROM refresh_families WHERE key_hash = :key_hash AND current_hash <> :current"
            f" RETURNING {_COLUMNS}",
            key_hash=digest(family_key),
            current=digest(token),
        )
        if reused is not None:
            await record(tx, now, Event.REFRESH_REUSED, actor, reused.account_id, family=reused.id)

    async def family_of(self, token: str) -> RefreshFamily | None:
        """The family of a token, current or not; for signing out with whatever token is left."""
        try:
            key_hash = digest(_family_key(token))
        except InvalidToken:
            return None
        return await self._db.fetch_one(
            RefreshFamily, f"SELECT {_COLUMNS} FROM refresh_families WHERE key_hash = :key_hash", key_hash=key_hash
        )

    async def of_account(self, account_id: str, now: int) -> list[RefreshFamily]:
        """The account's living families, newest first."""
        return await self._db.fetch_all(
            RefreshFamily,
            f"SELECT {_COLUMNS} FROM refresh_families WHERE account_id = :account_id AND idle_expires_at > :now"
            " ORDER BY id DESC LIMIT 200",
            account_id=account_id,
            now=now,
        )

    async def end(self, tx: Transaction, account_id: str, family_id: str) -> bool:
        """End one family of an account; False when there was none of that id."""
        return (
            await tx.execute(
                "DELETE FROM refresh_families WHERE id = :id AND account_id = :account_id",
                id=family_id,
                account_id=account_id,
            )
            == 1
        )

    async def end_all(self, tx: Transaction, account_id: str, keep: str | None = None) -> int:
        """End every family of an account, except the one whose id is ``keep``; returns how many ended."""
        return await tx.execute(
            "DELETE FROM refresh_families WHERE account_id = :account_id AND id <> :keep",
            account_id=account_id,
            keep=keep or "",
        )

    async def sweep(self, tx: Transaction, now: int, limit: int = 500) -> int:
        """Delete up to ``limit`` families that have expired; returns how many."""
        return await tx.execute(
            "DELETE FROM refresh_families WHERE idle_expires_at <= :now AND key_hash IN"
            " (SELECT key_hash FROM refresh_families WHERE idle_expires_at <= :now"
            " ORDER BY idle_expires_at LIMIT :limit)",
            now=now,
            limit=limit,
        )


def _new_token(family_secret: bytes) -> tuple[str, str]:
    """A family's key in text, and a new token of the family."""
    family_key = base64.urlsafe_b64encode(family_secret).rstrip(b"=").decode()
    return family_key, f"{_PREFIX}{family_key}{secrets.token_urlsafe(32)}"


def _family_key(token: str) -> str:
    body = token.removeprefix(_PREFIX)
    if len(body) != 86 or not body.isascii() or not body.replace("-", "").replace("_", "").isalnum():
        raise InvalidToken("This is not a refresh token.")
    return body[:43]
