"""A flow: one sign-up, sign-in, step-up, recovery, enrolment or change of address in progress.

It is persisted, expires, and reaches each of its steps, and its end, at most once.

Three secrets lead to it and each stands for something else: the flow token for the browser or client that began it, the
code and the link for the mail box that they were sent to. To prove an address takes the mail box *and* whoever began:
code with flow token, link with flow token, or link with the password. With the mail box alone, a stranger could
register somebody's address with a password of his own and let the owner confirm it.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from ostiary.base.clock import SECOND
from ostiary.base.tokens import digest, equal, new_code, new_token
from ostiary.database import Database, Reader, Transaction
from ostiary.errors import InvalidChallenge
from ostiary.settings import RegistrationSettings

Purpose = Literal["register", "verify_email", "change_email", "setup", "sign_in", "step_up", "recover", "enrol"]
Data = TypeVar("Data")


class Flow(msgspec.Struct, frozen=True):
    """A flow as stored. Times in milliseconds; ``data`` is the step's own, in JSON."""

    id_hash: bytes
    kind: Purpose
    account_id: str | None
    code_hash: bytes | None
    tries_left: int
    data: bytes
    created_at: int
    expires_at: int
    step: int = 0

    def read(self, form: type[Data]) -> Data:
        return msgspec.json.decode(self.data, type=form)

    def __repr__(self) -> str:
        return f"Flow({self.kind})"


class Begun(msgspec.Struct, frozen=True):
    """The secrets of a new flow: the only time that anybody sees them."""

    token: str
    link_token: str
    code: str

    def __repr__(self) -> str:
        return "Begun()"


_COLUMNS = ", ".join(Flow.__struct_fields__)


