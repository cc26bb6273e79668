"""Whoever writes conditions gets conditions, and nothing else of the process."""

from __future__ import annotations

import builtins
import re
import time
from types import FunctionType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.authorization.conditions import InvalidCondition, Undetermined, compile_cel, compile_json
from ostiary.authorization.conditions.python_tree import call, constant, function_of, name

_ROOTS = ("subject", "resource", "action", "context")


class _Guarded(dict[str, object]):
    """Fails the test if anything but its members is reached."""

    secret = "s3cret"

    def __getattribute__(self, attribute: str) -> object:
        if attribute in ("secret", "items", "__globals__", "__subclasses__"):
            raise AssertionError(attribute)
        return super().__getattribute__(attribute)


@pytest.mark.parametrize("builtin", [*(each for each in dir(builtins) if each.islower()), "__builtins__"])
def test_no_builtin_can_be_named_or_called(builtin: str) -> None:
    for text in (f"{builtin} == null", f"{builtin}.a == 1", f"[1].all({builtin}, {builtin} == 1)"):
        try:
            condition = compile_cel(text)
        except InvalidCondition:
            continue
        # The variable of a macro may have any name, and is the member all the same.
        assert text.startswith("[1].all")
        assert condition.holds({}, {}, {}, {}, 0)
    ours = ("int", "bool", "all", "map", "filter")
    if builtin not in ours:
        with pytest.raises(InvalidCondition):
            compile_cel(f"{builtin}('1') == 1")


@pytest.mark.parametrize(
    "text",
    [
        "subject.__class__ == null",
        "subject.__class__.__base__ == null",
        "subject.secret == 's3cret'",
        "subject['__class__'] == null",
        "subject['__dict__']['x'] == null",
        "'a'.__class__ == null",
        "[1].__len__ == null",
        "{'a': 1}.keys == null",
        "now.ns == 0",
        "subject.a.__class__ == null",
        "subject.a['__class__'] == null",
        "has(subject.a.__class__)",
    ],
)
def test_a_name_is_a_member_and_never_an_attribute_of_python(text: str) -> None:
    with pytest.raises((InvalidCondition, Undetermined)):
        compile_cel(text).holds(_Guarded(a="text"), {}, {}, {}, 0)


@pytest.mark.parametrize("text", ["has(subject.__class__)", "'__class__' in subject", "has(subject.secret)"])
def test_attributes_of_python_are_not_members(text: str) -> None:
    assert compile_cel(text).holds(_Guarded(a="text"), {}, {}, {}, 0) is False


@pytest.mark.parametrize("root", _ROOTS)
@pytest.mark.parametrize("member", ["__class__", "__init__", "__globals__", "__builtins__"])
def test_the_form_in_json_reaches_members_only(root: str, member: str) -> None:
    attributes = {each: _Guarded() for each in _ROOTS}
    condition = compile_json({f"{root}.{member}": {"attribute": f"{root}.{member}.{member}"}})
    with pytest.raises(Undetermined) as fault:
        condition.holds(attributes["subject"], attributes["resource"], attributes["action"], attributes["context"], 0)
    assert fault.value.why == "there is no such attribute"
    assert compile_json({f"{root}.{member}": 1}).text == f"{root}.{member} == 1"


def test_strings_of_the_text_stay_strings() -> None:
    for inner in ('") or __import__("os")', "{0.__class__}", "%s", "\\'); import os; ('", "subject", "held_1", "#"):
        text = f"subject.a == {compile_json({'subject.a': inner}).text.partition(' == ')[2]}"
        assert compile_cel(text).holds({"a": inner}, {}, {}, {}, 0)
        assert not compile_cel(text).holds({"a": inner + "x"}, {}, {}, {}, 0)


def test_the_function_has_no_builtins_and_no_names_of_the_text() -> None:
    condition = compile_cel("subject.evil.all(worse, worse.startsWith('open') && resource.worst[worse] == action.bad)")
    compiled = condition._compiled
    assert isinstance(compiled, FunctionType)
    assert compiled.__globals__["__builtins__"] == {}
    code = compiled.__code__
    assert not any(
        word in names for names in (code.co_names, code.co_varnames) for word in ("evil", "worse", "worst", "bad")
    )
    assert not set(code.co_names) & set(dir(builtins)) - {"KeyError", "type", "str", "int"}


def test_a_tree_with_anything_else_is_not_compiled() -> None:
    import ast

    for expression in (
        "subject.a",
        "lambda: 1",
        "[a for a in subject]",
        "eval",
        "f'{subject}'",
        "(a := 1)",
        "subject[0:1]",
    ):
        body: list[ast.stmt] = [ast.Return(ast.parse(expression, mode="eval").body)]
        with pytest.raises(AssertionError):
            function_of(body, ("subject",), {})
    made = function_of([ast.Return(call("missing", constant("x")))], ("subject",), {"missing": lambda text: text})
    assert made({}) == "x"
    with pytest.raises(AssertionError):
        function_of([ast.Return(name("__builtins__"))], ("subject",), {})


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|aa)+$", "(a*)*b", "(.*a){25}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y", "(?:a?){200}a{200}$"],
)
def test_a_pattern_that_takes_others_for_ever_is_fast(pattern: str) -> None:
    condition = compile_cel(f"subject.a.matches('{pattern}')")
    started = time.process_time()
    condition.holds({"a": "a" * 50_000 + "!"}, {}, {}, {}, 0)
    condition.holds({"a": "x" * 50_000}, {}, {}, {}, 0)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("pattern", ["((a{100}){100}){100}", "(a{1000}){1000}", "a{1001}", r"\p{Foo}", "[z-a]", "*"])
def test_a_pattern_that_would_be_huge_is_refused_at_once(pattern: str) -> None:
    started = time.process_time()
    with pytest.raises(InvalidCondition) as refused:
        compile_cel(f"subject.a.matches(r'{pattern}')")
    assert refused.value.position == 18
    assert time.process_time() - started < 0.5


_PIECES = st.sampled_from(["\n", "\ud800", "'a'", "r''"]) | st.sampled_from(
    re.findall(
        r"\S+",
        """subject resource user now . . ( ) [ ] { } , : ? ! - + * / % < <= == != && || in true null 1 1.5 "b" has size
        all exists map x y matches timestamp duration getHours within __class__ lambda import 0x1 // \\ ` @ é""",
    )
)


@settings(max_examples=1_000, deadline=None)
@given(st.lists(_PIECES, max_size=40).map(" ".join) | st.text(max_size=60) | st.text("()[]{}!-?:.", max_size=200))
def test_any_text_is_a_condition_or_refused_with_a_place(text: str) -> None:
    outcome: object
    try:
        outcome = compile_cel(text).holds({}, {}, {}, {}, 0)
    except (InvalidCondition, Undetermined) as fault:
        outcome = fault
    if isinstance(outcome, InvalidCondition):
        assert 0 <= outcome.position <= len(text)
    assert isinstance(outcome, bool | InvalidCondition | Undetermined)
