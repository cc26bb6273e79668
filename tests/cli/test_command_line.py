"""The commands as such: their reference, what they load, and their output."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ostiary.cli import ostiary
from ostiary.cli.logs import JSONFormatter
from ostiary.cli.output import text
from ostiary.cli.reference import reference
from tests.cli.conftest import CommandLine, environment

ROOT = Path(__file__).parents[2]


def test_the_page_of_commands_is_what_the_code_says() -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    assert page == reference(), "run: python -m ostiary.cli.reference > docs/reference/cli.md"


def test_help_loads_nothing_that_it_does_not_need() -> None:
    assert _loaded("--help") & {"starlette", "uvicorn", "jinja2", "cryptography", "sqlite3", "rich", "msgspec"} == set()


def test_a_check_loads_nothing_of_the_web(line: CommandLine) -> None:
    assert line("migrate").returncode == 0
    line.ok("accounts", "create", "ada@example.com", "--username", "ada")
    loaded = _loaded("check", "ada", "documents.read", "--data", str(line.data))
    assert "sqlite3" in loaded
    assert loaded & {"starlette", "uvicorn", "jinja2", "rich", "email_validator", "aiosmtplib", "asyncpg"} == set()


def test_importing_ostiary_loads_nothing_and_offers_every_public_name() -> None:
    code = (
        "import sys, ostiary; before = set(sys.modules)\n"
        "print(*sorted(name for name in before if name.startswith('ostiary.') or name in ('msgspec', 'asyncio')))\n"
        "print(*(name for name in ostiary.__all__ if getattr(ostiary, name) is None))\n"
        "print(sorted(dir(ostiary)) == sorted(ostiary.__all__), hasattr(ostiary, 'nothing_of_that_name'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "\n\nTrue False\n"


def test_a_fault_of_ours_does_not_look_like_a_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr("ostiary.cli.installation.settings_of", broken)
    assert CliRunner().invoke(ostiary, ["check", "ada", "documents.read"]).exit_code == 7


def test_a_log_line_is_one_json_object_even_with_an_exception() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("ostiary", logging.ERROR, __file__, 1, "it %s\nfailed", ("really",), sys.exc_info())
    written = JSONFormatter().format(record)
    assert "\n" not in written
    line = json.loads(written)
    assert (line["level"], line["logger"], line["message"]) == ("error", "ostiary", "it really\nfailed")
    assert "ValueError: two" in line["exception"]
    assert line["time"].endswith("Z")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("\x1b[2Jclear\r\n", r"\x1b[2Jclear\r\n"),
        ("Zoë → ok", "Zoë → ok"),
        ({"type": "documents", "id": "\x07"}, r"documents:\x07"),
        (["a", None, True], "a, , yes"),
    ],
)
def test_nothing_that_somebody_typed_steers_the_terminal(value: object, shown: str) -> None:
    assert text(value) == shown


def _loaded(*arguments: str) -> set[str]:
    """The top-level packages that a command imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ostiary", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    imported = [row.rpartition("|")[2].strip() for row in done.stderr.splitlines() if row.startswith("import time:")]
    assert len(imported) > 50
    return {name.partition(".")[0] for name in imported}
