"""A list filter finds just those rows that a decision on each of them allows."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, String, delete, insert, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from ostiary.authorization.authorizer import Brought
from ostiary.authorization.filtering import Filtering
from ostiary.authorization.grants import GrantCreate
from ostiary.authorization.model import Effect, PolicyCannotFilter, Resource
from ostiary.errors import InvalidRequest
from ostiary.integrations.sql_conditions import where
from ostiary.integrations.sqlalchemy import Resources
from tests.contract.authorization.conftest import House
from tests.support.documents import Document, documents
from tests.support.random_worlds import ACTIONS, AT, random_world
from tests.support.stored_worlds import store

_WORLDS = 25
IDS = ("1", "2", "3", "4", "per cent%", "ünï:#@'")


def fill(engine: Engine, rows: list[Document]) -> None:
    with Session(engine) as session, session.begin():
        session.execute(delete(Document))
        session.add_all(rows)


async def found(
    house: House, engine: Engine, account: str, permission: str, resources: Resources, brought: Brought
) -> set[str]:
    """The ids that the filter finds."""
    kinds = {name: column.kind for name, column in resources.table.columns.items()}
    filtering = Filtering(house.db, house.authorizer, house.clock)
    filter_ = await filtering.of_account(account, permission, resources.type, kinds, brought)
    with Session(engine) as session:
        return {row.id for row in session.scalars(select(Document).where(where(filter_, resources.table)))}


async def checked(
    house: House, engine: Engine, account: str, permission: str, resources: Resources, brought: Brought
) -> set[str]:
    """The ids that are allowed one by one."""
    allowed = set()
    with Session(engine) as session:
        for row in session.scalars(select(Document)):
            brings = msgspec.structs.replace(brought, resource_properties=resources.properties(row))
            if await house.authorizer.decide(account, permission, resources.of(row), brings):
                allowed.add(row.id)
    return allowed


async def test_roles_grants_relations_and_policies_filter_as_they_decide(house: House, engine: Engine) -> None:
    house.clock.now = AT
    some = 0
    for seed in range(_WORLDS):
        random = Random(seed)
        world = random_world(random)
        await store(house.db, world)
        fill(engine, [Document(id=each, level=random.choice([None, 0, 1])) for each in IDS])
        for type_ in (each for each in world.types if each.rpartition("/")[2] in ("document", "folder", "org")):
            resources = documents(type_)
            for account in ("ann", "bob", "eve", "zoe"):
                permission = f"{type_}.{random.choice([*ACTIONS, 'viewer'])}"
                brought = Brought(random.choice([{}, {"level": 0}, {"level": 1}]))
                question = (house, engine, account, permission, resources, brought)
                expected = await checked(*question)
                assert await found(*question) == expected, (seed, account, permission, brought)
                some += 0 < len(expected) < len(IDS)
    assert some > _WORLDS  # lists of a part, not only of nothing and of everything


NUMBERS = st.sampled_from(["0", "1", "-2", "1.0", "1.5", "-0.5", "9007199254740993", "context.n", "context.x"])
TEXTS = st.sampled_from(['""', '"a"', '"A"', '"ab"', '"é%_"', "subject.id", "context.word", "context.n", "null"])
NAMES = ["level", "name", "amount", "public", "owner", "kept", "id", "unheard"]
ATOMS = st.one_of(
    st.builds("resource.{} {} {}".format, st.sampled_from(NAMES), st.sampled_from(["==", "!=", "<", ">="]), NUMBERS),
    st.builds("{} {} resource.{}".format, TEXTS, st.sampled_from(["==", "!=", "<=", ">"]), st.sampled_from(NAMES)),
    st.builds("resource.{}.{}({})".format, *map(st.sampled_from, (NAMES, ["startsWith", "endsWith"], ['""', '"a"']))),
    st.builds("resource.{}.contains({})".format, st.sampled_from(NAMES), st.sampled_from(['"é"', '"%"', "context.n"])),
    st.builds("resource.{} in {}".format, *map(st.sampled_from, (NAMES, ["[1, true]", '["a", 1.5]', "context.words"]))),
    st.builds("resource.{} == resource.{}".format, *map(st.sampled_from, (["name", "level"], ["owner", "id"]))),
    st.sampled_from(["resource.public", "resource.name", "context.n > 1", "context.absent", "has(resource.kept)"]),
    st.sampled_from(["has(resource.owner)", "context.words.contains(resource.name)", "context.word in resource.kept"]),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("!({})".format, inner),
        st.builds("({}) && ({})".format, inner, inner),
        st.builds("({}) || ({})".format, inner, inner),
        st.builds("({}) ? ({}) : ({})".format, inner, inner, inner),
    ),
    max_leaves=4,
)
WORDS = st.sampled_from([None, "", "a", "A", "ab", "bé%_", "ann"])
ROWS: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    level=st.sampled_from([None, -2, 0, 1, 2, 9007199254740993]),
    name=WORDS,
    amount=st.sampled_from([None, -0.5, 0.0, 1.0, 1.5]),
    public=st.sampled_from([None, False, True]),
    owner=WORDS,
)
STORED = st.dictionaries(
    st.sampled_from(["level", "name", "owner", "kept", "public"]),
    st.sampled_from(["a", "ann", 1, True, None, ["a", "ab"]]),
    max_size=2,
)
CONTEXTS = st.fixed_dictionaries(
    {}, optional={"n": st.sampled_from([0, 1, 2]), "x": st.sampled_from([0.5, 1.0]), "word": WORDS}
).map(lambda drawn: {**drawn, "words": ["a", "bé%_", 1, None]})
MODEL = """
types:
  document:
    permissions: {}
    attributes:
      owner: {type: string, source: sent_first}
      name: {type: string, source: SOURCE}
      level: {type: TYPE}
