"""What is left of a decision, as SQL that means the same: three-valued, text by code points, numbers by value.

For SQLite and PostgreSQL. What would mean something else there is refused, never approximated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from operator import eq, ge, gt, le, lt
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    String,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from ostiary.authorization.filtering import Kind, ListFilter, Rule
from ostiary.authorization.model import PolicyCannotFilter
from ostiary.authorization.partial import (
    ID,
    Among,
    Compared,
    ComparedTwo,
    Either,
    Every,
    Holds,
    Not,
    Order,
    Present,
    Residual,
    Scalar,
    Settled,
    Some,
    TextTest,
)

IdKind: TypeAlias = Literal["string", "int", "uuid"]
Truth: TypeAlias = ColumnElement[bool]

_UNKNOWN: Truth = cast(null(), Boolean)
_COMPARE = {"==": eq, "<": lt, "<=": le, ">": gt, ">=": ge}
_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1
_EXACT = 2**53
"""The whole numbers up to here are doubles, too."""


class Column(msgspec.Struct, frozen=True):
    """An attribute of a resource: where it is, and what it holds."""

    of: ColumnElement[Any]
    kind: Kind


class Table(msgspec.Struct, frozen=True):
    """A mapped class, as conditions see it."""

    id: ColumnElement[Any]
    id_kind: IdKind
    columns: Mapping[str, Column]


class _Text(FunctionElement[str]):
    """A text that compares as its characters do for being equal, whatever collation its column has."""

    inherit_cache = True
    name = "text_by_code_point"
    type = String()


class _OrderedText(_Text):
    """The same for being less and more, too."""

    inherit_cache = True


class _Number(FunctionElement[float]):
    """A double, NULL where it is none: no JSON has NaN, so no row brings it."""

    inherit_cache = True
    name = "number"
    type = Double()


class _Among(FunctionElement[bool]):
    """A column's value is in a list that is one parameter, a JSON array, however long it is."""

    inherit_cache = True
    name = "among"
    type = Boolean()
    element = "TEXT"


class _AmongNumbers(_Among):
    inherit_cache = True
    element = "BIGINT"


class _AmongUuids(_Among):
    """Its second list has the digits alone: as such SQLAlchemy keeps a UUID where the database has no type for it."""

    inherit_cache = True
    element = "UUID"


@compiles(_Text, "sqlite")
def _text_in_sqlite(element: _Text, compiler: SQLCompiler, **options: Any) -> str:
    (text,) = element.clauses
    return f"({compiler.process(text, **options)} COLLATE BINARY)"


@compiles(_Text, "postgresql")
def _text_in_postgresql(element: _Text, compiler: SQLCompiler, **options: Any) -> str:
    # Two texts are equal there if their bytes are, in every collation but those that a column has to name.
    (text,) = element.clauses
    written = compiler.process(text, **options)
    return f'({written} COLLATE "C")' if getattr(text.type, "collation", None) else written


@compiles(_OrderedText, "postgresql")
def _ordered_text_in_postgresql(element: _OrderedText, compiler: SQLCompiler, **options: Any) -> str:
    (text,) = element.clauses
    return f'({compiler.process(text, **options)} COLLATE "C")'


class _Contains(FunctionElement[bool]):
    """A text has another in it, which is not empty."""

    inherit_cache = True
    name = "contains_text"
    type = Boolean()


class _EndsWith(FunctionElement[bool]):
    """The same for its end."""

    inherit_cache = True
    name = "ends_with_text"
    type = Boolean()


# SQLite keeps a text behind a NUL as well, where its length() and replace() end; instr() and bytes do not.
@compiles(_Contains, "sqlite")
def _contains_in_sqlite(element: _Contains, compiler: SQLCompiler, **options: Any) -> str:
    whole, part = (compiler.process(each, **options) for each in element.clauses)
    return f"(instr({whole}, {part}) > 0)"


@compiles(_Contains, "postgresql")
def _contains_in_postgresql(element: _Contains, compiler: SQLCompiler, **options: Any) -> str:
    whole, part = (compiler.process(each, **options) for each in element.clauses)
    return f"(strpos({whole}, {part}) > 0)"


@compiles(_EndsWith, "sqlite")
def _ends_with_in_sqlite(element: _EndsWith, compiler: SQLCompiler, **options: Any) -> str:
    whole, part = (f"CAST({compiler.process(each, **options)} AS BLOB)" for each in element.clauses)
    # Of no bytes, substr() makes NULL.
    return f"(length({whole}) >= length({part}) AND substr({whole}, -length({part})) = {part})"