class Flows:
    """All flows of one installation."""

    def __init__(self, db: Database, settings: RegistrationSettings) -> None:
        self._db = db
        self._tries = settings.code_tries
        self.ttl = settings.challenge_ttl
        """How long a flow lives, in seconds."""

    async def begin(self, tx: Transaction, now: int, kind: Purpose, account_id: str | None, data: object) -> Begun:
        """Start a flow. A decoy, which no code ends, has no account: it answers like any other."""
        begun = Begun(new_token(), new_token(), new_code())
        token_hash = digest(begun.token)
        await tx.execute(
            f"INSERT INTO flows ({_COLUMNS}, link_hash) VALUES"
            " (:id_hash, :kind, :account_id, :code_hash, :tries, :data, :now, :expires_at, 0, :link_hash)",
            id_hash=token_hash,
            kind=kind,
            account_id=account_id,
            code_hash=_code_hash(token_hash, begun.code),
            tries=self._tries,
            data=msgspec.json.encode(data),
            now=now,
            expires_at=now + self.ttl * SECOND,
            link_hash=digest(begun.link_token),
        )
        return begun

    async def open(
        self,
        tx: Transaction,
        now: int,
        kind: Purpose,
        account_id: str | None,
        data: object,
        *,
        ttl: int,
        tries: int,
        link_hash: bytes | None = None,
    ) -> str:
        """Start a flow that is answered step by step; returns its token.

        Args:
            ttl: seconds; tries: wrong answers that it takes.
            link_hash: of a link that leads to it.
        """
        token = new_token()
        await tx.execute(
            f"INSERT INTO flows ({_COLUMNS}, link_hash) VALUES"
            " (:id_hash, :kind, :account_id, NULL, :tries, :data, :now, :expires_at, 0, :link_hash)",
            link_hash=link_hash,
            id_hash=digest(token),
            kind=kind,
            account_id=account_id,
            tries=tries,
            data=msgspec.json.encode(data),
            now=now,
            expires_at=now + ttl * SECOND,
        )
        return token

    async def advance(
        self,
        tx: Transaction,
        flow: Flow,
        data: object,
        *,
        account_id: str | None = None,
        link_hash: bytes | None = None,
        tries: int = 0,
    ) -> None:
        """Move a flow on by one step; the link that led to it until now leads nowhere any more.

        Args:
            account_id: whose it is from now on, where that was not known.
            link_hash: of the link that leads to the new step.
            tries: answers that it takes beyond those that are left.

        Raises:
            InvalidChallenge: another answer has moved or ended it first.
        """
        moved = await tx.execute(
            "UPDATE flows SET step = step + 1, data = :data, account_id = COALESCE(account_id, :account_id),"
            " link_hash = :link_hash, tries_left = tries_left + :tries WHERE id_hash = :id_hash AND step = :step",
            id_hash=flow.id_hash,
            step=flow.step,
            data=msgspec.json.encode(data),
            account_id=account_id,
            link_hash=link_hash,
            tries=tries,
        )
        if moved != 1:
            raise InvalidChallenge

    async def adopt(self, tx: Transaction, flow: Flow) -> tuple[str, Flow]:
        """Give a flow to another browser, which has opened its link; the one that began it has lost it.

        Raises:
            InvalidChallenge: it has moved on or ended meanwhile.
        """
        token = new_token()
        adopted = await tx.fetch_one(
            Flow,
            f"UPDATE flows SET id_hash = :new WHERE id_hash = :old AND step = :step RETURNING {_COLUMNS}",
            new=digest(token),
            old=flow.id_hash,
            step=flow.step,
        )
        if adopted is None:
            raise InvalidChallenge
        return token, adopted

    async def by_token(self, token: str, now: int) -> Flow | None:
        """The open flow that this browser or client began."""
        return await self._db.fetch_one(
            Flow,
            f"SELECT {_COLUMNS} FROM flows WHERE id_hash = :id_hash AND expires_at > :now",
            id_hash=digest(token),
            now=now,
        )

    async def by_link(self, link_token: str, now: int) -> Flow | None:
        """The open flow that this mailed link belongs to. Looking does not spend it: mail scanners look, too."""
        return await self.by_link_in(self._db, link_token, now)

    async def by_link_in(self, reader: Reader, link_token: str, now: int) -> Flow | None:
        """:meth:`by_link`, as a transaction sees it."""
        return await reader.fetch_one(
            Flow,
            f"SELECT {_COLUMNS} FROM flows WHERE link_hash = :link_hash AND expires_at > :now",
            link_hash=digest(link_token),
            now=now,
        )

    async def try_code(self, tx: Transaction, token: str, code: str, now: int) -> Flow | None:
        """The flow, if this is its code; None if not. Every try counts, right or wrong; none ends the flow."""
        flow = await self._take_try(tx, digest(token), now)
        if flow is None or flow.code_hash is None or not equal(flow.code_hash, _code_hash(flow.id_hash, code)):
            return None
        return flow

    async def count_try(self, flow: Flow, now: int) -> None:
        """Count a try that is made in another way than by the code.

        Raises:
            InvalidChallenge: there is none left.
        """
        async with self._db.transaction() as tx:
            counted = await self._take_try(tx, flow.id_hash, now)
        if counted is None:
            raise InvalidChallenge

    async def end(self, tx: Transaction, flow: Flow) -> Flow | None:
        """End a flow; None where somebody else has moved or ended it first."""
        return await tx.fetch_one(
            Flow,
            f"DELETE FROM flows WHERE id_hash = :id_hash AND step = :step RETURNING {_COLUMNS}",
            id_hash=flow.id_hash,
            step=flow.step,
        )

    async def end_all(self, tx: Transaction, account_id: str, keep: Flow | None = None) -> None:
        """End every flow of an account but ``keep``: what they were about has changed."""
        await tx.execute(
            "DELETE FROM flows WHERE account_id = :account_id AND id_hash <> :keep",
            account_id=account_id,
            keep=keep.id_hash if keep else b"",
        )

    async def renew(self, tx: Transaction, flow: Flow, now: int) -> Begun:
        """Replace a flow by one for the same step with new secrets, new tries and a new expiry."""
        if await self.end(tx, flow) is None:
            raise InvalidChallenge
        return await self.begin(tx, now, flow.kind, flow.account_id, msgspec.Raw(flow.data))

    async def sweep(self, tx: Transaction, now: int, limit: int = 500) -> int:
        """Delete up to ``limit`` flows that have expired; returns how many."""
        return await tx.execute(
            "DELETE FROM flows WHERE id_hash IN"
            " (SELECT id_hash FROM flows WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit)",
            now=now,
            limit=limit,
        )

    async def _take_try(self, tx: Transaction, id_hash: bytes, now: int) -> Flow | None:
        return await tx.fetch_one(
            Flow,
            "UPDATE flows SET tries_left = tries_left - 1"
            f" WHERE id_hash = :id_hash AND tries_left > 0 AND expires_at > :now RETURNING {_COLUMNS}",
            id_hash=id_hash,
            now=now,
        )


def _code_hash(id_hash: bytes, code: str) -> bytes:
    # Six digits have no entropy to speak of: salted by the flow, the hash at least says nothing about other flows.
    return digest(id_hash.hex() + ":" + code)
