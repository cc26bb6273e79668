"""Ostiary beside an application's own tables in SQLAlchemy: lists of what may be seen, and facts that are written in
the application's own transaction.

>>> filters = Filters(auth, Resources(Document, type="document", id=Document.id, attributes={"owner": Document.owner}))
>>> rows = session.scalars(select(Document).where(await filters.filter(caller, "read", Document)))
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol, cast

from sqlalchemy import Boolean, ColumnElement, Enum, Float, Integer, String, Uuid
from sqlalchemy.dialects.postgresql import CITEXT
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import CHAR, NCHAR, REAL, TypeEngine

from ostiary.app import Ostiary
from ostiary.authorization import Caller, Resource
from ostiary.authorization.authorizer import NOTHING_BROUGHT, Brought
from ostiary.authorization.filtering import Filtering, Kind
from ostiary.authorization.model import TYPE, parse_resource
from ostiary.errors import ConfigurationError
from ostiary.integrations.sql_conditions import Column, IdKind, Table, where
from ostiary.integrations.sql_transactions import JoinedTransaction

__all__ = ["Filters", "JoinedTransaction", "Resources"]

_SHORTEST_DOUBLE = 25  # bits; below it, SQL keeps a number of half the size (ISO/IEC 9075-2 section 6.1)

# Names that are stored under others, texts that are filled up with spaces, and those without upper and lower case.
_OTHER_TEXTS = (Enum, CHAR, NCHAR, CITEXT)


class Embedding(Protocol):
    """``Auth`` of any framework: its installation may be opened after the filters are made."""

    @property
    def ostiary(self) -> Ostiary: ...


class Resources:
    """How the rows of a mapped class are resources."""

    def __init__(
        self,
        entity: type[Any],
        *,
        type: str,  # noqa: A002 - the word of the model
        id: InstrumentedAttribute[Any],  # noqa: A002
        attributes: Mapping[str, InstrumentedAttribute[Any]] | None = None,
    ) -> None:
        """Rows bring these attributes as a request would bring them; what is stored in Ostiary counts by the model.

        Args:
            id: a column of texts, whole numbers or UUIDs, none of them NULL.
            attributes: by the names that policies use, columns of texts, whole numbers, doubles or booleans. NULL is
                an attribute that is missing.

        Raises:
            ConfigurationError: a name or the type of a column is none of these.
        """
        self.entity = entity
        self.type = type
        self._id = id
        self._attributes = dict(attributes or {})
        kinds = {name: _kind(each.type) for name, each in self._attributes.items()}
        id_kind = _id_kind(id.type)
        if faults := [f"resources of {entity.__name__}: {each}" for each in _faults(type, id_kind, kinds)]:
            raise ConfigurationError(faults)
        columns = {
            name: Column(_expression(self._attributes[name]), kind) for name, kind in kinds.items() if kind is not None
        }
        self.table = Table(_expression(id), id_kind or "string", columns)

    def of(self, row: Any) -> Resource:
        """The resource that a row is."""
        return parse_resource(Resource(self.type, str(getattr(row, self._id.key))))

    def properties(self, row: Any) -> dict[str, Any]:
        """The attributes that a row brings, for asking about it alone."""
        found = {name: getattr(row, each.key) for name, each in self._attributes.items()}
        return {name: value for name, value in found.items() if value is not None and value == value}


class Filters:
    """Lists of what a caller may act on, as a ``WHERE`` over the application's own tables."""

    def __init__(self, installation: Embedding | Ostiary, *resources: Resources) -> None:
        """Raises ConfigurationError: a mapped class comes twice."""
        self._installation = installation
        self._resources = {each.entity: each for each in resources}
        if len(self._resources) != len(resources):
            raise ConfigurationError(["filters: each mapped class is one kind of resource"])

    async def filter(
        self, caller: Caller, action: str, entity: type[Any], brought: Brought = NOTHING_BROUGHT
    ) -> ColumnElement[bool]:
        """The rows that the caller may take this action on, as they are allowed now. A row is found just where
        ``decide`` says yes to its resource with the attributes that it brings.

        It belongs in a ``WHERE`` as it is. In a ``NOT``, what is unknown would stay out as well.

        Args:
            action: ``read`` asks for the permission ``document.read`` where the type is ``document``.
            brought: context, and attributes of subject and action, as a decision on one row would be given them.

        Raises:
            PolicyCannotFilter: a policy about this permission asks what SQL would not answer in the same way.
            NestingTooDeep: groups or resources are nested too deep to say.
            Unavailable: the database of Ostiary does not answer.
        """
        resources = self._resources.get(entity)
        if resources is None:
            raise ConfigurationError([f"filters: nothing says how {entity.__name__} is a resource"])
        kinds: dict[str, Kind] = {name: column.kind for name, column in resources.table.columns.items()}
        permission = f"{resources.type}.{action}"
        use = self._ostiary.use
        filtering = Filtering(use.db, use.authorizer, use.clock)
        found = await filtering.of_caller(caller, permission, resources.type, kinds, brought)
        return where(found, resources.table)

    @property
    def _ostiary(self) -> Ostiary:
        at = self._installation
        return at if isinstance(at, Ostiary) else at.ostiary


def _faults(type_: str, id_kind: IdKind | None, kinds: Mapping[str, Kind | None]) -> list[str]:
    """Everything that keeps rows from being resources."""
    faults = []
    if re.fullmatch(TYPE, type_) is None:
        faults.append("a resource type is written in lower case, like document")
    if id_kind is None:
        faults.append("an id is a text, a whole number or a UUID")
    for attribute, kind in kinds.items():
        if attribute in ("id", "type"):
            faults.append(f"every resource has {attribute} already")
        if kind is None:
            faults.append(f"{attribute} is no text, whole number, double or boolean")
    return faults


def _kind(type_: TypeEngine[Any]) -> Kind | None:
    """What a column of this type holds, where its values compare in SQL as they do in a condition."""
    if isinstance(type_, Boolean):
        return "bool"
    if isinstance(type_, Integer):
        return "int"
    if isinstance(type_, Float):
        short = isinstance(type_, REAL) or (type_.precision or _SHORTEST_DOUBLE) < _SHORTEST_DOUBLE
        return None if short or type_.asdecimal else "double"
    if isinstance(type_, String) and not isinstance(type_, _OTHER_TEXTS):
        return "string"
    return None


def _id_kind(type_: TypeEngine[Any]) -> IdKind | None:
    if isinstance(type_, Uuid):
        return "uuid"
    kind = _kind(type_)
    return kind if kind in ("string", "int") else None


def _expression(attribute: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    return cast("ColumnElement[Any]", attribute)
