"""What a condition means: for attributes as JSON has them, with what is missing and what does not fit."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from ostiary.authorization.conditions import Undetermined, compile_cel
from ostiary.authorization.conditions.expression import Binary, Call, Comprehension, Logic, walk

_ATTRIBUTES: dict[str, dict[str, object]] = {
    "subject": {"id": "acc_1", "department": "engineering", "groups": ["staff", "admins"], "age": 30, "manager": None},
    "resource": {"owner": {"id": "acc_1"}, "amount": 500, "rate": 0.5, "tags": {"level": 3}, "flag": True, "zero": 0},
    "action": {"name": "read"},
    "context": {"address": "192.0.2.1"},
}


def _holds(text: str, now: int = 0) -> bool:
    return compile_cel(text).holds(
        _ATTRIBUTES["subject"], _ATTRIBUTES["resource"], _ATTRIBUTES["action"], _ATTRIBUTES["context"], now
    )


@pytest.mark.parametrize(
    "text",
    [
        'subject.department == "engineering" && resource.amount <= 500',
        "user.id == resource.owner.id",
        "'admins' in subject.groups && !('guests' in subject.groups)",
        "action.name in ['read', 'list']",
        "resource.tags.level > 2 && 'level' in resource.tags && resource.tags['level'] == 3",
        "subject.manager == null && has(subject.manager) && !has(subject.deputy)",
        "context.address.startsWith('192.0.2.')",
        "subject.groups.exists(group, group.endsWith('s')) && subject.groups.all(g, size(g) > 4)",
        "subject.groups.contains('staff')",
        "resource.amount == 500.0 && resource.rate < 1 && 1 > resource.rate",
        "(resource.amount > 400 ? 'much' : 'little') == 'much'",
        "[resource.amount] == [500.0] && resource.amount in [500.0, 'x'] && {'a': 1.0} == {'a': 1}",
        "size(subject) == 5 && size(resource.tags) == 1",
        "resource.flag && resource.flag == true && resource.flag != false",
        "subject.groups[0] == 'staff' && subject.groups[1.0] == 'admins'",
        "subject == subject && subject != resource",
        "subject.age in [1, 30, 'x'] && subject.age in {30: 'thirty'} && !(subject.age in ['30'])",
        "double(resource.amount) * 2.0 == 1000.0 && int('0042') == 42",
        "(-7 / 2 == -3) && (-7 % 2 == -1) && (7 % -2 == 1)",
        "0.0 / 0.0 != 0.0 / 0.0 && 1.0 / 0.0 > 1e308 && -1.0 / 0.0 < -1e308",
        "subject.groups.map(g, size(g)) == [5, 6] && subject.groups.filter(g, g == 'staff') == ['staff']",
    ],
)
def test_an_expression_holds(text: str) -> None:
    assert _holds(text) is True
    assert _holds(f"!({text})") is False


@pytest.mark.parametrize(
    "text",
    [
        "resource.flag == 1", "resource.flag == 1.0", "1 == resource.flag", "resource.zero == false",
        "resource.flag in [1, 2]",
        "resource.flag in [1.0]", "[resource.flag] == [1]", "{'a': resource.flag} == {'a': 1}",
        "resource.zero in [false]",
        "resource.amount == '500'", "subject.groups == 'staff'", "subject.manager == 0", "resource.flag in {1: 'a'}",
        "[1].contains(resource.flag)",
    ],
)  # fmt: skip
def test_values_of_unlike_types_are_not_equal_and_true_is_not_one(text: str) -> None:
    assert _holds(text) is False


# Expression, the attribute that is at fault, what is wrong with it.
_UNDETERMINED = [
    ("subject.level == 1", "subject.level", "no such attribute"),
    ("resource.owner.name == 'x'", "resource.owner.name", "no such attribute"),
    ("resource.author.name == 'x'", "resource.author", "no such attribute"),
    ("resource.amount.value == 1", "resource.amount.value", "not a map"),
    ("subject.manager.id == 'x'", "subject.manager.id", "not a map"),
    ("has(resource.author.name)", "resource.author", "no such attribute"),
    ("has(resource.amount.name)", "resource.amount.name", "not a map"),
    ("subject['level'] == 1", "subject.level", "no such key"),
    ("subject.department", "subject.department", "neither true nor false"),
    ("!subject.department", "subject.department", "neither true nor false"),
    ("subject.department ? true : false", "subject.department", "neither true nor false"),
    ("subject.department <= 500", "subject.department", "order"),
    ("500 > subject.department", "subject.department", "order"),
    ("resource.flag < 1", "resource.flag", "order"),
    ("subject.manager < 1", "subject.manager", "order"),
    ("'a' in subject.department", "subject.department", "neither a list nor a map"),
    ("subject.department.all(x, true)", "subject.department", "neither a list nor a map"),
    ("resource.amount / 0 == 1", "resource.amount", "division by zero"),
    ("resource.amount % resource.zero == 1", "resource.amount", "division by zero"),
    ("resource.amount * 9223372036854775807 == 1", "resource.amount", "64 bits"),
    ("resource.amount + 0.5 > 1.0", "resource.amount", "do not fit"),
    ("resource.flag + 1 == 2", "resource.flag", "do not fit"),
    ("1 + resource.flag == 2", "resource.flag", "do not fit"),
    ("resource.flag - 1 == 0", "resource.flag", "do not fit"),
    ("resource.flag * 1 == 0", "resource.flag", "do not fit"),
    ("-resource.flag == -1", "resource.flag", "do not fit"),
    ("size(resource.amount) == 1", "resource.amount", "does not fit the function"),
    ("resource.amount.startsWith('5')", "resource.amount", "does not fit the function"),
    ("resource.amount.matches('5')", "resource.amount", "does not fit the function"),
    ("resource.amount.contains('5')", "resource.amount", "does not fit the function"),
    ("int(subject.department) == 1", "subject.department", "no whole number"),
    ("int(resource.flag) == 1", "resource.flag", "does not fit the function"),
    ("timestamp(subject.department) < now", "subject.department", "no time such as"),
    ("subject.groups[2] == 'x'", "subject.groups", "out of range"),
    ("subject.groups[-1] == 'x'", "subject.groups", "out of range"),
    ("subject.groups[0.5] == 'x'", "subject.groups", "no whole number"),
    ("subject.groups['0'] == 'x'", "subject.groups.0", "no whole number"),
    ("{resource.flag: 1} == {}", "", "string or a whole number"),
    ("{subject.id: 1, resource.owner.id: 2} == {}", "", "twice"),
    ("now.getHours(subject.department) == 1", "", "no such time zone"),
    ("now + duration('80000000h') < now", "", "out of range"),
]


@pytest.mark.parametrize(("text", "path", "why"), _UNDETERMINED)
def test_what_has_no_answer_is_undetermined_and_says_why(text: str, path: str, why: str) -> None:
    with pytest.raises(Undetermined) as fault:
        _holds(text)
    assert fault.value.path == path
    assert why in fault.value.why
    assert str(fault.value) == (f"{path}: {fault.value.why}" if path else fault.value.why)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("subject.level == 1 || subject.age == 30", True),
        ("subject.age == 30 || subject.level == 1", True),
        ("subject.level == 1 && subject.age == 31", False),
        ("subject.level == 1 && subject.rank == 2 && subject.age == 31", False),
        ("subject.department && false", False),
        ("subject.groups.exists(g, g == 'staff' || g > 1)", True),
        ("subject.groups.exists(g, g == 1 || size(g) == 5 || g > 1)", True),
        ("subject.groups.all(g, g != 'staff' && g > 1)", False),
        ("[1, 0].exists(x, 1 / x == 1)", True),
        ("[0, 1].all(x, 1 / x == 2)", False),
        ("(subject.level == 1 || subject.age == 30) && (subject.rank == 1 || true)", True),
    ],
)
def test_a_fault_does_not_count_where_the_other_side_settles_it(text: str, holds: bool) -> None:
    assert _holds(text) is holds


@pytest.mark.parametrize(
    "text",
    [
        "subject.level == 1 || subject.age == 31",
        "subject.level == 1 && subject.age == 30",
        "[0, 1].exists(x, 1 / x == 2)",
        "[1, 0].all(x, 1 / x == 1)",
        "[1, 0].exists_one(x, 1 / x == 1)",
        "[1, 0].filter(x, 1 / x == 1) == [1]",
        "!(subject.level == 1)",
    ],
)
def test_a_fault_that_nothing_settles_remains(text: str) -> None:
    with pytest.raises(Undetermined):
        _holds(text)


def test_of_several_faults_the_first_is_told() -> None:
    with pytest.raises(Undetermined) as fault:
        _holds("subject.first == 1 || subject.second == 1 || subject.third == 1")
    assert fault.value.path == "subject.first"


def test_macros_in_macros_see_their_own_variables() -> None:
    assert _holds("[1, 2].map(x, [10, 20].map(y, x * y)) == [[10, 20], [20, 40]]")
    assert _holds("[1, 2].map(x, [x, 5].map(x, x + 1)) == [[2, 6], [3, 6]]")
    assert _holds("[[1], [2, 3]].all(list, list.exists(x, x > size(list) - 1))")
    assert _holds("[1, 2, 3].filter(x, [2, 3].exists_one(y, y == x)) == [2, 3]")


def test_attributes_may_be_any_mapping_and_hold_datetimes_and_tuples() -> None:
    at = datetime(2026, 1, 31, 8, tzinfo=UTC)
    subject = MappingProxyType({"since": at, "groups": ("a", "b"), "more": OrderedDict(level=3)})
    condition = compile_cel(
        "subject.since == timestamp('2026-01-31T08:00:00Z') && subject.since < now && subject.since.getHours() == 8"
        " && 'a' in subject.groups && subject.groups[1] == 'b' && subject.more.level == 3 && size(subject) == 3"
        " && has(subject.more.level) && has(subject.since) && subject.groups == ['a', 'b']"
    )
    assert condition.holds(subject, {}, {}, {}, int(at.timestamp() * 1000) + 1)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), datetime(2026, 1, 31)])  # noqa: DTZ001
@pytest.mark.parametrize(
    "text", ["subject.a < 1", "subject.a == subject.b", "size(subject.a) == 1", "'a' in subject.a"]
)
def test_a_value_that_is_none_of_json_is_undetermined(value: object, text: str) -> None:
    with pytest.raises(Undetermined):
        compile_cel(text).holds({"a": value, "b": 1}, {}, {}, {}, 0)


def test_now_is_the_time_of_the_request() -> None:
    assert _holds("now == timestamp('2026-01-31T08:00:00.123Z')", now=1_769_846_400_123)
    assert _holds("now.getMilliseconds() == 123 && now.getFullYear('Pacific/Auckland') == 2026", now=1_769_846_400_123)
    with pytest.raises(Undetermined):
        _holds("now == now", now=10**18)


def test_a_condition_tells_what_it_reads_and_what_was_there() -> None:
    condition = compile_cel(
        "user.id == resource.owner.id && has(resource.flag) && subject['groups'] == [] && size(context) > 0"
        " && action.a.b == 1"
    )
    assert condition.reads == {
        ("subject", "id"), ("resource", "owner"), ("resource", "flag"), ("subject", "groups"), ("context", "*"),
        ("action", "a"),
    }  # fmt: skip
    found = condition.values({"id": "x", "more": 1}, {"flag": False}, {}, {"a": 1}, 0)
    assert found == {"subject.id": "x", "resource.flag": False, "context": {"a": 1}}
    assert compile_cel("resource[subject.key] == 1").reads == {("subject", "key"), ("resource", "*")}
    assert compile_cel("[1].all(x, x == 1) && now == now").reads == frozenset()


def test_a_part_of_the_expression_can_be_worked_out_alone() -> None:
    condition = compile_cel("resource.amount + 1 > context.least || resource.missing == 'x'")
    assert isinstance(condition.expression, Logic)
    first, second = condition.expression.operands
    assert isinstance(first, Binary)
    for _ in range(2):
        assert condition.value_of(first.left, {}, {"amount": 41}, {}, {}, 0) == 42
        assert condition.value_of(first, {}, {"amount": 41}, {}, {"least": 40}, 0) is True
        with pytest.raises(Undetermined) as fault:
            condition.value_of(second, {}, {}, {}, {}, 0)
        assert fault.value.path == "resource.missing"


def test_the_tree_can_be_walked_from_the_top_with_positions() -> None:
    condition = compile_cel("subject.groups.exists(g, g.startsWith('a'))")
    nodes = list(walk(condition.expression))
    assert isinstance(nodes[0], Comprehension)
    call = next(node for node in nodes if isinstance(node, Call))
    assert condition.text[call.position :].startswith("startsWith")
