"""Which tuples there are: by object, by type of object, by relation, by subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ostiary.authorization.model import ResourceType
from ostiary.authorization.relations import parse_object, parse_subject, read_key
from ostiary.base.clock import Timestamp, rfc3339
from ostiary.base.pages import DEFAULT_LIMIT, Cursor, Limit, Page, check_limit, decode_cursor, page_of
from ostiary.errors import InvalidRequest

if TYPE_CHECKING:
    from ostiary.database import Reader

MAX_TUPLE = 900
Written = Annotated[str, Meta(min_length=1, max_length=MAX_TUPLE)]
"""A tuple, an object or a subject as people write it."""
_COLUMNS = "object, relation, subject, created_at"


class RelationFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tuples that fit everything that is given: an object or a type of objects, a relation, a subject."""

    object: Written | None = None
    object_type: ResourceType | None = None
    relation: Written | None = None
    subject: Written | None = None


class RelationQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which relations, and which page of them; without a filter all of them."""

    object: Written | None = None
    object_type: ResourceType | None = None
    relation: Written | None = None
    subject: Written | None = None
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class RelationView(msgspec.Struct, frozen=True):
    """A tuple as it is shown, whole and in its parts; ``created_at`` in RFC 3339."""

    tuple: str
    object: str
    relation: str
    subject: str
    created_at: Timestamp


class _Row(msgspec.Struct, frozen=True):
    object: str
    relation: str
    subject: str
    created_at: int


async def list_relations(on: Reader, query: RelationQuery) -> Page[RelationView]:
    """A page of tuples, in the order of object, relation, subject; by subject first where one is given.

    Raises:
        InvalidRequest: the filter, the cursor or the limit is not usable.
    """
    filter_ = RelationFilter(query.object, query.object_type, query.relation, query.subject)
    conditions, values = _conditions(filter_)
    if query.cursor is not None:
        after = _read_cursor(query.cursor)
        conditions.append("(object, relation, subject) > (:after_object, :after_relation, :after_subject)")
        values |= dict(zip(("after_object", "after_relation", "after_subject"), after, strict=True))
    where = " AND ".join(conditions) or "1 = 1"
    rows = await on.fetch_all(
        _Row,
        f"SELECT {_COLUMNS} FROM relations WHERE {where} ORDER BY object, relation, subject LIMIT :most",
        **values,
        most=check_limit(query.limit) + 1,
    )
    return page_of(rows, query.limit, key=_cursor_key, item=_view)


async def any_fits(on: Reader, filter_: RelationFilter) -> bool:
    """Whether there is a tuple that fits.

    Raises:
        InvalidRequest: the filter is not well formed.
    """
    conditions, values = _conditions(filter_)
    where = " AND ".join(conditions) or "1 = 1"
    return await on.fetch_value(f"SELECT 1 FROM relations WHERE {where} LIMIT 1", **values) is not None


def check_filter(filter_: RelationFilter, field: str) -> None:
    """Raises InvalidRequest unless the filter is well formed and says of which object, type or subject it speaks."""
    if filter_.object is None and filter_.object_type is None and filter_.subject is None:
        raise InvalidRequest("Name an object, a type of objects or a subject.", field=field)
    _conditions(filter_, f"{field}.")


def _conditions(filter_: RelationFilter, prefix: str = "") -> tuple[list[str], dict[str, str]]:
    conditions: list[str] = []
    values: dict[str, str] = {}
    if filter_.object is not None:
        conditions.append("object = :object")
        values["object"] = str(parse_object(filter_.object, f"{prefix}object"))
    if filter_.object_type is not None:
        conditions.append("object > :least AND object < :beyond")
        values |= {"least": f"{filter_.object_type}:", "beyond": f"{filter_.object_type};"}
    if filter_.relation is not None:
        conditions.append("relation = :relation")
        values["relation"] = _printable(filter_.relation, f"{prefix}relation")
    if filter_.subject is not None:
        conditions.append("subject = :subject")
        values["subject"] = parse_subject(filter_.subject, f"{prefix}subject").key
    return conditions, values


def _printable(text: str, field: str) -> str:
    if not text.isprintable():
        raise InvalidRequest("This is not the name of a relation.", field=field)
    return text


def _cursor_key(row: _Row) -> str:
    return msgspec.json.encode((row.object, row.relation, row.subject)).decode()


def _read_cursor(cursor: str) -> tuple[str, str, str]:
    try:
        return msgspec.json.decode(decode_cursor(cursor), type=tuple[str, str, str])
    except msgspec.DecodeError:
        raise InvalidRequest("This is not a cursor from an earlier page.", field="cursor") from None


def _view(row: _Row) -> RelationView:
    subject = str(read_key(row.subject))
    whole = f"{row.object}#{row.relation}@{subject}"
    return RelationView(whole, row.object, row.relation, subject, rfc3339(row.created_at))
