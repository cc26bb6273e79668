"""The password once more, from somebody who is signed in: before what a thief of a session must not do."""

from __future__ import annotations

from ostiary.audit import Event, record
from ostiary.authentication.devices import Devices
from ostiary.authentication.throttle import Throttle
from ostiary.authorization import Caller
from ostiary.credentials import Passwords
from ostiary.database import Database
from ostiary.errors import InvalidCredentials, Unavailable


class PasswordConfirmation:
    """Counts on the same account as sign-in does, so a stolen session is no further way to guess."""

    def __init__(self, db: Database, passwords: Passwords, devices: Devices, throttle: Throttle) -> None:
        self._db = db
        self._passwords = passwords
        self._devices = devices
        self._throttle = throttle

    async def __call__(self, caller: Caller, password: str, field: str, account_id: str | None = None) -> str:
        """The stored hash of the caller's password, which this is.

        Args:
            account_id: whose password it has to be, where the caller has yet to prove who they are.

        Raises:
            InvalidCredentials: it is not; ``field`` names the input member.
            RateLimited: too many tries.
            Unavailable: too many passwords are being checked, which is no try.
        """
        account_id = account_id or caller.require_account()
        device = await self._devices.known(account_id, caller)
        known = device.id if device else None
        await self._throttle.password(account_id, caller.at, device=known)
        try:
            stored = await self._passwords.check(account_id, password)
        except Unavailable:
            await self._throttle.password_unchecked(account_id, device=known)
            raise
        if stored is None:
            await self._throttle.wrong_password(account_id, caller.at, device=known)
            async with self._db.transaction() as tx:
                await record(tx, caller.at, Event.PASSWORD_REFUSED, caller.actor, account_id)
            raise InvalidCredentials("The password is not right.", field=field)
        await self._throttle.password_proved(account_id, caller.at, device=known)
        return stored
