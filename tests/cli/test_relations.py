"""Relations by commands."""

from __future__ import annotations

from tests.cli.conftest import CommandLine


def test_relations_are_written_listed_and_deleted(line: CommandLine) -> None:
    assert line("migrate").returncode == 0
    ada = line.ok("accounts", "create", "ada@example.com")["id"]
    nested, member = "group:eng#member@group:core#member", f"group:core#member@user:{ada}"
    written = line.ok("relations", "write", nested, member)
    assert written["revision"].startswith("rev_")
    listed = line.ok("relations", "list", "--type", "group")["items"]
    assert [each["tuple"] for each in listed] == [member, nested]
    assert [each["tuple"] for each in line.ok("relations", "list", "--subject", "group:core#member")["items"]] == [
        nested
    ]
    assert line.ok("relations", "list", "--object", "group:eng", "--relation", "owner")["items"] == []
    line.ok("relations", "write", "group:a#member@group:b#member", "--delete", member)
    line.ok("relations", "delete", nested)
    assert [each["object"] for each in line.ok("relations", "list")["items"]] == ["group:a"]


def test_what_cannot_be_ends_with_an_exit_code_and_writes_nothing(line: CommandLine) -> None:
    assert line("migrate").returncode == 0
    good = "group:eng#member@user:7"
    for wrong in ("group:eng#member", "nothing:1#viewer@user:7", "group:eng#owner@user:7", "ostiary:1#a@user:7"):
        refused = line("relations", "write", good, wrong)
        assert (refused.returncode, "invalid_request" in refused.stderr) == (4, True), (wrong, refused.stderr)
    assert line("relations", "write").returncode == 2
    assert line.ok("relations", "list")["items"] == []
