"""The form in JSON: what each member means, shown as the CEL that it stands for, and what is refused by its path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.authorization.conditions import InvalidCondition, Undetermined, compile_cel, compile_json, parse_window

_WINDOWS = {
    name: parse_window(name, {"time_zone": "UTC", "from": "09:00", "to": "17:00"})
    for name in ("business_hours", "shop")
}
_SUBJECT = {"id": "acc_1", "department": "engineering", "groups": ["staff"], "email": "a@example.com"}
_RESOURCE = {"classification": "public", "amount": 500, "owner": {"id": "acc_1", "x-y": 1}, "note": None, "a-b": 1}

# The condition, the CEL that it means, and whether it holds for the attributes above.
_FORMS: list[tuple[dict[str, object], str, bool]] = [
    ({"user.department": "engineering"}, 'subject.department == "engineering"', True),
    ({"resource.amount": 500}, "resource.amount == 500", True),
    ({"resource.amount": 500.0}, "resource.amount == 500.0", True),
    ({"resource.note": None}, "resource.note == null", True),
    ({"resource.amount": True}, "resource.amount == true", False),
    ({"resource.amount": [1, 500]}, "resource.amount in [1, 500]", True),
    ({"resource.amount": {"<=": 500, ">": -1}}, "resource.amount <= 500 && resource.amount > -1", True),
    ({"resource.amount": {"!=": 500}}, "resource.amount != 500", False),
    ({"resource.amount": {"in": [1, 2]}}, "resource.amount in [1, 2]", False),
    ({"resource.amount": {"not_in": [1, 2]}}, "!(resource.amount in [1, 2])", True),
    ({"subject.id": {"in": {"attribute": "subject.groups"}}}, "subject.id in subject.groups", False),
    ({"subject.groups": {"contains": "staff"}}, 'subject.groups.contains("staff")', True),
    ({"subject.email": {"contains": "@"}}, 'subject.email.contains("@")', True),
    ({"subject.email": {"starts_with": "a@"}}, 'subject.email.startsWith("a@")', True),
    ({"subject.email": {"ends_with": "@example.org"}}, 'subject.email.endsWith("@example.org")', False),
    ({"subject.email": {"matches": "^[a-z]@"}}, 'matches(subject.email, "^[a-z]@")', True),
    ({"resource.owner.id": {"attribute": "subject.id"}}, "resource.owner.id == subject.id", True),
    ({"subject.id": ["x", {"attribute": "resource.owner.id"}]}, 'subject.id in ["x", resource.owner.id]', True),
    ({"resource.amount": {">=": {"attribute": "resource.a-b"}}}, 'resource.amount >= resource["a-b"]', True),
    ({"resource.owner.x-y": 1}, 'resource.owner["x-y"] == 1', True),
    ({"resource.in": 1}, 'resource["in"] == 1', False),
    ({"resource.note": {"exists": True}}, "has(resource.note)", True),
    ({"resource.tag": {"exists": False}}, "!has(resource.tag)", True),
    ({"resource.tag.deep": {"exists": True}}, "has(resource.tag) && has(resource.tag.deep)", False),
    ({"resource.tag.deep": {"exists": False}}, "!(has(resource.tag) && has(resource.tag.deep))", True),
    ({"time": "business_hours"}, 'within(now, "business_hours")', False),
    ({"time": ["business_hours", "shop"]}, 'within(now, "business_hours") || within(now, "shop")', False),
    ({"not": {"resource.amount": 1}}, "!(resource.amount == 1)", True),
    (
        {
            "any": [{"resource.amount": 1}, {"all": [{"subject.id": "acc_1"}, {"action.name": "read"}]}],
            "subject.id": "acc_1",
        },
        '(resource.amount == 1 || subject.id == "acc_1" && action.name == "read") && subject.id == "acc_1"',
        True,
    ),
    ({"subject.id": 'a"\\\n\u0001€😀'}, r'subject.id == "a\"\\\n\u0001€😀"', False),
]


@pytest.mark.parametrize(("value", "text", "holds"), _FORMS)
def test_a_member_means_what_its_text_says(value: dict[str, object], text: str, holds: bool) -> None:
    condition = compile_json(value, _WINDOWS)
    assert condition.text == text
    for each in (condition, compile_cel(condition.text, _WINDOWS)):
        resource: dict[str, object] = {**_RESOURCE, "in": 2}
        assert each.holds(_SUBJECT, resource, {"name": "read"}, {}, 0) is holds


def test_a_member_that_is_missing_makes_the_condition_undetermined() -> None:
    with pytest.raises(Undetermined) as fault:
        compile_json({"resource.level": 1, "subject.id": "acc_1"}).holds(_SUBJECT, _RESOURCE, {}, {}, 0)
    assert fault.value.path == "resource.level"
    assert compile_json({"resource.level": 1, "subject.id": "x"}).holds(_SUBJECT, _RESOURCE, {}, {}, 0) is False


_REFUSED: list[tuple[object, str, str]] = [
    ({}, "condition", "an object with a member or more"),
    ([], "condition", "an object"),
    ("resource.amount == 1", "condition", "an object"),
    (None, "condition", "an object"),
    ({1: 2}, "condition", "key is a string"),
    ({"amount": 1}, "condition.amount", "names no attribute"),
    ({"resource": 1}, "condition.resource", "names no attribute"),
    ({"resource.": 1}, "condition.resource.", "names no attribute"),
    ({"resource..a": 1}, "condition.resource..a", "names no attribute"),
    ({"now.a": 1}, "condition.now.a", "names no attribute"),
    ({"resource.a": {}}, "condition.resource.a", "comparison is missing"),
    ({"resource.a": {"=": 1}}, "condition.resource.a.=", "no such comparison"),
    ({"resource.a": {"__class__": 1}}, "condition.resource.a.__class__", "no such comparison"),
    ({"resource.a": {1: 1}}, "condition.resource.a.1", "no such comparison"),
    ({"resource.a": []}, "condition.resource.a", "list with a member or more"),
    ({"resource.a": [[1]]}, "condition.resource.a[0]", "plain value"),
    ({"resource.a": {"in": 1}}, "condition.resource.a.in", "list with a member or more"),
    ({"resource.a": {"<": [1]}}, "condition.resource.a.<", "plain value"),
    ({"resource.a": {"<": {"b": 1}}}, "condition.resource.a.<", "plain value or an attribute"),
    ({"resource.a": {"attribute": 1}}, "condition.resource.a", "plain value or an attribute"),
    ({"resource.a": {"attribute": "x.y"}}, "condition.resource.a.attribute", "names no attribute"),
    ({"resource.a": {"attribute": "subject.b", "<": 1}}, "condition.resource.a", "plain value or an attribute"),
    ({"resource.a": {"<": None}}, "condition.resource.a.<", "between anything and null"),
    ({"resource.a": {"exists": 1}}, "condition.resource.a.exists", "true or false"),
    ({"resource.a-b": {"exists": True}}, "condition.resource.a-b.exists", "unusual"),
    ({"resource.a": {"starts_with": 1}}, "condition.resource.a.starts_with", "a string"),
    ({"resource.a": {"matches": "("}}, "condition.resource.a.matches", "pattern is none"),
    ({"resource.a": {"matches": "a" * 257}}, "condition.resource.a.matches", "256"),
    ({"resource.a": {"matches": {"attribute": "subject.b"}}}, "condition.resource.a.matches.attribute", "constant"),
    ({"resource.a": float("nan")}, "condition.resource.a", "finite"),
    ({"resource.a": float("inf")}, "condition.resource.a", "finite"),
    ({"resource.a": 2**63}, "condition.resource.a", "64 bits"),
    ({"resource.a": "\ud800"}, "condition.resource.a", "surrogate"),
    ({"resource.a": b"x"}, "condition.resource.a", "plain value"),
    ({"time": 1}, "condition.time", "name of a window"),
    ({"time": []}, "condition.time", "list with a member or more"),
    ({"time": "weekend"}, "condition.time", "no window weekend"),
    ({"any": {}}, "condition.any", "list with a member or more"),
    ({"any": []}, "condition.any", "list with a member or more"),
    ({"any": [{"resource.a": 1}, {"b": 1}]}, "condition.any[1].b", "names no attribute"),
    ({"all": [{"not": {"time": "weekend"}}]}, "condition.all[0].not.time", "no window weekend"),
    ({"not": []}, "condition.not", "an object"),
]


@pytest.mark.parametrize(("value", "path", "message"), _REFUSED)
def test_what_is_none_is_refused_by_its_path(value: object, path: str, message: str) -> None:
    with pytest.raises(InvalidCondition) as refused:
        compile_json(value, _WINDOWS)
    assert (refused.value.path, refused.value.position) == (path, 0)
    assert message in refused.value.message


_KEYS = st.sampled_from(
    ["subject.id", "resource.amount", "context.a-b", "action.name", "time", "any", "all", "not", "x"]
)
_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("shop"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_KEYS | st.sampled_from(["<=", "in", "exists", "attribute", "contains"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(_ANY_JSON)
def test_any_json_is_a_condition_whose_text_means_the_same_or_is_refused(value: object) -> None:
    condition, path = None, "condition"
    try:
        condition = compile_json(value, _WINDOWS)
    except InvalidCondition as fault:
        path = fault.path
    assert path.startswith("condition")
    if condition is None:
        return
    again = compile_cel(condition.text, _WINDOWS)
    assert again.text == condition.text
    assert again.reads == condition.reads
