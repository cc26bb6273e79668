"""What does a role check in process cost, with the caller's roles at hand, as more and more roles hold permissions?

The pure decision over facts that are known, beside peers that are given the same: ten permissions a role, three roles
of the caller. And once the whole question with 10 000 accounts and 1 000 roles on SQLite: has anything changed in the
database, this account's facts, the pure decision.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
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
from bench.decision_peers import Check, Peers, casbin_enforcer, cedar, cycled, entity, oso, request
from bench.decision_series import compare, flat
from bench.figures import plain
from ostiary.authorization.decide import decide
from ostiary.authorization.facts import Facts, RoleGraph, compile_subject
from ostiary.authorization.model import Request, Resource

QUESTION = "role check"
GOAL = 2e-6
ACTIONS = tuple(f"action{number}" for number in range(10))
CHECKS = 20_000
ACCOUNTS, ROLES = 10_000, 1_000
ROUNDS = 9


def main() -> None:
    peers = Peers({"pycasbin": _casbin, "pycasbin, indexed": _casbin_fast, "Cedar": _cedar, "oso": _oso})
    measured = {size: compare(QUESTION, size, peers, _ours(size), GOAL) for size in SIZES}
    flat(QUESTION, measured, SIZES[0], 1.5)
    uvloop.run(_whole())


def _held(size: int) -> list[int]:
    """The caller's roles."""
    roles = size // 10
    return [roles // 4, roles // 2, roles - 1]


def _questions(size: int) -> list[tuple[str, str]]:
    return [(f"type{role}", action) for role in _held(size) for action in ACTIONS]


def _ours(size: int) -> Callable[[], float]:
    graph = RoleGraph({f"role{n}": [f"type{n}.{action}" for action in ACTIONS] for n in range(size // 10)}, {})
    subject = compile_subject("user", account_id(1), True, [(f"role{role}", None, "") for role in _held(size)], [])
    facts = Facts(graph, subject)
    requests = [Request(f"{type_}.{action}", Resource(type_, "1"), 0) for type_, action in _questions(size)]
    assert all(decide(facts, each) for each in requests)

    def measure() -> float:
        start = time.process_time()
        for _ in range(CHECKS // len(requests)):
            for each in requests:
                decide(facts, each)
        return (time.process_time() - start) / (CHECKS // len(requests) * len(requests))

    return measure


def _casbin(size: int, *, fast: bool = False) -> Check:
    rules = [(f"role{role}", f"type{role}", action) for role in range(size // 10) for action in ACTIONS]
    links = {"g": [("ada", f"role{role}") for role in _held(size)]}
    enforcer = casbin_enforcer("r.obj == p.obj && r.act == p.act && g(r.sub, p.sub)", rules, links, fast=fast)
    question = cycled(_questions(size))
    return lambda number: bool(enforcer.enforce("ada", *question(number)))


def _casbin_fast(size: int) -> Check:
    return _casbin(size, fast=True)


def _cedar(size: int) -> Check:
    actions = ", ".join(f'Action::"{action}"' for action in ACTIONS)
    policies = "\n".join(
        f'permit (principal in Role::"role{role}", action in [{actions}], resource == Type::"type{role}");'
        for role in range(size // 10)
    )
    ask = cedar(policies, [entity("User", "ada", [("Role", f"role{role}") for role in _held(size)])])
    question = cycled([request(("User", "ada"), action, ("Type", type_)) for type_, action in _questions(size)])
    return lambda number: ask(question(number))


def _oso(size: int) -> Check:
    engine = oso(
        (
            "allow(user, action, kind) if has_role(user, role) and holds(role, action, kind);",
            *(f'has_role("ada", "role{role}");' for role in _held(size)),
            *(f'holds("role{role}", "{action}", "type{role}");' for role in range(size // 10) for action in ACTIONS),
        )
    )
    question = cycled([(action, type_) for type_, action in _questions(size)])
    return lambda number: bool(engine.is_allowed("ada", *question(number)))


async def _whole() -> None:
    with tempfile.TemporaryDirectory() as folder:
        await migrate(Path(folder))
        with filling(database_in(Path(folder))) as connection:
            add_roles(connection, ROLES)
            add_accounts(connection, range(ACCOUNTS))
            assignments = ((account, (account + offset) % ROLES) for account in range(ACCOUNTS) for offset in range(3))
            add_assignments(connection, assignments)
        async with authorizer_in(Path(folder), remembered=ACCOUNTS) as authorizer:
            questions = [(account_id(number), f"type{number % ROLES}.read") for number in range(0, ACCOUNTS, 10)]

            async def whole() -> float:
                start = time.process_time()
                for account, permission in questions:
                    assert await authorizer.decide(account, permission)
                return (time.process_time() - start) / len(questions)

            await whole()
            asked = statistics.median([await whole() for _ in range(ROUNDS)])
    plain("role decision, freshness included (SQLite)", f"{asked * 1e6:.2f} us", "", True)


if __name__ == "__main__":
    main()
