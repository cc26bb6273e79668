"""The composition root: the one file that knows every room, and makes each from those it stands on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ostiary.accounts import Account, AccountAdministration, AccountImport, AccountStore, Profiles
from ostiary.audit import SYSTEM, DeferredWrites, Event, record
from ostiary.authentication import (
    ApiKeys,
    Devices,
    Dispatcher,
    EmailChange,
    Enrolments,
    FirstAdministrator,
    Flows,
    KeyRecognition,
    OwnCredentials,
    PasswordChange,
    Recognition,
    Recovery,
    Registration,
    SignIn,
    SignIns,
    StepUp,
    Verification,
)
from ostiary.authentication.completion import Completion
from ostiary.authentication.factor_removal import FactorRemovals
from ostiary.authentication.freshness import Freshness
from ostiary.authentication.guessing import Guessing
from ostiary.authentication.letters import Letters
from ostiary.authentication.limits import Limits, SqlLimits
from ostiary.authentication.password_confirmation import PasswordConfirmation
from ostiary.authentication.steps import Steps
from ostiary.authentication.throttle import Throttle
from ostiary.authorization import (
    AccessControl,
    Assignments,
    AuditReading,
    Authorizer,
    AuthZen,
    Caller,
    Entities,
    Grants,
    Models,
    Policies,
    Relations,
    Roles,
)
from ostiary.authorization.search import Search
from ostiary.authorization.trial import Trials
from ostiary.base.clock import MINUTE, SECOND, Clock, system_clock
from ostiary.base.gcra import Limiter
from ostiary.base.http import HttpClient
from ostiary.credentials import (
    CredentialStore,
    EmailCodes,
    Passkeys,
    Passwords,
    RecoveryCodes,
    SmsCodes,
    Totp,
)
from ostiary.credentials.api_key_store import ApiKeyStore
from ostiary.credentials.breached import BreachedPasswords
from ostiary.credentials.face import Credential, Enrollable
from ostiary.crypto import KeyRing, PasswordHasher, Sealer, Unsealable, derive_key, parse_master_key
from ostiary.database import Database, Sweeper, Transaction, migrate, require_migrated
from ostiary.errors import ConfigurationError, OstiaryError
from ostiary.notify import FailedMessage, Mailer
from ostiary.oauth import AuthorizationServer
from ostiary.sessions import DeviceBoundSessions, SessionDataStore, Sessions
from ostiary.sessions.migration import SessionMigration
from ostiary.sessions.opening import open_redis, session_stores
from ostiary.sessions.places import Places
from ostiary.settings import Settings
from ostiary.tokens import AccessTokens, RefreshTokens, SigningKeys
from ostiary.web.use_cases import UseCases

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from ostiary.database.redis import Redis
    from ostiary.web.application import WebApplication

_log = logging.getLogger("ostiary")
LONGEST_TOKEN = 15 * MINUTE
"""What is signed lives no longer: access tokens, whatever their API says, and ID tokens (milliseconds)."""
_SWEEP_EVERY = 5 * MINUTE // SECOND


class Ostiary:
    """One installation: open it, use its use cases, serve it as an ASGI application, close it.

    >>> async with await Ostiary.open(settings) as ostiary:
    ...     await ostiary.use.accounts.by_identifier("ada@example.com")
    """

    def __init__(self, use: UseCases, csrf_key: bytes, sweeper: Sweeper) -> None:
        self.use = use
        self._csrf_key = csrf_key
        self._sweeper = sweeper
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
        redis = await open_redis(settings, db)
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
        """Begin the work in the background: mail, logout tokens and sweeping."""
        _ = self.web  # what is wrong with the routes shows now, not at the first request
        work = (
            self.use.mailer.run(self._stop),
            self.use.oauth.logout_tokens.run(self._stop),
            self._sweep(),
        )
        self._tasks = [asyncio.create_task(each) for each in work]

    async def close(self) -> None:
        """Finish the work in the background, then close what is open."""
        self._stop.set()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        with contextlib.suppress(OstiaryError):  # a database that is gone keeps nobody from closing the rest
            await self.use.deferred.close()
        self.use.places.close()
        await self.use.http.close()
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
                await self._sweeper(self.use.clock())
            except Exception:  # noqa: BLE001 - this loop ends only when it is told to
                _log.exception("sweeping failed; it is tried again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _SWEEP_EVERY)


def _limits_in(redis: Redis, secret: bytes) -> Limits:
    from ostiary.authentication.limits.redis import RedisLimits

    return RedisLimits(redis, secret)


async def _compose(
    cls: type[Ostiary], settings: Settings, clock: Clock, db: Database, redis: Redis | None, master_key: bytes
) -> Ostiary:
    sealer = Sealer(master_key)
    keys = KeyRing(
        db,
        sealer,
        clock,
        publish_lead=settings.tokens.key_publish_lead * SECOND,
        token_lifetime=LONGEST_TOKEN,
    )
    await keys.load()
    hasher = PasswordHasher(
        memory_kib=settings.passwords.memory_kib,
        passes=settings.passwords.passes,
        max_queue=settings.passwords.queue,
    )
    http = HttpClient()
    mailer = Mailer(
        db,
        sealer,
        clock,
        settings.mail,
        settings.sms,
        http,
        site_name=settings.site_name,
        issuer=settings.issuer,
        on_failure=_record_failed_message,
    )
    deferred = DeferredWrites(db)
    authorizer = Authorizer(db, clock, settings.decisions, deferred)
    relations = Relations(db, authorizer, clock)
    accounts = AccountStore(db)
    profiles = Profiles(db, accounts)
    passwords = Passwords(db, hasher, settings.passwords, BreachedPasswords(http, settings.passwords))
    stores = session_stores(db, redis, Account.__struct_fields__)
    stores_in_turn = sorted(stores, key=lambda name: name != settings.sessions.store)
    sessions = Sessions(db, [stores[name] for name in stores_in_turn], settings.sessions)
    device_bound = DeviceBoundSessions(db, sessions, derive_key(master_key, "device-bound sessions"), settings)
    access_tokens = AccessTokens(keys, settings.issuer, settings.tokens, clock)
    refresh_tokens = RefreshTokens(db, settings.tokens, derive_key(master_key, "refresh tokens"))
    flows = Flows(db, settings.registration)
    letters = Letters(mailer, settings)
    places = Places.open(settings.geo.database)
    counted_here = SqlLimits(db, derive_key(master_key, "limits"))
    limits = counted_here if redis is None else _limits_in(redis, derive_key(master_key, "limits"))
    throttle = Throttle(limits, settings.limits)
    new_sessions = settings.limits.anonymous_session_address
    credential_store = CredentialStore(db)
    email_codes = EmailCodes(mailer, sealer, settings)
    recovery_codes = RecoveryCodes(db, derive_key(master_key, "recovery codes"))
    passkeys = Passkeys(credential_store, settings)
    sms_codes = SmsCodes(credential_store, mailer, sealer, settings)
    enrollable: dict[str, Enrollable[Any]] = {
        "passkey": passkeys,
        "totp": Totp(credential_store, sealer, site_name=settings.site_name),
        "sms_code": sms_codes,
    }
    credentials: dict[str, Credential[Any]] = {
        "password": passwords,
        **enrollable,
        "email_code": email_codes,
        "recovery_code": recovery_codes,
    }
    offered = frozenset(credential.type for credential in credentials.values() if credential.available)
    freshness = Freshness(db, settings.sign_in)
    devices = Devices(db, settings.sign_in, places)
    confirm = PasswordConfirmation(db, passwords, devices, throttle)
    guessing = Guessing(throttle)
    steps = Steps(flows, settings.sign_in, offered)
    completion = Completion(
        db,
        flows,
        sessions,
        access_tokens,
        refresh_tokens,
        devices,
        letters,
        throttle,
        settings.sign_in,
        offered,
    )
    step_up = StepUp(accounts, sessions, access_tokens, refresh_tokens, settings)
    recovery = Recovery(
        db,
        accounts,
        passwords,
        email_codes,
        flows,
        steps,
        sessions,
        refresh_tokens,
        devices,
        letters,
        throttle,
        settings.recovery,
    )
    enrolments = Enrolments(
        db, accounts, enrollable, sms_codes, flows, devices, freshness, letters, throttle, sessions, settings.sign_in
    )
    factor_removals = FactorRemovals(
        db,
        accounts,
        enrolments,
        recovery,
        sessions,
        refresh_tokens,
        letters,
        authorizer,
        freshness,
        settings.recovery,
    )
    oauth = AuthorizationServer(
        db, clock, settings, master_key, keys, sealer, http, accounts, sessions, refresh_tokens, authorizer, deferred
    )
    api_keys = ApiKeyStore(db, Account.__struct_fields__)
    use = UseCases(
        settings=settings,
        clock=clock,
        db=db,
        redis=redis,
        http=http,
        keys=keys,
        signing_keys=SigningKeys(db, keys),
        mailer=mailer,
        places=places,
        limits=limits,
        passwords=passwords,
        accounts=accounts,
        authorizer=authorizer,
        deferred=deferred,
        audit=AuditReading(db, deferred),
        profiles=profiles,
        account_administration=AccountAdministration(
            db, accounts, passwords, sessions, refresh_tokens, authorizer, freshness.require_of_administrator
        ),
        account_import=AccountImport(db, passwords, derive_key(master_key, "imported accounts"), clock),
        roles=Roles(db, authorizer, clock),
        assignments=Assignments(db, authorizer, clock),
        grants=Grants(db, authorizer, clock),
        policies=Policies(db, authorizer, clock),
        models=Models(db, authorizer, clock),
        relations=relations,
        access_control=AccessControl(db, authorizer, relations),
        entities=Entities(db, authorizer, clock),
        search=Search(db, authorizer),
        trials=Trials(db, clock),
        authzen=AuthZen(db, authorizer, Search(db, authorizer)),
        registration=Registration(db, accounts, passwords, flows, letters, throttle, settings),
        verification=Verification(
            db, accounts, passwords, email_codes, flows, steps, completion, access_tokens, letters, throttle
        ),
        sign_in=SignIn(db, accounts, passwords, steps, completion, devices, guessing, letters),
        sign_ins=SignIns(db, accounts, sessions, access_tokens, refresh_tokens, authorizer, places),
        password_change=PasswordChange(
            db, profiles, passwords, sessions, refresh_tokens, enrolments, freshness, letters, confirm
        ),
        email_change=EmailChange(db, accounts, profiles, flows, letters, throttle, confirm, freshness),
        first_administrator=FirstAdministrator(
            db, accounts, passwords, flows, steps, completion, access_tokens, settings
        ),
        dispatcher=Dispatcher(
            db,
            accounts,
            credentials,
            email_codes,
            recovery_codes,
            flows,
            steps,
            completion,
            step_up,
            recovery,
            enrolments,
            devices,
            guessing,
            letters,
            settings.sign_in,
        ),
        enrolments=enrolments,
        own_credentials=OwnCredentials(
            db,
            accounts,
            credentials,
            credential_store,
            passwords,
            recovery_codes,
            passkeys,
            enrolments,
            freshness,
            letters,
            settings.sign_in,
        ),
        factor_removals=factor_removals,
        devices=devices,
        passkeys=passkeys,
        step_up=step_up,
        recognition=Recognition(db, accounts, sessions, device_bound, access_tokens, authorizer, settings.sessions),
        key_recognition=KeyRecognition(db, api_keys, authorizer),
        api_keys=ApiKeys(db, api_keys, accounts, authorizer, freshness, letters),
        sessions=sessions,
        device_bound=device_bound,
        session_migration=SessionMigration(db, stores),
        session_data=SessionDataStore(sessions, Limiter(new_sessions.count, new_sessions.seconds)),
        oauth=oauth,
    )
    pending_ttl = settings.registration.pending_ttl * SECOND
    sweeper = Sweeper(
        db,
        [
            sessions.sweep,
            refresh_tokens.sweep,
            flows.sweep,
            devices.sweep,
            counted_here.sweep,
            *oauth.sweeps,
            lambda tx, now: accounts.sweep_pending(tx, now - pending_ttl),
        ],
        factor_removals.apply_due,
    )
    return cls(use, derive_key(master_key, "csrf"), sweeper)


async def _record_failed_message(tx: Transaction, now: int, failed: FailedMessage) -> None:
    event = Event.MAIL_FAILED if failed.kind == "mail" else Event.SMS_FAILED
    named: dict[str, Any] = {failed.kind: failed.id}
    await record(tx, now, event, SYSTEM, failed.account_id, **named, reason=failed.reason, attempts=failed.attempts)
