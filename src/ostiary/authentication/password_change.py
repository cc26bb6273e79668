"""Change of password: asks for the old one, ends every other sign-in, tells the owner by mail."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from ostiary.accounts import Profiles
from ostiary.audit import Event, record
from ostiary.authentication.flow import Flows
from ostiary.authentication.letters import Letters
from ostiary.authentication.outcome import AAL1, PASSWORD_AMR, Renewed
from ostiary.authentication.password_confirmation import PasswordConfirmation
from ostiary.authorization import Caller
from ostiary.authorization.store import change_privileges
from ostiary.credentials import Passwords, PasswordText
from ostiary.database import Database
from ostiary.errors import InvalidCredentials, Unavailable
from ostiary.sessions import Sessions
from ostiary.tokens import RefreshTokens


class PasswordChangeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current_password: PasswordText
    new_password: PasswordText

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
        flows: Flows,
        letters: Letters,
        confirm: PasswordConfirmation,
    ) -> None:
        self._db = db
        self._profiles = profiles
        self._passwords = passwords
        self._sessions = sessions
        self._refresh_tokens = refresh_tokens
        self._flows = flows
        self._letters = letters
        self._confirm = confirm

    async def __call__(self, caller: Caller, request: PasswordChangeRequest) -> Renewed | None:
        """Replace the password.

        Returns:
            The caller's session behind a new secret; None for who came with a token, and where that has to wait.

        Raises:
            InvalidCredentials: the current password is not right, or not current any more.
            WeakPassword: a rule refuses the new one.
            RateLimited: too many tries.
        """
        # No permission needed: it is the caller's own account, and the current password is asked for.
        account = await self._profiles.read(caller)
        stored = await self._confirm(caller, request.current_password, "current_password")
        phc = await self._passwords.new(request.new_password, [account.email, account.username, account.name])
        async with self._db.transaction() as tx:
            # The account before its password, like everybody: so that none of two waits for the other.
            await self._sessions.end_all(tx, account.id, keep=caller.session_id)
            if not await self._passwords.replace(tx, account.id, stored, phc, caller.at):
                raise InvalidCredentials("The password was changed a moment ago.", field="current_password")
            # Due for a new secret, though this request may not bring it: its own may be superseded, or Redis away.
            await change_privileges(tx, account.id)
            await self._refresh_tokens.end_all(tx, account.id, keep=caller.session_id)
            await self._flows.end_all(tx, account.id)
            await self._letters.password_changed(tx, caller, account)
            await record(tx, caller.at, Event.PASSWORD_CHANGED, caller.actor, account.id)
        self._letters.wake()
        return await self._renew(caller)

    async def _renew(self, caller: Caller) -> Renewed | None:
        """The new secret; None where a later request brings it. The password is changed, whatever comes of this."""
        with suppress(Unavailable):
            found = await self._sessions.of_caller(caller)
            if found is not None:
                epoch, proved = found.privilege_epoch, (PASSWORD_AMR, AAL1)
                rotated = await self._sessions.rotate(found.session, caller.at, privilege_epoch=epoch, proved=proved)
                return None if rotated is None else Renewed(*rotated)
        return None
