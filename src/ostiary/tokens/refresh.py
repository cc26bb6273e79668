"""Refresh tokens: opaque, rotated at each use, one family a sign-in; reuse ends the family (RFC 9700 section 4.14.2).

A token is two secrets: the family's, the same in all its tokens, and the one of this generation. So one row a family is
enough to tell the token that may be used from every one that was used before, however long ago. The first of a family
is random; each next one is a keyed hash of the one before, so that an answer that was lost can be given once more
without anything being stored of it, and without the family ever having two tokens that may be used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

import msgspec

from ostiary.audit import Actor, Event, record
from ostiary.base.clock import SECOND
from ostiary.base.ids import new_id
from ostiary.base.tokens import digest
from ostiary.database import Database, Memo, Reader, Transaction
from ostiary.errors import InvalidToken
from ostiary.settings import TokenSettings

_PREFIX = "ost_rt_"
_FAMILY_BYTES = 32


class RefreshFamily(msgspec.Struct, frozen=True):
    """One sign-in by token. Times in milliseconds since the epoch, UTC.

    Attributes:
        id: public name (``fam_…``), the ``sid`` of its access tokens.
        delivery: how its tokens travel: ``token`` (in bodies), ``token_cookie``, or ``client``, to an application.
        amr: how the person proved themselves (RFC 8176), separated by spaces; acr: how well.
        used_at: when it was last rotated.
        client_id: the application that has it; None for Ostiary's own sign-ins.
        session_id: the browser session that it was allowed in, where it ends with that.
        authorized: what the application was allowed, in the form of ``ostiary.oauth``.
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
    client_id: str | None = None
    session_id: str | None = None
    authorized: bytes | None = None


class Refreshed(msgspec.Struct, frozen=True):
    """The next refresh token of a family, and the family."""

    token: str
    family: RefreshFamily

    def __repr__(self) -> str:
        return f"Refreshed({self.family.id})"


_COLUMNS = ", ".join(RefreshFamily.__struct_fields__)


