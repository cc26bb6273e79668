"""Everything that a handler may call: the use cases, ready-made by ``ostiary.app``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ostiary.accounts import AccountAdministration, AccountStore, Profiles
from ostiary.authentication import (
    EmailChange,
    FirstAdministrator,
    PasswordChange,
    Recognition,
    Registration,
    SignIn,
    SignIns,
    StepUp,
    Verification,
)
from ostiary.authorization import Assignments, AuditReading, Authorizer, AuthZen, Grants, Roles
from ostiary.base.clock import Clock
from ostiary.credentials import Passwords
from ostiary.crypto import KeyRing
from ostiary.database import Database
from ostiary.notify import Mailer
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
    keys: KeyRing
    signing_keys: SigningKeys
    mailer: Mailer
    places: Places
    passwords: Passwords
    accounts: AccountStore
    authorizer: Authorizer
    audit: AuditReading
    profiles: Profiles
    account_administration: AccountAdministration
    roles: Roles
    assignments: Assignments
    grants: Grants
    authzen: AuthZen
    registration: Registration
    verification: Verification
    sign_in: SignIn
    sign_ins: SignIns
    step_up: StepUp
    password_change: PasswordChange
    email_change: EmailChange
    first_administrator: FirstAdministrator
    recognition: Recognition
    sessions: Sessions
    device_bound: DeviceBoundSessions
    session_migration: SessionMigration
    session_data: SessionDataStore
