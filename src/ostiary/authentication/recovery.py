"""A forgotten password, replaced by who has the mail box and, where one is set up, the second factor."""

from __future__ import annotations

from typing import ClassVar

from ostiary.accounts import Account, AccountStore
from ostiary.audit import Event, record
from ostiary.authentication.devices import Devices
from ostiary.authentication.factor_removal import stop_removal
from ostiary.authentication.flow import Flows, Purpose
from ostiary.authentication.guessing import key_of
from ostiary.authentication.letters import Letters
from ostiary.authentication.means import ORDER, Means
from ostiary.authentication.outcome import Challenged, Recovered
from ostiary.authentication.progress import Progress
from ostiary.authentication.steps import Steps
from ostiary.authentication.throttle import Throttle
from ostiary.authorization import Caller
from ostiary.authorization.store import change_privileges
from ostiary.credentials import EmailCodes, Passwords
from ostiary.credentials.face import Holder, Proof
from ostiary.database import Database, Transaction
from ostiary.errors import AccountDisabled, Forbidden
from ostiary.sessions import Sessions
from ostiary.settings import RecoverySettings
from ostiary.tokens import RefreshTokens


class Recovery:
    """Answers alike, in the same time, whether or not the name is anybody's: only the mail tells, its owner alone."""

    purpose: ClassVar[Purpose] = "recover"

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        passwords: Passwords,
        email_codes: EmailCodes,
        flows: Flows,
        steps: Steps,
        sessions: Sessions,
        refresh_tokens: RefreshTokens,
        devices: Devices,
        letters: Letters,
        throttle: Throttle,
        settings: RecoverySettings,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._passwords = passwords
        self._email_codes = email_codes
        self._flows = flows
        self._steps = steps
        self._sessions = sessions
        self._refresh_tokens = refresh_tokens
        self._devices = devices
        self._letters = letters
        self._throttle = throttle
        self._settings = settings

    async def begin(self, caller: Caller, identifier: str) -> Challenged:
        """Mail a code and a link to the owner of this name, if it is anybody's.

        Raises:
            Forbidden: recovery by mail is switched off.
            RateLimited: too much mail to this address.
        """
        # No permission needed: the mail box is asked to prove itself.
        if not self._settings.by_email:
            raise Forbidden("Forgotten passwords are not replaced by mail here; ask an administrator.")
        account = await self._accounts.by_identifier(identifier)
        await self._throttle.mail((account and account.email_key) or key_of(account, identifier), caller.at)
        mailed = account if account and account.status == "active" and account.email_verified_at else None
        holder = None if mailed is None else Holder(mailed.id, mailed.name, mailed.email)
        async with self._db.transaction() as tx:
            made = await self._email_codes.challenge(tx, holder, self.purpose, caller.at)
            progress = Progress(identifier=identifier, kept={"email_code": made.kept})
            token = await self._steps.open(tx, caller.at, self, mailed, progress, link_hash=made.link_hash)
            await record(tx, caller.at, Event.RECOVERY_REQUESTED, caller.actor, mailed.id if mailed else None)
        self._letters.wake()
        return Challenged(token, self.purpose, ("email_code",), identifier, self._steps.ttl)

    def due(self, means: Means, progress: Progress) -> tuple[str, ...]:
        """The mail box; a second factor of who has one, which a mail box is not; then the new password."""
        if not any(proof.type == "email_code" for proof in progress.proofs):
            return ("email_code",)
        if means.second and not any(_is_second(proof) for proof in progress.proofs):
            found = {proof.type for proof in means.has if _is_second(proof)}
            return tuple(kind for kind in ORDER if kind in found)
        return ("new_password",) if progress.password_hash is None else ()

    async def new(self, account: Account, password: str) -> str:
        """The hash of a new password.

        Raises:
            WeakPassword: a rule refuses it.
        """
        return await self._passwords.new(password, [account.email, account.username, account.name])

    async def prepare(self, caller: Caller, account: Account, progress: Progress) -> None:
        """Refuse who may not sign in.

        Raises:
            AccountDisabled: an administrator has disabled the account since the mail was sent.
        """
        if account.status != "active":
            raise AccountDisabled

    async def finish(self, tx: Transaction, caller: Caller, account: Account, progress: Progress) -> Recovered:
        """Take the new password; end whatever was begun with the old one, and signed in with it."""
        await self._sessions.end_all(tx, account.id)
        await self._passwords.store(tx, account.id, progress.password_hash or "", caller.at)
        await change_privileges(tx, account.id)
        await self._refresh_tokens.end_all(tx, account.id)
        await self._flows.end_all(tx, account.id)
        await self._devices.distrust_all(tx, account.id)
        await self._letters.password_changed(tx, caller, account)
        actor = caller.actor_as(account.id)
        if any(_is_second(proof) for proof in progress.proofs):  # it is not lost
            await stop_removal(tx, caller.at, actor, account.id)
        await record(tx, caller.at, Event.RECOVERY_COMPLETED, actor, account.id)
        return Recovered(account)


def _is_second(proof: Proof) -> bool:
    return proof.type not in ("password", "email_code", "trusted_device")
