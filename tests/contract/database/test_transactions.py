# ruff: noqa: PT012 - a transaction that fails is a block of several statements
from __future__ import annotations

import asyncio

import pytest

from ostiary.database import Database, ForeignKeyViolation, UniqueViolation
from tests.contract.database.samples import BY_NAME, Role, add_role, added_roles, store_role

CLAIM = "UPDATE roles SET updated_at = :now WHERE name = 'prize' AND updated_at = 0"


async def test_what_a_transaction_did_is_there_afterwards(database: Database) -> None:
    async with database.transaction() as tx:
        await add_role(tx, "a")
        await add_role(tx, "b")
    assert await added_roles(database) == ["a", "b"]


async def test_an_exception_undoes_everything_and_propagates(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            await add_role(tx, "a")
            raise ZeroDivisionError
    assert await added_roles(database) == []
    await store_role(database, "b")
    assert await added_roles(database) == ["b"]


async def test_a_transaction_sees_its_own_changes_and_nobody_else_does_before_the_commit(database: Database) -> None:
    async with database.transaction() as tx:
        await add_role(tx, "a")
        assert await added_roles(tx) == ["a"]
        assert await added_roles(database) == []
    assert await added_roles(database) == ["a"]


async def test_the_number_of_changed_rows(database: Database) -> None:
    async with database.transaction() as tx:
        await add_role(tx, "a")
        await add_role(tx, "b")
        assert await tx.execute("UPDATE roles SET updated_at = 1 WHERE builtin = 0") == 2
        assert await tx.execute("DELETE FROM roles WHERE name = :name", name="a") == 1
        assert await tx.execute("DELETE FROM roles WHERE name = :name", name="a") == 0


async def test_a_change_can_return_its_row(database: Database) -> None:
    sql = "UPDATE roles SET updated_at = :now WHERE name = :name RETURNING name, description, updated_at"
    async with database.transaction() as tx:
        await add_role(tx, "a", "x")
        assert await tx.fetch_one(Role, sql, name="a", now=7) == Role("a", "x", 7)
        assert await tx.fetch_one(Role, sql, name="b", now=7) is None
    assert await database.fetch_one(Role, BY_NAME, name="a") == Role("a", "x", 7)


async def test_an_insert_that_conflicts_may_do_nothing(database: Database) -> None:
    sql = (
        "INSERT INTO roles (name, description, builtin, created_at, updated_at) VALUES ('a', '', 0, 0, 0)"
        " ON CONFLICT (name) DO NOTHING"
    )
    async with database.transaction() as tx:
        assert [await tx.execute(sql), await tx.execute(sql)] == [1, 0]


async def test_a_second_row_with_the_same_key_is_a_unique_violation(database: Database) -> None:
    await store_role(database, "a")
    with pytest.raises(UniqueViolation) as caught:
        await store_role(database, "a")
    assert caught.value.status == 409
    assert caught.value.__cause__ is not None


async def test_a_reference_to_what_is_not_there_is_a_foreign_key_violation(database: Database) -> None:
    with pytest.raises(ForeignKeyViolation):
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO role_permissions (role, permission) VALUES ('nobody', 'x.y')")


async def test_deleting_a_row_deletes_what_belongs_to_it(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM roles WHERE name = 'administrator'")
    assert await database.fetch_value("SELECT COUNT(*) FROM role_permissions") == 0


async def test_a_savepoint_undoes_only_what_was_done_inside(database: Database) -> None:
    async with database.transaction() as tx:
        await add_role(tx, "a")
        with pytest.raises(UniqueViolation):
            async with tx.savepoint():
                await add_role(tx, "b")
                await add_role(tx, "a")
        async with tx.savepoint():
            await add_role(tx, "c")
            with pytest.raises(ZeroDivisionError):
                async with tx.savepoint():
                    await add_role(tx, "d")
                    raise ZeroDivisionError
        await add_role(tx, "e")
    assert await added_roles(database) == ["a", "c", "e"]


async def test_after_an_error_without_a_savepoint_the_transaction_takes_nothing_more(database: Database) -> None:
    await store_role(database, "a")
    with pytest.raises(RuntimeError, match="failed"):
        async with database.transaction() as tx:
            with pytest.raises(UniqueViolation):
                await add_role(tx, "a")
            await add_role(tx, "b")
    assert await added_roles(database) == ["a"]


async def test_an_error_that_was_swallowed_without_a_savepoint_is_no_commit(database: Database) -> None:
    await store_role(database, "a")
    with pytest.raises(RuntimeError, match="failed"):
        async with database.transaction() as tx:
            await add_role(tx, "b")
            with pytest.raises(UniqueViolation):
                await add_role(tx, "a")
    assert await added_roles(database) == ["a"]


async def test_a_transaction_inside_a_transaction_says_so_instead_of_waiting_for_itself(database: Database) -> None:
    with pytest.raises(RuntimeError, match="savepoint"):
        async with database.transaction() as tx:
            await add_role(tx, "a")
            await store_role(database, "b")
    assert await added_roles(database) == []
    await store_role(database, "c")


async def test_a_transaction_that_is_over_takes_no_statement(database: Database) -> None:
    async with database.transaction() as tx:
        pass
    with pytest.raises(RuntimeError, match="over"):
        await add_role(tx, "a")
    assert await added_roles(database) == []


async def test_of_a_hundred_parallel_claims_exactly_one_wins(database: Database) -> None:
    await store_role(database, "prize")

    async def claim(now: int) -> int:
        async with database.transaction() as tx:
            return await tx.execute(CLAIM, now=now)

    results = await asyncio.gather(*(claim(now) for now in range(1, 101)))
    assert sorted(results) == [0] * 99 + [1]
    role = await database.fetch_one(Role, BY_NAME, name="prize")
    assert role is not None
    assert role.updated_at == results.index(1) + 1


async def test_of_a_hundred_parallel_inserts_of_one_key_exactly_one_wins(database: Database) -> None:
    results = await asyncio.gather(*(store_role(database, "a") for _ in range(100)), return_exceptions=True)
    assert results.count(None) == 1
    assert sum(isinstance(result, UniqueViolation) for result in results) == 99


async def test_one_that_fails_among_many_parallel_ones_undoes_only_itself(database: Database) -> None:
    async def add_two(number: int) -> None:
        async with database.transaction() as tx:
            await add_role(tx, f"{number:02}a")
            if number == 7:
                raise ZeroDivisionError
            await add_role(tx, f"{number:02}b")

    results = await asyncio.gather(*map(add_two, range(20)), return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [ZeroDivisionError]
    assert await added_roles(database) == [f"{n:02}{half}" for n in range(20) if n != 7 for half in "ab"]


async def test_five_hundred_parallel_inserts_are_there_for_another_connection(
    database: Database, database_url: str
) -> None:
    await asyncio.gather(*(store_role(database, f"{n:03}") for n in range(500)))
    other = await Database.open(database_url)
    try:
        assert await added_roles(other) == [f"{n:03}" for n in range(500)]
    finally:
        await other.close()


async def test_cancelled_in_its_body_a_transaction_is_undone_and_the_others_are_not(database: Database) -> None:
    inside = asyncio.Event()

    async def never_ends() -> None:
        async with database.transaction() as tx:
            await add_role(tx, "cancelled")
            inside.set()
            await asyncio.Event().wait()

    before = asyncio.create_task(store_role(database, "before"))
    cancelled = asyncio.create_task(never_ends())
    await inside.wait()
    after = asyncio.create_task(store_role(database, "after"))
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await asyncio.gather(before, after)
    assert await added_roles(database) == ["after", "before"]


async def test_cancelled_at_any_step_a_transaction_is_whole_or_nothing_and_the_next_one_works(
    database: Database,
) -> None:
    """Each round lets the two get some steps of the event loop further before one of them is cancelled."""

    async def add_two(number: int) -> None:
        async with database.transaction() as tx:
            await add_role(tx, f"{number:02}a")
            await add_role(tx, f"{number:02}b")

    for steps in range(30):
        cancelled = asyncio.create_task(add_two(steps))
        beside = asyncio.create_task(store_role(database, f"{steps:02}beside"))
        for _ in range(steps * steps):
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        await beside
        found = [name for name in await added_roles(database) if name.startswith(f"{steps:02}")]
        assert found in ([f"{steps:02}beside"], [f"{steps:02}a", f"{steps:02}b", f"{steps:02}beside"])
        if not cancelled.cancelled():
            assert len(found) == 3
