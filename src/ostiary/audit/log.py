"""Writing and reading ``audit_events``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ostiary.audit.events import Actor, Event
from ostiary.base.clock import Timestamp, rfc3339
from ostiary.base.ids import new_id
from ostiary.base.pages import Page, check_limit, decode_cursor, page_of

if TYPE_CHECKING:
    from ostiary.database import Database, Transaction

TEXT_LIMIT = 512
"""Characters kept of one text value."""
DATA_LIMIT = 8 * 1024
"""Bytes of an event's data, as JSON."""

_SECRETS = frozenset({"password", "passphrase", "secret", "token", "code", "cookie", "authorization", "csrf", "hash"})
_encode = msgspec.json.Encoder(order="deterministic").encode


class AuditEvent(msgspec.Struct, frozen=True):
    """One event as it is read.

    Attributes:
        at: RFC 3339, UTC.
        event: a name of :class:`Event`, or one that an older or newer version recorded.
        actor: ``account:<id>``, ``operator``, ``anonymous`` or ``system``.
        account_id: the account that it happened to.
        data: what else is known; never a secret.
    """

    id: str
    at: Timestamp
    event: str
    actor: str
    account_id: str | None
    address: str | None
    request_id: str | None
    data: dict[str, Any]


class _Row(msgspec.Struct, frozen=True):
    id: str
    at: int
    event: str
    actor: str
    account_id: str | None
    address: str | None
    request_id: str | None
    data: bytes


async def record(
    tx: Transaction, now: int, event: Event, actor: Actor, account_id: str | None = None, **data: object
) -> None:
    """Record ``event`` in the transaction of the act itself: both are stored, or neither is.

    Args:
        now: milliseconds since the epoch.
        account_id: the account that it happened to, which need not be the one that acted.
        data: further facts. Texts are cut at 512 characters; members beyond 8 KiB are left out, and
            ``truncated`` says so.

    Raises:
        ValueError: a member is named like a secret.
        TypeError: a value is not a text, number, bool, None, list or dict. Both are faults of the calling code.
    """
    if actor.user_agent is not None:
        data = {"user_agent": actor.user_agent} | data
    await tx.execute(
        "INSERT INTO audit_events (id, at, event, actor, account_id, address, request_id, data)"
        " VALUES (:id, :at, :event, :actor, :account_id, :address, :request_id, :data)",
        id=new_id("evt", now),
        at=now,
        event=event.value,
        actor=str(actor),
        account_id=account_id,
        address=actor.address,
        request_id=actor.request_id,
        data=_pack(data),
    )


async def read(
    db: Database,
    *,
    cursor: str | None = None,
    limit: int = 50,
    account_id: str | None = None,
    event: Event | None = None,
    since: int | None = None,
    until: int | None = None,
) -> Page[AuditEvent]:
    """A page of the log, newest first.

    Args:
        cursor: ``next`` of the page before.
        limit: 1 to 200 events.
        account_id: only what happened to this account.
        event: only events of this name.
        since: from this time on, in milliseconds.
        until: before this time, in milliseconds.

    Raises:
        InvalidRequest: the cursor or the limit is not one.
    """
    filters = {
        "id < :before": decode_cursor(cursor) if cursor is not None else None,
        "account_id = :account_id": account_id,
        "event = :event": event.value if event is not None else None,
        "at >= :since": since,
        "at < :until": until,
    }
    chosen = {text: value for text, value in filters.items() if value is not None}
    where = " AND ".join(chosen) or "1 = 1"
    rows = await db.fetch_all(
        _Row,
        "SELECT id, at, event, actor, account_id, address, request_id, data FROM audit_events"
        f" WHERE {where} ORDER BY id DESC LIMIT :most",
        most=check_limit(limit) + 1,
        **{text.partition(":")[2]: value for text, value in chosen.items()},
    )
    return page_of(rows, limit, key=lambda row: row.id, item=_event)


def _event(row: _Row) -> AuditEvent:
    return AuditEvent(
        id=row.id,
        at=rfc3339(row.at),
        event=row.event,
        actor=row.actor,
        account_id=row.account_id,
        address=row.address,
        request_id=row.request_id,
        data=msgspec.json.decode(row.data),
    )


def _pack(data: dict[str, object]) -> bytes:
    """``data`` as JSON of at most DATA_LIMIT bytes: what people typed may be long, and must not fail the act."""
    packed = _encode(_bounded(data))
    if len(packed) <= DATA_LIMIT:
        return packed
    kept: dict[str, object] = {"truncated": True}
    for name, value in data.items():
        packed = _encode(_bounded(kept | {name: value}))
        if len(packed) <= DATA_LIMIT:
            kept[name] = value
    return _encode(_bounded(kept))


def _bounded(value: object) -> object:
    """``value`` with its texts cut, and its member names checked at every depth."""
    if isinstance(value, str):
        return value[:TEXT_LIMIT].encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        for name in value:
            if str(name).lower().rpartition("_")[2].rstrip("s") in _SECRETS:
                raise ValueError(f"audit data may not hold secrets: {name}")
        return {name: _bounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_bounded(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TypeError(f"audit data may not hold a {type(value).__name__}")
