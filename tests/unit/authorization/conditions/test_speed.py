"""Deciding a condition costs next to nothing beside the rest of a decision."""

from __future__ import annotations

from functools import partial
from timeit import repeat

import pytest

from ostiary.authorization.conditions import compile_cel, compile_json

_Map = dict[str, object]


@pytest.mark.alone
def test_a_simple_condition_takes_less_than_half_a_microsecond() -> None:
    attributes = (
        {"department": "engineering"},
        {"classification": "internal"},
        {"name": "read"},
        {"address": "192.0.2.1"},
    )
    for condition in (
        compile_cel('subject.department == "engineering" && resource.classification == "internal"'),
        compile_json({"user.department": "engineering", "resource.classification": ["internal", "public"]}),
    ):
        assert condition.holds(*attributes, 0)
        seconds = min(repeat(partial(condition.holds, *attributes, 0), number=20_000, repeat=20)) / 20_000
        assert seconds < 0.5e-6
