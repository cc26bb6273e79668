"""Sessions in Redis: read in one round trip, and gone by themselves.

Three kinds of keys, behind the prefix:

- ``s:`` and the SHA-256 of the secret: a session (:mod:`ostiary.sessions.packed`);
- ``a:`` and the 16 bytes of an account's id: the secrets' SHA-256 of its sessions, sorted by the minute they expire;
- ``d:`` and the 16 bytes of a session's id: 4 bytes of version, and the data as JSON; the highest version of all, and
  nothing else, for a while after the session has ended.

Each is on a node of its own in a cluster, so nothing is done to two of them at once. Whether a session has ended, or
has another secret by now, is asked of the database each time: what Redis forgets signs somebody out, but nothing that
it brings back signs anybody in. How long keys live goes by Redis' time, and everything else by the caller's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from ostiary.base.clock import MINUTE
from ostiary.base.ids import id_to_bytes
from ostiary.database import Database, Memo, Transaction, Value
from ostiary.database.redis import Command, Redis, Script
from ostiary.errors import TooManySessions, Unavailable
from ostiary.sessions.model import NO_DATA, Found, Session, SessionData, Stored
from ostiary.sessions.packed import FORM, SUPERSEDED, pack, unpack
from ostiary.sessions.sql import STANDS, record_ended_by_limit
from ostiary.sessions.store import GRACE, Limit, SessionStore

_log = logging.getLogger("ostiary.sessions")

# The session as it is before this use, which is noted at most once in a tenth of the sliding expiry. KEYS: session.
# ARGV: now.
_FIND = Script(f"""
local packed = redis.call('GET', KEYS[1])
if not packed then return false end
local form, flags, seen, idle, ends = struct.unpack('>BBI6I4I6', packed)
local now = tonumber(ARGV[1])
idle = idle * 1000
local open = now < ends and now < seen + idle
if open and form == {FORM} and flags % {2 * SUPERSEDED} < {SUPERSEDED} and now - seen >= math.floor(idle / 10) then
  redis.call('SETRANGE', KEYS[1], 2, struct.pack('>I6', now))
  redis.call('PEXPIRE', KEYS[1], math.min(idle, ends - now))
end
return packed
""")

# Put another value in the place of this one, and nothing in that of any other. KEYS: session. ARGV: the one that is
# there, the other one or nothing, its time to live or 0 for as it is.
_SWAP = Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
elseif ARGV[3] == '0' then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
""")

# Add a session to those of an account, and forget those that have expired. KEYS: account. ARGV: this minute, session,
# the minute it expires, its time to live and, where nobody else may have added any, all that are there.
_ADD = Script("""
if ARGV[5] and table.concat(redis.call('ZRANGE', KEYS[1], 0, -1)) ~= ARGV[5] then return 0 end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return 1
""")

# Where data has been carried away or its session has ended, this lies for a while: a change that was under way then is
# not held where nobody would find it again.
_CLOSED = b"\xff\xff\xff\xff"

# Write data where it has this version, 0 for none; without data, delete it. KEYS: data. ARGV: the version that is
# there, the data with its new version or nothing, its time to live.
_REPLACE_DATA = Script("""
local before = redis.call('GETRANGE', KEYS[1], 0, 3)
if before == string.rep('\\255', 4) then return (ARGV[2] == '' or ARGV[2] == before) and 1 or 0 end
local version = before == '' and 0 or struct.unpack('>I4', before)
if version ~= tonumber(ARGV[1]) then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
""")


