"""A condition is bounded when it is written, and its work is bounded when it is asked."""

from __future__ import annotations

import sys
import time

import pytest

from ostiary.authorization.conditions import InvalidCondition, Undetermined, compile_cel, compile_json, parse_window

_MEGABYTE = 1_000_000


def _refusal(text: str) -> InvalidCondition:
    with pytest.raises(InvalidCondition) as refused:
        compile_cel(text)
    return refused.value


def test_a_text_has_at_most_4096_characters() -> None:
    longest = "subject.a == '" + "a" * 4_081 + "'"
    assert len(longest) == 4_096
    compile_cel(longest)
    assert _refusal(longest + " ").position == 4_096


@pytest.mark.parametrize(
    ("opening", "closing", "levels"),
    [
        ("(", ")", 31),
        ("[", "] != []", 0),
        ("!", "", 30),
        ("-", " == 1", 29),
        ("size(", ")", 0),
        ("true ? true : ", "", 30),
    ],
)
def test_an_expression_is_at_most_32_levels_deep(opening: str, closing: str, levels: int) -> None:
    if levels:
        compile_cel(opening * levels + "subject.a" + closing * (levels if closing == ")" else 1))
    assert "32 levels" in _refusal(opening * 200 + "subject.a" + closing).message


@pytest.mark.parametrize("operator", ["+", "==", "in", ".a", "[0]"])
def test_a_long_chain_is_deep_as_well(operator: str) -> None:
    joined = operator in (".a", "[0]")
    chain = "subject.a" + (operator if joined else f" {operator} subject.a") * 200
    assert "32 levels" in _refusal(f"{chain} == 1").message


def test_a_chain_of_and_is_not_deep() -> None:
    terms = ["subject.a == 1"] * 200
    assert compile_cel(" && ".join(terms)).holds({"a": 1}, {}, {}, {}, 0)
    assert compile_cel(" || ".join(terms)).holds({"a": 1}, {}, {}, {}, 0)


def test_an_expression_has_at_most_1000_parts() -> None:
    assert compile_cel(f"subject.a in [{','.join(['1'] * 996)}]").holds({"a": 1}, {}, {}, {}, 0)
    assert "1000 parts" in _refusal(f"subject.a in [{','.join(['1'] * 997)}]").message


def test_logic_in_logic_is_bounded_before_python_is() -> None:
    def nested(levels: int) -> str:
        text = "subject.a"
        for level in range(levels):
            text = f"({text} {'&&' if level % 2 else '||'} subject.b)"
        return text

    deepest = max(levels for levels in range(1, 33) if _compiles(nested(levels)))
    assert deepest == 16
    assert compile_cel(nested(deepest)).holds({"a": True, "b": True}, {}, {}, {}, 0)
    with pytest.raises(Undetermined):
        compile_cel(nested(deepest)).holds({}, {}, {}, {}, 0)
    assert "too deeply" in _refusal(nested(deepest + 1)).message


def test_macros_in_macros_are_bounded_before_python_is() -> None:
    def nested(levels: int, macro: str) -> str:
        return f"[1].{macro}(x, " * levels + "true" + ")" * levels

    for macro, deepest in (("all", 8), ("exists", 8)):
        assert compile_cel(nested(deepest, macro)).holds({}, {}, {}, {}, 0)
        assert "too deeply" in _refusal(nested(deepest + 1, macro)).message
    assert compile_cel("[1].map(x, " * 16 + "x" + ")" * 16 + " != []").holds({}, {}, {}, {}, 0)


def _compiles(text: str) -> bool:
    try:
        compile_cel(text)
    except InvalidCondition:
        return False
    return True


def test_a_deep_stack_of_the_caller_gives_a_fault_and_no_recursion_error() -> None:
    deep = "(" * 30 + "subject.a" + ")" * 30

    def down(levels: int) -> None:
        if levels:
            down(levels - 1)
        else:
            compile_cel(deep)

    outcomes = set()
    for left in range(0, 400, 10):
        try:
            down(sys.getrecursionlimit() - left - 60)
        except InvalidCondition:
            outcomes.add("refused")
        except RecursionError:
            outcomes.add("no room for the test itself")
        else:
            outcomes.add("compiled")
    assert "refused" in outcomes


