"""The composition root: the one file that knows every room, and makes each from those it stands on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ostiary.accounts import Account, AccountAdministration, AccountStore, Profiles
from ostiary.audit import SYSTEM, Event, record
from ostiary.authentication import (
    EmailChange,
    FirstAdministrator,
    Flows,
    PasswordChange,
    Recognition,
    Registration,
    SignIn,
    SignIns,
    StepUp,
    Verification,
)
from ostiary.authentication.completion import Completion
from ostiary.authentication.letters import Letters
from ostiary.authentication.password_confirmation import PasswordConfirmation
from ostiary.authentication.throttle import Throttle
from ostiary.authorization import Assignments, AuditReading, Authorizer, AuthZen, Caller, Grants, Roles
from ostiary.base.clock import MINUTE, SECOND, Clock, system_clock
from ostiary.base.gcra import Limiter
from ostiary.credentials import Passwords
from ostiary.crypto import KeyRing, PasswordHasher, Sealer, Unsealable, derive_key, parse_master_key
from ostiary.database import Database, Transaction, migrate, require_migrated
from ostiary.errors import ConfigurationError
from ostiary.notify import FailedMail, Mailer
from ostiary.sessions import DeviceBoundSessions, SessionDataStore, Sessions, SessionStore, SqlSessions
from ostiary.sessions.life import in_redis, note_redis
from ostiary.sessions.migration import SessionMigration, StoreName
from ostiary.sessions.places import Places
from ostiary.settings import Settings
from ostiary.tokens import AccessTokens, RefreshTokens, SigningKeys
from ostiary.web.use_cases import UseCases

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from ostiary.database.redis import Redis
    from ostiary.web.application import WebApplication

_log = logging.getLogger("ostiary")
_SWEEP_EVERY = 5 * MINUTE // SECOND


class Ostiary:
    """One installation: open it, use its use cases, serve it as an ASGI application, close it.

    >>> async with await Ostiary.open(settings) as ostiary:
    ...     await ostiary.use.accounts.by_identifier("ada@example.com")
    """

    def __init__(self, use: UseCases, csrf_key: bytes, sweepers: Sweepers) -> None:
        self.use = use
        self._csrf_key = csrf_key
        self._sweepers = sweepers
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, settings: Settings, *, clock: Clock = system_clock, migrate_first: bool = False) -> Ostiary:
        """Open the database, load the keys and put every room on the ones below it.

        Args:
            migrate_first: bring the database up to date; otherwise one that is behind is refused.

        Raises:
            ConfigurationError: names what is wrong with the settings or the database.
        """
        db = await Database.open(settings.database.url, pool_size=settings.database.pool)
        try:
            if migrate_first:
                await migrate(db, clock)
            else:
                await require_migrated(db)
            return await cls.over(db, settings, clock=clock)
        except BaseException:
            await db.close()
            raise

    @classmethod
    async def over(cls, db: Database, settings: Settings, *, clock: Clock = system_clock) -> Ostiary:
        """Put every room on a database that is open and up to date; closing the installation closes it.

        Raises:
            ConfigurationError: there is no master key, or it is not the one that sealed what is in the database; or
                sessions are kept in a Redis that is not set.
            Unavailable: Redis does not answer.
        """
        if settings.master_key is None:
            raise ConfigurationError(["master_key: is not set; it seals the secrets in the database"])
        redis = await _open_redis(settings, db)
        try:
            return await _compose(cls, settings, clock, db, redis, parse_master_key(settings.master_key.reveal()))
        except BaseException as cause:
            if redis is not None:
                await redis.close()
            if isinstance(cause, Unsealable):
                fault = "is not the one that sealed the keys in this database; use that one, or another database"
                raise ConfigurationError([f"master_key: {fault}"]) from cause
            raise

    @cached_property
    def web(self) -> WebApplication:
        """Ostiary over HTTP; made when it is first asked for, so that a command loads no web framework."""
        from ostiary.web.application import WebApplication

        return WebApplication(self.use, self._csrf_key)

    def operator(self) -> Caller:
        """The person at the command line of this machine."""
        return Caller.operator(self.use.authorizer, self.use.clock())

    async def start(self) -> None:
        """Begin the work in the background: mail and sweeping."""
        _ = self.web  # what is wrong with the routes shows now, not at the first request
        self._tasks = [asyncio.create_task(self.use.mailer.run(self._stop)), asyncio.create_task(self._sweep())]

    async def close(self) -> None:
        """Finish the work in the background, then close what is open."""
        self._stop.set()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self.use.places.close()
        if self.use.redis is not None:
            await self.use.redis.close()
        await self.use.db.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve HTTP; nothing else is spoken here."""
        if scope["type"] != "http":
            raise RuntimeError(f"Ostiary does not speak {scope['type']}")
        await self.web(scope, receive, send)

    async def _sweep(self) -> None:
        while not self._stop.is_set():
            try:
                await self._sweepers.sweep(self.use.clock())
            except Exception:  # noqa: BLE001 - this loop ends only when it is told to
                _log.exception("sweeping failed; it is tried again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _SWEEP_EVERY)


class Sweepers:
    """Deletes what has expired, in small bites, so that nobody waits for it."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        sessions: Sessions,
        refresh_tokens: RefreshTokens,
        flows: Flows,
        pending_ttl: int,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._sessions = sessions
        self._refresh_tokens = refresh_tokens
        self._flows = flows
        self._pending_ttl = pending_ttl * SECOND

    async def sweep(self, now: int) -> int:
        """One pass over everything that expires; returns how many rows went."""
        swept = 0
        for room in (self._sessions, self._refresh_tokens, self._flows):
            while True:
                async with self._db.transaction() as tx:
                    gone = await room.sweep(tx, now)
                swept += gone
                if gone < 500:
                    break
        async with self._db.transaction() as tx:
            swept += await self._accounts.sweep_pending(tx, now - self._pending_ttl)
        return swept


async def _open_redis(settings: Settings, db: Database) -> Redis | None:
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


def _session_stores(db: Database, redis: Redis | None) -> dict[StoreName, SessionStore]:
    stores: dict[StoreName, SessionStore] = {"database": SqlSessions(db, Account.__struct_fields__)}
    if redis is not None:
        from ostiary.sessions.redis import RedisSessions

        stores["redis"] = RedisSessions(redis, db, Account.__struct_fields__)
    return stores


async def _compose(
    cls: type[Ostiary], settings: Settings, clock: Clock, db: Database, redis: Redis | None, master_key: bytes
) -> Ostiary:
    sealer = Sealer(master_key)
    keys = KeyRing(
        db,
        sealer,
        clock,
        publish_lead=settings.tokens.key_publish_lead * SECOND,
        token_lifetime=settings.tokens.access_ttl * SECOND,
    )
    await keys.load()
    hasher = PasswordHasher(
        memory_kib=settings.passwords.memory_kib,
        passes=settings.passwords.passes,
        max_queue=settings.passwords.queue,
    )
    mailer = Mailer(
        db,
        sealer,
        clock,
        settings.mail,
        site_name=settings.site_name,
        issuer=settings.issuer,
        on_failure=_record_failed_mail,
    )
    authorizer = Authorizer(db, clock)
    accounts = AccountStore(db)
    profiles = Profiles(db, accounts)
    passwords = Passwords(db, hasher, settings.passwords)
    stores = _session_stores(db, redis)
    stores_in_turn = sorted(stores, key=lambda name: name != settings.sessions.store)
    sessions = Sessions(db, [stores[name] for name in stores_in_turn], settings.sessions)
    device_bound = DeviceBoundSessions(db, sessions, derive_key(master_key, "device-bound sessions"), settings)
    access_tokens = AccessTokens(keys, settings.issuer, settings.tokens, clock)
    refresh_tokens = RefreshTokens(db, settings.tokens)
    flows = Flows(db, settings.registration)
    letters = Letters(mailer, settings)
    places = Places.open(settings.geo.database)
    throttle = Throttle(settings.limits)
    new_sessions = settings.limits.anonymous_session_address
    confirm = PasswordConfirmation(db, passwords, throttle)
    completion = Completion(sessions, access_tokens, refresh_tokens)
    use = UseCases(
        settings=settings,
        clock=clock,
        db=db,
        redis=redis,
        keys=keys,
        signing_keys=SigningKeys(db, keys),
        mailer=mailer,
        places=places,
        passwords=passwords,
        accounts=accounts,
        authorizer=authorizer,
        audit=AuditReading(db),
        profiles=profiles,
        account_administration=AccountAdministration(db, accounts, passwords, sessions, refresh_tokens, authorizer),
        roles=Roles(db, authorizer, clock),
        assignments=Assignments(db, authorizer, clock),
        grants=Grants(db, authorizer, clock),
        authzen=AuthZen(authorizer),
        registration=Registration(db, accounts, passwords, flows, letters, throttle, settings),
        verification=Verification(db, accounts, passwords, flows, completion, letters, throttle),
        sign_in=SignIn(db, accounts, passwords, flows, completion, letters, throttle),
        sign_ins=SignIns(db, accounts, sessions, access_tokens, refresh_tokens, authorizer, places),
        password_change=PasswordChange(db, profiles, passwords, sessions, refresh_tokens, flows, letters, confirm),
        email_change=EmailChange(db, accounts, profiles, flows, letters, throttle, confirm),
        first_administrator=FirstAdministrator(db, accounts, passwords, flows, completion, settings),
        step_up=StepUp(db, sessions, confirm),
        recognition=Recognition(db, accounts, sessions, device_bound, access_tokens, authorizer, settings.sessions),
        sessions=sessions,
        device_bound=device_bound,
        session_migration=SessionMigration(db, stores),
        session_data=SessionDataStore(sessions, Limiter(new_sessions.count, new_sessions.seconds)),
    )
    sweepers = Sweepers(db, accounts, sessions, refresh_tokens, flows, settings.registration.pending_ttl)
    return cls(use, derive_key(master_key, "csrf"), sweepers)


async def _record_failed_mail(tx: Transaction, now: int, mail: FailedMail) -> None:
    await record(
        tx, now, Event.MAIL_FAILED, SYSTEM, mail.account_id, mail=mail.id, reason=mail.reason, attempts=mail.attempts
    )
