"""Every fault of a model file is told at its line and column, with a hint where one helps.

The faults are in ``faults.txt``. In each text ``‸`` stands before the character that the fault is at, and is taken out
before reading.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ostiary.authorization.model_file import InvalidModel, read_model
from ostiary.errors import InvalidRequest

_WRITTEN = (Path(__file__).parent / "faults.txt").read_text()
_BLOCK = re.compile("=== (.*)\n((?:.*\n)+?)>>> (.*)\n>>> (.*)\n")


def _policy(number: int, condition: str) -> str:
    return f"- {{name: n{number}, effect: deny, action: b, resource: a, when: {condition}}}\n"


_COMPUTED: dict[str, tuple[str, str, str]] = {
    "half of a surrogate pair": ("model: ‸\ud800", "surrogate", "-"),
    "a control character": ("model: ‸\x07", "Control characters", "-"),
    "too deep": (f"types: {'[' * 31}‸[", "32 levels", "-"),
    "too many kinds": (f"types: {{a: {{relations: {{r: [{'user, ' * 100}‸user]}}}}}}", "more than 100", "-"),
    "a long permission": (f"types: {{{'a' * 64}: {{permissions: [‸{'b' * 64}]}}}}", "more than 128", "-"),
    "too deep an expression": (f"types: {{a: {{permissions: {{x: {'(' * 33}‸a}}}}}}", "32 deep", "-"),
    "too long an expression": (f"types: {{a: {{permissions: {{x: ‸{'a' * 4097}}}}}}}", "4096 characters", "-"),
    "a long description": (f"roles: {{a: {{description: ‸{'x' * 501}}}}}", "at most 500", "-"),
    "long conditions": (
        "types: {a: {permissions: [b]}}\npolicies:\n"
        + "".join(_policy(n, f"user.x == '{'x' * 4000}'") for n in range(24))
        + _policy(24, f"‸user.x == '{'x' * 4000}'")
        + _policy(25, "1"),
        "100000 characters together",
        "-",
    ),
    "too many permissions": (
        f"types: {{a: {{permissions: [b]}}}}\nroles: {{r: {{permissions: [{'a.b, ' * 500}‸a.b]}}}}",
        "more than 500",
        "-",
    ),
}
FAULTS = _COMPUTED | {name: (text, message, hint) for name, text, message, hint in _BLOCK.findall(_WRITTEN)}


def test_every_written_fault_is_read() -> None:
    assert len(FAULTS) == len(_COMPUTED) + _WRITTEN.count("\n=== ")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_at_its_place(name: str) -> None:
    marked, message, hint = FAULTS[name]
    before, _, after = marked.partition("‸")
    with pytest.raises(InvalidModel) as caught:
        read_model(before + after)
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    there = [fault for fault in caught.value.faults if (fault.line, fault.column) == place]
    assert there, caught.value.faults
    assert any(_says(fault.message, message) and _says(fault.hint or "", hint) for fault in there), there


def _says(text: str, wanted: str) -> bool:
    return wanted == "-" or wanted in text


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    with pytest.raises(InvalidModel) as caught:
        read_model("roles: {a: {includes: [b]}}\ntypes: {A: {}}\nwindows: {w: {}}\nmodel: X\n")
    assert [fault.line for fault in caught.value.faults] == [1, 2, 3, 4]


def test_a_hundred_faults_are_enough() -> None:
    with pytest.raises(InvalidModel) as caught:
        read_model("types:\n" + "".join(f"  T{n}: {{}}\n" for n in range(1000)))
    assert len(caught.value.faults) == 100


def test_the_error_carries_its_faults_for_clients() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_model("roles: {writer: {includes: [reder]}, reader: {}}\nmodel: X\n")
    error = caught.value
    assert (error.code, error.status) == ("invalid_model", 400)
    assert error.extra["faults"][0] == {  # type: ignore[index]
        "message": "There is no role reder.",
        "line": 1,
        "column": 29,
        "hint": "Did you mean reader?",
    }
    assert error.detail == (
        "Line 1, column 29: There is no role reder. Did you mean reader? That is the first of 2 faults."
    )
