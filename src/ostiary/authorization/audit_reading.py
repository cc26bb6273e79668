"""Reading the audit log: by who may see what everybody did."""

from __future__ import annotations

import msgspec

from ostiary.audit import AuditEvent, DeferredWrites, Event, read
from ostiary.authorization.caller import Caller
from ostiary.base.pages import DEFAULT_LIMIT, Cursor, Limit, Page
from ostiary.database import Database
from ostiary.permissions import Permission


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which events: of one account, of one name, or both; newest first."""

    account_id: str | None = None
    event: Event | None = None
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class AuditReading:
    """The use case behind ``GET /api/audit`` and ``ostiary audit``."""

    def __init__(self, db: Database, deferred: DeferredWrites) -> None:
        self._db = db
        self._deferred = deferred

    async def list(self, caller: Caller, query: AuditQuery) -> Page[AuditEvent]:
        """A page of the log.

        Raises:
            InvalidRequest: the cursor or the limit is not one.
        """
        await caller.require(Permission.AUDIT_READ)
        await self._deferred.flush()  # who asks after an answer finds it
        return await read(
            self._db, cursor=query.cursor, limit=query.limit, account_id=query.account_id, event=query.event
        )
