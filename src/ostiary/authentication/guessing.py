"""What a flow counts, and where, before it looks at an answer or sends a message."""

from __future__ import annotations

from ostiary.accounts import Account
from ostiary.accounts.store import identifier_key
from ostiary.authentication.throttle import Throttle

_SECOND = frozenset({"totp", "sms_code", "recovery_code"})
"""Short enough to be guessed, by who has shown something else before.

Passwords have a count of their own; keys cannot be guessed; and codes by mail are few, since mails are counted: a
stranger who has them sent must not use up what the owner needs for the second factor.
"""


class Guessing:
    """One flow's view of the throttle: by method, account or typed name, and device."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    async def begin(self, method: str, account: Account | None, identifier: str, device: str | None, now: int) -> None:
        """Count a try.

        Raises:
            RateLimited: too many.
            Unavailable: it cannot be counted.
        """
        if method == "password":
            await self._throttle.password(key_of(account, identifier), now, device=device)
        elif method in _SECOND and account is not None:
            await self._throttle.second_factor(account.id, now, device=device)

    async def unchecked(self, method: str, account: Account | None, identifier: str, device: str | None) -> None:
        """The answer was not looked at after all."""
        if method == "password":
            await self._throttle.password_unchecked(key_of(account, identifier), device=device)

    async def wrong(self, method: str, account: Account | None, identifier: str, device: str | None, now: int) -> None:
        """It was wrong."""
        if method == "password":
            await self._throttle.wrong_password(key_of(account, identifier), now, device=device)

    async def right(self, method: str, account: Account, device: str | None, now: int) -> bool:
        """It was right. Returns whether so many have guessed before that a password alone is not enough."""
        if method == "password":
            suspicious = device is None and await self._throttle.suspicious(account.id, now)
            await self._throttle.password_proved(account.id, now, device=device)
            return suspicious
        if method in _SECOND:
            await self._throttle.second_factor_proved(account.id, device=device)
        return False

    async def mail(self, account: Account | None, identifier: str, now: int) -> None:
        """Count a mail that a challenge sends.

        Raises:
            RateLimited: too many.
            Unavailable: it cannot be counted.
        """
        await self._throttle.mail((account and account.email_key) or key_of(account, identifier), now)


def key_of(account: Account | None, identifier: str) -> str:
    """An account's address and its username are one budget of tries; a name that nobody has is one of its own."""
    return account.id if account else identifier_key(identifier)[1]
