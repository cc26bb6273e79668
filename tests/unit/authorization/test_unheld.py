"""What a key may not have, since its owner does not hold it: permissions of applications too."""

from __future__ import annotations

import pytest

from ostiary.authorization import Effect, Facts, Resource, RoleGraph, unheld
from ostiary.authorization.facts import compile_subject
from ostiary.authorization.model import Granted

SEVEN = Resource("documents", "7")
POLICY = RoleGraph({"reader": ["documents.read"], "admin": ["ostiary.*"]}, {"editor": ["reader"]})


def _facts(
    *grants: Granted, roles: tuple[tuple[str, Resource | None], ...] = (("editor", None),), active: bool = True
) -> Facts:
    return Facts(POLICY, compile_subject("user", "acc", active, [(*each, "") for each in roles], grants))


def _allow(permission: str, resource: Resource | None = None, until: int | None = None) -> Granted:
    return Granted(permission, Effect.ALLOW, resource, until)


def _deny(permission: str, resource: Resource | None = None, until: int | None = None) -> Granted:
    return Granted(permission, Effect.DENY, resource, until)


@pytest.mark.parametrize(
    ("facts", "wanted", "missing"),
    [
        (_facts(), {"documents.read"}, set()),
        (_facts(), set(), set()),
        (_facts(), {"documents.read", "documents.write"}, {"documents.write"}),
        (_facts(), {"documents.*"}, {"documents.*"}),
        (_facts(), {"*"}, {"*"}),
        (_facts(), {"ostiary.accounts.read"}, {"ostiary.accounts.read"}),
        (_facts(roles=(("admin", None),)), {"ostiary.accounts.read", "ostiary.*"}, set()),
        (_facts(roles=(("admin", None),)), {"*", "documents.read"}, {"*", "documents.read"}),
        (_facts(_allow("*")), {"*", "documents.*", "ostiary.keys.rotate"}, set()),
        (_facts(_allow("documents.*")), {"documents.*", "documents.write"}, set()),
        # On one resource is somewhere: there, and nowhere else, the key will be of use.
        (_facts(roles=(("reader", SEVEN),)), {"documents.read"}, set()),
        (_facts(_allow("documents.write", SEVEN)), {"documents.write"}, set()),
        (_facts(_allow("documents.write", until=10)), {"documents.write"}, {"documents.write"}),
        (_facts(_allow("documents.write", until=11)), {"documents.write"}, set()),
        (_facts(_deny("documents.read")), {"documents.read"}, {"documents.read"}),
        (_facts(_deny("*")), {"documents.read"}, {"documents.read"}),
        (_facts(_allow("documents.*"), _deny("documents.write")), {"documents.*"}, {"documents.*"}),
        (_facts(_allow("documents.*"), _deny("documents.write")), {"documents.read"}, set()),
        (_facts(_deny("documents.read", SEVEN)), {"documents.read"}, set()),
        (_facts(_deny("documents.read", until=10)), {"documents.read"}, set()),
        (_facts(active=False), {"documents.read"}, {"documents.read"}),
        (Facts(POLICY, None), {"documents.read"}, {"documents.read"}),
    ],
)
def test_a_scope_is_within_what_its_owner_holds(facts: Facts, wanted: set[str], missing: set[str]) -> None:
    assert unheld(facts, wanted, at=10) == missing
