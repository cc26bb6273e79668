"""The decision from the database against plain loops over the same facts: what is read is all that is needed."""

from __future__ import annotations

from random import Random

from ostiary.authorization import Decision, Resource
from ostiary.authorization.authorizer import Authorizer, Brought
from tests.contract.authorization.conftest import House
from tests.support import naive
from tests.support.random_worlds import AT, Question, random_question, random_world
from tests.support.stored_worlds import place, store

_WORLDS = 80


async def _decided(authorizer: Authorizer, question: Question) -> Decision:
    brought = Brought(question.context)
    resource = place(question.resource)
    if question.subject == "anyone:*":
        return await authorizer.decide_nobody(question.permission, resource, brought)
    type_, _, id_ = question.subject.partition(":")
    if type_ == "user":
        return await authorizer.decide(id_, question.permission, resource, brought)
    return await authorizer.decide_other(Resource(type_, id_), question.permission, resource, brought)


async def test_what_is_stored_is_decided_as_plain_loops_do(house: House) -> None:
    house.clock.now = AT
    for seed in range(_WORLDS):
        random = Random(seed)
        world = random_world(random)
        await store(house.db, world)
        for _ in range(24):
            question = random_question(random, world)
            decision = await _decided(house.authorizer, question)
            expected = naive.decide(
                world, question.subject, question.permission, question.resource, AT, question.context
            )
            assert decision.reason.value == expected, (seed, question)
            assert bool(decision.because) is (expected in ("allowed", "denied_explicitly"))
