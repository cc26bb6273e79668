"""The models that the guide shows are read, and their tests hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ostiary.authorization.model_file import model_tests, read_model
from ostiary.authorization.supposing import run

_GUIDE = (Path(__file__).parents[4] / "docs" / "guides" / "model.md").read_text("utf-8")
_MODELS = re.findall(r"^```yaml\n(.*?)^```|<<'END'\n(.*?)^END$", _GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(_MODELS)))
def test_a_model_of_the_guide_is_right(number: int) -> None:
    text = "".join(_MODELS[number])
    assert run(read_model(text), model_tests(text)) == ()


def test_the_guide_shows_models() -> None:
    assert len(_MODELS) == _GUIDE.count("```yaml") + 1
