"""The end of a session: asked for by an application (OpenID Connect RP-Initiated Logout), told to all that knew of it.

They are told over the back channel (Back-Channel Logout), by a signed token, from a queue that lasts: the row that says
that an application knows of a session is the row that it is told by. In front of the person's eyes, by frames of the
page (Front-Channel Logout), browsers let only those hear of it whose cookies they send along.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from ostiary.audit import SYSTEM, Event, record
from ostiary.authorization import Caller
from ostiary.base.clock import HOUR, MINUTE, SECOND, Clock
from ostiary.base.guarded_http import GuardedHttp
from ostiary.base.http import NoAnswer
from ostiary.base.ids import new_id
from ostiary.database import Database
from ostiary.errors import InvalidToken
from ostiary.oauth.directory import Directory
from ostiary.oauth.faults import PageError
from ostiary.oauth.issuing import Issuer
from ostiary.oauth.model import Client
from ostiary.oauth.subjects import Subjects

BACKOFF = (5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, HOUR)
"""Waits after the first, second … failure; the failure after the last wait is the last."""
LEASE = MINUTE
POLL = 1.0
_TTL = 120
_EVENT = "http://schemas.openid.net/event/backchannel-logout"

_log = logging.getLogger(__name__)


class EndRequest(msgspec.Struct, frozen=True):
    """What an application asks for.

    Attributes:
        client: that asks, where it says so.
        following: where to go afterwards, one of its registered URIs with ``state``; None for our own page.
        certain: it has shown an ID token of this very session, so nobody needs to be asked.
    """

    client: Client | None
    following: str | None
    certain: bool


class _Row(msgspec.Struct, frozen=True):
    session_id: str
    client_id: str
    account_id: str
    subject: str
    sid: str
    attempts: int


_COLUMNS = ", ".join(_Row.__struct_fields__)


class EndSession:
    """Reads what an application asks for, and who is to hear of it in frames."""

    def __init__(self, db: Database, directory: Directory, issuer: Issuer, subjects: Subjects, issuer_url: str) -> None:
        self._db = db
        self._directory = directory
        self._issuer = issuer
        self._subjects = subjects
        self._issuer_url = issuer_url

    async def read(self, caller: Caller, parameters: Mapping[str, str]) -> EndRequest:
        """The request (section 2).

        Raises:
            PageError: it names an application or an address that is not known; nobody is sent there.
        """
        # No permission needed: it is the caller's own session.
        client_id, hinted = parameters.get("client_id"), None
        if "id_token_hint" in parameters:
            try:
                hinted = await self._issuer.verify_hint(parameters["id_token_hint"], caller.at)
            except InvalidToken:
                raise PageError("id_token_hint is not an ID token of ours.") from None
            if client_id is not None and hinted["aud"] != client_id:
                raise PageError("id_token_hint was given to another client_id.")
            client_id = str(hinted["aud"])
        client = None if client_id is None else await self._directory.find(client_id)
        if client_id is not None and client is None:
            raise PageError("There is no application of this client_id.")
        following = parameters.get("post_logout_redirect_uri")
        if following is not None:
            if client is None or following not in client.metadata.post_logout_redirect_uris:
                raise PageError("post_logout_redirect_uri is not one that the application has registered.")
            if "state" in parameters:
                following += ("&" if "?" in following else "?") + urlencode({"state": parameters["state"]})
        certain = (
            hinted is not None
            and client is not None
            and caller.session_id is not None
            and hinted.get("sid") == self._subjects.sid(client, caller.session_id)
        )
        return EndRequest(client, following, certain)

    async def frames(self, caller: Caller) -> list[str]:
        """The addresses that hear of the end of the caller's session in frames."""
        if caller.session_id is None:
            return []
        rows = await self._db.fetch_all(
            _Row,
            f"SELECT {_COLUMNS} FROM session_clients WHERE session_id = :id AND due_at IS NULL",
            id=caller.session_id,
        )
        found = []
        for row in rows:
            client = await self._directory.find(row.client_id)
            uri = None if client is None else client.metadata.frontchannel_logout_uri
            if client is not None and uri is not None:
                if client.metadata.frontchannel_logout_session_required:
                    query = urlencode({"iss": self._issuer_url, "sid": row.sid})
                    uri += ("&" if "?" in uri else "?") + query
                found.append(uri)
        return found


