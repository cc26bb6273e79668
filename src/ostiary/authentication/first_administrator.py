"""The first administrator: a one-time link that only the machine's operator sees makes it."""

from __future__ import annotations

import msgspec

from ostiary.accounts import Account, AccountStore
from ostiary.accounts.model import parse_name
from ostiary.audit import Event, record
from ostiary.authentication.completion import Completion
from ostiary.authentication.flow import Flows
from ostiary.authentication.outcome import Outcome
from ostiary.authentication.progress import Progress
from ostiary.authentication.steps import Steps
from ostiary.authorization import Caller, appoint, has_administrator
from ostiary.base.email import EmailAddress, parse_email
from ostiary.credentials import Passwords
from ostiary.database import Database, Transaction
from ostiary.errors import Conflict, Forbidden, InvalidChallenge
from ostiary.settings import Settings
from ostiary.tokens import AccessTokens


class FirstAdministratorRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str
    email: str
    password: str
    name: str = ""

    def __repr__(self) -> str:
        return "FirstAdministratorRequest()"


class FirstAdministrator:
    """Works as long as there is no administrator, and never again."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        passwords: Passwords,
        flows: Flows,
        steps: Steps,
        completion: Completion,
        access_tokens: AccessTokens,
        settings: Settings,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._passwords = passwords
        self._flows = flows
        self._steps = steps
        self._completion = completion
        self._access_tokens = access_tokens
        self._settings = settings

    async def link(self, caller: Caller) -> str | None:
        """A new one-time link, ending any earlier one; None where there is an administrator already.

        Raises:
            Forbidden: the caller is not the operator of this machine.
        """
        if caller.kind != "operator":
            raise Forbidden
        async with self._db.transaction() as tx:
            if await has_administrator(tx):
                return None
            await tx.execute("DELETE FROM flows WHERE kind = 'setup'")
            begun = await self._flows.begin(tx, caller.at, "setup", None, {})
            await record(tx, caller.at, Event.ACCOUNT_FIRST_ADMINISTRATOR_INVITED, caller.actor)
        return f"{self._settings.issuer}/setup?token={begun.link_token}"

    async def valid(self, token: str, now: int) -> bool:
        """Whether the link still works. Looking does not spend it."""
        flow = await self._flows.by_link(token, now)
        return flow is not None and flow.kind == "setup"

    async def __call__(self, caller: Caller, request: FirstAdministratorRequest) -> Outcome:
        """Make the first administrator and sign them in, or say which step is due.

        Raises:
            InvalidChallenge: the link has been used, has expired, or there is an administrator already.
            InvalidRequest, WeakPassword: a member cannot be used; the link is not spent.
            Conflict: the address has an account already.
        """
        # No permission needed: the link is the proof.
        email, name = parse_email(request.email), parse_name(request.name)
        if not await self.valid(request.token, caller.at):
            raise InvalidChallenge
        phc = await self._passwords.new(request.password, [email.address, name])
        await self._access_tokens.ready()
        async with self._db.transaction() as tx:
            await tx.bump("authorization")
            flow = await self._flows.by_link_in(tx, request.token, caller.at)
            if (
                flow is None
                or flow.kind != "setup"
                or await self._flows.end(tx, flow) is None
                or await has_administrator(tx)
            ):
                raise InvalidChallenge
            account = await self._create(tx, caller, email, name, phc)
            progress = Progress(email.address, proofs=(Passwords.proof(caller.at),))
            return await self._steps.move(tx, caller, self._completion, account, progress)

    async def _create(self, tx: Transaction, caller: Caller, email: EmailAddress, name: str, phc: str) -> Account:
        await self._accounts.delete_pending(tx, email.key)
        account = await self._accounts.insert(
            tx,
            caller.at,
            status="active",
            email=email.address,
            email_key=email.key,
            email_verified=True,  # whoever holds the link speaks for the installation
            name=name,
        )
        if account is None:
            raise Conflict("This address has an account; give it the role administrator from the command line.")
        await self._passwords.store(tx, account.id, phc, caller.at)
        await appoint(tx, account.id, caller.at)
        await record(tx, caller.at, Event.ACCOUNT_FIRST_ADMINISTRATOR_CREATED, caller.actor, account.id)
        return account
