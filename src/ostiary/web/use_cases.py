"""Everything that a handler may call: the use cases, ready-made by ``ostiary.app``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ostiary.accounts import AccountAdministration, AccountImport, AccountStore, Profiles
from ostiary.audit import DeferredWrites
from ostiary.authentication import (
    ApiKeys,
    Devices,
    Dispatcher,
    EmailChange,
    Enrolments,
    FirstAdministrator,
    KeyRecognition,
    OwnCredentials,
    PasswordChange,
    Recognition,
    Registration,
    SignIn,
    SignIns,
    StepUp,
    Verification,
)
from ostiary.authentication.factor_removal import FactorRemovals
from ostiary.authentication.limits import Limits
from ostiary.authorization import (
    AccessControl,
    Assignments,
    AuditReading,
    Authorizer,
    AuthZen,
    Entities,
    Grants,
    Models,
    Policies,
    Relations,
    Roles,
)
from ostiary.authorization.search import Search
from ostiary.authorization.trial import Trials
from ostiary.base.clock import Clock
from ostiary.base.http import HttpClient
from ostiary.credentials import Passkeys, Passwords
from ostiary.crypto import KeyRing
from ostiary.database import Database
from ostiary.notify import Mailer
from ostiary.oauth import AuthorizationServer
from ostiary.sessions import DeviceBoundSessions, SessionDataStore, Sessions
from ostiary.sessions.migration import SessionMigration
from ostiary.sessions.places import Places
from ostiary.settings import Settings
from ostiary.tokens import SigningKeys

if TYPE_CHECKING:
    from ostiary.database.redis import Redis


class UseCases(msgspec.Struct, frozen=True):
    """One installation, as the edge sees it."""

    settings: Settings
    clock: Clock
    db: Database
    redis: Redis | None
    http: HttpClient
    keys: KeyRing
    signing_keys: SigningKeys
    mailer: Mailer
    places: Places
    limits: Limits
    passwords: Passwords
    accounts: AccountStore
    authorizer: Authorizer
    deferred: DeferredWrites
    audit: AuditReading
    profiles: Profiles
    account_administration: AccountAdministration
    account_import: AccountImport
    roles: Roles
    assignments: Assignments
    grants: Grants
    policies: Policies
    models: Models
    relations: Relations
    access_control: AccessControl
    entities: Entities
    search: Search
    trials: Trials
    authzen: AuthZen
    registration: Registration
    verification: Verification
    sign_in: SignIn
    dispatcher: Dispatcher
    enrolments: Enrolments
    own_credentials: OwnCredentials
    factor_removals: FactorRemovals
    devices: Devices
    passkeys: Passkeys
    sign_ins: SignIns
    step_up: StepUp
    password_change: PasswordChange
    email_change: EmailChange
    first_administrator: FirstAdministrator
    recognition: Recognition
    key_recognition: KeyRecognition
    api_keys: ApiKeys
    sessions: Sessions
    device_bound: DeviceBoundSessions
    session_migration: SessionMigration
    session_data: SessionDataStore
    oauth: AuthorizationServer