class RefreshTokens:
    """All refresh families of one installation."""

    def __init__(self, db: Database, settings: TokenSettings, key: bytes) -> None:
        """``key``: 32 secret bytes, from which together with one token the next one is made."""
        self._db = db
        self._key = key
        self._memo: Memo[str, RefreshFamily] = Memo(db)
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
        authenticated_at: int | None = None,
        expires_at: int | None = None,
        family_id: str | None = None,
        client_id: str | None = None,
        session_id: str | None = None,
        authorized: bytes | None = None,
    ) -> Refreshed:
        """A new family and its first token.

        Args:
            family_id: the id that it is to have, where that is known already.
            authenticated_at: when the person proved who they are; now, where that is what has just happened.
            expires_at: where it ends before the settings would have it end.
            client_id, session_id, authorized: as in :class:`RefreshFamily`.
        """
        family_key, token = _new_token()
        expires_at = min(now + self._absolute, now + self._absolute if expires_at is None else expires_at)
        family = RefreshFamily(
            id=family_id or new_id("fam", now),
            account_id=account_id,
            delivery=delivery,
            amr=amr,
            acr=acr,
            authenticated_at=now if authenticated_at is None else authenticated_at,
            created_at=now,
            used_at=now,
            idle_expires_at=min(now + self._idle, expires_at),
            expires_at=expires_at,
            address=address,
            user_agent=user_agent[:512],
            client_id=client_id,
            session_id=session_id,
            authorized=authorized,
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
        _family_key(token)
        async with self._db.transaction() as tx:
            refreshed = await self.rotate_in(tx, token, delivery, now, actor)
        if refreshed is None:
            raise InvalidToken("The refresh token is unknown, expired, or was used before. Sign in again.")
        return refreshed

    async def rotate_in(
        self, tx: Transaction, token: str, delivery: str, now: int, actor: Actor, *, grace: int = 0
    ) -> Refreshed | None:
        """:meth:`rotate` in a transaction of the caller's, which has to be committed also where this returns None.

        Args:
            grace: for so long (milliseconds) the token before gets the same answer as when it was spent, in case that
                was lost. It leads to the one next token that there is, so it makes no second line of tokens.
        """
        key_hash, current = digest(_family_key(token)), digest(token)
        following = self._following(token)
        family = await tx.fetch_one(
            RefreshFamily,
            "UPDATE refresh_families SET current_hash = :next, generation = generation + 1, used_at = :now,"
            " idle_expires_at = CASE WHEN expires_at < :until THEN expires_at ELSE :until END"
            " WHERE key_hash = :key_hash AND current_hash = :current AND delivery = :delivery"
            f" AND idle_expires_at > :now RETURNING {_COLUMNS}",
            next=digest(following),
            now=now,
            until=now + self._idle,
            key_hash=key_hash,
            current=current,
            delivery=delivery,
        )
        if family is not None:
            await record(tx, now, Event.REFRESH_ROTATED, actor, family.account_id, family=family.id)
            return Refreshed(following, family)
        if grace:
            family = await tx.fetch_one(
                RefreshFamily,
                f"SELECT {_COLUMNS} FROM refresh_families WHERE key_hash = :key_hash AND current_hash = :next"
                " AND delivery = :delivery AND idle_expires_at > :now AND used_at > :since",
                key_hash=key_hash,
                next=digest(following),
                delivery=delivery,
                now=now,
                since=now - grace,
            )
            if family is not None:
                return Refreshed(following, family)
        await self._end_reused(tx, key_hash, current, now, actor)
        return None

    async def use_in(self, tx: Transaction, token: str, delivery: str, now: int) -> Refreshed | None:
        """Use a token without spending it, where something else shows whose it is; its sliding expiry moves on."""
        family = await tx.fetch_one(
            RefreshFamily,
            "UPDATE refresh_families SET used_at = :now,"
            " idle_expires_at = CASE WHEN expires_at < :until THEN expires_at ELSE :until END"
            " WHERE key_hash = :key_hash AND current_hash = :current AND delivery = :delivery"
            f" AND idle_expires_at > :now RETURNING {_COLUMNS}",
            now=now,
            until=now + self._idle,
            key_hash=digest(_family_key(token)),
            current=digest(token),
            delivery=delivery,
        )
        return None if family is None else Refreshed(token, family)

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

    async def _end_reused(self, tx: Transaction, key_hash: bytes, current: bytes, now: int, actor: Actor) -> None:
        """End the family of a token that is genuine and is not the current one; leave an expired one to the sweep."""
        reused = await tx.fetch_one(
            RefreshFamily,
            "DELETE FROM refresh_families WHERE key_hash = :key_hash AND current_hash <> :current"
            f" RETURNING {_COLUMNS}",
            key_hash=key_hash,
            current=current,
        )
        if reused is not None:
            await record(tx, now, Event.REFRESH_REUSED, actor, reused.account_id, family=reused.id)

    def _following(self, token: str) -> str:
        secret = hmac.digest(self._key, token.encode(), hashlib.sha256)
        return f"{_PREFIX}{_family_key(token)}{base64.urlsafe_b64encode(secret).rstrip(b'=').decode()}"

    async def family_of(self, token: str, reader: Reader | None = None) -> RefreshFamily | None:
        """The family of a token, current or not; for signing out with whatever token is left."""
        try:
            key_hash = digest(_family_key(token))
        except InvalidToken:
            return None
        return await (reader or self._db).fetch_one(
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

    async def is_current(self, token: str, now: int) -> bool:
        """Whether this token is the one of its family that may be used."""
        try:
            key_hash = digest(_family_key(token))
        except InvalidToken:
            return False
        return None is not await self._db.fetch_value(
            "SELECT 1 FROM refresh_families"
            " WHERE key_hash = :key_hash AND current_hash = :current AND idle_expires_at > :now",
            key_hash=key_hash,
            current=digest(token),
            now=now,
        )

    async def get(self, family_id: str, now: int, reader: Reader | None = None) -> RefreshFamily | None:
        """The living family of this id."""

        async def read() -> RefreshFamily | None:
            return await (reader or self._db).fetch_one(
                RefreshFamily, f"SELECT {_COLUMNS} FROM refresh_families WHERE id = :id", id=family_id
            )

        found = await read() if reader is not None else await self._memo.get(family_id, read)
        return found if found is not None and found.idle_expires_at > now else None

    async def end_of_client(self, tx: Transaction, account_id: str, client_id: str) -> int:
        """End every family that an application has of an account; returns how many."""
        return await tx.execute(
            "DELETE FROM refresh_families WHERE account_id = :account_id AND client_id = :client_id",
            account_id=account_id,
            client_id=client_id,
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


def _new_token() -> tuple[str, str]:
    """A new family's key in text, and the first token of the family."""
    family_key = secrets.token_urlsafe(_FAMILY_BYTES)
    return family_key, f"{_PREFIX}{family_key}{secrets.token_urlsafe(32)}"


def _family_key(token: str) -> str:
    body = token.removeprefix(_PREFIX)
    if len(body) != 86 or not body.isascii() or not body.replace("-", "").replace("_", "").isalnum():
        raise InvalidToken("This is not a refresh token.")
    return body[:43]
