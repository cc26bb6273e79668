"""How long does it take to say what an account may read, of 10^6 relations, where the answer has 1 000 documents?

The same world as in ``relation_decision``: groups, folders, documents. The account is in groups whose folders hold a
thousand documents together. No peer here answers this question over so many facts by itself.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import uvloop

from bench.decision_facts import account_id, add_accounts, add_relations, database_in, filling
from bench.figures import plain
from bench.installation import settings_in
from bench.relation_decision import DOCUMENTS, fill, world_of
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.model import Resource
from ostiary.authorization.search import Search
from ostiary.base.clock import system_clock
from ostiary.database import Database

TUPLES, RESULTS = 1_000_000, 1_000
ACCOUNT = account_id(10**9)
ROUNDS = 9


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await fill(folder, world_of(TUPLES))
        with filling(database_in(folder)) as connection:
            add_accounts(connection, [10**9])
            groups = range(5, 5 + RESULTS // DOCUMENTS)
            add_relations(connection, ((f"group:g{group}", "member", f"user:{ACCOUNT}") for group in groups))
        db = await Database.open(settings_in(folder).database.url)
        search = Search(db, Authorizer(db, system_clock, remembered=1))
        subject = Resource("user", ACCOUNT)

        async def measure() -> float:
            start = time.process_time()
            page = await search.resources(subject, "read", "document", limit=RESULTS)
            taken = time.process_time() - start
            if len(page.items) != RESULTS:
                raise RuntimeError(f"{len(page.items)} documents instead of {RESULTS}")
            return taken

        await measure()
        taken = statistics.median([await measure() for _ in range(ROUNDS)])
        await db.close()
    plain(
        f"what-can, {RESULTS:,} results of {TUPLES:,} relations", f"{taken * 1e3:.1f} ms", "under 50 ms", taken < 0.05
    )


if __name__ == "__main__":
    uvloop.run(main())
