"""The guide to importing names every member, format and code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ostiary.accounts.import_row import ImportMembers, Refusal
from ostiary.crypto.foreign_hashes import FORMATS

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "import.md").read_text("utf-8")
TABLES = re.findall(r"^\| ([^|]+) \|", GUIDE, re.MULTILINE)
FIRST_CELLS = {name for cell in TABLES for name in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("named", [*ImportMembers.__struct_fields__, *FORMATS, *Refusal])
def test_the_guide_names_it_in_a_table(named: str) -> None:
    assert named in FIRST_CELLS


def test_the_guide_names_nothing_else() -> None:
    assert {*ImportMembers.__struct_fields__, *FORMATS, *Refusal} >= FIRST_CELLS
