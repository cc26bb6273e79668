"""What a thief of a session must not do: changes of credentials, address and keys take a proof of a moment ago."""

from __future__ import annotations

from ostiary.authorization import Caller
from ostiary.authorization.caller import Level
from ostiary.database import Database
from ostiary.settings import SignInSettings


class Freshness:
    """Asks who has set up a second factor for that one, too: a password alone must not be able to remove it."""

    def __init__(self, db: Database, settings: SignInSettings) -> None:
        self._db = db
        self._max_age = settings.fresh

    async def require(self, caller: Caller) -> str:
        """The account of a person who has proved a moment ago who they are, as well as the account can.

        Raises:
            Unauthenticated: nobody has signed in; PersonRequired: a key calls.
            InsufficientAuthentication: a step-up is due.
        """
        account_id = caller.require_person()
        caller.require_level(await self.level(account_id), self._max_age)
        return account_id

    async def require_of_administrator(self, caller: Caller) -> None:
        """The same of who changes what opens somebody's account, be it their own, by a permission that they hold.

        Not of a key, nor at the command line: there is nobody to ask.

        Raises:
            InsufficientAuthentication: a step-up is due.
        """
        if caller.method in ("session", "token"):
            await self.require(caller)

    async def level(self, account_id: str) -> Level:
        """The level that changes of this account's credentials take."""
        second = await self._db.fetch_value(
            "SELECT 1 FROM credentials WHERE account_id = :account_id AND second = 1 LIMIT 1", account_id=account_id
        )
        return "aal1" if second is None else "aal2"
