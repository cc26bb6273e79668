"""What ``docs/guides/conditions.md`` shows is so."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from ostiary.authorization.conditions import compile_cel, compile_json, parse_window
from ostiary.authorization.conditions.functions import FUNCTIONS

_GUIDE = (Path(__file__).parents[4] / "docs" / "guides" / "conditions.md").read_text(encoding="utf-8")
_CONDITION, _WINDOW = (msgspec.json.decode(block) for block in re.findall(r"```json\n(.*?)```", _GUIDE, re.DOTALL))
_WINDOWS = {"business_hours": parse_window("business_hours", _WINDOW)}


def test_the_example_means_the_expression_below_it() -> None:
    shown = re.findall(r"```text\n(.*?)```", _GUIDE, re.DOTALL)[0]
    condition = compile_json(_CONDITION, _WINDOWS)
    assert sorted(condition.text.split(" && ")) == sorted(re.sub(r"\s+", " ", shown).strip().split(" && "))
    subject = {"id": "acc_1", "department": "engineering"}
    resource = {"classification": "public", "amount": 500, "owner": {"id": "acc_1"}}
    assert condition.holds(subject, resource, {}, {}, 1_769_760_000_000)
    assert not condition.holds(subject, {**resource, "amount": 501}, {}, {}, 1_769_760_000_000)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_is_in_the_guide(function: str) -> None:
    assert re.search(rf"\b{function}\b", _GUIDE)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_usage_of_a_function_in_a_hint_is_taken(function: str) -> None:
    assert compile_cel(f"({FUNCTIONS[function].usage}) == subject.a", _WINDOWS).reads


def test_settled_otherwise_is_settled() -> None:
    condition = compile_cel("subject.admin || resource.level < 3")
    assert condition.holds({"admin": True}, {}, {}, {}, 0)
    assert condition.holds({}, {"level": 1}, {}, {}, 0)