"""


async def rule(
    house: House, policies: list[tuple[str, str]], stored: dict[str, dict[str, Any]], source: str, type_: str
) -> None:
    """Have these policies, effect and condition, and these stored attributes, in the place of all others."""
    async with house.db.transaction() as tx:
        for topic in ("authorization", "model", "relations"):
            await tx.bump(topic)
        for table in ("policies", "entities", "authorization_models"):
            await tx.execute(f"DELETE FROM {table}")
        await tx.execute(
            "INSERT INTO authorization_models (name, version, text, applied_at) VALUES ('', 1, :text, 0)",
            text=MODEL.replace("SOURCE", source).replace("TYPE", type_),
        )
        for number, (effect, condition) in enumerate(policies):
            rule = {"effect": effect, "action": "read", "resource": "document", "when": condition}
            await tx.execute(
                "INSERT INTO policies (name, rule, created_at, updated_at) VALUES (:name, :rule, 0, 0)",
                name=f"policy-{number}",
                rule=msgspec.json.encode(rule).decode(),
            )
        for id_, attributes in stored.items():
            await tx.execute(
                "INSERT INTO entities (object, attributes, created_at, updated_at) VALUES (:object, :text, 0, 0)",
                object=f"document:{id_}",
                text=msgspec.json.encode(attributes).decode(),
            )


@settings(
    max_examples=100,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    policies=st.lists(st.tuples(st.sampled_from(["allow", "allow", "deny"]), CONDITIONS), min_size=1, max_size=2),
    rows=st.lists(ROWS, min_size=5, max_size=5),
    stored=st.dictionaries(st.sampled_from(IDS), STORED, max_size=3),
    context=CONTEXTS,
    source=st.sampled_from(["stored", "sent", "stored_first", "sent_first"]),
    type_=st.sampled_from(["int", "double", "string"]),
)
async def test_a_condition_in_sql_means_what_it_means_row_by_row(
    house: House,
    engine: Engine,
    policies: list[tuple[str, str]],
    rows: list[dict[str, Any]],
    stored: dict[str, dict[str, Any]],
    context: dict[str, Any],
    source: str,
    type_: str,
) -> None:
    try:
        if (await house.authorizer.facts("ann")).subject is None:
            await house.account(account_id="ann")
        await rule(house, policies, stored, source, type_)
        await house.authorizer.facts("ann")
    except InvalidRequest:
        assume(False)  # a condition that could never have an answer
    fill(engine, [Document(id=id_, **row) for id_, row in zip(IDS, rows, strict=False)])
    question = (house, engine, "ann", "document.read", documents(), Brought(context))
    try:
        ids = await found(*question)
    except PolicyCannotFilter:
        assume(False)
    assert ids == await checked(*question)


CANNOT = [
    'resource.name.matches("^a")',
    "resource.level + 1 > 2",
    "timestamp(resource.name) < now",
    "resource.exists(key, key == 'a')",
    "resource[context.word] == 1",
    "resource.level == resource.amount",
    "resource.amount == 9007199254740993",
    "size(resource.name) > 2",
]


@pytest.mark.parametrize("condition", CANNOT)
async def test_what_sql_would_answer_otherwise_is_refused_by_name(house: House, engine: Engine, condition: str) -> None:
    await house.account(account_id="ann")
    await rule(house, [("allow", condition)], {}, "sent", "int")
    with pytest.raises(PolicyCannotFilter, match="The policy policy-0"):
        await found(house, engine, "ann", "document.read", documents(), Brought({"word": "a"}))


@pytest.mark.parametrize(
    "condition",
    [
        'resource.name.contains("secret")',
        'resource.name.endsWith("secret")',
        'resource.name.endsWith("é")',
        'resource.name.endsWith("a")',
        'resource.name.startsWith("as")',
        'resource.name == "a"',
        'resource.name <= "a"',
        'resource.name in ["a"]',
    ],
)
@pytest.mark.parametrize("effect", ["allow", "deny"])
async def test_what_stands_behind_a_nul_counts(house: House, engine: Engine, effect: str, condition: str) -> None:
    """SQLite keeps a NUL in a text, and ends a text there in some of its functions; PostgreSQL keeps none."""
    await house.account(account_id="ann")
    nul = "\0" if engine.dialect.name == "sqlite" else " "
    names = (f"a{nul}secret", f"a{nul}", f"secret{nul}a", f"aé{nul}é", "a", "secret", "é", "as", "")
    fill(engine, [Document(id=str(number), name=name) for number, name in enumerate(names)])
    await rule(house, [(effect, condition), *([("allow", "true")] if effect == "deny" else [])], {}, "sent", "int")
    question = (house, engine, "ann", "document.read", documents(), Brought())
    expected = await checked(*question)
    assert await found(*question) == expected
    assert 0 < len(expected) < len(names)


async def test_ids_are_told_apart_where_their_column_does_not(house: House, engine: Engine) -> None:
    """In a column that takes ``ANN`` for ``ann``, a grant for the one is none for the other."""
    folding = "NOCASE" if engine.dialect.name == "sqlite" else "folding"

    class Base(DeclarativeBase):
        pass

    class Page(Base):
        __tablename__ = "app_pages"
        id: Mapped[str] = mapped_column(String(collation=folding), primary_key=True)

    with engine.begin() as connection:
        if folding == "folding":
            options = "provider = icu, locale = 'und-u-ks-level2', deterministic = false"
            connection.execute(text(f"CREATE COLLATION IF NOT EXISTS folding ({options})"))
        Base.metadata.create_all(connection)
        connection.execute(delete(Page))
        connection.execute(insert(Page), [{"id": "HOME"}])
    ann = await house.account()
    for page in ("home", "about"):
        await house.grants.create(house.operator, ann, GrantCreate("page.read", Effect.ALLOW, Resource("page", page)))
    resources = Resources(Page, type="page", id=Page.id)
    filter_ = await Filtering(house.db, house.authorizer, house.clock).of_account(ann, "page.read", "page", {})
    with Session(engine) as session:
        assert not session.scalars(select(Page).where(where(filter_, resources.table))).all()
        assert session.scalars(select(Page).where(Page.id == "home")).all()  # the column itself finds it