class LogoutTokens:
    """Tells applications over the back channel."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        issuer: Issuer,
        guarded: GuardedHttp,
        clock: Clock,
        issuer_url: str,
    ) -> None:
        self._db = db
        self._directory = directory
        self._issuer = issuer
        self._guarded = guarded
        self._clock = clock
        self._issuer_url = issuer_url

    async def run(self, stop: asyncio.Event) -> None:
        """Tell what is due, until ``stop`` is set."""
        while not stop.is_set():
            try:
                await self.deliver_due()
            except Exception:  # noqa: BLE001 - this loop ends only when it is told to
                _log.exception("applications are not told of ended sessions")
            try:
                await asyncio.wait_for(stop.wait(), POLL)
            except TimeoutError:
                continue

    async def deliver_due(self) -> int:
        """Tell all that are due now; how many were taken up."""
        taken = 0
        while True:
            rows = await self._db.fetch_all(
                _Row,
                f"SELECT {_COLUMNS} FROM session_clients WHERE due_at <= :now ORDER BY due_at LIMIT 20",
                now=self._clock(),
            )
            claimed = [row for row in rows if await self._claim(row)]
            await asyncio.gather(*(self._tell(row) for row in claimed))
            taken += len(claimed)
            if not claimed:
                return taken

    async def _claim(self, row: _Row) -> bool:
        """Take one up for the length of the lease: one conditional statement."""
        now = self._clock()
        async with self._db.transaction() as tx:
            return (
                await tx.execute(
                    "UPDATE session_clients SET attempts = attempts + 1, due_at = :lease"
                    " WHERE session_id = :session_id AND client_id = :client_id AND due_at <= :now"
                    " AND attempts = :attempts",
                    session_id=row.session_id,
                    client_id=row.client_id,
                    attempts=row.attempts,
                    now=now,
                    lease=now + LEASE,
                )
                == 1
            )

    async def _tell(self, row: _Row) -> None:
        client = await self._directory.find(row.client_id)
        uri = None if client is None else client.metadata.backchannel_logout_uri
        if client is None or uri is None:
            await self._done(row, None)
            return
        await self._issuer.ready()
        try:
            await self._guarded.ask(
                "POST",
                uri,
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                body=urlencode({"logout_token": self._token(row, client)}).encode(),
            )
        except NoAnswer as fault:
            await self._failed(row, fault.reason)
        else:
            await self._done(row, "told")

    def _token(self, row: _Row, client: Client) -> str:
        """Back-Channel Logout section 2.4. Nothing in it can be taken for an ID token: its type, and no ``nonce``."""
        now = self._clock()
        claims = {
            "iss": self._issuer_url,
            "sub": row.subject,
            "aud": client.id,
            "iat": now // SECOND,
            "exp": now // SECOND + _TTL,
            "jti": new_id("lgt", now),
            "sid": row.sid,
            "events": {_EVENT: {}},
        }
        return self._issuer.sign(claims, client.metadata.id_token_signed_response_alg, now, "logout+jwt")

    async def _done(self, row: _Row, outcome: str | None) -> None:
        async with self._db.transaction() as tx:
            await tx.execute(
                "DELETE FROM session_clients WHERE session_id = :session_id AND client_id = :client_id",
                session_id=row.session_id,
                client_id=row.client_id,
            )
            if outcome is not None:
                facts = {"client": row.client_id, "session": row.session_id, "outcome": outcome}
                await record(tx, self._clock(), Event.CLIENT_NOTIFIED, SYSTEM, row.account_id, **facts)

    async def _failed(self, row: _Row, reason: str) -> None:
        if row.attempts >= len(BACKOFF):
            await self._done(row, f"given up: {reason}")
            return
        async with self._db.transaction() as tx:
            await tx.execute(
                "UPDATE session_clients SET due_at = :due_at WHERE session_id = :session_id AND client_id = :client_id",
                session_id=row.session_id,
                client_id=row.client_id,
                due_at=self._clock() + BACKOFF[row.attempts],
            )
