"""Change of password, or the first one: asks for the old one, ends every other sign-in, tells the owner by mail."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from ostiary.accounts import Profiles
from ostiary.audit import Event, record
from ostiary.authentication.enrolments import Enrolments
from ostiary.authentication.freshness import Freshness
from ostiary.authentication.letters import Letters
from ostiary.authentication.outcome import Renewed
from ostiary.authentication.password_confirmation import PasswordConfirmation
from ostiary.authorization import Caller
from ostiary.credentials import Passwords, PasswordText
from ostiary.database import Database
from ostiary.errors import InvalidCredentials, Unavailable
from ostiary.sessions import Sessions
from ostiary.tokens import RefreshTokens


class PasswordChangeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``current_password`` is left out by who has none yet, and sets the first one."""

    new_password: PasswordText
    current_password: PasswordText | None = None

    def __repr__(self) -> str:
        return "PasswordChangeRequest()"


class PasswordChange:
    """The signed-in person's own password."""

    def __init__(
        self,
        db: Database,
        profiles: Profiles,
        passwords: Passwords,
        sessions: Sessions,
        refresh_tokens: RefreshTokens,
        enrolments: Enrolments,
        freshness: Freshness,
        letters: Letters,
        confirm: PasswordConfirmation,
    ) -> None:
        self._db = db
        self._profiles = profiles
        self._passwords = passwords
        self._sessions = sessions
        self._refresh_tokens = refresh_tokens
        self._enrolments = enrolments
        self._freshness = freshness
        self._letters = letters
        self._confirm = confirm

    async def ready(self, caller: Caller) -> bool:
        """Whether there is a password to confirm, asked before a form is filled in.

        Raises:
            Unauthenticated: nobody has signed in; PersonRequired: a key calls.
            InsufficientAuthentication: a step-up is due.
        """
        # No permission needed: it is the caller's own account.
        account_id = caller.require_person()
        stored = await self._passwords.stored(account_id)
        if stored is None or await self._freshness.level(account_id) > "aal1":
            await self._freshness.require(caller)
        return stored is not None

    async def __call__(self, caller: Caller, request: PasswordChangeRequest) -> Renewed | None:
        """Replace the password.

        Returns:
            The caller's session behind a new secret; None for who came with a token, and where that has to wait.

        Raises:
            InvalidCredentials: the current password is not right, or not current any more.
            InsufficientAuthentication: a step-up is due.
            WeakPassword: a rule refuses the new one.
            RateLimited: too many tries.
        """
        # No permission needed: it is the caller's own account; the current password, or a fresh proof, is asked for.
        account = await self._profiles.read(caller)
        stored = await self._confirmed(caller, request.current_password)
        phc = await self._passwords.new(request.new_password, [account.email, account.username, account.name])
        async with self._db.transaction() as tx:
            # The account before its password, like everybody: so that none of two waits for the other.
            await self._sessions.end_all(tx, account.id, keep=caller.session_id)
            if not await self._passwords.replace(tx, account.id, stored, phc, caller.at):
                raise InvalidCredentials("The password was changed a moment ago.", field="current_password")
            # Due for a new secret, though this request may not bring it: its own may be superseded, or Redis away.
            await self._enrolments.changed(tx, account.id)
            await self._refresh_tokens.end_all(tx, account.id, keep=caller.session_id)
            await self._letters.password_changed(tx, caller, account)
            await record(tx, caller.at, Event.PASSWORD_CHANGED, caller.actor, account.id)
        self._letters.wake()
        return await self._renew(caller)

    async def _confirmed(self, caller: Caller, current: str | None) -> str | None:
        """The stored password that was confirmed; None for who has none.

        Who has set up a second factor has shown that a moment ago, too; and who has no password, whatever they have.
        """
        account_id = caller.require_person()
        if current is None:
            await self._freshness.require(caller)
            if await self._passwords.stored(account_id) is not None:
                raise InvalidCredentials("Enter the current password.", field="current_password")
            return None
        if await self._freshness.level(account_id) > "aal1":
            await self._freshness.require(caller)
        return await self._confirm(caller, current, "current_password")

    async def _renew(self, caller: Caller) -> Renewed | None:
        """The new secret; None where a later request brings it. The password is changed, whatever comes of this."""
        with suppress(Unavailable):
            found = await self._sessions.of_caller(caller)
            if found is not None:
                epoch, proved = found.privilege_epoch, (found.session.amr, found.session.acr)
                rotated = await self._sessions.rotate(found.session, caller.at, privilege_epoch=epoch, proved=proved)
                return None if rotated is None else Renewed(*rotated)
        return None
