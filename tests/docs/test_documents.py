"""What the documents say is so: their sessions run, their links lead somewhere, what they name exists."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ostiary.cli import ostiary
from ostiary.settings import load
from ostiary.settings.fields import fields
from ostiary.web.pages.render import Pages
from ostiary.web.route import RouteTable
from ostiary.web.routes import all_routes
from tests.support.services import missing

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "bench/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
)
SESSIONS = [
    "README.md",
    "docs/guides/api-keys.md",
    "docs/guides/authzen.md",
    "docs/guides/cli.md",
    "docs/guides/credentials.md",
    "docs/guides/http-api.md",
    "docs/guides/import.md",
    "docs/guides/sessions.md",
    "docs/guides/tokens.md",
]
"""Documents whose ``sh`` blocks are one session on a new ``ostiary dev``; the ``json`` and ``text`` blocks that follow
are what it answers, ``…`` standing for anything."""

DESCRIPTIONS = [name for name in DOCUMENTS if name != "CONTRIBUTING.md" and not name.startswith("docs/reference/")]
"""Documents that speak of what is there; the others also speak of what may come, or are made from the code."""

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NEXT = "\x1e"
_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")} | {
    "NO_PROXY": "localhost"
}


def _text(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


def _prose(document: str) -> str:
    return _BLOCK.sub("", _text(document))


def _all_blocks(document: str) -> list[tuple[str, str]]:
    return [(block[1], block[2]) for block in _BLOCK.finditer(_text(document))]


def _session(document: str) -> list[tuple[str, str]]:
    return [(kind, text) for kind, text in _all_blocks(document) if kind in ("sh", "json", "text")]


@pytest.fixture
def dev_server(tmp_path: Path) -> Iterator[int]:
    """`ostiary dev` as `make serve` runs it, in a folder with a `.venv`; the port it listens on."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = [".venv/bin/ostiary", "dev", "--port", str(port), "--json"]
    with subprocess.Popen(command, cwd=tmp_path, env=_ENVIRONMENT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert json.loads(server.stdout.readline())["issuer"] == f"http://localhost:{port}"
            yield port
        finally:
            server.terminate()
    assert server.returncode == 0


@pytest.mark.parametrize("document", SESSIONS)
def test_a_session_in_a_document_answers_what_is_printed_there(document: str, dev_server: int, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        missing("curl", "PATH", "it is not found")
    blocks = _session(document)
    commands = f'\nprintf "%s" "{_NEXT}"\n'.join(text for kind, text in blocks if kind == "sh")
    script = commands.replace("localhost:8000", f"localhost:{dev_server}")
    ran = subprocess.run(
        ["bash"], input=script, cwd=tmp_path, env=_ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )
    answers = iter(ran.stdout.split(_NEXT))
    answer = ""
    for kind, text in blocks:
        if kind == "sh":
            answer = next(answers)
        else:
            printed = text.replace("localhost:8000", f"localhost:{dev_server}")
            assert re.fullmatch(_pattern(printed), _dense(answer)), (
                f"{text}\nis printed, but this came:\n{answer}{ran.stderr}"
            )


def _pattern(printed: str) -> str:
    return ".*".join(map(re.escape, _dense(printed).split("…")))


def _dense(text: str) -> str:
    """Where a line ends and how members are set apart is the page's own affair."""
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files_and_headings_that_are_there(document: str) -> None:
    prose = _prose(document)
    links = re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", prose)
    for link in links:
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, heading = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        assert target.exists(), f"{document}: {link}"
        assert not heading or heading in _anchors(target), f"{document}: {link}"


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_code_that_a_document_names_is_there(document: str) -> None:
    for file, name in re.findall(r"`([\w/]+)\.py:([\w.]+)`", _prose(document)):
        found: object = importlib.import_module(f"ostiary.{file.replace('/', '.')}")
        for part in name.split("."):
            found = getattr(found, part, None)
            assert found is not None, f"{document}: {file}.py:{name}"


@pytest.mark.parametrize("document", DESCRIPTIONS)
def test_files_that_a_document_names_are_there(document: str) -> None:
    for path in re.findall(r"`((?:src|tests|docs|bench|examples|web|authentication)/[\w./-]+)`", _prose(document)):
        assert (ROOT / path).exists() or (ROOT / "src/ostiary" / path).exists(), f"{document}: {path}"


@pytest.mark.parametrize("document", DESCRIPTIONS)
def test_commands_that_a_document_names_are_there(document: str) -> None:
    for line in re.findall(r"(?:`|^[$ ]*|\| |\.venv/bin/)ostiary ([^`|>\n]+)", _text(document), re.MULTILINE):
        command: click.Command = ostiary
        for word in re.sub(r"--data \S+ ", "", line).split():
            if isinstance(command, click.Group) and word.islower():
                assert word in command.commands, f"{document}: ostiary {line}"
                command = command.commands[word]
            elif word.startswith("--"):
                options = {option for parameter in command.params for option in parameter.opts}
                assert word in options, f"{document}: ostiary {line}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_settings_that_a_document_names_are_there(document: str) -> None:
    known = {field.variable for field in fields()} | {"OSTIARY_CONFIG"}
    named = set(re.findall(r"\bOSTIARY_[A-Z_]*[A-Z]\b", _text(document)))
    assert {name for name in named if not name.startswith("OSTIARY_TEST_")} <= known


@pytest.mark.parametrize("document", DOCUMENTS)
def test_addresses_that_a_document_names_are_there(document: str) -> None:
    settings = load({}, None, {"dev": True})
    table = RouteTable(all_routes(settings, Pages(settings)))
    for method, path in re.findall(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/.{}-]+)", _text(document)):
        table.find(method, path)


def test_the_embedding_example_of_the_readme_is_that_of_the_guide() -> None:
    def first(document: str) -> str:
        return next(text for kind, text in _all_blocks(document) if kind == "python")

    assert first("README.md") == first("docs/guides/embedding.md")


def test_the_settings_file_of_the_guide_to_production_is_fit_for_it(tmp_path: Path) -> None:
    example = next(text for kind, text in _all_blocks("docs/guides/production.md") if kind == "toml")
    file, key = tmp_path / "ostiary.toml", tmp_path / "master.key"
    key.write_text("4f" * 32)
    file.write_text(example.replace("/etc/ostiary/master.key", str(key)))
    load({}, file, production=True)


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    packages = {re.split(r"[^\w-]", line)[0] for group in groups for line in group}
    cells = re.findall(r"^\|([^|]*)\|", _text("docs/decisions/0014-dependencies.md"), re.MULTILINE)
    assert packages <= set(re.findall(r"`([\w-]+)`", "".join(cells)))


def test_every_decision_and_guide_is_in_the_index() -> None:
    index = _text("docs/index.md")
    assert [name for name in DOCUMENTS if name.startswith("docs/") and name.removeprefix("docs/") not in index] == [
        "docs/index.md"
    ]
