"""What somebody may hand out of Ostiary's own permissions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.authorization import Effect, Facts, Holdings, Resource, RoleGraph, uncovered
from ostiary.authorization.escalation import EVERYTHING, held_anywhere, holdings_everywhere
from ostiary.authorization.facts import compile_subject
from ostiary.authorization.model import Granted, covers

_ADMIN = Holdings(frozenset({"ostiary.*"}))
_PARTIAL = Holdings(frozenset({"ostiary.roles.*", "ostiary.accounts.read"}))


@pytest.mark.parametrize(
    ("holdings", "wanted", "missing"),
    [
        (_ADMIN, {"ostiary.*", "*", "ostiary.keys.rotate", "documents.*"}, set()),
        (EVERYTHING, {"*"}, set()),
        (Holdings(), {"documents.read", "ostiarys.read", "*.read"}, set()),
        (Holdings(), {"ostiary.roles.read"}, {"ostiary.roles.read"}),
        (_PARTIAL, {"ostiary.roles.create", "ostiary.roles.*", "ostiary.accounts.read"}, set()),
        (_PARTIAL, {"ostiary.accounts.*"}, {"ostiary.accounts.*"}),
        (_PARTIAL, {"*"}, {"ostiary.*"}),
        (_PARTIAL, {"ostiary.*"}, {"ostiary.*"}),
        (_PARTIAL, {"ostiary.rolesx.read"}, {"ostiary.rolesx.read"}),
        (Holdings(frozenset({"*"})), {"*"}, set()),
        (Holdings(frozenset({"ostiary.*"}), frozenset({"ostiary.keys.rotate"})), {"ostiary.*"}, {"ostiary.*"}),
        (Holdings(frozenset({"ostiary.*"}), frozenset({"ostiary.keys.*"})), {"ostiary.roles.read"}, set()),
        (
            Holdings(frozenset({"ostiary.*"}), frozenset({"ostiary.keys.*"})),
            {"ostiary.keys.read"},
            {"ostiary.keys.read"},
        ),
        (Holdings(frozenset({"ostiary.*"}), scopes=frozenset({"ostiary.roles.*"})), {"ostiary.*"}, {"ostiary.*"}),
        (Holdings(frozenset({"ostiary.*"}), scopes=frozenset({"ostiary.roles.*"})), {"ostiary.roles.read"}, set()),
    ],
)
def test_what_is_not_held_everywhere_cannot_be_handed_out(
    holdings: Holdings, wanted: set[str], missing: set[str]
) -> None:
    assert uncovered(holdings, wanted) == missing


_segments = st.sampled_from(["ostiary.roles.read", "ostiary.roles.*", "ostiary.keys.read", "ostiary.*", "*", "a.b"])


@given(st.frozensets(_segments), st.frozensets(_segments))
def test_nothing_that_is_handed_out_reaches_further_than_what_is_held(
    held: frozenset[str], wanted: frozenset[str]
) -> None:
    handed_out = wanted if not uncovered(Holdings(held), wanted) else frozenset()
    for concrete in ("ostiary.roles.read", "ostiary.roles.create", "ostiary.keys.read", "ostiary.new.thing"):
        if any(covers(each, concrete) for each in handed_out):
            assert any(covers(each, concrete) for each in held)


def _facts(*, active: bool = True) -> Facts:
    policy = RoleGraph({"desk": ["ostiary.accounts.read"], "lead": ["documents.*"], "root": ["*"]}, {"lead": ["desk"]})
    here = Resource("ostiary.accounts", "acc_9")
    grants = [
        Granted("ostiary.audit.read", Effect.ALLOW, None, 1000),
        Granted("ostiary.keys.read", Effect.ALLOW, here, None),
        Granted("ostiary.outbox.read", Effect.DENY, here, None),
    ]
    return Facts(policy, compile_subject("user", "acc_1", active, [("lead", None, ""), ("root", here, "")], grants))


def test_only_what_is_held_everywhere_and_now_can_be_handed_on() -> None:
    assert holdings_everywhere(_facts(), 999).allowed == {"ostiary.accounts.read", "ostiary.audit.read"}
    assert holdings_everywhere(_facts(), 1000).allowed == {"ostiary.accounts.read"}


def test_a_denial_anywhere_takes_away_the_right_to_hand_on() -> None:
    assert holdings_everywhere(_facts(), 0).denied == {"ostiary.outbox.read"}


def test_a_disabled_account_holds_nothing_but_still_outranks() -> None:
    assert holdings_everywhere(_facts(active=False), 0) == Holdings()
    assert held_anywhere(_facts(active=False), 1000) == {"ostiary.accounts.read", "ostiary.*", "ostiary.keys.read"}
