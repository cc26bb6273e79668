"""Device Bound Session Credentials: a session that only the browser that began it can use (W3C, editor's draft).

At sign-in the browser is offered a challenge. It makes a key that it cannot give away, signs the challenge with it, and
from then on the session counts only together with a second cookie, the *bound cookie*, which lives for minutes: to get
the next one, the browser signs another challenge. A stolen session cookie is worth nothing without that key.

Of all this only the key is stored. Challenges and bound cookies are expiries with a keyed hash, so none is spent by its
use. That of the registration is worth nothing once it is answered, since a session is bound once. An answer to a
refresh that somebody reads and sends again gives them another bound cookie until its challenge expires; but where they
read it they can read the bound cookie too, so this prolongs what they have by ``CHALLENGE_LIFE`` and gives nothing new.
No challenge counts for another session, or for the other kind of answer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import msgspec

from ostiary.audit import Event, record
from ostiary.authorization import Caller
from ostiary.base.clock import MINUTE
from ostiary.base.ids import is_id
from ostiary.crypto import Key, jose
from ostiary.database import Database
from ostiary.errors import Conflict, InvalidToken
from ostiary.sessions.life import Sessions
from ostiary.sessions.model import Session
from ostiary.settings import Settings

ALGORITHMS = ("ES256", "RS256")
"""What a proof may be signed with, in the order of our preference (section 9.1)."""

CHALLENGE_LIFE = 5 * MINUTE
COOKIE_LIFE = 10 * MINUTE
GRACE = MINUTE
"""After it was bound, a session still counts without the bound cookie: requests that are under way have none."""

_MARGIN = MINUTE
"""Browsers count a cookie's life from when they get it; ours ends later, so that none is sent in vain."""
_PROOF = "dbsc+jwt"


class DeviceBoundSessions:
    """Binds sessions to keys of their browsers, and tells whether a request shows the possession of one."""

    def __init__(self, db: Database, sessions: Sessions, secret: bytes, settings: Settings) -> None:
        """``secret`` keys the hashes of challenges and cookies."""
        self._db = db
        self._sessions = sessions
        self._secret = secret
        cookies = settings.cookies
        # Browsers bind sessions on https only, refuse partitioned cookies for it, and would refresh for requests to
        # this origin alone, so that a cookie of a whole domain would go stale at the other hosts.
        possible = settings.issuer.startswith("https:") and not cookies.partitioned and cookies.domain is None
        self._offered = settings.sessions.device_bound and possible

    def offer(self, session: Session, now: int) -> str | None:
        """The challenge whose answer binds a session; None where that is not offered. Who is bound stays so anyway."""
        if not self._offered or session.bound_key:
            return None
        return f"{name_of(session)}.{self._stamp('register', name_of(session), now + CHALLENGE_LIFE)}"

    async def register(self, caller: Caller, proof: str) -> Session:
        """Bind the session whose challenge is answered to the key that the answer carries; the first answer wins.

        Raises:
            InvalidToken: the proof is not good, or answers no challenge of an open session.
            Conflict: the session is bound already.
        """
        # No permission needed: the challenge went along with the session's secret, to the same browser and no other.
        key, claims = jose.verify_proof(proof, typ=_PROOF, algorithms=ALGORITHMS)
        name, stamp = _parts(claims)
        session = await self.find(name, caller.at) if self._genuine(stamp, "register", name, caller.at) else None
        if session is None or session.account_id is None:
            raise InvalidToken("The proof answers no challenge of an open session.")
        jwk = msgspec.json.encode(key.required_members())
        if not await self._sessions.bind(session, jwk, caller.at):
            raise Conflict("The session is bound to a key already.")
        async with self._db.transaction() as tx:
            await record(
                tx,
                caller.at,
                Event.SESSION_BOUND,
                caller.actor_as(session.account_id),
                session.account_id,
                session=session.id,
                key=key.kid,
            )
        return msgspec.structs.replace(session, bound_key=jwk, bound_at=caller.at)

    async def find(self, name: str, now: int) -> Session | None:
        """The open session of this :func:`name_of`; None where there is none, or not any more.

        The session cookie does not come along with a refresh that a link on another site has caused, since that is a
        POST (SameSite), so the browser has to have another name for its session. It opens nothing.
        """
        session_id, _, account_id = name.partition(".")
        if not is_id(account_id, "acc"):  # anybody may ask, for any name
            return None
        sessions = await self._sessions.of_account(account_id, now)
        return next((session for session in sessions if session.id == session_id), None)

    def address(self, session: Session) -> str:
        """What the address of the refresh names the session by. Only we can have given it: looking one up is dear."""
        return f"{name_of(session)}.{self._stamp('address', name_of(session), session.expires_at)}"

    async def find_by_address(self, address: str, now: int) -> Session | None:
        """The open session of this :meth:`address`; None where there is none, or not any more."""
        name, _, stamp = address.rpartition(".")
        return await self.find(name, now) if self._genuine(stamp, "address", name, now) else None

    def challenge(self, session: Session, now: int) -> str:
        """What the browser has to sign for its next bound cookie."""
        return f"{name_of(session)}.{self._stamp('refresh', name_of(session), now + CHALLENGE_LIFE)}"

    def answers(self, proof: str, session: Session, now: int) -> bool:
        """Whether ``proof`` answers a challenge of this session that has not expired.

        Raises:
            InvalidToken: it is not signed by the key of the session.
        """
        key = Key.from_jwk(msgspec.json.decode(session.bound_key))
        _, claims = jose.verify_proof(proof, typ=_PROOF, algorithms=ALGORITHMS, key=key)
        name, stamp = _parts(claims)
        return name == name_of(session) and self._genuine(stamp, "refresh", name, now)

    def cookie(self, session: Session, now: int) -> str:
        """The value of a new bound cookie."""
        return self._stamp("cookie", _bound(session), now + COOKIE_LIFE + _MARGIN)

    def counts(self, session: Session, cookie: str | None, now: int) -> bool:
        """Whether a request of this session counts, that came with this bound cookie or with none."""
        if not session.bound_key or now < session.bound_at + GRACE:
            return True
        return cookie is not None and self._genuine(cookie, "cookie", _bound(session), now)

    def _stamp(self, purpose: str, subject: str, expires_at: int) -> str:
        """An expiry (milliseconds) that only we can have given to ``subject``."""
        message = "\0".join((purpose, subject, str(expires_at)))
        keyed_hash = hmac.digest(self._secret, message.encode(), hashlib.sha256)
        return f"{expires_at}-{base64.urlsafe_b64encode(keyed_hash).rstrip(b'=').decode()}"

    def _genuine(self, stamp: str, purpose: str, subject: str, now: int) -> bool:
        expiry = stamp.partition("-")[0]
        if not (expiry.isascii() and expiry.isdecimal() and len(expiry) <= 15 and int(expiry) > now):
            return False
        return hmac.compare_digest(stamp.encode(), self._stamp(purpose, subject, int(expiry)).encode())


def name_of(session: Session) -> str:
    """What challenges and addresses name the session by: its public id, and whose it is."""
    return f"{session.id}.{session.account_id}"


def _bound(session: Session) -> str:
    return f"{session.id}.{hashlib.sha256(session.bound_key).hexdigest()}"


def _parts(claims: dict[str, object]) -> tuple[str, str]:
    """The two parts of the challenge that a proof answers."""
    answered = claims.get("jti")
    if not isinstance(answered, str) or not answered.isascii():
        raise InvalidToken("The proof answers no challenge.")
    name, _, stamp = answered.rpartition(".")
    return name, stamp
