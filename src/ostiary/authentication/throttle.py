"""Guessing, slowed down: how often one account may be tried, and how many messages one person may be sent.

The limits by network address are the route table's. Strangers share one allowance for an account, and a browser that
the account has used before has one of its own: whoever uses up the first locks nobody out of the second.
"""

from __future__ import annotations

import contextlib

import msgspec

from ostiary.authentication.limits import Hit, Limit, Limits
from ostiary.errors import RateLimited
from ostiary.settings import LimitSettings

_EVERYBODY = ""


class Throttle:
    """Counts by account, whoever asks, in every process together.

    A key is the id of an account, or what was typed where there is none: unknown names are counted alike, so the answer
    tells nothing about that. A device is the id of one that is known to the account; None for a stranger's.

    Everything here may raise ``Unavailable``: it could not be counted, so nothing may be proved. Not to be called in a
    transaction.
    """

    def __init__(self, limits: Limits, settings: LimitSettings) -> None:
        self._limits = limits
        rates = msgspec.structs.asdict(settings)
        self._by_name = {name: Limit.at(name, rate) for name, rate in rates.items()}
        self._of_devices = {name: Limit.at(name + " of a device", rate) for name, rate in rates.items()}

    async def password(self, key: str, now: int, *, device: str | None = None) -> None:
        """Count a try to prove oneself with a password, before it is looked at.

        Raises:
            RateLimited: too many.
        """
        await self._limits.hit(*self._password_hits(key, device), now=now)

    async def password_unchecked(self, key: str, *, device: str | None = None) -> None:
        """The password was not looked at after all, so nobody has guessed: take the try back."""
        await self._limits.take_back(*self._password_hits(key, device))

    async def password_proved(self, key: str, now: int, *, device: str | None = None) -> None:
        """The password was right: earlier wrong tries do not count against its owner.

        Those of strangers stay suspicious until a known device proves it: the right one may just have been guessed.
        """
        account = self._own("login_account", key, device)
        if device is None:
            await self._limits.forget(account, now=now)
        else:
            await self._limits.forget(account, self._hit("suspicion_account", key), now=now)

    async def wrong_password(self, key: str, now: int, *, device: str | None = None) -> None:
        """The password was looked at and is wrong: what a stranger tries makes :meth:`suspicious`."""
        if device is None:
            with contextlib.suppress(RateLimited):  # it is as suspicious as it gets
                await self._limits.hit(self._hit("suspicion_account", key), now=now)

    async def suspicious(self, key: str, now: int) -> bool:
        """Whether strangers have tried so many wrong passwords that the right one, from one of them, is not enough."""
        return await self._limits.is_spent(self._hit("suspicion_account", key), now)

    async def second_factor(self, account_id: str, now: int, *, device: str | None = None) -> None:
        """Count a try of a code or of any other second factor, before it is looked at.

        Raises:
            RateLimited: too many.
        """
        await self._limits.hit(self._own("second_factor_account", account_id, device), now=now)

    async def second_factor_proved(self, account_id: str, *, device: str | None = None) -> None:
        """It was right, so no guess: take the try back. The wrong ones still count; somebody knows the password."""
        await self._limits.take_back(self._own("second_factor_account", account_id, device))

    async def mail(self, email_key: str, now: int) -> None:
        """Count a mail that somebody made us send.

        Raises:
            RateLimited: too many.
        """
        await self._limits.hit(self._hit("mail_account", email_key), now=now)

    async def sms(self, phone_key: str, now: int) -> None:
        """Count a text message that somebody made us send, to this number and to all of them; each costs money.

        Raises:
            RateLimited: too many.
        """
        hits = self._hit("sms_account", phone_key), self._hit("sms_total", _EVERYBODY)
        await self._limits.hit(*hits, now=now)

    def _password_hits(self, key: str, device: str | None) -> list[Hit]:
        account = self._own("login_account", key, device)
        return [account, self._hit("login_total", _EVERYBODY)] if device is None else [account]

    def _own(self, name: str, key: str, device: str | None) -> Hit:
        """The allowance of a known device for an account, or the one that all strangers share."""
        return self._hit(name, key) if device is None else Hit(self._of_devices[name], f"{device} {key}")

    def _hit(self, name: str, key: str) -> Hit:
        return Hit(self._by_name[name], key)
