"""How much memory do the things take that are held for deciding?

What the allocator hands out while they are made, by ``tracemalloc``: roles, a model with policies, and the facts of one
account, of which the server remembers up to 16 384.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

from bench.figures import plain
from ostiary.authorization.compiled import Model
from ostiary.authorization.conditions import compile_cel
from ostiary.authorization.facts import RoleGraph, Subject, compile_subject
from ostiary.authorization.model import Effect
from ostiary.authorization.model_file import read_model
from ostiary.authorization.schema import BUILT_IN, PolicyDefinition

ROLES, PERMISSIONS = 1_000, 10
TYPES, POLICIES, ACCOUNTS = 100, 1_000, 1_000
_TYPE = """
  type{number}:
    relations:
      parent: [type{number}]
      owner: [user]
      viewer: [user, group#member]
    permissions:
      read: viewer or owner or parent.read
      write: owner or parent.write
"""


def main() -> None:
    _measure(f"{ROLES:,} roles, {ROLES * PERMISSIONS:,} permissions", _roles, 1)
    _measure(f"model of {TYPES} types, 4 to 5 names each", _model, 1)
    _measure("one policy with a condition", _policies, POLICIES)
    _measure("facts of one account with 3 roles, 3 groups", _subjects, ACCOUNTS)


def _measure(what: str, make: Callable[[], object], parts: int) -> None:
    make()
    gc.collect()
    tracemalloc.start()
    kept = make()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0] / parts
    tracemalloc.stop()
    del kept
    plain(f"memory: {what}", f"{size / 1024:,.1f} KiB", "", True)


def _roles() -> RoleGraph:
    graph = RoleGraph({f"role{n}": [f"type{n}.action{each}" for each in range(PERMISSIONS)] for n in range(ROLES)}, {})
    for number in range(ROLES):
        graph.ways(f"type{number}.action0")
    return graph


def _model() -> Model:
    text = "types:" + "".join(_TYPE.format(number=number) for number in range(TYPES))
    model = Model([BUILT_IN, read_model(text)])
    for number in range(TYPES):
        model.needs(f"type{number}", "read")
    return model


def _policies() -> list[PolicyDefinition]:
    return [
        PolicyDefinition(
            f"policy{number}",
            Effect.ALLOW,
            ("read",),
            (f"type{number}",),
            compile_cel(f"subject.department == resource.department && resource.amount < {number}"),
        )
        for number in range(POLICIES)
    ]


def _subjects() -> list[Subject]:
    return [
        compile_subject(
            "user",
            f"acc_{number:026d}",
            True,
            [(f"role{number + each}", None, "") for each in range(3)],
            [],
            sets={f"user:acc_{number:026d}": "", **{f"group#member:g{number + each}": "" for each in range(3)}},
        )
        for number in range(ACCOUNTS)
    ]


if __name__ == "__main__":
    main()
