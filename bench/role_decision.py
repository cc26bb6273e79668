"""What does a role decision in process cost, with 10 000 accounts and 1 000 roles on SQLite?

The whole question, freshness included: has anything changed in the database, this account's facts, the pure decision.
Beside it, the pure decision alone.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import uvloop

from bench.figures import plain, seconds_of
from bench.installation import open_in
from ostiary.app import Ostiary
from ostiary.authorization import Request, decide

ACCOUNTS = 10_000
ROLES = 1_000
ROUNDS = 9


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ostiary = await open_in(Path(folder))
        await _fill(ostiary)
        authorizer = ostiary.use.authorizer
        accounts = [f"acc_{number:026d}" for number in range(0, ACCOUNTS, 10)]
        for account in accounts:
            assert await authorizer.decide(account, f"type{int(account[4:]) % ROLES}.read")

        async def whole() -> float:
            questions = [(account, f"type{int(account[4:]) % ROLES}.read") for account in accounts]
            start = time.perf_counter()
            for account, permission in questions:
                await authorizer.decide(account, permission)
            return (time.perf_counter() - start) / len(questions)

        facts = await authorizer.facts(accounts[7])
        request = Request("type70.read", None, 0)
        pure = statistics.median(seconds_of(lambda: decide(facts, request), 20_000) for _ in range(ROUNDS))
        asked = statistics.median([await whole() for _ in range(ROUNDS)])
        await ostiary.close()
    plain("role decision, the pure function", f"{pure * 1e6:.2f} us", "under 5 us", pure < 5e-6)
    plain("role decision, freshness included (SQLite)", f"{asked * 1e6:.2f} us", "", True)


async def _fill(ostiary: Ostiary) -> None:
    async with ostiary.use.db.transaction() as tx:
        for number in range(ROLES):
            role = f"role{number}"
            await tx.execute(
                "INSERT INTO roles (name, description, builtin, created_at, updated_at) VALUES (:name, '', 0, 0, 0)",
                name=role,
            )
            for action in ("read", "write", "delete"):
                await tx.execute(
                    "INSERT INTO role_permissions (role, permission) VALUES (:role, :permission)",
                    role=role,
                    permission=f"type{number}.{action}",
                )
        for number in range(ACCOUNTS):
            account = f"acc_{number:026d}"
            await tx.execute(
                "INSERT INTO accounts (id, kind, status, name, created_at, updated_at)"
                " VALUES (:id, 'user', 'active', '', 0, 0)",
                id=account,
            )
            for offset in (0, 1, 2):
                await tx.execute(
                    "INSERT INTO role_assignments (id, account_id, role, resource_type, resource_id, created_at)"
                    " VALUES (:id, :account, :role, '', '', 0)",
                    id=f"asg_{number}_{offset}",
                    account=account,
                    role=f"role{(number + offset) % ROLES}",
                )
        await tx.bump("authorization")


if __name__ == "__main__":
    uvloop.run(main())
