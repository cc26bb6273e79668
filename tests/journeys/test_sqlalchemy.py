"""Ostiary beside an application's own tables: lists of what may be seen, facts written with the rows they are of."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from ostiary.app import Ostiary
from ostiary.authorization import AssignmentCreate, Caller, RelationWrite, Resource, RoleCreate
from ostiary.errors import ConfigurationError, NotFound
from ostiary.integrations.sqlalchemy import Filters, JoinedTransaction
from tests.support.documents import Document, documents, driver_url, engine_of
from tests.support.installation import new_person
from tests.support.sharing import apply_model

Joined = Callable[..., Any]


class Interrupted(Exception):
    """What ends a transaction of the application's own."""


@pytest.fixture(params=["session", "async session"])
async def joined(request: pytest.FixtureRequest, ostiary: Ostiary, database_url: str) -> AsyncIterator[Joined]:
    """Opens a transaction of the application's own, by each kind of session."""
    await apply_model(ostiary)
    engine_of(database_url).dispose()
    plain = create_engine(driver_url(database_url), poolclass=NullPool)
    asynchronous = create_async_engine(driver_url(database_url, asynchronous=True), poolclass=NullPool)

    @asynccontextmanager
    async def begin(**options: Any) -> AsyncIterator[Session | AsyncSession]:
        if request.param == "session":
            with Session(plain.execution_options(**options)) as session, session.begin():
                yield session
        else:
            async with AsyncSession(asynchronous.execution_options(**options)) as opened, opened.begin():
                yield opened

    yield begin
    plain.dispose()
    await asynchronous.dispose()


def write(account_id: str) -> RelationWrite:
    return RelationWrite(writes=(f"document:1#viewer@user:{account_id}", f"document:1#owner@user:{account_id}"))


def rows(database_url: str) -> list[str]:
    engine = engine_of(database_url)
    with Session(engine) as session:
        found = list(session.scalars(select(Document.id)))
    engine.dispose()
    return found


async def test_a_row_and_its_relation_are_committed_together(
    ostiary: Ostiary, database_url: str, joined: Joined
) -> None:
    ada = await new_person(ostiary)
    decide = ostiary.use.authorizer.decide
    assert not await decide(ada.id, "document.read", Resource("document", "1"))
    async with joined() as session:
        session.add(Document(id="1"))
        await ostiary.use.relations.write_in(JoinedTransaction(session), ostiary.operator(), write(ada.id))
        assert not await decide(ada.id, "document.read", Resource("document", "1"))  # it is nobody's business yet
    assert await decide(ada.id, "document.read", Resource("document", "1"))
    assert rows(database_url) == ["1"]


async def test_a_role_is_given_with_the_row_that_it_is_for(ostiary: Ostiary, database_url: str, joined: Joined) -> None:
    ada, operator = await new_person(ostiary), ostiary.operator()
    await ostiary.use.roles.create(operator, RoleCreate("reader", permissions=("document.read",)))
    new = AssignmentCreate("reader", Resource("document", "1"))
    assert not await ostiary.use.authorizer.decide(ada.id, "document.read", Resource("document", "1"))
    async with joined() as session:
        session.add(Document(id="1"))
        await ostiary.use.assignments.assign_in(JoinedTransaction(session), operator, ada.id, new)
    assert await ostiary.use.authorizer.decide(ada.id, "document.read", Resource("document", "1"))
    assert rows(database_url) == ["1"]


async def test_neither_is_there_when_the_application_takes_it_back(
    ostiary: Ostiary, database_url: str, joined: Joined
) -> None:
    ada, operator = await new_person(ostiary), ostiary.operator()
    await ostiary.use.roles.create(operator, RoleCreate("reader", permissions=("document.read",)))

    async def interrupted() -> None:
        async with joined() as session:
            session.add(Document(id="1"))
            tx = JoinedTransaction(session)
            await ostiary.use.assignments.assign_in(tx, operator, ada.id, AssignmentCreate("reader"))
            await ostiary.use.relations.write_in(tx, operator, write(ada.id))
            raise Interrupted

    with pytest.raises(Interrupted):
        await interrupted()
    assert not await ostiary.use.authorizer.decide(ada.id, "document.read", Resource("document", "1"))
    assert rows(database_url) == []


