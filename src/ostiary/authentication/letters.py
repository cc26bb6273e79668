"""The mails of this room: which template, to whom, with which link."""

from __future__ import annotations

from ostiary.accounts import Account
from ostiary.authentication.flow import Begun
from ostiary.authorization import Caller
from ostiary.base.clock import SECOND
from ostiary.database import Transaction
from ostiary.notify import Mailer, Template
from ostiary.sessions.devices import device_name
from ostiary.settings import Settings


class Letters:
    """Writes mails in the transaction of what they tell about. Always to the stored address, never to a typed one."""

    def __init__(self, mailer: Mailer, settings: Settings) -> None:
        self._mailer = mailer
        self._issuer = settings.issuer
        self._notices = settings.sign_in.notices
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
        """Notice to the owner."""
        await self._notice(tx, "password_changed", caller, account)

    async def api_key_issued(self, tx: Transaction, caller: Caller, account: Account, hint: str) -> None:
        """Notice to the owner. ``hint``: the last characters of the key."""
        await self._notice(tx, "api_key_issued", caller, account, hint=hint)

    async def new_device(self, tx: Transaction, caller: Caller, account: Account) -> None:
        """Notice to the owner, where the settings have owners told."""
        if self._notices:
            await self._notice(tx, "new_device", caller, account)

    async def credentials_changed(
        self, tx: Transaction, caller: Caller, account: Account, what: str, *, always: bool = False
    ) -> None:
        """Notice to the owner, where the settings have owners told, or ``always``. ``what``: nothing typed is in it."""
        if self._notices or always:
            await self._notice(tx, "credentials_changed", caller, account, page="/account/security", what=what)

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
        await self._notice(tx, "email_change_requested", caller, account, new_address=new)

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

    async def _notice(
        self,
        tx: Transaction,
        template: Template,
        caller: Caller,
        account: Account,
        *,
        page: str = "/account",
        **more: str,
    ) -> None:
        """What was done, when, and from where; an account without an address has nowhere to be told."""
        if account.email is not None:
            await self._mailer.send(
                tx,
                template,
                to=account.email,
                account_id=account.id,
                when=caller.at,
                address=caller.address or None,
                device=device_name(caller.user_agent) if caller.user_agent else None,
                account_link=f"{self._issuer}{page}",
                **more,
            )

    def _link(self, begun: Begun) -> str:
        return f"{self._issuer}/verify?token={begun.link_token}"
