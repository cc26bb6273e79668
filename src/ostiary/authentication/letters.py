"""The mails of this room: which template, to whom, with which link."""

from __future__ import annotations

from ostiary.accounts import Account
from ostiary.authentication.flow import Begun
from ostiary.authorization import Caller
from ostiary.base.clock import SECOND
from ostiary.database import Transaction
from ostiary.notify import Mailer
from ostiary.sessions.devices import device_name
from ostiary.settings import Settings


class Letters:
    """Writes mails in the transaction of what they tell about. Always to the stored address, never to a typed one."""

    def __init__(self, mailer: Mailer, settings: Settings) -> None:
        self._mailer = mailer
        self._issuer = settings.issuer
        self._valid_for = settings.registration.challenge_ttl * SECOND

    def wake(self) -> None:
        """What was written is committed: deliver it."""
        self._mailer.wake()

    async def verify_email(self, tx: Transaction, account: Account, begun: Begun) -> None:
        """Code and link, to the address that is to be proved."""
        await self._mailer.send(
            tx,
            "verify_email",
            to=account.email or "",
            account_id=account.id,
            link=self._link(begun),
            code=begun.code,
            valid_for=self._valid_for,
        )

    async def address_in_use(self, tx: Transaction, account: Account) -> None:
        """To the owner of an address that somebody typed."""
        await self._mailer.send(
            tx,
            "address_in_use",
            to=account.email or "",
            account_id=account.id,
            login_link=f"{self._issuer}/login",
        )

    async def password_changed(self, tx: Transaction, caller: Caller, account: Account) -> None:
        """Notice to the owner; an account without an address has nowhere to be told."""
        if account.email is not None:
            await self._mailer.send(
                tx,
                "password_changed",
                to=account.email,
                account_id=account.id,
                when=caller.at,
                address=caller.address or None,
                device=device_name(caller.user_agent) if caller.user_agent else None,
                account_link=f"{self._issuer}/account",
            )

    async def email_change_verify(self, tx: Transaction, account: Account, new: str, begun: Begun) -> None:
        """Code and link, to the address that the account is to have."""
        await self._mailer.send(
            tx,
            "email_change_verify",
            to=new,
            account_id=account.id,
            link=self._link(begun),
            code=begun.code,
            valid_for=self._valid_for,
        )

    async def email_change_requested(self, tx: Transaction, caller: Caller, account: Account, new: str) -> None:
        """Notice to the address that the account has."""
        if account.email is not None:
            await self._mailer.send(
                tx,
                "email_change_requested",
                to=account.email,
                account_id=account.id,
                new_address=new,
                when=caller.at,
                address=caller.address or None,
                device=device_name(caller.user_agent) if caller.user_agent else None,
                account_link=f"{self._issuer}/account",
            )

    async def email_changed(self, tx: Transaction, now: int, before: Account, after: Account) -> None:
        """Notice to both addresses."""
        for address in (before.email, after.email):
            if address is not None:
                await self._mailer.send(
                    tx,
                    "email_changed",
                    to=address,
                    account_id=after.id,
                    new_address=after.email or "",
                    when=now,
                    account_link=f"{self._issuer}/account",
                )

    def _link(self, begun: Begun) -> str:
        return f"{self._issuer}/verify?token={begun.link_token}"
