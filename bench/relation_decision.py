"""What does a check over three hops of relations cost on SQLite, as the number of tuples grows?

A user is a member of a group, the group a viewer of a folder, and the document in the folder. Half of the tuples are
documents in folders, fifty in each; the others put users into groups, two groups a user. Nothing of a subject is
remembered, and what is around a document is read at each check. The peers hold every tuple in memory.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import uvloop

from bench.decision_facts import (
    SIZES,
    account_id,
    add_accounts,
    add_model,
    add_relations,
    authorizer_in,
    database_in,
    filling,
    migrate,
)
from bench.decision_peers import Check, Peers, casbin_enforcer, cedar, cycled, entity, oso, request, spread
from bench.decision_series import compare_async, flat
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.model import Resource

QUESTION = "three-hop relation check"
GOAL = 150e-6
DOCUMENTS, USERS = 50, 25
"""Documents of a folder, and users for each group, of whom each is in two groups."""


class World(NamedTuple):
    """How many there are of each: ``folders`` is also the number of groups, as each folder has one of its own."""

    folders: int

    @property
    def users(self) -> int:
        return self.folders * USERS

    @property
    def documents(self) -> int:
        return self.folders * DOCUMENTS

    def groups_of(self, user: int) -> tuple[int, int]:
        return user % self.folders, (user // self.folders + user + 1) % self.folders

    def folder_of(self, document: int) -> int:
        return document // DOCUMENTS

    def questions(self) -> list[tuple[int, int]]:
        """A user, and a document that a group of theirs lets them read."""
        return [
            (user, self.groups_of(user)[number % 2] * DOCUMENTS + number % DOCUMENTS)
            for number, user in enumerate(spread(self.users))
        ]


def world_of(tuples: int) -> World:
    return World(max(1, tuples // (DOCUMENTS + 2 * USERS + 1)))


async def main() -> None:
    peers = Peers({"pycasbin": _casbin, "Cedar": _cedar, "oso": _oso})
    measured = {}
    for size in SIZES:
        world = world_of(size)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            await fill(folder, world)
            async with authorizer_in(folder) as authorizer:
                measured[size] = await compare_async(QUESTION, size, peers, _ours(authorizer, world), GOAL)
    flat(QUESTION, measured, 1_000, 1.5)


async def fill(folder: Path, world: World) -> None:
    """A database with the tuples of a world."""
    await migrate(folder)
    with filling(database_in(folder)) as connection:
        add_accounts(connection, range(world.users))
        add_model(connection)
        add_relations(connection, sorted(_tuples(world)))


def _tuples(world: World) -> Iterator[tuple[str, str, str]]:
    for user in range(world.users):
        for group in set(world.groups_of(user)):
            yield f"group:g{group}", "member", f"user:{account_id(user)}"
    for folder in range(world.folders):
        yield f"folder:f{folder}", "viewer", f"group#member:g{folder}"
    for document in range(world.documents):
        yield f"document:d{document}", "folder", f"folder:f{world.folder_of(document)}"


def _ours(authorizer: Authorizer, world: World) -> Callable[[], Awaitable[float]]:
    questions = [(account_id(user), Resource("document", f"d{document}")) for user, document in world.questions()]

    async def measure() -> float:
        start = time.process_time()
        for account, document in questions:
            if not await authorizer.decide(account, "document.read", document):
                raise RuntimeError("denied")
        return (time.process_time() - start) / len(questions)

    return measure


def _casbin(size: int) -> Check:
    world = world_of(size)
    links = {
        "g": [(account_id(user), f"g{group}") for user in range(world.users) for group in world.groups_of(user)],
        "g2": [(f"d{document}", f"f{world.folder_of(document)}") for document in range(world.documents)],
    }
    rules = [(f"g{folder}", f"f{folder}", "read") for folder in range(world.folders)]
    enforcer = casbin_enforcer("r.act == p.act && g2(r.obj, p.obj) && g(r.sub, p.sub)", rules, links)
    question = cycled([(account_id(user), f"d{document}", "read") for user, document in world.questions()])
    return lambda number: bool(enforcer.enforce(*question(number)))


def _cedar(size: int) -> Check:
    world = world_of(size)
    policy = 'permit (principal, action == Action::"read", resource) when { principal in resource.folder.viewers };'
    users = (
        entity("User", account_id(user), [("Group", f"g{group}") for group in world.groups_of(user)])
        for user in range(world.users)
    )
    folders = (
        entity("Folder", f"f{folder}", viewers=[{"__entity": {"type": "Group", "id": f"g{folder}"}}])
        for folder in range(world.folders)
    )
    documents = (
        entity(
            "Document",
            f"d{document}",
            folder={"__entity": {"type": "Folder", "id": f"f{world.folder_of(document)}"}},
        )
        for document in range(world.documents)
    )
    ask = cedar(policy, [*users, *folders, *documents])
    question = cycled(
        [request(("User", account_id(user)), "read", ("Document", f"d{number}")) for user, number in world.questions()]
    )
    return lambda number: ask(question(number))


def _oso(size: int) -> Check:
    world = world_of(size)
    engine = oso(
        (
            'allow(user, "read", file) if in_folder(file, folder) and viewer(folder, group) and member(user, group);',
            *(f'member("{account_id(n)}", "g{group}");' for n in range(world.users) for group in world.groups_of(n)),
            *(f'viewer("f{folder}", "g{folder}");' for folder in range(world.folders)),
            *(f'in_folder("d{n}", "f{world.folder_of(n)}");' for n in range(world.documents)),
        )
    )
    question = cycled([(account_id(user), "read", f"d{document}") for user, document in world.questions()])
    return lambda number: bool(engine.is_allowed(*question(number)))


if __name__ == "__main__":
    uvloop.run(main())
