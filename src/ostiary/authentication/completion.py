"""The end of every flow that signs somebody in: a new session or token family, by the delivery that was asked for."""

from __future__ import annotations

from ostiary.accounts import Account
from ostiary.audit import Event, record
from ostiary.authentication.outcome import AAL1, PASSWORD_AMR, Delivery, SignedIn
from ostiary.authorization import Caller
from ostiary.database import Transaction
from ostiary.sessions import Sessions
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

    async def __call__(self, tx: Transaction, caller: Caller, account: Account, delivery: Delivery) -> SignedIn:
        """Begin a session, or a family of tokens, for an account that has just proved itself."""
        actor = caller.actor_as(account.id)
        await self._end_previous(tx, caller, account)
        if delivery == "cookie":
            token, session = await self._sessions.begin(
                tx,
                caller.at,
                account_id=account.id,
                amr=PASSWORD_AMR,
                authenticated_at=caller.at,
                address=caller.address,
                user_agent=caller.user_agent,
            )
            signed_in = SignedIn(account, delivery, session.id, session=session, session_token=token)
        else:
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

    async def _end_previous(self, tx: Transaction, caller: Caller, account: Account) -> None:
        """The browser's session before this sign-in ends with it: nothing else would ever end it."""
        if caller.method != "session" or caller.account_id is None or caller.session_id is None:
            return
        if await self._sessions.end(tx, caller.account_id, caller.session_id):
            await record(tx, caller.at, Event.SESSION_ENDED, caller.actor, caller.account_id, session=caller.session_id)
