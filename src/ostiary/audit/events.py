"""The names of everything that is recorded, and who can have done it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec


class Event(StrEnum):
    """``noun.verb_past``; the member is named alike. What is published never changes its meaning or goes away."""

    ACCOUNT_FIRST_ADMINISTRATOR_INVITED = "account.first_administrator_invited"
    """The operator had the one-time link made."""
    ACCOUNT_FIRST_ADMINISTRATOR_CREATED = "account.first_administrator_created"
    ACCOUNT_REGISTERED = "account.registered"
    ACCOUNT_REGISTRATION_REPEATED = "account.registration_repeated"
    """Somebody registered an address that already has an account; its owner was told by mail."""
    ACCOUNT_CREATED = "account.created"
    ACCOUNTS_IMPORTED = "accounts.imported"
    """A batch of them, with how many; their ids begin with the time of this event."""
    ACCOUNT_CHANGED = "account.changed"
    ACCOUNT_DISABLED = "account.disabled"
    ACCOUNT_ENABLED = "account.enabled"
    ACCOUNT_DELETED = "account.deleted"
    ACCOUNT_PROFILE_CHANGED = "account.profile_changed"
    ACCOUNT_EMAIL_VERIFIED = "account.email_verified"
    ACCOUNT_EMAIL_CHANGE_REQUESTED = "account.email_change_requested"
    ACCOUNT_EMAIL_CHANGED = "account.email_changed"

    PASSWORD_CHANGED = "password.changed"
    PASSWORD_REFUSED = "password.refused"
    """Somebody signed in was asked for the password again and gave another one."""
    PASSWORD_REHASHED = "password.rehashed"

    SIGN_IN_SUCCEEDED = "sign_in.succeeded"
    SIGN_IN_FAILED = "sign_in.failed"
    SIGN_IN_CHALLENGED = "sign_in.challenged"
    SIGN_IN_THROTTLED = "sign_in.throttled"
    VERIFICATION_SENT = "verification.sent"
    VERIFICATION_FAILED = "verification.failed"
    SIGN_OUT = "sign_out"
    STEP_UP_SUCCEEDED = "step_up.succeeded"
    """Somebody signed in has proved once more who they are."""

    STEP_UP_FAILED = "step_up.failed"
    DEVICE_NEW = "device.new"
    """A sign-in from a browser or client that the account was not signed in from before."""
    DEVICE_TRUSTED = "device.trusted"
    """It is not asked for a second factor for some time."""
    DEVICE_FORGOTTEN = "device.forgotten"

    CREDENTIAL_ENROLLED = "credential.enrolled"
    CREDENTIAL_RENAMED = "credential.renamed"
    CREDENTIAL_REMOVED = "credential.removed"
    CREDENTIAL_REFUSED = "credential.refused"
    """In a flow, somebody gave a wrong answer."""
    CREDENTIAL_CHALLENGED = "credential.challenged"
    """A message with a code went out."""
    RECOVERY_CODES_MADE = "recovery_codes.made"
    RECOVERY_CODE_USED = "recovery_code.used"
    RECOVERY_REQUESTED = "recovery.requested"
    RECOVERY_COMPLETED = "recovery.completed"
    """A forgotten password was replaced."""
    SECOND_FACTORS_REMOVAL_REQUESTED = "second_factors.removal_requested"
    """By an administrator; it waits, so that the owner can stop it."""
    SECOND_FACTORS_REMOVAL_STOPPED = "second_factors.removal_stopped"
    SECOND_FACTORS_REMOVED = "second_factors.removed"

    SESSION_ENDED = "session.ended"
    SESSIONS_ENDED_ALL = "sessions.ended_all"
    SESSIONS_MIGRATED = "sessions.migrated"
    """The operator moved them from one store to another."""
    SESSION_REFUSED = "session.refused"
    """The account is signed in at as many places as it may be."""
    SESSION_MOVED = "session.moved"
    """A session came from another device or network than it began on, and was not let through."""
    SESSION_BOUND = "session.bound"
    """The browser bound it to a key that cannot be copied."""
    SESSION_DATA_CHANGED = "session.data_changed"
    """In older logs only: a cart is nothing to audit."""

    REFRESH_ROTATED = "refresh.rotated"
    REFRESH_REUSED = "refresh.reused"
    REFRESH_REVOKED = "refresh.revoked"

    CREDENTIAL_CLONED = "credential.cloned"
    """A passkey's signature counter went back: somebody has a copy of its key. That use was refused."""

    KEY_ROTATED = "key.rotated"

    API_KEY_CREATED = "api_key.created"
    API_KEY_CHANGED = "api_key.changed"
    API_KEY_ROTATED = "api_key.rotated"
    """It has another secret; the one before may be good for some time yet."""
    API_KEY_REVOKED = "api_key.revoked"
    API_KEY_REFUSED = "api_key.refused"
    """Somebody showed a key that is not good, or not there; not every time is recorded."""

    CLIENT_CREATED = "client.created"
    CLIENT_REGISTERED = "client.registered"
    """By itself, by dynamic registration."""
    CLIENT_CHANGED = "client.changed"
    CLIENT_DELETED = "client.deleted"
    CLIENT_REFUSED = "client.refused"
    """It could not be authenticated; not every time is recorded."""
    CLIENT_AUTHORIZED = "client.authorized"
    """Somebody let an application have tokens; with its scopes."""
    CLIENT_DENIED = "client.denied"
    """Somebody was asked to, and said no."""
    CLIENT_NOTIFIED = "client.notified"
    """It was told of the end of a session, or could not be."""
    CONSENT_REVOKED = "consent.revoked"
    API_CREATED = "api.created"
    API_CHANGED = "api.changed"
    API_DELETED = "api.deleted"
    TOKENS_ISSUED = "tokens.issued"
    """To an application; with the grant that they came of."""
    TOKENS_REVOKED = "tokens.revoked"
    AUTHORIZATION_CODE_REUSED = "authorization_code.reused"
    """A code came a second time; what the first use gave has ended."""

    ROLE_CREATED = "role.created"
    ROLE_CHANGED = "role.changed"
    ROLE_DELETED = "role.deleted"
    ROLE_ASSIGNED = "role.assigned"
    ROLE_UNASSIGNED = "role.unassigned"
    GRANT_CREATED = "grant.created"
    GRANT_CHANGED = "grant.changed"
    GRANT_DELETED = "grant.deleted"
    RELATIONS_WRITTEN = "relations.written"
    """With how many were written and deleted, and the first of them; by access control lists too."""
    ENTITIES_CHANGED = "entities.changed"
    """Attributes of these objects were written or deleted; their values are not recorded."""
    POLICY_CHANGED = "policy.changed"
    POLICY_DELETED = "policy.deleted"
    MODEL_APPLIED = "model.applied"

    DECISION_MADE = "decision.made"
    """Where the setting ``decisions.log`` asks for it."""
    DECISIONS_NOT_RECORDED = "decisions.not_recorded"
    """More were made than could be written; with how many are missing."""

    MAIL_FAILED = "mail.failed"
    SMS_FAILED = "sms.failed"


class Actor(msgspec.Struct, frozen=True):
    """Who acted, and from where.

    Attributes:
        kind: ``operator`` has the machine's command line; ``system`` is Ostiary itself, at work on its own.
        account_id: who, for ``account``; None for the other kinds.
        address: the network address that the request came from.
        request_id: what ties the event to the request's log lines.
        user_agent: as sent by the client.
    """

    kind: Literal["account", "operator", "anonymous", "system"]
    account_id: str | None = None
    address: str | None = None
    request_id: str | None = None
    user_agent: str | None = None

    def __post_init__(self) -> None:
        if (self.kind == "account") != (self.account_id is not None):
            raise ValueError("an actor has an account_id exactly when it is an account")

    def __str__(self) -> str:
        return f"account:{self.account_id}" if self.kind == "account" else self.kind


OPERATOR = Actor("operator")
SYSTEM = Actor("system")
ANONYMOUS = Actor("anonymous")
