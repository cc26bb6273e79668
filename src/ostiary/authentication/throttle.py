"""Guessing, slowed down: how often one account may be tried, and how much mail one address may get."""

from __future__ import annotations

from ostiary.base.gcra import Limiter
from ostiary.settings import LimitSettings


class Throttle:
    """Counts by account, whoever asks; the limits by network address are the route table's.

    A key is the id of an account, or what was typed where there is none: unknown names are counted alike, so the answer
    tells nothing about that.
    """

    def __init__(self, settings: LimitSettings) -> None:
        self._passwords = Limiter(settings.login_account.count, settings.login_account.seconds)
        self._mail = Limiter(settings.mail_account.count, settings.mail_account.seconds)

    def password(self, key: str, now: int) -> None:
        """Count a try to prove oneself with a password.

        Raises:
            RateLimited: too many.
        """
        self._passwords.hit(key, now)

    def password_unchecked(self, key: str) -> None:
        """The password was not looked at after all, so nobody has guessed: take the try back."""
        self._passwords.take_back(key)

    def password_proved(self, key: str) -> None:
        """The password was right: earlier wrong tries do not count against its owner."""
        self._passwords.forget(key)

    def mail(self, email_key: str, now: int) -> None:
        """Count a mail that somebody made us send.

        Raises:
            RateLimited: too many.
        """
        self._mail.hit(email_key, now)
