"""Opening what sessions are kept in, by the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary.errors import ConfigurationError
from ostiary.sessions.life import in_redis, note_redis
from ostiary.sessions.migration import StoreName
from ostiary.sessions.sql import SqlSessions
from ostiary.sessions.store import SessionStore
from ostiary.settings import Settings

if TYPE_CHECKING:
    from ostiary.database import Database
    from ostiary.database.redis import Redis


async def open_redis(settings: Settings, db: Database) -> Redis | None:
    """The Redis of the settings; ``None`` where there is none.

    Raises:
        ConfigurationError: none is set, but sessions are kept in one.
        Unavailable: it does not answer.
    """
    if settings.redis.url is None:
        if await in_redis(db):
            fault = "is not set, but sessions are kept in Redis; `ostiary sessions migrate --to database` moves them"
            raise ConfigurationError([f"redis.url: {fault}"])
        return None
    from ostiary.database.redis import Redis

    redis = await Redis.open(settings.redis.url, settings.redis.prefix)
    if settings.sessions.store == "redis":
        await note_redis(db, used=True)
    return redis


def session_stores(db: Database, redis: Redis | None, account_fields: tuple[str, ...]) -> dict[StoreName, SessionStore]:
    """Every store that sessions may be in. ``account_fields``: the columns of an account that come with a session."""
    stores: dict[StoreName, SessionStore] = {"database": SqlSessions(db, account_fields)}
    if redis is not None:
        from ostiary.sessions.redis import RedisSessions

        stores["redis"] = RedisSessions(redis, db, account_fields)
    return stores
