"""``ostiary model`` and ``ostiary policies``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

MODEL = """
types:
  document:
    relations: {owner: [user], editor: [user]}
    permissions: {write: owner or editor}
tests:
  - name: owners write
    facts: {relations: ["document:1#owner@user:ada"]}
    check: [{subject: user:ada, action: write, resource: document:1, allowed: true}]
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "ostiary.model.yaml"
    file.write_text(MODEL)
    return file


def test_a_model_is_checked_and_tested_without_any_data(line: CommandLine, model: Path) -> None:
    checked = line("model", "check", str(model), data=False)
    assert (checked.returncode, "no faults" in checked.stdout) == (0, True), checked.stderr
    tested = line("model", "test", str(model), data=False)
    assert (tested.returncode, tested.stdout) == (0, "1 tests, 0 assertions that do not hold\n")
    model.write_text(MODEL.replace("write: owner or editor", "write: editor"))
    failed = line("model", "test", str(model), data=False)
    assert failed.returncode == 4
    assert f"{model}:9: owners write: user:ada document.write document:1 is denied" in failed.stdout
    model.write_text(MODEL.replace("owner or editor", "ownr or editor"))
    faulty = line("model", "check", str(model), data=False)
    assert faulty.returncode == 4
    assert f"{model}:5:26: " in faulty.stdout
    assert "Did you mean owner?" in faulty.stdout


def test_a_model_is_compared_applied_and_gone_back_to(line: CommandLine, model: Path) -> None:
    assert line("migrate").returncode == 0
    assert line.ok("model", "apply", str(model))["version"] == 1
    assert line("model", "show").stdout == MODEL
    model.write_text(MODEL.replace("owner or editor", "owner"))
    assert line("model", "diff", str(model)).stdout == "document.write is not held by editor any more\n"
    assert line.ok("model", "apply", str(model), "--expect", "1")["version"] == 2
    assert line("model", "apply", str(model), "--expect", "1").returncode == 4
    assert line.ok("model", "apply", "--to", "1")["text"] == MODEL
    assert [each["version"] for each in line.ok("model", "versions")["items"]] == [3, 2, 1]
    assert line("model", "apply", "--to", "9").returncode == 3


def test_a_policy_round_trip(line: CommandLine) -> None:
    assert line("migrate").returncode == 0
    made = line.ok(
        "policies", "set", "office", "allow", "--action", "read", "--resource", "document",
        "--condition", '{"user.department": "engineering"}',
    )  # fmt: skip
    assert made["rule"]["condition"] == {"user.department": "engineering"}
    assert line.ok("policies", "show", "office") == made
    refused = line("policies", "set", "b", "allow", "--action", "read", "--resource", "document", "--when", "1 +")
    assert (refused.returncode, "position" in refused.stderr) == (4, True)
    assert [each["name"] for each in line.ok("policies", "list")["items"]] == ["office"]
    line.ok("policies", "delete", "office")
    assert line("policies", "show", "office").returncode == 3


def test_questions_are_answered_with_the_facts_that_decide(line: CommandLine, model: Path) -> None:
    assert line("migrate").returncode == 0
    ada = line.ok("accounts", "create", "ada@example.com")["id"]
    line.ok("model", "apply", str(model))
    line.ok("relations", "write", f"document:1#editor@user:{ada}")
    allowed = line("check", "ada@example.com", "document.write", "document:1")
    assert (allowed.returncode, f"user:{ada} → document:1#editor → document.write" in allowed.stdout) == (0, True)
    assert [each["id"] for each in line.ok("who-can", "document.write", "document:1")["items"]] == [ada]
    assert [each["id"] for each in line.ok("what-can", "ada@example.com", "document.write")["items"]] == ["1"]
    strong = ["policies", "set", "strong", "allow", "--action", "sign", "--resource", "document"]
    line.ok(*strong, "--when", "context.acr == 'aal2'")
    question = ["check", "ada@example.com", "document.sign", "document:1", "--context"]
    assert line(*question, '{"acr": "aal2"}').returncode == 0
    weak = line(*question, '{"acr": "aal1"}')
    assert (weak.returncode, "policy strong does not apply: context.acr is 'aal1'" in weak.stdout) == (1, True)
    assert line(*question, "[]").returncode == 2


def test_a_denial_is_explained_with_each_nearest_way(line: CommandLine, model: Path) -> None:
    assert line("migrate").returncode == 0
    line.ok("accounts", "create", "ada@example.com")
    line.ok("model", "apply", str(model))
    line.ok("roles", "create", "writer", "--permission", "document.write")
    denied = line("explain", "ada@example.com", "document.write", "document:1")
    assert denied.returncode == 0
    assert "would be allowed with the role writer" in denied.stdout
    assert "would be allowed as editor of document:1" in denied.stdout
    strong = ["policies", "set", "strong", "allow", "--action", "sign", "--resource", "document"]
    line.ok(*strong, "--when", "context.acr == 'aal2'")
    weak = line.ok("explain", "ada@example.com", "document.sign", "document:1", "--context", '{"acr": "aal1"}')
    assert (weak["allowed"], weak["nearest"]) == (False, {"step_up": {"level": "aal2"}})
    line.ok("relations", "write", f"document:1#editor@user:{line.ok('accounts', 'show', 'ada@example.com')['id']}")
    allowed = line.ok("explain", "ada@example.com", "document.write", "document:1")
    assert (allowed["allowed"], allowed["nearest"]) == (True, {})
