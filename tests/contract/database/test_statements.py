from __future__ import annotations

import pytest

from ostiary.database.statements import for_postgresql, numbered


@pytest.mark.parametrize(
    ("sql", "text", "names"),
    [
        ("SELECT 1", "SELECT 1", ()),
        ("a = :a AND b = :b OR c = :a", "a = $1 AND b = $2 OR c = $1", ("a", "b")),
        ("(:a_1,:B2)", "($1,$2)", ("a_1", "B2")),
        ("x::text = :a::text", "x::text = $1::text", ("a",)),
        ("':a' || ' it''s :b' || :c", "':a' || ' it''s :b' || $1", ("c",)),
        ('":a" = :b', '":a" = $1', ("b",)),
        ("1 -- :a ' \n = :b", "1 -- :a ' \n = $1", ("b",)),
        ("1 /* :a ' \n */ = :b", "1 /* :a ' \n */ = $1", ("b",)),
    ],
)
def test_named_parameters_become_numbers_and_only_they(sql: str, text: str, names: tuple[str, ...]) -> None:
    assert numbered(sql) == (text, names)


def test_a_schema_gets_64_bit_integers_and_text_ordered_by_code_point() -> None:
    schema = "CREATE TABLE t (a INTEGER, b BLOB, c TEXT UNIQUE, \"TEXT\" TEXT DEFAULT 'A TEXT') STRICT; -- BLOB"
    assert for_postgresql(schema) == (
        'CREATE TABLE t (a BIGINT, b BYTEA, c TEXT COLLATE "C" UNIQUE, "TEXT" TEXT COLLATE "C" DEFAULT \'A TEXT\');'
        " -- BLOB"
    )


def test_a_lock_is_a_comment_on_sqlite_and_an_order_on_postgresql() -> None:
    sql = "SELECT name FROM thing WHERE id = :id /* FOR NO KEY UPDATE */"
    assert numbered(sql) == ("SELECT name FROM thing WHERE id = $1 FOR NO KEY UPDATE", ("id",))
