"""Pushed authorization requests (RFC 9126): sent by the client itself, so that nobody on the way can change them."""

from __future__ import annotations

import msgspec

from ostiary.authorization import Caller
from ostiary.database import Database
from ostiary.errors import InvalidRequest
from ostiary.oauth.authorize import Authorize
from ostiary.oauth.client_auth import ClientAuthentication, Knocking
from ostiary.oauth.faults import InvalidClient
from ostiary.oauth.proofs import Proofs, Shown
from ostiary.oauth.requests import AuthorizationRequests
from ostiary.oauth.spent import spend_all


class PushedAnswer(msgspec.Struct, frozen=True):
    """Section 2.2. ``expires_in`` in seconds."""

    request_uri: str
    expires_in: int

    def __repr__(self) -> str:
        return "PushedAnswer()"


class PushedRequests:
    """Takes them."""

    def __init__(
        self,
        db: Database,
        authentication: ClientAuthentication,
        authorize: Authorize,
        requests: AuthorizationRequests,
        proofs: Proofs,
    ) -> None:
        self._db = db
        self._authentication = authentication
        self._authorize = authorize
        self._requests = requests
        self._proofs = proofs

    async def __call__(self, caller: Caller, knocking: Knocking, shown: Shown) -> PushedAnswer:
        """Keep a request that could be granted.

        Raises:
            InvalidClient: the client did not prove who it is.
            OstiaryError: the request could not be granted to anybody.
        """
        # No permission needed: the client proves itself; what it asks for is the person's to give.
        authenticated = await self._authentication(caller, knocking)
        client = authenticated.client
        if "request_uri" in knocking.form:
            raise InvalidRequest("A pushed request has no request_uri.", field="request_uri")
        parameters = {**knocking.form, "client_id": client.id}
        spends = authenticated.spends
        if shown.proof is not None:
            # RFC 9449 section 10.1: the code is bound to the key that is shown here.
            binding, more = await self._proofs.binding(client, shown, caller.at)
            spends = (*spends, *more)
            if parameters.setdefault("dpop_jkt", binding.removeprefix("jkt:")) != binding.removeprefix("jkt:"):
                raise InvalidRequest("dpop_jkt names another key than the proof.", field="dpop_jkt")
        parameters = await self._authorize.check(client, parameters, caller.at)
        async with self._db.transaction() as tx:
            fresh = await spend_all(tx, spends)
            request_uri = await self._requests.push(tx, client.id, parameters, caller.at) if fresh else None
        if request_uri is None:
            raise InvalidClient("This assertion or proof was used before.")
        return PushedAnswer(request_uri, self._requests.pushed_ttl)
