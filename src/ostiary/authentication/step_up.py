"""Step-up: somebody who is signed in proves once more, or better, who they are (RFC 9470)."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ostiary.accounts import Account, AccountStore
from ostiary.audit import Event, record
from ostiary.authentication.factor_removal import stop_removal
from ostiary.authentication.flow import Purpose
from ostiary.authentication.means import ORDER, Means
from ostiary.authentication.outcome import Delivery, SignedIn
from ostiary.authentication.policy import Requirement, amr_of, enough, helps, level_of, proofs_of
from ostiary.authentication.progress import Progress
from ostiary.authorization import Caller
from ostiary.authorization.caller import Level
from ostiary.database import Transaction
from ostiary.errors import InvalidRequest, PersonRequired, Unauthenticated, Unavailable
from ostiary.sessions import Place, Sessions
from ostiary.settings import Settings
from ostiary.tokens import AccessTokens, RefreshTokens


class StepUp:
    """Proves the caller's session, or family of tokens, again.

    What is shown is as fresh as its oldest part that counts, so a step-up never reaches a level by what was shown long
    ago: only a password carries over, which a thief of the session need not know, to a second factor that is shown now.
    """

    purpose: ClassVar[Purpose] = "step_up"

    def __init__(
        self,
        accounts: AccountStore,
        sessions: Sessions,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        settings: Settings,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._policy = settings.sign_in.policy
        self._hardware = settings.passkeys.attestation == "enterprise"

    def reachable(self, level: Level) -> Level:
        """The level, if anybody can reach it here.

        Raises:
            InvalidRequest: AAL3 takes authenticators whose make is known, which the settings do not ask for.
        """
        if level == "aal3" and not self._hardware:
            raise InvalidRequest("aal3 cannot be reached here: it takes attested passkeys.", field="acr_values")
        return level

    async def begin(self, caller: Caller, level: Level) -> tuple[Account, Progress]:
        """Who is to prove themselves once more, and what of the earlier proof still counts.

        Raises:
            Unauthenticated: there is nobody signed in.
            PersonRequired: a key calls.
            InvalidRequest: the level cannot be reached here.
        """
        account, sign_in = await self._own(caller)
        self.reachable(level)
        if caller.step_up:  # the session may be a thief's: nothing that it has shown counts
            return account, Progress(level=level, sign_in=sign_in, whole=True)
        earlier = proofs_of(caller.amr, caller.authenticated_at or 0)
        carried = tuple(proof for proof in earlier if proof.type == "password")
        reached: Level = "aal3" if caller.acr == "aal3" else "aal2" if caller.acr == "aal2" else "aal1"
        return account, Progress(level=level, sign_in=sign_in, carried=carried, reached=reached)

    async def waiting(self, caller: Caller) -> Account:
        """Who may prove themselves once more.

        Raises:
            Unauthenticated: there is nobody signed in.
            PersonRequired: a key calls.
        """
        return (await self._own(caller))[0]

    async def _own(self, caller: Caller) -> tuple[Account, str]:
        """The account, and the id of its sign-in that this request came with."""
        if caller.delegated:
            raise PersonRequired
        if caller.method == "token":
            account = await self._accounts.get(caller.require_account())
            if account is None:
                raise Unauthenticated
            return account, caller.session_id or ""
        found = await self._sessions.of_caller(caller)
        if found is None or found.account is None:
            raise Unauthenticated
        return Account(*found.account), found.session.id  # type: ignore[arg-type]  # read by the names of its fields

    async def prepare(self, caller: Caller, account: Account, progress: Progress) -> None:
        """Refuse what was begun by another sign-in: else one account's proof would count for another one's session.

        What a session has begun at home is no thief's to end, either: it may count what the session has shown.

        Raises:
            Unauthenticated: it was.
        """
        own, sign_in = await self._own(caller)
        if own.id != account.id or sign_in != progress.sign_in or (caller.step_up and not progress.whole):
            raise Unauthenticated("This was begun by another sign-in; begin again.")
        if caller.method == "token":
            await self._access_tokens.ready()

    def due(self, means: Means, progress: Progress) -> tuple[str, ...]:
        """A fresh proof in any case; and as good a level as the session had, so that it is never lowered."""
        level = max(progress.level, min(progress.reached, means.level))
        required = Requirement("any", level, mailbox=not means.second)
        if progress.whole:
            required = means.requirement(self._policy, level=level)
        shown = [*progress.carried, *progress.proofs]
        if progress.proofs and enough(required, shown):
            return ()
        if progress.proofs and not enough(required, [*shown, *means.has]):
            return means.due(required, shown)
        found = {
            proof.type for proof in means.has if enough(required, [*shown, proof]) or helps(required, shown, proof)
        }
        return tuple(kind for kind in ORDER if kind in found) or tuple(
            kind for kind in ORDER if any(proof.type == kind for proof in means.has)
        )

    async def finish(self, tx: Transaction, caller: Caller, account: Account, progress: Progress) -> SignedIn:
        """Note the proof; :meth:`renew` gives what comes of it, once this is committed."""
        shown = [*progress.carried, *progress.proofs]
        amr, acr = amr_of(shown), level_of(shown)
        sign_in = progress.sign_in
        if acr > "aal1":  # whoever has the second factor has not lost it
            await stop_removal(tx, caller.at, caller.actor_as(account.id), account.id)
        facts = {"sign_in": sign_in, "amr": list(amr), "acr": acr}
        await record(tx, caller.at, Event.STEP_UP_SUCCEEDED, caller.actor_as(account.id), account.id, **facts)
        if caller.method == "token":
            family = await self._refresh_tokens.prove(tx, account.id, sign_in, " ".join(amr), acr, caller.at)
            if family is None:
                raise Unauthenticated("The sign-in of this token has ended; sign in again.")
            access_token = self._access_tokens.mint(
                account_id=account.id, family_id=sign_in, amr=amr, acr=acr, auth_time=caller.at
            )
            delivery: Delivery = "token_cookie" if family.delivery == "token_cookie" else "token"
            return SignedIn(account, delivery, sign_in, access_token=access_token, expires_in=self._access_tokens.ttl)
        return SignedIn(account, "cookie", sign_in)

    async def renew(self, caller: Caller, signed_in: SignedIn, progress: Progress) -> SignedIn:
        """The session behind a new secret, as of a moment ago, at home on the device at hand.

        Raises:
            Unavailable: the session is changing at this moment.
        """
        if signed_in.delivery != "cookie":
            return signed_in
        found = await self._sessions.of_caller(caller)
        if found is None:
            raise Unauthenticated
        shown = [*progress.carried, *progress.proofs]
        proved = " ".join(amr_of(shown)), level_of(shown)
        place = Place(caller.address, caller.user_agent)
        rotated = await self._sessions.rotate(found.session, caller.at, proved=proved, place=place)
        if rotated is None:
            raise Unavailable("The session was changed a moment ago; try again.", retry_after=1)
        token, session = rotated
        return msgspec.structs.replace(signed_in, sign_in_id=session.id, session=session, session_token=token)
