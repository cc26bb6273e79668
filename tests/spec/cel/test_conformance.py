"""The specification's own conformance tests, as far as they are about what conditions support."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ostiary.authorization.conditions import InvalidCondition, Undetermined, compile_cel


class _Cases(msgspec.Struct):
    source: str
    cases: list[tuple[str, str, str]]


_CASES = msgspec.json.decode((Path(__file__).parent / "conformance.json").read_bytes(), type=_Cases).cases
_WITH_VALUE = [case for case in _CASES if case[2] != "fault"]
_WITHOUT = [case for case in _CASES if case[2] == "fault"]


@pytest.mark.parametrize(("name", "expression", "value"), _WITH_VALUE, ids=[case[0] for case in _WITH_VALUE])
def test_an_expression_has_the_value_of_the_specification(name: str, expression: str, value: str) -> None:
    if value in ("true", "false"):
        assert str(compile_cel(expression).holds({}, {}, {}, {}, 0)).lower() == value
        return
    assert compile_cel(f"({expression}) == ({value})").holds({}, {}, {}, {}, 0) is True
    assert compile_cel(f"({expression}) != ({value})").holds({}, {}, {}, {}, 0) is False


@pytest.mark.parametrize(("name", "expression", "fault"), _WITHOUT, ids=[case[0] for case in _WITHOUT])
def test_an_expression_without_a_value_is_refused_or_undetermined(name: str, expression: str, fault: str) -> None:
    with pytest.raises((InvalidCondition, Undetermined)):
        compile_cel(f"({expression}) == null").holds({}, {}, {}, {}, 0)
