"""From an API key on a request to the frozen Caller that every use case asks for leave."""

from __future__ import annotations

from contextlib import suppress

from ostiary.accounts import Account
from ostiary.audit import Event, record
from ostiary.authentication.recognition import Recognised, RequestFacts
from ostiary.authorization import Authorizer, Caller
from ostiary.base.gcra import Limiter
from ostiary.credentials.api_key import hint_of, key_hash, parse_key
from ostiary.credentials.api_key_store import ApiKeyStore, FoundKey
from ostiary.database import Database
from ostiary.errors import Forbidden, InvalidToken, RateLimited

_UNKNOWN = "This API key is not known, has expired, or was revoked."
"""One text for all of these: which it is, is nobody's business but its owner's."""


class KeyRecognition:
    """Authenticates each request afresh."""

    def __init__(self, db: Database, keys: ApiKeyStore, authorizer: Authorizer) -> None:
        self._db = db
        self._keys = keys
        self._authorizer = authorizer
        # Of what is refused, the log tells now and then: a program with an old key tries it with every request, and
        # keys that look genuine cost whoever makes them up nothing.
        self._reports = Limiter(1, 600)
        self._unknown = Limiter(20, 600)

    async def __call__(self, text: str, facts: RequestFacts) -> Recognised:
        """Who holds this key. It is limited to its scopes, and no person: it has proved itself at no level.

        Raises:
            InvalidToken: it is no key, was mistyped, is not known, or not good any more.
            Forbidden: it is good, but not at this network address. Only who has the key itself is told so.
        """
        shown = key_hash(parse_key(text))
        found = await self._keys.find(shown)
        if found is None:
            await self._refused(None, text, "unknown", facts)
            raise InvalidToken(_UNKNOWN)
        if (flaw := found.flaw(shown, facts.at)) is not None:
            await self._refused(found, text, flaw, facts)
            raise InvalidToken(_UNKNOWN)
        if not found.allows(facts.address):
            await self._refused(found, text, "network", facts)
            raise Forbidden(f"This API key may not be used from {facts.address}.")
        await self._keys.note_use(found.key, facts.at)
        return Recognised(self._caller(found, facts), Account(*found.account))  # type: ignore[arg-type]  # by its fields

    def _caller(self, found: FoundKey, facts: RequestFacts) -> Caller:
        return Caller(
            kind="account",
            account_id=found.key.account_id,
            method="api_key",
            session_id=found.key.id,
            scopes=found.scopes,
            address=facts.address,
            user_agent=facts.user_agent,
            request_id=facts.request_id,
            at=facts.at,
            authorizer=self._authorizer,
        )

    async def _refused(self, found: FoundKey | None, text: str, reason: str, facts: RequestFacts) -> None:
        key_id = None if found is None else found.key.id
        account_id = None if found is None else found.key.account_id
        with suppress(RateLimited):
            if key_id is None:
                self._unknown.hit("", facts.at)
            else:
                self._reports.hit(f"{key_id} {reason}", facts.at)
            nobody = Caller.anonymous(
                address=facts.address, user_agent=facts.user_agent, request_id=facts.request_id, at=facts.at
            )
            data = {"api_key": key_id, "hint": hint_of(text), "reason": reason}
            async with self._db.transaction() as tx:
                await record(tx, facts.at, Event.API_KEY_REFUSED, nobody.actor, account_id, **data)
