"""How a subject is related to a resource, where objects lead back to themselves, or very far."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ostiary.authorization import Facts, RoleGraph, decide
from ostiary.authorization.compiled import Model
from ostiary.authorization.facts import Surroundings, compile_subject
from ostiary.authorization.model import Request, Resource
from ostiary.authorization.schema import (
    AuthorizationModel,
    Exclusion,
    Expression,
    Intersection,
    Named,
    SubjectKind,
    Through,
    TypeDefinition,
    Union,
)

_ANN = compile_subject("user", "ann", True, [], [], sets={"user:ann": ""})


def _is_allowed(tuples: Mapping[tuple[str, str], tuple[str, ...]], *acl: str, **permissions: Expression) -> bool:
    """May ann read folder:1? Folders have parents, viewers and blocked ones."""
    relations = {
        "parent": (SubjectKind("folder"),),
        "viewer": (SubjectKind("user"),),
        "blocked": (SubjectKind("user"),),
    }
    folder = TypeDefinition("folder", relations, permissions, ("parent",), acl)
    model = Model([AuthorizationModel(types={"folder": folder})])
    facts = Facts(RoleGraph({}, {}), _ANN, model, Surroundings((), tuples))
    decision = decide(facts, Request("folder.read", Resource("folder", "1"), 0))
    assert bool(decision.because) is decision.allowed
    return decision.allowed


_IN_EACH_OTHER = {
    ("folder:1", "parent"): ("folder:2",),
    ("folder:2", "parent"): ("folder:1",),
    ("folder:1", "viewer"): ("user:ann",),
}


def test_two_folders_that_are_in_each_other_give_what_either_gives() -> None:
    both = Intersection((Named("viewer"), Through("parent", "viewer")))
    assert _is_allowed(_IN_EACH_OTHER, "viewer", read=both)


def test_what_a_cycle_gives_is_taken_away_all_the_same() -> None:
    assert not _is_allowed(_IN_EACH_OTHER, "viewer", read=Exclusion(Named("viewer"), Through("parent", "viewer")))


def test_a_cycle_of_folders_gives_nothing_by_itself() -> None:
    tuples = {key: found for key, found in _IN_EACH_OTHER.items() if key[1] == "parent"}
    assert not _is_allowed(tuples, read=Union((Named("viewer"), Through("parent", "read"))))


def test_who_is_blocked_above_is_not_let_in_by_the_way_around_a_cycle() -> None:
    let_in = Union((Exclusion(Named("viewer"), Named("barred")), Through("parent", "read")))
    barred = Union((Named("blocked"), Through("parent", "barred")))
    assert _is_allowed(_IN_EACH_OTHER, read=let_in, barred=barred)
    assert not _is_allowed({**_IN_EACH_OTHER, ("folder:2", "blocked"): ("user:ann",)}, read=let_in, barred=barred)


@pytest.mark.parametrize("is_ring", [False, True])
def test_thousands_of_folders_in_a_row_are_followed_to_the_end(is_ring: bool) -> None:
    tuples = {(f"folder:{n}", "parent"): (f"folder:{n + 1}",) for n in range(1, 9_000)}
    if is_ring:
        tuples["folder:9000", "parent"] = ("folder:1",)
    read = Union((Named("viewer"), Through("parent", "read")))
    assert not _is_allowed(tuples, read=read)
    assert _is_allowed({**tuples, ("folder:9000", "viewer"): ("user:ann",)}, read=read)


def test_permissions_that_rest_on_a_thousand_others_are_worked_out() -> None:
    chain: dict[str, Expression] = {f"p{n}": Named(f"p{n + 1}") for n in range(1_000)}
    taken: dict[str, Expression] = {f"q{n}": Exclusion(Named("viewer"), Named(f"q{n + 1}")) for n in range(1_000)}
    last = {"p1000": Named("viewer"), "q1000": Named("viewer")}
    assert _is_allowed(_IN_EACH_OTHER, read=Intersection((Named("p0"), Named("q0"))), **chain, **taken, **last)