async def test_a_write_that_is_refused_leaves_the_savepoint_to_be_undone(
    ostiary: Ostiary, database_url: str, joined: Joined
) -> None:
    ada, operator = await new_person(ostiary), ostiary.operator()
    await ostiary.use.roles.create(operator, RoleCreate("reader", permissions=("document.read",)))
    async with joined() as session:
        session.add(Document(id="1"))
        tx = JoinedTransaction(session)
        await ostiary.use.relations.write_in(tx, operator, write(ada.id))
        with pytest.raises(NotFound):
            async with tx.savepoint():
                await ostiary.use.assignments.assign_in(tx, operator, "acc_nobody", AssignmentCreate("reader"))
    assert await ostiary.use.authorizer.decide(ada.id, "document.read", Resource("document", "1"))


async def test_a_session_that_commits_each_statement_is_refused(ostiary: Ostiary, joined: Joined) -> None:
    ada = await new_person(ostiary)
    with pytest.raises(ConfigurationError):
        async with joined(isolation_level="AUTOCOMMIT") as session:
            await ostiary.use.relations.write_in(JoinedTransaction(session), ostiary.operator(), write(ada.id))
    assert not await ostiary.use.authorizer.decide(ada.id, "document.read", Resource("document", "1"))


_DYING = """
import asyncio, os, sys
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from ostiary.app import Ostiary
from ostiary.authorization import RelationWrite
from ostiary.integrations.sqlalchemy import JoinedTransaction
from tests.support.documents import Document, driver_url
from tests.support.installation import settings_for_test

async def main(url, account_id, moment):
    ostiary = await Ostiary.open(settings_for_test(url))
    session = Session(create_engine(driver_url(url)))
    session.add(Document(id="1"))
    write = RelationWrite(writes=(f"document:1#owner@user:{account_id}",))
    await ostiary.use.relations.write_in(JoinedTransaction(session), ostiary.operator(), write)
    if moment == "after":
        session.commit()
    os._exit(9)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_process_that_dies_leaves_both_or_neither(ostiary: Ostiary, database_url: str, moment: str) -> None:
    await apply_model(ostiary)
    engine_of(database_url).dispose()
    ada = await new_person(ostiary)
    root = Path(__file__).parents[2]
    died = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _DYING, database_url, ada.id, moment),
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert await died.wait() == 9
    decided = await ostiary.use.authorizer.decide(ada.id, "document.read", Resource("document", "1"))
    assert decided.allowed is (moment == "after")
    assert rows(database_url) == (["1"] if moment == "after" else [])


async def test_a_list_is_of_what_the_caller_may_see(ostiary: Ostiary, database_url: str) -> None:
    await apply_model(ostiary)
    engine = engine_of(database_url)
    ada = await new_person(ostiary)
    await ostiary.use.relations.write(ostiary.operator(), write(ada.id))
    filters = Filters(ostiary, documents())
    caller = ada_caller(ostiary, ada.id)
    with Session(engine) as session, session.begin():
        session.add_all([Document(id="1"), Document(id="2")])
        seen = select(Document.id).where(await filters.filter(caller, "read", Document))
        assert list(session.scalars(seen)) == ["1"]
        none = select(Document.id).where(await filters.filter(ada_caller(ostiary, ada.id, scopes=()), "read", Document))
        assert list(session.scalars(none)) == []
        everything = select(Document.id).where(await filters.filter(ostiary.operator(), "read", Document))
        assert len(list(session.scalars(everything))) == 2
    engine.dispose()


def ada_caller(ostiary: Ostiary, account_id: str, scopes: tuple[str, ...] | None = None) -> Caller:
    limited = None if scopes is None else frozenset(scopes)
    return Caller("account", account_id, scopes=limited, authorizer=ostiary.use.authorizer)
