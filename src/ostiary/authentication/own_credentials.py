"""A person's own credentials: seen, named, removed. An account never ends with no way in."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

import msgspec

from ostiary.accounts import Account, AccountStore
from ostiary.audit import Event, record
from ostiary.authentication.enrolments import NAMES, Enrolments, holder_of, parse_credential_name
from ostiary.authentication.freshness import Freshness
from ostiary.authentication.letters import Letters
from ostiary.authentication.means import means_of
from ostiary.authentication.protection import Protection, protection_of
from ostiary.authorization import Caller
from ostiary.base.clock import Timestamp, rfc3339
from ostiary.credentials import CredentialStore, Passkeys, Passwords, RecoveryCodes
from ostiary.credentials.face import Credential, CredentialType, Enrolled, Factor
from ostiary.credentials.recovery_code import FEW
from ostiary.database import Database, Transaction
from ostiary.errors import LastCredential, NotFound
from ostiary.permissions import Permission
from ostiary.settings import SignInSettings


class CredentialView(msgspec.Struct, frozen=True):
    """A credential as its owner sees it.

    Attributes:
        second: having it makes every sign-in ask for a second factor.
        details: the type's own: a masked number, how many recovery codes are left, whether a passkey is synced.
    """

    id: str
    type: CredentialType
    factor: Factor
    name: str
    second: bool
    created_at: Timestamp
    used_at: Timestamp | None
    details: dict[str, Any]


class RenameRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class OwnCredentials:
    """The use cases of the security page."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        credentials: Mapping[str, Credential[Any]],
        store: CredentialStore,
        passwords: Passwords,
        recovery_codes: RecoveryCodes,
        passkeys: Passkeys,
        enrolments: Enrolments,
        freshness: Freshness,
        letters: Letters,
        settings: SignInSettings,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._credentials = credentials
        self._store = store
        self._passwords = passwords
        self._recovery_codes = recovery_codes
        self._passkeys = passkeys
        self._enrolments = enrolments
        self._freshness = freshness
        self._letters = letters
        self._policy = settings.policy
        self._offered = frozenset(kind for kind, credential in credentials.items() if credential.available)

    async def list(self, caller: Caller, account_id: str | None = None) -> list[CredentialView]:
        """All that the caller's own account has, or another one to who may see it.

        Raises:
            Unauthenticated: nobody has signed in; PersonRequired: a key calls, about its own account.
            Forbidden: it is another account's, and the caller may not see those. NotFound: there is no such account.
        """
        if account_id is None:
            account_id = caller.require_person()  # no permission needed: they are the caller's own
        else:
            await caller.require(Permission.CREDENTIALS_READ)
        account = await self._own(account_id)
        found = [await credential.describe(holder_of(account)) for credential in self._credentials.values()]
        return [self._view(enrolled) for described in found for enrolled in described]

    async def protection(self, caller: Caller) -> Protection:
        """What opens the account now, and what would protect it better.

        Raises:
            Unauthenticated: nobody has signed in; PersonRequired: a key calls.
        """
        # No permission needed: it is the caller's own account.
        account = await self._own(caller.require_person())
        means = await means_of(self._db, account, self._offered)
        left = await self._recovery_codes.left(account.id)
        return protection_of(means, means.requirement(self._policy), left, FEW, self._offered)

    async def require_fresh(self, caller: Caller) -> None:
        """Have who is about to change what protects the account prove themselves first, before they fill in a form.

        Raises:
            Unauthenticated: nobody has signed in; PersonRequired: a key calls.
            InsufficientAuthentication: a step-up is due.
        """
        # No permission needed: it is the caller's own account.
        await self._freshness.require(caller)

    async def signals(self, caller: Caller) -> dict[str, Any]:
        """What the browser is told so that providers of passkeys keep theirs in step; see ``Passkeys.signals``."""
        # No permission needed: it is the caller's own account.
        return await self._passkeys.signals(holder_of(await self._own(caller.require_person())))

    async def rename(self, caller: Caller, credential_id: str, request: RenameRequest) -> CredentialView:
        """Give a credential another name.

        Raises:
            NotFound: the account has none of that id.
            InvalidRequest: the name is too long, or not visible.
        """
        # No permission needed: it is the caller's own. Nor a fresh proof: a name protects nothing.
        account_id = caller.require_person()
        name = parse_credential_name(request.name)
        async with self._db.transaction() as tx:
            row = await self._store.rename(tx, account_id, credential_id, name)
            if row is None:
                raise NotFound("There is no such credential.")
            await record(tx, caller.at, Event.CREDENTIAL_RENAMED, caller.actor, account_id, credential=credential_id)
        return next(view for view in await self.list(caller) if view.id == credential_id)

    async def remove(self, caller: Caller, credential_id: str) -> None:
        """Remove a credential, and tell the owner by mail.

        Args:
            credential_id: of one, ``password``, or ``recovery_code`` for all that are left.

        Raises:
            NotFound: the account has none of that id.
            LastCredential: there would be no way in any more.
            InsufficientAuthentication: a step-up is due.
        """
        # No permission needed: it is the caller's own account, and a fresh proof is asked for.
        account_id = await self._freshness.require(caller)
        account = await self._own(account_id)
        removed = await self._described(account, credential_id)
        async with self._db.transaction() as tx:
            await self._accounts.hold(tx, account_id)
            await self._remove(tx, account, removed)
            if not (await means_of(tx, account, self._offered)).ways_in:
                raise LastCredential("Set a password or add a passkey before you remove this.")
            await self._enrolments.changed(tx, account_id)
            what = f"{NAMES[removed.type]} was removed from your account."
            await self._letters.credentials_changed(tx, caller, account, what)
            await record(
                tx,
                caller.at,
                Event.CREDENTIAL_REMOVED,
                caller.actor,
                account_id,
                credential=credential_id,
                type=removed.type,
            )
        self._letters.wake()

    async def new_recovery_codes(self, caller: Caller) -> builtins.list[str]:
        """Ten new codes, shown this once; those before are void.

        Raises:
            InsufficientAuthentication: a step-up is due.
        """
        # No permission needed: it is the caller's own account, and a fresh proof is asked for.
        account = await self._own(await self._freshness.require(caller))
        async with self._db.transaction() as tx:
            codes = await self._recovery_codes.regenerate(tx, holder_of(account), caller.at)
            what = "New recovery codes were made for your account; those before are void."
            await self._letters.credentials_changed(tx, caller, account, what)
            await record(tx, caller.at, Event.RECOVERY_CODES_MADE, caller.actor, account.id)
        self._letters.wake()
        return codes

    async def _described(self, account: Account, credential_id: str) -> Enrolled:
        holder = holder_of(account)
        for credential in self._credentials.values():
            for enrolled in await credential.describe(holder):
                if enrolled.id == credential_id:
                    return enrolled
        raise NotFound("There is no such credential.")

    async def _remove(self, tx: Transaction, account: Account, removed: Enrolled) -> None:
        if removed.type == "password":
            gone = await self._passwords.remove(tx, account.id)
        elif removed.type == "recovery_code":
            gone = await self._recovery_codes.remove(tx, account.id) > 0
        else:
            gone = await self._store.remove(tx, account.id, removed.id) is not None
        if not gone:
            raise NotFound("There is no such credential.")

    async def _own(self, account_id: str) -> Account:
        account = await self._accounts.get(account_id)
        if account is None:
            raise NotFound("There is no such account.")
        return account

    def factor_of(self, kind: CredentialType) -> Factor:
        """The category that a type counts in."""
        return self._credentials[kind].factor

    def _view(self, enrolled: Enrolled) -> CredentialView:
        return view_of(enrolled, self.factor_of(enrolled.type))


def view_of(enrolled: Enrolled, factor: Factor) -> CredentialView:
    """A credential as its owner sees it."""
    return CredentialView(
        id=enrolled.id,
        type=enrolled.type,
        factor=factor,
        name=enrolled.name,
        second=enrolled.second,
        created_at=rfc3339(enrolled.created_at),
        used_at=None if enrolled.used_at is None else rfc3339(enrolled.used_at),
        details=enrolled.details,
    )
