"""The end of every flow that signs somebody in: a new session or token family, by the delivery that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from ostiary.accounts import Account
from ostiary.audit import Event, record
from ostiary.authentication.devices import Devices
from ostiary.authentication.factor_removal import stop_removal
from ostiary.authentication.flow import Flows, Purpose
from ostiary.authentication.letters import Letters
from ostiary.authentication.means import Means
from ostiary.authentication.outcome import Challenged, Delivery, SignedIn
from ostiary.authentication.policy import amr_of, enough, level_of
from ostiary.authentication.progress import Progress
from ostiary.authentication.throttle import Throttle
from ostiary.authorization import Caller
from ostiary.authorization.caller import Level
from ostiary.credentials.face import CredentialType, Proof
from ostiary.database import Database, Transaction
from ostiary.errors import AccountDisabled, TooManySessions
from ostiary.sessions import Place, Session, Sessions
from ostiary.settings import SignInSettings
from ostiary.tokens import AccessTokens, RefreshTokens

_FIRST: tuple[CredentialType, ...] = ("passkey", "password", "email_code")
"""What a sign-in may begin with. The same for every name, so that it tells nothing about what an account has."""


class PendingSignIn(msgspec.Struct, frozen=True):
    """Where the code was sent, how the sign-in arrives once that address is proved, and what it has to show."""

    email: str
    delivery: Delivery
    remember: bool = False
    level: Level = "aal1"


class Completion:
    """Signs in; always by a new id, so that one planted before sign-in is worth nothing (session fixation)."""

    purpose: ClassVar[Purpose] = "sign_in"

    def __init__(
        self,
        db: Database,
        flows: Flows,
        sessions: Sessions,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        devices: Devices,
        letters: Letters,
        throttle: Throttle,
        settings: SignInSettings,
        offered: frozenset[CredentialType],
    ) -> None:
        self._db = db
        self._flows = flows
        self._sessions = sessions
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._devices = devices
        self._letters = letters
        self._throttle = throttle
        self._settings = settings
        self._first = tuple(kind for kind in _FIRST if kind in offered)

    async def prepare(self, caller: Caller, account: Account, progress: Progress) -> None:
        """What has to be known, or refused, beforehand: inside the transaction nothing else may be waited for.

        Raises:
            AccountDisabled: an administrator has disabled the account.
            RateLimited: too much mail to an address that is still to be proved.
            TooManySessions: it is clear that there is no place for one more session.
        """
        if account.status == "disabled":
            raise AccountDisabled
        if account.status == "pending":
            await self._throttle.mail(account.email_key or "", caller.at)
        await self._access_tokens.ready()
        if progress.delivery == "cookie":
            await self._require_room(caller, account)

    async def _require_room(self, caller: Caller, account: Account) -> None:
        try:
            await self._sessions.require_room(account.id, caller.session_id, caller.at)
        except TooManySessions:
            async with self._db.transaction() as tx:
                await record(tx, caller.at, Event.SESSION_REFUSED, caller.actor_as(account.id), account.id)
            raise

    def first(self, progress: Progress) -> tuple[str, ...]:
        """What to begin with; without a name, there is nobody to mail to, nor whose password it could be."""
        return self._first if progress.identifier else tuple(kind for kind in self._first if kind == "passkey")

    def due(self, means: Means, progress: Progress) -> tuple[str, ...]:
        """What the policy, the account's roles and what it has set up ask for beyond what is shown.

        Of an account whose address is still to be proved, that first: whoever has registered it need not be its owner,
        and must not add what would open it once the owner has come.
        """
        if not progress.proofs:
            return self.first(progress)
        if means.pending:
            return ()
        required = means.requirement(self._settings.policy, level=progress.level, suspicious=progress.suspicious)
        shown: Sequence[Proof] = progress.proofs if progress.stand_in is None else (*progress.proofs, progress.stand_in)
        return () if enough(required, shown) else means.due(required, shown)

    async def finish(
        self, tx: Transaction, caller: Caller, account: Account, progress: Progress
    ) -> SignedIn | Challenged:
        """Begin a session, or a family of tokens, for an account that has just proved itself.

        One whose address nobody has proved is asked for that first.

        Raises:
            TooManySessions: the account is signed in at as many places as it may be.
        """
        if account.status == "pending":
            return await self._prove_address(tx, caller, account, progress)
        actor = caller.actor_as(account.id)
        amr, acr = amr_of(progress.proofs), level_of(progress.proofs)
        if progress.delivery == "cookie":
            token, session = await self._sessions.prepare(
                tx,
                caller.at,
                account_id=account.id,
                amr=" ".join(amr),
                acr=acr,
                place=Place(caller.address, caller.user_agent),
                remember=progress.remember,
            )
            # First, so that whoever signs in again in the same browser needs no further place.
            await self._end_previous(tx, caller, account, session)
            await self._sessions.begin(tx, session)
            signed_in = SignedIn(account, "cookie", session.id, session=session, session_token=token)
        else:
            await self._end_previous(tx, caller, account, None)
            refreshed = await self._refresh_tokens.begin(
                tx,
                caller.at,
                account_id=account.id,
                delivery=progress.delivery,
                amr=" ".join(amr),
                acr=acr,
                address=caller.address,
                user_agent=caller.user_agent,
            )
            family = refreshed.family
            access_token = self._access_tokens.mint(
                account_id=account.id, family_id=family.id, amr=amr, acr=acr, auth_time=caller.at
            )
            signed_in = SignedIn(
                account,
                progress.delivery,
                family.id,
                access_token=access_token,
                refresh_token=refreshed.token,
                expires_in=self._access_tokens.ttl,
            )
        if acr > "aal1":  # whoever has the second factor has not lost it
            await stop_removal(tx, caller.at, actor, account.id)
        facts = {"delivery": progress.delivery, "sign_in": signed_in.sign_in_id, "amr": list(amr), "acr": acr}
        await record(tx, caller.at, Event.SIGN_IN_SUCCEEDED, actor, account.id, **facts)
        return await self._note_device(tx, caller, account, progress, signed_in)

    async def _prove_address(self, tx: Transaction, caller: Caller, account: Account, progress: Progress) -> Challenged:
        email = account.email or ""
        pending = PendingSignIn(email, progress.delivery, progress.remember, progress.level)
        begun = await self._flows.begin(tx, caller.at, "verify_email", account.id, pending)
        await self._letters.verify_email(tx, account, begun)
        await record(tx, caller.at, Event.SIGN_IN_CHALLENGED, caller.actor, account.id)
        return Challenged(begun.token, "sign_in", ("email_code",), email, self._flows.ttl)

    async def _note_device(
        self, tx: Transaction, caller: Caller, account: Account, progress: Progress, signed_in: SignedIn
    ) -> SignedIn:
        """Know the device the next time, and tell the owner of a new one. A second factor makes it trusted."""
        trust = progress.trust and self._settings.trust_device > 0 and len(progress.proofs) > 1
        device, new = await self._devices.note(tx, caller, account, trust=trust)
        if new:
            await record(tx, caller.at, Event.DEVICE_NEW, caller.actor_as(account.id), account.id)
            await self._letters.new_device(tx, caller, account)
        if trust:
            await record(tx, caller.at, Event.DEVICE_TRUSTED, caller.actor_as(account.id), account.id)
        return msgspec.structs.replace(signed_in, device=device)

    async def _end_previous(self, tx: Transaction, caller: Caller, account: Account, after: Session | None) -> None:
        """The browser's session before this sign-in ends with it: nothing else would ever end it.

        What it held goes on in the new one, unless it was another account's.
        """
        if caller.method != "session" or caller.session_id is None:
            return
        if after is not None and caller.account_id in (None, account.id):
            await self._sessions.carry_data(tx, caller.session_id, after)
        if await self._sessions.end(tx, caller.session_id, caller.account_id, caller.at) and caller.account_id:
            await record(tx, caller.at, Event.SESSION_ENDED, caller.actor, caller.account_id, session=caller.session_id)
