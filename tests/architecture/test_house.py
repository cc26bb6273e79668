"""The house rules that no other tool holds. Import directions are contracts in ``pyproject.toml``: ``make check``."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ostiary.settings import reference

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "ostiary"
MODULES = sorted(SOURCE.rglob("*.py"))
ROOMS = sorted(file.parent.name for file in SOURCE.glob("*/__init__.py"))


def tracked_text() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name and not name.startswith(("uv.lock", "LICENSE"))]
    return [file for file in files if file.is_file() and b"\0" not in file.read_bytes()]


def test_no_module_is_too_long_to_be_read_at_once() -> None:
    long = {
        str(file.relative_to(ROOT)): count for file in MODULES if (count := len(file.read_text().splitlines())) > 450
    }
    assert long == {}


def test_functions_are_short() -> None:
    """Median 10 lines, 95 of 100 up to 40; the few beyond are tables, which are read row by row."""
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for file in MODULES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    )
    assert lengths[len(lengths) // 2] <= 10
    assert lengths[int(len(lengths) * 0.95)] <= 40


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_a_charter(room: str) -> None:
    charter = ast.get_docstring(ast.parse((SOURCE / room / "__init__.py").read_text()))
    assert charter
    assert len(charter.splitlines()) > 1, "says what the room owns, what it depends on and what it refuses"


def test_no_module_is_a_grab_bag() -> None:
    grab_bags = {"utils", "util", "helpers", "common", "misc", "manager", "service"}
    assert [str(file) for file in MODULES if file.stem in grab_bags or file.parent.name in grab_bags] == []


def test_sql_is_made_of_constants_and_parameters() -> None:
    """Whatever an f-string of SQL holds is a constant, or a name listed here because it is one of a few constants."""
    chosen_from_constants = {"column", "columns", "where"}
    statement = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b.* ", re.DOTALL)
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno} {name}"
        for file in MODULES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.JoinedStr) and statement.search(ast.unparse(node))
        for part in node.values
        if isinstance(part, ast.FormattedValue) and not (name := ast.unparse(part.value)).isupper()
        if name not in chosen_from_constants and "__struct_fields__" not in name
    ]
    assert found == []


def test_the_settings_page_is_what_the_code_says() -> None:
    page = ROOT / "docs" / "reference" / "settings.md"
    assert page.read_text() == reference(), "run: python -m ostiary.settings > docs/reference/settings.md"


def test_nothing_names_a_path_of_one_machine() -> None:
    elsewhere = re.compile(r"(?<![\w.-])/(?:home/\w|Users/\w|work/|root/)")
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in tracked_text()
        if file != Path(__file__)
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1)
        if elsewhere.search(line)
    ]
    assert found == []


def test_importing_the_package_loads_nothing_dear() -> None:
    dear = "{'starlette', 'jinja2', 'asyncpg', 'cryptography', 'click', 'uvicorn', 'email_validator'}"
    code = f"import sys, ostiary; print(*sorted({dear} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.split() == []
