"""What does a decision by attributes cost in process, as the number of policies grows, at most three of which apply?

Each policy is about one type of resource and compares attributes of the subject with those of the resource; the facts
here are policies. Three are about the type that is asked about, the others about others. Once more with a thousand that
are all about it, where every condition has to be worked out.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.decision_peers import Check, Peers, casbin_enforcer, cedar, entity, oso, request
from bench.decision_series import compare, flat
from bench.figures import plain
from ostiary.authorization.compiled import Model
from ostiary.authorization.conditions import compile_cel
from ostiary.authorization.decide import decide
from ostiary.authorization.facts import Facts, RoleGraph, Surroundings, compile_subject
from ostiary.authorization.model import Effect, Request, Resource
from ostiary.authorization.schema import BUILT_IN, PolicyDefinition

QUESTION = "attribute policy"
SIZES = (1, 10, 100, 1_000, 10_000)
GOALS = {1: 3e-6}
GOAL = 20e-6
APPLYING, ASKED = 3, "document"
CHECKS = 5_000


class Person:
    """The subject, for pycasbin and oso."""

    def __init__(self, department: str, level: int) -> None:
        self.department, self.level = department, level


class Paper:
    """The resource, for pycasbin and oso."""

    def __init__(self, kind: str, department: str, amount: int) -> None:
        self.kind, self.department, self.amount = kind, department, amount


def main() -> None:
    peers = Peers({"pycasbin": _casbin, "Cedar": _cedar, "oso": _oso})
    measured = {size: compare(QUESTION, size, peers, _ours(_types(size)), GOALS.get(size, GOAL)) for size in SIZES}
    flat(QUESTION, measured, 10, 1.5)
    all_about_it = _ours([ASKED] * 1_000)
    plain("attribute policy, 1,000 of which all apply", f"{all_about_it() * 1e6:,.0f} us", "", True)


def _types(size: int) -> list[str]:
    """The type that each policy is about."""
    return [ASKED if number < APPLYING else f"type{number // APPLYING}" for number in range(size)]


def _ours(types: list[str]) -> Callable[[], float]:
    policies = [
        PolicyDefinition(
            f"policy{number}",
            Effect.ALLOW,
            ("read",),
            (type_,),
            compile_cel(f"subject.department == resource.department && resource.amount < {1_000 + number}"),
        )
        for number, type_ in enumerate(types)
    ]
    attributes = {"department": "engineering", "level": 3}
    subject = compile_subject("user", "acc_1", True, [], [], attributes=attributes)
    around = Surroundings(attributes={"department": "engineering", "amount": 500})
    facts = Facts(RoleGraph({}, {}), subject, Model([BUILT_IN], policies), around)
    asked = Request(f"{ASKED}.read", Resource(ASKED, "7"), 0)
    assert len(decide(facts, asked).grounds) == types.count(ASKED)
    checks = max(5, CHECKS // types.count(ASKED))

    def measure() -> float:
        start = time.process_time()
        for _ in range(checks):
            decide(facts, asked)
        return (time.process_time() - start) / checks

    return measure


def _casbin(size: int) -> Check:
    condition = "r.sub.department == r.obj.department && r.obj.amount < {}"
    rules = [(condition.format(1_000 + number), type_, "read") for number, type_ in enumerate(_types(size))]
    enforcer = casbin_enforcer("r.obj.kind == p.obj && r.act == p.act && eval(p.sub)", rules, {"g": []})
    person, paper = Person("engineering", 3), Paper(ASKED, "engineering", 500)
    return lambda number: bool(enforcer.enforce(person, paper, "read"))


def _cedar(size: int) -> Check:
    policies = "\n".join(
        f'permit (principal, action == Action::"read", resource is {type_}) when {{'
        f" principal.department == resource.department && resource.amount < {1_000 + number} }};"
        for number, type_ in enumerate(_types(size))
    )
    entities = [
        entity("User", "ada", department="engineering", level=3),
        entity(ASKED, "7", department="engineering", amount=500),
    ]
    ask = cedar(policies, entities)
    asked = request(("User", "ada"), "read", (ASKED, "7"))
    return lambda number: ask(asked)


def _oso(size: int) -> Check:
    rules = (
        f'rule("read", "{type_}", person, paper) if person.department = paper.department'
        f" and paper.amount < {1_000 + number};"
        for number, type_ in enumerate(_types(size))
    )
    engine = oso(("allow(person, action, paper) if rule(action, paper.kind, person, paper);", *rules), (Person, Paper))
    person, paper = Person("engineering", 3), Paper(ASKED, "engineering", 500)
    return lambda number: bool(engine.is_allowed(person, "read", paper))


if __name__ == "__main__":
    main()
