"""The end of every flow that signs somebody in: a new session or token family, by the delivery that was asked for."""

from __future__ import annotations

from ostiary.accounts import Account
from ostiary.audit import Event, record
from ostiary.authentication.outcome import AAL1, PASSWORD_AMR, Delivery, SignedIn
from ostiary.authorization import Caller
from ostiary.database import Transaction
from ostiary.sessions import Place, Session, Sessions
from ostiary.tokens import AccessTokens, RefreshTokens


class Completion:
    """Signs in; always by a new id, so that one planted before sign-in is worth nothing (session fixation)."""

    def __init__(self, sessions: Sessions, access_tokens: AccessTokens, refresh_tokens: RefreshTokens) -> None:
        self._sessions = sessions
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens

    async def ready(self) -> None:
        """Read what the sign-in needs beforehand: inside the transaction nothing else may be waited for."""
        await self._access_tokens.ready()

    async def require_room(self, caller: Caller, account: Account, delivery: Delivery) -> None:
        """Raises TooManySessions where it is clear beforehand that there is no place for one more session."""
        if delivery == "cookie":
            await self._sessions.require_room(account.id, caller.session_id, caller.at)

    async def __call__(
        self, tx: Transaction, caller: Caller, account: Account, delivery: Delivery, *, remember: bool = False
    ) -> SignedIn:
        """Begin a session, or a family of tokens, for an account that has just proved itself.

        Raises:
            TooManySessions: the account is signed in at as many places as it may be.
        """
        actor = caller.actor_as(account.id)
        if delivery == "cookie":
            token, session = await self._sessions.prepare(
                tx,
                caller.at,
                account_id=account.id,
                amr=PASSWORD_AMR,
                acr=AAL1,
                place=Place(caller.address, caller.user_agent),
                remember=remember,
            )
            # First, so that whoever signs in again in the same browser needs no further place.
            await self._end_previous(tx, caller, account, session)
            await self._sessions.begin(tx, session)
            signed_in = SignedIn(account, delivery, session.id, session=session, session_token=token)
        else:
            await self._end_previous(tx, caller, account, None)
            refreshed = await self._refresh_tokens.begin(
                tx,
                caller.at,
                account_id=account.id,
                delivery=delivery,
                amr=PASSWORD_AMR,
                address=caller.address,
                user_agent=caller.user_agent,
            )
            family = refreshed.family
            access_token = self._access_tokens.mint(
                account_id=account.id, family_id=family.id, amr=(PASSWORD_AMR,), acr=AAL1, auth_time=caller.at
            )
            signed_in = SignedIn(
                account,
                delivery,
                family.id,
                access_token=access_token,
                refresh_token=refreshed.token,
                expires_in=self._access_tokens.ttl,
            )
        facts = {"delivery": delivery, "sign_in": signed_in.sign_in_id}
        await record(tx, caller.at, Event.SIGN_IN_SUCCEEDED, actor, account.id, **facts)
        return signed_in

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