@compiles(_EndsWith, "postgresql")
def _ends_with_in_postgresql(element: _EndsWith, compiler: SQLCompiler, **options: Any) -> str:
    whole, part = (compiler.process(each, **options) for each in element.clauses)
    return f"(right({whole}, length({part})) = {part})"


@compiles(_Number)
def _number(element: _Number, compiler: SQLCompiler, **options: Any) -> str:
    (number,) = element.clauses
    return f"({compiler.process(number, **options)})"


@compiles(_Number, "postgresql")
def _number_in_postgresql(element: _Number, compiler: SQLCompiler, **options: Any) -> str:
    (number,) = element.clauses
    return f"NULLIF({compiler.process(number, **options)}, CAST('NaN' AS DOUBLE PRECISION))"


_VALUES = "SELECT value FROM json_each({})"
_VALUES_IN_POSTGRESQL = (
    "SELECT CAST(listed.value AS {}) FROM jsonb_array_elements_text(CAST({} AS JSONB)) AS listed(value)"
)


@compiles(_Among, "sqlite")
def _among_in_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values, *bare = (compiler.process(each, **options) for each in element.clauses)
    compared = column if element.element == "BIGINT" else f"{column} COLLATE BINARY"
    return f"({compared} IN ({_VALUES.format((bare or [values])[0])}))"


@compiles(_Among, "postgresql")
def _among_in_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in list(element.clauses)[:2])
    if getattr(element.clauses.clauses[0].type, "collation", None):
        column = f'{column} COLLATE "C"'
    return f"({column} IN ({_VALUES_IN_POSTGRESQL.format(element.element, values)}))"


def where(found: ListFilter, table: Table) -> Truth:
    """The rows that a filter allows; for a ``WHERE``, where what is unknown is not found.

    Raises:
        PolicyCannotFilter: a condition has no equal in SQL.
    """
    allowed = true() if found.everything else _any(_allowing(found, table))
    denied = [*_ids(found.denied_ids, table), *(_rule(rule, table) for rule in found.denied_rules)]
    # Only what is known not to be denied: in SQL, too, what is unknown is not false.
    return and_(allowed, *(not_(func.coalesce(each, true())) for each in denied))


def _allowing(found: ListFilter, table: Table) -> list[Truth]:
    return [*_ids(found.ids, table), *(_rule(rule, table) for rule in found.rules)]


def _any(parts: list[Truth]) -> Truth:
    return or_(false(), *parts)


def _rule(rule: Rule, table: Table) -> Truth:
    try:
        otherwise = _truth(rule.otherwise, table)
        cases = [(ids, _truth(each.condition, table)) for each in rule.cases for ids in _ids(each.ids, table)]
    except _NoEqual as cause:
        raise PolicyCannotFilter(f"The policy {rule.policy} {cause}.") from None
    if not cases:
        return otherwise
    apart = [and_(ids, condition) for ids, condition in cases]
    return or_(*apart, and_(not_(or_(*(ids for ids, _ in cases))), otherwise))


class _NoEqual(Exception):
    """In words, what a policy does that SQL would do otherwise."""


def _truth(node: Residual, table: Table) -> Truth:
    match node:
        case Settled():
            return _settled(node.value)
        case Not():
            return not_(_truth(node.of, table))
        case Every():
            return and_(*(_truth(each, table) for each in node.of))
        case Some():
            return or_(*(_truth(each, table) for each in node.of))
        case Either():
            test = _truth(node.test, table)
            then, otherwise = _truth(node.then, table), _truth(node.otherwise, table)
            return case((test.is_(null()), _UNKNOWN), (test, then), else_=otherwise)
    return _of_id(node, table) if _attribute(node) == ID else _test(node, table)


def _attribute(node: Compared | ComparedTwo | Among | TextTest | Present | Holds) -> str:
    if isinstance(node, ComparedTwo):
        return ID if ID in (node.left, node.right) else node.left
    return node.attribute


def _settled(value: bool | None) -> Truth:
    return _UNKNOWN if value is None else true() if value else false()


def _test(node: Compared | ComparedTwo | Among | TextTest | Present | Holds, table: Table) -> Truth:
    if isinstance(node, ComparedTwo):
        return _compared_two(table.columns[node.left], node.operator, table.columns[node.right])
    column = table.columns[node.attribute]
    match node:
        case Compared():
            return _compared(column, node.operator, node.value)
        case Among():
            same = [_compared(column, "==", value) for value in node.values if _fits(column.kind, value)]
            return or_(*same) if same else _never(column)
        case TextTest():
            return _text_test(column.of, node) if column.kind == "string" else _UNKNOWN
        case Present():
            return _value(column).is_not(null())
        case Holds():
            return column.of if column.kind == "bool" else _UNKNOWN


