from __future__ import annotations

import re

import msgspec
import pytest

from ostiary.database import Database
from tests.contract.database.samples import BY_NAME, Role, add_role, added_roles, store_role


class Reversed(msgspec.Struct, frozen=True):
    updated_at: int
    name: str
    note: str = "no column"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    kid: str
    sealed_private: bytes
    created_at: int
    expires_at: int | None


class Words(msgspec.Struct, frozen=True):
    one: str
    two: str


async def test_a_row_becomes_a_struct_and_no_row_none(database: Database) -> None:
    await store_role(database, "editor", "Edits.")
    assert await database.fetch_one(Role, BY_NAME, name="editor") == Role("editor", "Edits.", 0)
    assert await database.fetch_one(Role, BY_NAME, name="nobody") is None


async def test_columns_find_their_fields_by_name(database: Database) -> None:
    await store_role(database, "editor")
    found = await database.fetch_one(Reversed, "SELECT name, updated_at FROM roles WHERE name = :name", name="editor")
    assert found == Reversed(0, "editor")


async def test_a_column_without_a_field_is_refused(database: Database) -> None:
    with pytest.raises(TypeError):
        await database.fetch_one(Reversed, BY_NAME, name="administrator")


async def test_two_columns_of_one_name_are_refused(database: Database) -> None:
    with pytest.raises(TypeError, match="one name"):
        await database.fetch_all(Words, "SELECT name AS one, description AS one FROM roles")


async def test_every_row_in_the_order_asked_for_by_code_point(database: Database) -> None:
    async with database.transaction() as tx:
        for name in ("b", "a", "B", "ä", "Z"):
            await add_role(tx, name)
    assert await added_roles(database) == ["B", "Z", "a", "b", "ä"]


async def test_no_rows_are_an_empty_list(database: Database) -> None:
    assert await added_roles(database) == []


async def test_a_value_and_no_value(database: Database) -> None:
    sql = "SELECT description FROM roles WHERE name = :name"
    assert await database.fetch_value(sql, name="administrator") == "Administers Ostiary itself."
    assert await database.fetch_value(sql, name="nobody") is None


@pytest.mark.parametrize("number", [0, -1, 2**31, 1_800_000_000_000, 2**63 - 1, -(2**63)])
async def test_bytes_and_64_bit_integers_and_null_come_back_as_they_went(database: Database, number: int) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_private, created_at, signs_from, expires_at)"
            " VALUES (:kid, 'ES256', :jwk, :sealed, :now, :now, :never)",
            kid="k",
            jwk=b"{}",
            sealed=bytes(range(256)),
            now=number,
            never=None,
        )
    sql = "SELECT kid, sealed_private, created_at, expires_at FROM signing_keys"
    expected = Key(kid="k", sealed_private=bytes(range(256)), created_at=number, expires_at=None)
    assert await database.fetch_one(Key, sql) == expected


async def test_text_that_looks_like_sql_stays_text(database: Database) -> None:
    text = "'; DROP TABLE roles; -- :name $1 %s 🗝"
    await store_role(database, text)
    assert await added_roles(database) == [text]


async def test_colons_in_literals_names_and_comments_are_no_parameters(database: Database) -> None:
    sql = """SELECT ':name it''s ::text' AS one, -- :name
        CAST(:name AS TEXT) /* :other */ AS "two" FROM roles"""
    assert await database.fetch_one(Words, sql, name="x") == Words(":name it's ::text", "x")


async def test_a_parameter_may_stand_in_two_places(database: Database) -> None:
    sql = "SELECT COUNT(*) FROM roles WHERE CAST(:name AS TEXT) IS NULL OR name = CAST(:name AS TEXT)"
    assert [await database.fetch_value(sql, name=n) for n in (None, "administrator", "x")] == [1, 1, 0]


async def test_a_parameter_may_have_the_name_of_an_argument(database: Database) -> None:
    assert await database.fetch_value("SELECT CAST(:sql AS TEXT)", sql="x") == "x"


async def test_a_missing_parameter_is_an_error(database: Database) -> None:
    with pytest.raises(Exception, match=re.compile("bind|name")):
        await database.fetch_value("SELECT description FROM roles WHERE name = :name")


async def test_outside_of_a_transaction_nothing_can_be_written(database: Database) -> None:
    with pytest.raises(Exception, match=re.compile("read-?only")):
        await database.fetch_value("DELETE FROM role_permissions RETURNING role")
    assert await database.fetch_value("SELECT COUNT(*) FROM role_permissions") == 1
