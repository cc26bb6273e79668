"""The decision against another one that is a page of plain loops, on random models, facts and questions."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.authorization import Request, decide
from tests.support import naive
from tests.support.random_worlds import AT, random_question, random_world
from tests.support.stored_worlds import facts_of, place


@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 2**64))
def test_the_engine_answers_as_plain_loops_do(seed: int) -> None:
    random = Random(seed)
    world = random_world(random)
    for _ in range(8):
        question = random_question(random, world)
        facts = facts_of(world, question.subject, question.resource)
        request = Request(question.permission, place(question.resource), AT, question.context)
        decision = decide(facts, request)
        expected = naive.decide(world, question.subject, question.permission, question.resource, AT, question.context)
        assert decision.reason.value == expected, question
        assert bool(decision.because) is (expected in ("allowed", "denied_explicitly"))
