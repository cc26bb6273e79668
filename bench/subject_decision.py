"""What does a check for any subject cost on SQLite, as the number of role assignments grows?

Three assignments an account, a hundred roles. Nothing of a subject is remembered: each check asks the database for all
that counts about it. The peers hold every assignment in memory.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from bench.decision_facts import (
    SIZES,
    account_id,
    add_accounts,
    add_assignments,
    add_roles,
    authorizer_in,
    database_in,
    filling,
    migrate,
)
from bench.decision_peers import Check, Peers, casbin_enforcer, cedar, cycled, entity, oso, request, spread
from bench.decision_series import compare_async, flat
from ostiary.authorization.authorizer import Authorizer

QUESTION = "any subject's check"
GOAL = 30e-6
ROLES, EACH = 100, 3


async def main() -> None:
    peers = Peers({"pycasbin": _casbin, "pycasbin, indexed": _casbin_fast, "Cedar": _cedar, "oso": _oso})
    measured, filled = {}, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await migrate(folder)
        with filling(database_in(folder)) as connection:
            add_roles(connection, ROLES)
        for size in SIZES:
            with filling(database_in(folder)) as connection:
                add_accounts(connection, range(filled, size // EACH))
                add_assignments(connection, _assignments(filled, size // EACH))
            filled = size // EACH
            async with authorizer_in(folder) as authorizer:
                measured[size] = await compare_async(QUESTION, size, peers, _ours(authorizer, size), GOAL)
    flat(QUESTION, measured, 1_000, 1.5)


def _assignments(start: int, end: int) -> list[tuple[int, int]]:
    return [(account, (account * 7 + offset * 31) % ROLES) for account in range(start, end) for offset in range(EACH)]


def _questions(size: int) -> list[tuple[str, str]]:
    """An account, and a role that it has."""
    return [(account_id(account), str(account * 7 % ROLES)) for account in spread(size // EACH)]


def _ours(authorizer: Authorizer, size: int) -> Callable[[], Awaitable[float]]:
    questions = [(account, f"type{role}.read") for account, role in _questions(size)]

    async def measure() -> float:
        start = time.process_time()
        for account, permission in questions:
            if not await authorizer.decide(account, permission):
                raise RuntimeError("denied")
        return (time.process_time() - start) / len(questions)

    return measure


def _casbin(size: int, *, fast: bool = False) -> Check:
    rules = [(f"role{role}", f"type{role}", action) for role in range(ROLES) for action in ("read", "write", "delete")]
    links = {"g": [(account_id(account), f"role{role}") for account, role in _assignments(0, size // EACH)]}
    enforcer = casbin_enforcer("r.obj == p.obj && r.act == p.act && g(r.sub, p.sub)", rules, links, fast=fast)
    question = cycled([(account, f"type{role}", "read") for account, role in _questions(size)])
    return lambda number: bool(enforcer.enforce(*question(number)))


def _casbin_fast(size: int) -> Check:
    return _casbin(size, fast=True)


def _cedar(size: int) -> Check:
    actions = ", ".join(f'Action::"{action}"' for action in ("read", "write", "delete"))
    policies = "\n".join(
        f'permit (principal in Role::"role{role}", action in [{actions}], resource == Type::"type{role}");'
        for role in range(ROLES)
    )
    assignments = _assignments(0, size // EACH)
    entities = [
        entity("User", account_id(account), [("Role", f"role{role}") for _, role in assignments[at : at + EACH]])
        for account, at in zip(range(size // EACH), range(0, size, EACH), strict=False)
    ]
    ask = cedar(policies, entities)
    asked = [request(("User", account), "read", ("Type", f"type{role}")) for account, role in _questions(size)]
    question = cycled(asked)
    return lambda number: ask(question(number))


def _oso(size: int) -> Check:
    engine = oso(
        (
            "allow(user, action, kind) if has_role(user, role) and holds(role, action, kind);",
            *(f'has_role("{account_id(account)}", "role{role}");' for account, role in _assignments(0, size // EACH)),
            *(f'holds("role{n}", "{action}", "type{n}");' for n in range(ROLES) for action in ("read", "write")),
        )
    )
    question = cycled([(account, "read", f"type{role}") for account, role in _questions(size)])
    return lambda number: bool(engine.is_allowed(*question(number)))


if __name__ == "__main__":
    uvloop.run(main())
