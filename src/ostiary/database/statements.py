"""One text of SQL for both dialects: named parameters to numbers, and the column types of migrations."""

from __future__ import annotations

import re
from functools import lru_cache

LOCK = "FOR NO KEY UPDATE"

_QUOTED = r"""'[^']*'|"[^"]*"|--[^\n]*|/\*.*?\*/"""
_PARAMETER = re.compile(_QUOTED + r"|::|:([A-Za-z_][A-Za-z0-9_]*)", re.DOTALL)
_LIST = re.compile(r"\bjson_each\((:[a-z_]+)\)")
_TEXT = re.compile(r"CAST\((:[a-z_]+|'[^']*') AS TEXT\)")
_TYPE = re.compile(_QUOTED + r"|\b(?P<type>BLOB|INTEGER|TEXT)\b|(?P<strict>\s*\bSTRICT\b(, WITHOUT ROWID)?)", re.DOTALL)
_POSTGRESQL_TYPES = {"BLOB": "BYTEA", "INTEGER": "BIGINT", "TEXT": 'TEXT COLLATE "C"'}


@lru_cache(maxsize=4096)
def numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """``… = :id`` to ``… = $1`` with the names in the order of their numbers.

    Literals, quoted names, comments and ``::casts`` stay as they are. SQLite's ``json_each`` over a list of texts
    becomes what is the same in PostgreSQL, and what is cast to text compares as the columns do.
    """
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found[1]
        return f"${numbers.setdefault(name, len(numbers) + 1)}" if name else found[0]

    sql = _LIST.sub(r"jsonb_array_elements_text(CAST(\1 AS JSONB)) AS json_each(value)", sql)
    sql = _TEXT.sub(r'CAST(\1 AS TEXT) COLLATE "C"', sql)
    text = _PARAMETER.sub(number, sql.replace(f"/* {LOCK} */", LOCK))
    return text, tuple(numbers)


def for_postgresql(schema: str) -> str:
    """A migration in SQLite's types, in PostgreSQL's: 64-bit integers, and text that compares by code point."""

    def replace(found: re.Match[str]) -> str:
        if found["strict"]:
            return ""
        return _POSTGRESQL_TYPES[found["type"]] if found["type"] else found[0]

    return _TYPE.sub(replace, schema)