def test_attributes_that_are_nested_deeply_are_undetermined() -> None:
    deep: object = 1
    other: object = 1
    for _ in range(100_000):
        deep, other = [deep], [other]
    with pytest.raises(Undetermined) as fault:
        compile_cel("subject.a == subject.b").holds({"a": deep, "b": other}, {}, {}, {}, 0)
    assert "nested too deeply" in fault.value.why


@pytest.mark.parametrize(
    "text",
    [
        "context.list.all(a, context.list.all(b, a != -1 && b != -1))",
        "context.list.exists(a, context.list.exists(b, context.list.exists(c, c == -1)))",
        "context.list.map(a, context.list.map(b, b)) == []",
        "context.list.exists(a, context.list.exists(b, b == -1) || false) || true",
        "context.list.all(a, context.text.contains('zz' + 'z') || true)",
        "context.list.all(a, context.text + context.text != '')",
        "context.list.all(a, context.list + context.list != [])",
        "context.list.all(a, -1 in context.list || true)",
        "context.list.all(a, context.list == context.list)",
        "context.list.all(a, context.text == context.other)",
        "context.list.all(a, context.text <= context.other)",
        "context.list.all(a, context.text.matches('(a*)*b$') || true)",
        "context.list.all(a, context.text.startsWith(context.other))",
        "context.words.all(w, context.words.all(v, w in context.words))",
        f"context.words.all(w, {' && '.join(['w != context.text'] * 180)})",
        "context.words.all(w, " + " && ".join(["string(0.1) + w != 'x'"] * 90) + ")",
        "context.words.all(w, now.getHours(w) == 1 || true) && context.list.all(a, context.list.all(b, true))",
        "context.words.map(w, within(timestamp(int(w)), 'w')) == [] || context.list.all(a, a in context.list)",
    ],
)
def test_no_condition_works_without_end_on_a_large_context(text: str) -> None:
    context = {
        "list": list(range(20_000)),
        "words": [str(number) for number in range(20_000)],
        "text": "a" * _MEGABYTE,
        "other": "".join(["a"] * _MEGABYTE),
    }
    window = parse_window("w", {"time_zone": "Europe/Berlin", "from": "09:00", "to": "17:00"})
    condition = compile_cel(text, {"w": window})
    started = time.process_time()
    with pytest.raises(Undetermined, match="too much work"):
        condition.holds({}, {}, {}, context, 0)
    assert time.process_time() - started < 1


def test_a_context_of_a_megabyte_is_asked_as_a_small_one() -> None:
    context = {"text": "x" * _MEGABYTE + "needle", "list": [str(number) for number in range(90_000)], "map": {}}
    context["map"] = {str(number): number for number in range(90_000)}
    for text in (
        "context.text.contains('needle') && context.text.endsWith('needle') && context.text.matches('x+needle$')",
        "'89999' in context.list && context.list.contains('0') && size(context.text) == 1000006",
        "context.list.exists(x, x == '70000')",
        "context.map['89999'] == 89999 && '0' in context.map",
    ):
        assert compile_cel(text).holds({}, {}, {}, context, 0)


def test_json_is_bounded_alike() -> None:
    deep: object = {"subject.a": 1}
    for _ in range(2_000):
        deep = {"not": deep}
    for value in (
        deep,
        {"subject.a": list(range(1_000))},
        {"subject.a": "a" * 4_097},
        {f"subject.a{number}": 1 for number in range(400)},
        {"subject." + ".".join("a" * 40): 1},
        {"subject." + "a" * 5_000: 1},
        {"subject.a": {"attribute": "subject." + "a" * 5_000}},
    ):
        with pytest.raises(InvalidCondition) as refused:
            compile_json(value)
        assert refused.value.path.startswith("condition")
