"""Step-up: somebody who is signed in proves once more who they are."""

from __future__ import annotations

import msgspec

from ostiary.accounts import Account
from ostiary.audit import Event, record
from ostiary.authentication.outcome import AAL1, PASSWORD_AMR, SignedIn
from ostiary.authentication.password_confirmation import PasswordConfirmation
from ostiary.authorization import Caller
from ostiary.credentials import PasswordText
from ostiary.database import Database
from ostiary.errors import Forbidden, Unauthenticated, Unavailable
from ostiary.sessions import Found, Place, Sessions


class StepUpRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    password: PasswordText

    def __repr__(self) -> str:
        return "StepUpRequest()"


class StepUp:
    """Proves the caller's session again, and makes the device at hand the one that it belongs to."""

    def __init__(self, db: Database, sessions: Sessions, confirm: PasswordConfirmation) -> None:
        self._db = db
        self._sessions = sessions
        self._confirm = confirm

    async def __call__(self, caller: Caller, request: StepUpRequest) -> SignedIn:
        """The same session, proved a moment ago, behind a new secret.

        Raises:
            Unauthenticated: there is no session to prove.
            Forbidden: the caller came with a token: who needs a fresher one signs in again.
            InvalidCredentials: the password is not right.
            RateLimited: too many tries.
            Unavailable: the session is changing at this moment.
        """
        # No permission needed: it is the caller's own session, and the password is asked for.
        found, account = await self.waiting(caller)
        await self._confirm(caller, request.password, "password", account.id)
        place = Place(caller.address, caller.user_agent)
        async with self._db.transaction() as tx:
            facts = {"session": found.session.id}
            await record(tx, caller.at, Event.STEP_UP_SUCCEEDED, caller.actor_as(account.id), account.id, **facts)
        rotated = await self._sessions.rotate(found.session, caller.at, proved=(PASSWORD_AMR, AAL1), place=place)
        if rotated is None:
            raise Unavailable("The session was changed a moment ago; try again.", retry_after=1)
        token, session = rotated
        return SignedIn(account, "cookie", session.id, session=session, session_token=token)

    async def waiting(self, caller: Caller) -> tuple[Found, Account]:
        """The session that the caller may prove, and whose it is.

        Raises:
            Unauthenticated: there is none.
            Forbidden: the caller came with a token.
        """
        if caller.method == "token":
            raise Forbidden("A token is not proved again: sign in for another one.")
        found = await self._sessions.of_caller(caller)
        if found is None or found.account is None:
            raise Unauthenticated
        return found, Account(*found.account)  # type: ignore[arg-type]  # read by the names of its fields