class RedisSessions(SessionStore):
    """See :class:`SessionStore`."""

    def __init__(self, redis: Redis, db: Database, account_columns: Sequence[str]) -> None:
        """``account_columns``: what to read along of ``accounts``, since every request needs both."""
        self._redis = redis
        self._db = db
        self._memo: Memo[tuple[str, str, str | None, int], tuple[Value, ...]] = Memo(db)
        columns = ", ".join("a." + name for name in account_columns)
        where = STANDS.format(epoch=":epoch", id=":id")
        not_ended = "NOT EXISTS (SELECT 1 FROM ended_sessions WHERE id IN (:id, :secret) AND account_id = :account_id)"
        self._select = (
            f"SELECT a.privilege_epoch, {columns} FROM accounts a WHERE a.id = :account_id AND {where} AND " + not_ended
        )
        self._select_nobody = "SELECT 0 WHERE " + not_ended

    async def find(self, id_hash: bytes, now: int) -> Found | None:
        packed = await self._redis.script(_FIND, [self._session_key(id_hash)], [now])
        if packed is None:
            return None
        session = unpack(id_hash, packed)
        if session.idle_expires_at <= now or (standing := await self._standing(session)) is None:
            return None
        if session.is_due(now):  # so its own key has just been made to live longer
            lives = min(session.idle, session.expires_at - now)
            await self._redis.execute("PEXPIRE", self._data_key(session.id), lives)
        privilege_epoch, *account = standing
        return Found(session, tuple(account) or None, int(privilege_epoch or 0))

    async def _standing(self, session: Session) -> tuple[Value, ...] | None:
        """What the database says of a session's account, its ``privilege_epoch`` first; None where it has ended."""
        id_, account_id, epoch = session.id, session.account_id, session.epoch
        # A superseded one that says so itself is good for its time of grace.
        secret = "" if session.superseded else session.id_hash.hex()

        async def read() -> tuple[Value, ...] | None:
            if account_id is None:
                return await self._db.fetch_tuple(self._select_nobody, id=id_, secret=secret, account_id="")
            return await self._db.fetch_tuple(self._select, id=id_, secret=secret, account_id=account_id, epoch=epoch)

        return await self._memo.get((id_, secret, account_id, epoch), read)

    async def begin(self, tx: Transaction, session: Session, limit: Limit | None = None) -> None:
        tx.after_commit(lambda: self._begin(session, limit))

    async def _begin(self, session: Session, limit: Limit | None) -> None:
        # The session before its place among those of the account: whoever reads those forgets what is not there.
        # Nobody has its secret until both are written.
        await self._write(session)
        if session.account_id is None:
            return
        if limit is None:
            await self._add(session)
        else:
            await self._begin_within(limit, session.account_id, session)

    async def _begin_within(self, limit: Limit, account_id: str, session: Session) -> None:
        try:
            added = False
            while not added:  # once more where another sign-in of this account came between
                among = await self._make_room(account_id, session, limit)
                added = await self._add(session, among)
        except TooManySessions:
            await self._redis.execute("DEL", self._session_key(session.id_hash))
            raise
        await self._clean(account_id)

    async def _write(self, session: Session) -> None:
        await self._redis.execute(*self._written(session))

    def _written(self, session: Session) -> Command:
        lives = session.idle_expires_at - session.seen_at
        return "SET", self._session_key(session.id_hash), pack(session), "PX", lives

    async def _add(self, session: Session, among: Iterable[bytes] | None = None) -> bool:
        """Add a session to those of its account; False where those are not ``among`` any more."""
        now, ends = session.seen_at, session.expires_at
        args: list[int | bytes] = [now // MINUTE, session.id_hash, -(-ends // MINUTE), ends - now]
        if among is not None:
            args.append(b"".join(among))
        return bool(await self._redis.script(_ADD, [self._account_key(session.account_id or "")], args))

    async def _make_room(self, account_id: str, session: Session, limit: Limit) -> list[bytes]:
        """End the oldest sessions until there is room for one more; returns the secrets' hashes of all there are."""
        kept = await self._kept(account_id)
        open_ones = [one async for one in self._open(kept.values(), session.created_at)]
        excess = len(open_ones) - limit.sessions + 1
        if excess > 0 and limit.refuse:
            raise TooManySessions
        for oldest in sorted(open_ones, key=_age)[: max(excess, 0)]:
            async with self._db.transaction() as tx:
                if await self._note_end(tx, oldest.id, account_id, oldest.expires_at):
                    await record_ended_by_limit(tx, session.created_at, account_id, oldest.id)
        return list(kept)

    async def _kept(self, account_id: str) -> dict[bytes, Session]:
        """All sessions of an account by the hash of their secret, open or not. Forgets those that are not there."""
        hashes: list[bytes] = await self._redis.execute("ZRANGE", self._account_key(account_id), 0, -1)
        found = await self._redis.pipeline([("GET", self._session_key(id_hash)) for id_hash in hashes])
        gone = [id_hash for id_hash, packed in zip(hashes, found, strict=True) if packed is None]
        if gone:
            await self._redis.execute("ZREM", self._account_key(account_id), *gone)
        return {
            id_hash: unpack(id_hash, packed)
            for id_hash, packed in zip(hashes, found, strict=True)
            if packed is not None
        }

    async def _open(self, sessions: Iterable[Session], now: int) -> AsyncIterator[Session]:
        """Those that are open, newest first, each once: one that Redis left while its secret changed is there twice."""
        by_id = {session.id: session for session in sorted(sessions, key=lambda one: one.seen_at)}
        for session in sorted(by_id.values(), key=_age, reverse=True):
            if not session.superseded and session.idle_expires_at > now and await self._standing(session) is not None:
                yield session

    async def rotate(self, before: Session, after: Session) -> bool:
        # As in _begin. Who finds that another request was faster takes its own away again.
        until = min(after.seen_at + GRACE, before.expires_at)

        async def supersede(found: Session) -> Session | None:
            if found.superseded or found.bound_at != before.bound_at:  # what is bound must not go on without its key
                return None
            await self._write(after)
            if after.account_id is not None:
                await self._add(after)
            return msgspec.structs.replace(found, superseded=True, expires_at=until)

        rotated = await self._change(before.id_hash, supersede, until - after.seen_at)
        if rotated:
            async with self._db.transaction() as tx:
                await self._note_end(tx, before.id_hash.hex(), before.account_id, before.expires_at)
        else:
            await self._delete([self._session_key(after.id_hash)])
        await self._unlist(before if rotated else after)
        return rotated

    async def bind(self, session: Session, key: bytes, now: int) -> bool:
        async def bound(found: Session) -> Session | None:
            if found.superseded or found.bound_at:
                return None
            return msgspec.structs.replace(found, bound_key=key, bound_at=now)

        return await self._change(session.id_hash, bound)

    async def _change(
        self, id_hash: bytes, change: Callable[[Session], Awaitable[Session | None]], lives: int = 0
    ) -> bool:
        """Write a session as ``change`` makes it; False where that makes nothing of it, or it is not there.

        It is made anew where somebody else has changed the session meanwhile.
        """
        key = self._session_key(id_hash)
        while (packed := await self._redis.execute("GET", key)) is not None:
            changed = await change(unpack(id_hash, packed))
            if changed is None:
                return False
            if await self._redis.script(_SWAP, [key], [packed, pack(changed), lives]):
                return True
        return False

    async def of_account(self, account_id: str, now: int) -> list[Session]:
        kept = await self._kept(account_id)
        return [session async for session in self._open(kept.values(), now)][:200]

    async def end(self, tx: Transaction, session_id: str, account_id: str | None, until: int) -> bool:
        if account_id is not None:
            tx.after_commit(lambda: self._clean(account_id))
        else:  # of nobody's sessions there is no list: they go by themselves
            tx.after_commit(lambda: self._close([session_id]))
        return await self._note_end(tx, session_id, account_id, until)

    async def _note_end(self, tx: Transaction, ended: str, account_id: str | None, until: int) -> bool:
        """Have the database remember that a session, or a secret by its SHA-256 in hex, opens nothing any more."""
        noted = await tx.execute(
            "INSERT INTO ended_sessions (id, account_id, until) VALUES (:id, :account_id, :until)"
            " ON CONFLICT DO NOTHING",
            id=ended,
            account_id=account_id or "",
            until=until,
        )
        return noted == 1

    async def end_all(self, tx: Transaction, account_id: str, keep: str | None) -> None:
        tx.after_commit(lambda: self._clean(account_id))

    async def _clean(self, account_id: str) -> None:
        """Take away what has ended of an account. It opens nothing any more, so this may fail."""
        with _may_fail():
            kept = await self._kept(account_id)
            over = [session for session in kept.values() if await self._standing(session) is None]
            await self._unlist(*over)
            await self._delete(self._session_key(session.id_hash) for session in over)
            await self._close(session.id for session in over)

    async def _delete(self, keys: Iterable[bytes]) -> None:
        with _may_fail():
            await self._redis.pipeline([("DEL", key) for key in keys])

    async def _close(self, session_ids: Iterable[str]) -> None:
        with _may_fail():
            await self._redis.pipeline(
                [("SET", self._data_key(session_id), _CLOSED, "XX", "PX", GRACE) for session_id in session_ids]
            )

    async def read_data(self, session_id: str) -> SessionData:
        return _data(await self._redis.execute("GET", self._data_key(session_id)))

    async def replace_data(self, session: Session, after: SessionData) -> bool:
        if not await self._redis.execute("EXISTS", self._session_key(session.id_hash)):
            return False
        return await self._replace_data(session.id, after.version - 1, _packed_data(after), session.idle)

    async def _replace_data(self, session_id: str, version: int, data: bytes, lives: int) -> bool:
        return bool(await self._redis.script(_REPLACE_DATA, [self._data_key(session_id)], [version, data, lives]))

    async def carry_data(self, tx: Transaction, session_id: str, after: Session) -> None:
        tx.after_commit(lambda: self._carry_data(session_id, after))

    async def _carry_data(self, session_id: str, after: Session) -> None:
        closed = False
        while not closed:  # once more, with what was changed meanwhile
            data = await self.read_data(session_id)
            await self._put_data(after, data)
            closed = await self._replace_data(session_id, data.version, _CLOSED, GRACE)

    async def _put_data(self, session: Session, data: SessionData) -> None:
        """Write data where there is none, or older."""
        while (before := (await self.read_data(session.id)).version) < data.version:
            if await self._replace_data(session.id, before, _packed_data(data), session.idle):
                return

    async def sweep(self, tx: Transaction, now: int, limit: int) -> int:
        return 0

    async def count(self) -> int:
        found = 0
        async for keys in self._redis.scan(self._session_key(b"")):
            found += len(keys)
        return found

    async def batches(self, size: int) -> AsyncIterator[list[Stored]]:
        beginning = self._session_key(b"")
        async for keys in self._redis.scan(beginning):
            for start in range(0, len(keys), size):
                hashes = [key.removeprefix(beginning) for key in keys[start : start + size]]
                if batch := await self._stored(hashes):
                    yield batch

    async def _stored(self, hashes: Sequence[bytes]) -> list[Stored]:
        packed = await self._redis.pipeline([("GET", self._session_key(id_hash)) for id_hash in hashes])
        sessions = [unpack(*found) for found in zip(hashes, packed, strict=True) if found[1] is not None]
        data = await self._redis.pipeline([("GET", self._data_key(session.id)) for session in sessions])
        return [Stored(session, _data(raw)) for session, raw in zip(sessions, data, strict=True)]

    async def put(self, stored: Sequence[Stored]) -> None:
        await asyncio.gather(*map(self._put, stored))

    async def _put(self, stored: Stored) -> None:
        session = stored.session
        await self._redis.execute(*self._written(session), "NX")
        if session.account_id is not None and not session.superseded:
            await self._add(session)
        if stored.data.version:
            await self._put_data(session, stored.data)

    async def remove(self, stored: Sequence[Stored]) -> list[Stored]:
        removed = await asyncio.gather(*map(self._remove, stored))
        return [one for one, is_removed in zip(stored, removed, strict=True) if not is_removed]

    async def _remove(self, stored: Stored) -> bool:
        session, data = stored.session, stored.data
        key = self._session_key(session.id_hash)
        packed = await self._redis.execute("GET", key)
        if packed is None or unpack(session.id_hash, packed) != unpack(
            session.id_hash, pack(session)
        ):  # packing rounds
            return False
        # The data first: who changes it meanwhile changes it where it has been put. It comes back if its session stays.
        # That of a superseded one belongs to the session behind its new secret.
        if not session.superseded and not await self._replace_data(session.id, data.version, b"", 0):
            return False
        if await self._redis.script(_SWAP, [key], [packed, b"", 0]):
            await self._unlist(session)
            return True
        if not session.superseded and data.version:
            await self._put_data(session, data)
        return False

    async def _unlist(self, *sessions: Session) -> None:
        for session in sessions:
            if session.account_id is not None:
                await self._redis.execute("ZREM", self._account_key(session.account_id), session.id_hash)

    def _session_key(self, id_hash: bytes) -> bytes:
        return self._redis.prefix + b"s:" + id_hash

    def _account_key(self, account_id: str) -> bytes:
        return self._redis.prefix + b"a:" + id_to_bytes(account_id)

    def _data_key(self, session_id: str) -> bytes:
        return self._redis.prefix + b"d:" + id_to_bytes(session_id)


def _age(session: Session) -> tuple[int, str]:
    return session.created_at, session.id


@contextmanager
def _may_fail() -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        _log.warning("sessions that have ended stay in Redis until they expire: %r", error.__cause__ or error)


def _data(raw: bytes | None) -> SessionData:
    return NO_DATA if raw in (None, _CLOSED) else SessionData(msgspec.json.decode(raw[4:]), int.from_bytes(raw[:4]))


def _packed_data(data: SessionData) -> bytes:
    return data.version.to_bytes(4) + msgspec.json.encode(data.data)