def _value(column: Column) -> ColumnElement[Any]:
    return _Number(column.of) if column.kind == "double" else column.of


def _compare(operator: Order, left: ColumnElement[Any], right: ColumnElement[Any]) -> Truth:
    made: Truth = _COMPARE[operator](left, right)
    return made


def _never(*columns: Column) -> Truth:
    """False, and unknown where a column is NULL."""
    return case((or_(*(_value(each).is_(null()) for each in columns)), _UNKNOWN), else_=false())


def _fits(kind: Kind, value: Scalar) -> bool:
    if isinstance(value, bool) or kind == "bool":
        return isinstance(value, bool) and kind == "bool"
    return isinstance(value, str) is (kind == "string")


def _compared(column: Column, operator: Order, value: Scalar) -> Truth:
    if not _fits(column.kind, value):
        return _never(column) if operator == "==" else _UNKNOWN
    if isinstance(value, str):
        return _compare(operator, (_Text if operator == "==" else _OrderedText)(column.of), _text(value))
    if isinstance(value, bool):
        return _compare(operator, column.of, literal(value, Boolean))
    return _compared_number(column, operator, value)


def _compared_number(column: Column, operator: Order, value: float) -> Truth:
    if not math.isfinite(value):
        raise _NoEqual("compares with a number that is not finite")
    if column.kind == "double":
        if isinstance(value, int) and abs(value) > _EXACT:
            raise _NoEqual(f"compares a column of doubles with {value}, which is none")
        return _compare(operator, _value(column), literal(float(value), Double))
    if value != (whole := math.floor(value)):
        if operator == "==":
            return _never(column)
        operator = "<=" if operator in ("<", "<=") else ">"  # no whole number lies between the two
    if not _MIN_INT <= whole <= _MAX_INT:
        raise _NoEqual(f"compares a column with {value}, which does not fit into 64 bits")
    return _compare(operator, column.of, literal(whole, BigInteger))


def _compared_two(left: Column, operator: Order, right: Column) -> Truth:
    if left.kind != right.kind:
        if {left.kind, right.kind} == {"int", "double"}:
            raise _NoEqual("compares a column of whole numbers with one of doubles")
        return _never(left, right) if operator == "==" else _UNKNOWN
    if left.kind == "string":
        # Two columns may have two collations, of which neither wins.
        return _compare(operator, _OrderedText(left.of), _OrderedText(right.of))
    return _compare(operator, _value(left), _value(right))


def _text(value: str) -> ColumnElement[Any]:
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise _NoEqual("compares with a text that no database holds")
    return literal(value, String)


def _text_test(column: ColumnElement[Any], node: TextTest) -> Truth:
    text, count = _text(node.text), len(node.text)
    whole = _Text(column)
    if node.function == "startsWith":
        return _compare("==", func.substr(whole, 1, count), text)
    if not count:
        return _compare(">=", func.length(whole), literal(0))
    return _EndsWith(whole, text) if node.function == "endsWith" else _Contains(whole, text)


def _of_id(node: Compared | ComparedTwo | Among | TextTest | Present | Holds, table: Table) -> Truth:
    """A test of the id itself, which is a text in conditions and perhaps a number or a UUID in the table."""
    if table.id_kind == "string":
        return _test(node, msgspec.structs.replace(table, columns={**table.columns, ID: Column(table.id, "string")}))
    match node:
        case Present():
            return true()
        case Holds():
            return _UNKNOWN
        case Among() | Compared(operator="=="):
            wanted = node.values if isinstance(node, Among) else (node.value,)
            return _any(_ids((each for each in wanted if isinstance(each, str)), table))
    raise _NoEqual("takes an id for a text, which is a number or a UUID in the table")


def _ids(ids: Iterable[str], table: Table) -> list[Truth]:
    """The rows with these ids; nothing where no row can have any of them."""
    texts = sorted(ids)
    if table.id_kind == "string":
        return [_Among(table.id, _list(texts))] if texts else []
    if table.id_kind == "int":
        numbers = [number for each in texts if (number := _number_of(each)) is not None]
        return [_AmongNumbers(table.id, _list(numbers))] if numbers else []
    uuids = [each for each in texts if _is_uuid(each)]
    bare = [each.replace("-", "") for each in uuids]
    return [_AmongUuids(table.id, _list(uuids), _list(bare))] if uuids else []


def _list(values: list[str] | list[int]) -> ColumnElement[Any]:
    return literal(msgspec.json.encode(values).decode(), String)


def _number_of(text: str) -> int | None:
    """The number that is written so, and in no other way."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if str(number) == text and _MIN_INT <= number <= _MAX_INT else None


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
