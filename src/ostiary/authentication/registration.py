"""Sign-up. Whoever registers an address that has an account already gets the same answer, and its owner gets a mail."""

from __future__ import annotations

import msgspec

from ostiary.accounts import Account, AccountStore
from ostiary.accounts.model import TypedName, TypedUsername, parse_name, parse_username
from ostiary.audit import Event, record
from ostiary.authentication.flow import Flows
from ostiary.authentication.letters import Letters
from ostiary.authentication.outcome import Challenged, Delivery
from ostiary.authentication.throttle import Throttle
from ostiary.authorization import Caller
from ostiary.base.email import EmailAddress, TypedAddress, parse_email
from ostiary.credentials import Passwords, PasswordText
from ostiary.database import Database, Transaction
from ostiary.errors import Forbidden, UsernameTaken
from ostiary.settings import Settings


class RegistrationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody fills in to register. ``delivery`` says how the sign-in arrives once the address is proved."""

    email: TypedAddress
    password: PasswordText
    username: TypedUsername | None = None
    name: TypedName = ""
    delivery: Delivery = "cookie"

    def __repr__(self) -> str:
        return "RegistrationRequest()"


class PendingRegistration(msgspec.Struct, frozen=True):
    """What this registration, and not another one of the same address, asked for; kept in its flow.

    Takes effect when the address is proved. So a stranger who registers somebody's address first, or once more, can
    never end up with his password on the owner's account.
    """

    email: str
    password_hash: str
    username: str | None
    name: str
    delivery: Delivery

    def __repr__(self) -> str:
        return "PendingRegistration()"


class Registration:
    """Creates pending accounts; ``Verification`` makes them active."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        passwords: Passwords,
        flows: Flows,
        letters: Letters,
        throttle: Throttle,
        settings: Settings,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._passwords = passwords
        self._flows = flows
        self._letters = letters
        self._throttle = throttle
        self._settings = settings

    async def __call__(self, caller: Caller, request: RegistrationRequest) -> Challenged:
        """Register an address and mail it a link and a code.

        Raises:
            InvalidRequest: a member cannot be used.
            WeakPassword: a rule refuses the password.
            UsernameTaken: somebody has it; usernames are public names, addresses are not.
            RateLimited: too much mail to this address.
            Forbidden: registration is closed.
        """
        # No permission needed: anybody may register, where registration is open.
        if not self._settings.registration.open:
            raise Forbidden("Registration is closed here; ask an administrator for an account.")
        email = parse_email(request.email)
        username, name = parse_username(request.username), parse_name(request.name)
        phc = await self._passwords.new(request.password, [email.address, username, name])
        await self._throttle.mail(email.key, caller.at)
        pending = PendingRegistration(email.address, phc, username, name, request.delivery)
        async with self._db.transaction() as tx:
            flow = await self._register(tx, caller, email, pending)
        self._letters.wake()
        return Challenged(flow, "register", ("email_code",), email.address, self._flows.ttl)

    async def _register(
        self, tx: Transaction, caller: Caller, email: EmailAddress, pending: PendingRegistration
    ) -> str:
        account = await self._accounts.by_email(tx, email.key)
        # One's own username is free to register once more, but an account that is in use does not show that it is its.
        own = account.id if account is not None and account.status == "pending" else ""
        if await self._accounts.username_taken(tx, pending.username, besides=own):
            raise UsernameTaken(field="username")
        if account is None:
            account = await self._insert(tx, caller, email, pending)
        if account.status != "pending":
            return await self._already_registered(tx, caller, account, pending)
        begun = await self._flows.begin(tx, caller.at, "register", account.id, pending)
        await self._letters.verify_email(tx, account, begun)
        await record(tx, caller.at, Event.ACCOUNT_REGISTERED, caller.actor, account.id)
        return begun.token

    async def _insert(
        self, tx: Transaction, caller: Caller, email: EmailAddress, pending: PendingRegistration
    ) -> Account:
        account = await self._accounts.insert(
            tx,
            caller.at,
            status="pending",
            email=email.address,
            email_key=email.key,
            username=pending.username,
            name=pending.name,
        )
        if account is None:  # somebody else took the address or the name between our look and our insert
            account = await self._accounts.by_email(tx, email.key)
            if account is None:
                raise UsernameTaken(field="username")
            return account
        await self._passwords.store(tx, account.id, pending.password_hash, caller.at)
        return account

    async def _already_registered(
        self, tx: Transaction, caller: Caller, account: Account, pending: PendingRegistration
    ) -> str:
        decoy = await self._flows.begin(tx, caller.at, "register", None, pending)
        await self._letters.address_in_use(tx, account)
        await record(tx, caller.at, Event.ACCOUNT_REGISTRATION_REPEATED, caller.actor, account.id)
        return decoy.token
