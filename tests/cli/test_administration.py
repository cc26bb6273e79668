"""Administration by commands: what they do, what they print, and how they end."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import CommandLine


@pytest.fixture
def installed(line: CommandLine) -> CommandLine:
    """An installation with its tables, and nothing else."""
    assert line("migrate").returncode == 0
    return line


def test_a_role_a_grant_and_a_check_round_trip(installed: CommandLine) -> None:
    ok = installed.ok
    ada = ok("accounts", "create", "ada@example.com", "--username", "ada", "--password-stdin", stdin="seven lanterns\n")
    assert (ada["status"], ada["email_verified"]) == ("active", True)
    ok("roles", "create", "writer", "--permission", "documents.write")
    ok("roles", "create", "editor", "--include", "writer", "--description", "edits")
    assert ok("roles", "assign", "ada", "editor", "--on", "documents:7")["resource"] == {"type": "documents", "id": "7"}

    allowed = installed("check", "ada@example.com", "documents.write", "documents:7")
    assert (allowed.returncode, allowed.stdout.splitlines()) == (
        0,
        [
            "allowed: documents.write on documents:7",
            f"  user:{ada['id']} → role:editor → role:writer → documents.write on documents:7",
        ],
    )
    elsewhere = installed("check", ada["id"], "documents.write", "--json")
    assert elsewhere.returncode == 1
    assert json.loads(elsewhere.stdout) == {
        "allowed": False,
        "reason": "nothing_allows",
        "permission": "documents.write",
        "resource": None,
        "because": [],
        "failed": [],
        "would_allow": ["editor", "writer"],
    }

    grant = ok("grants", "create", "ada", "deny", "documents.*", "--until", "2999-01-01T00:00:00Z")
    denied = installed("check", "ada", "documents.write", "documents:7")
    assert (denied.returncode, denied.stdout.splitlines()[0]) == (
        1,
        "denied: documents.write on documents:7 (denied_explicitly)",
    )
    ok("grants", "delete", "ada", grant["id"])
    assert ok("grants", "list", "ada")["items"] == []
    ok("roles", "unassign", "ada", "editor", "--on", "documents:7")
    assert ok("roles", "assigned", "ada")["items"] == []

    assert ok("accounts", "disable", "ada")["status"] == "disabled"
    ok("accounts", "delete", "ada")
    events = ok("audit", "--account", ada["id"])["items"]
    assert [event["event"] for event in events] == [
        "account.deleted",
        "account.disabled",
        "role.unassigned",
        "grant.deleted",
        "grant.created",
        "role.assigned",
        "account.created",
    ]
    assert {event["actor"] for event in ok("audit")["items"]} == {"operator"}


def test_exit_codes_tell_scripts_what_happened(installed: CommandLine) -> None:
    account = ("accounts", "create", "ada@example.com")
    installed.ok(*account)
    for expected, code, command in (
        (1, "", ("check", "ada@example.com", "documents.read")),
        (2, "", ("check", "ada@example.com")),
        (2, "", ("grants", "create", "ada@example.com", "allow", "documents.read", "--on", "documents")),
        (3, "not_found", ("accounts", "show", "bob")),
        (3, "not_found", ("roles", "unassign", "ada@example.com", "administrator")),
        (4, "conflict", account),
        (4, "invalid_request", ("check", "ada@example.com", "Documents!")),
        (4, "weak_password", ("accounts", "create", "eve@example.com", "--password-stdin")),
        (4, "conflict", ("roles", "delete", "administrator")),
    ):
        done = installed(*command, stdin="short\n")
        assert done.returncode == expected, (command, done.stderr)
        assert "Traceback" not in done.stderr
        if code:
            assert (done.stdout, done.stderr.count("\n")) == ("", 1)
            assert done.stderr.endswith(f"({code})\n")


def test_a_pipe_gets_tab_separated_lines_and_a_long_list_says_how_to_go_on(installed: CommandLine) -> None:
    for name in ("ada", "bob", "eve"):
        installed.ok("accounts", "create", f"{name}@example.com", "--username", name)
    first = installed("accounts", "list", "--limit", "2")
    header, *rows = [row.split("\t") for row in first.stdout.splitlines()]
    assert [row[header.index("username")] for row in rows] == ["ada", "bob"]
    onwards = first.stderr.split()[-2:]
    assert [row["username"] for row in installed.ok("accounts", "list", *onwards)["items"]] == ["eve"]


def test_a_password_is_never_taken_from_the_arguments(installed: CommandLine) -> None:
    refused = installed("accounts", "create", "ada@example.com", "--password", "seven quiet lanterns")
    assert refused.returncode == 2


def test_commands_find_what_dev_made_here_and_say_so(installed: CommandLine) -> None:
    nothing = installed("accounts", "list", data=False)
    assert (nothing.returncode, nothing.stderr.count("\n")) == (5, 1)
    assert "--data" in nothing.stderr
    installed.data.rename(installed.folder / ".ostiary")
    found = installed("--json", "accounts", "list", data=False)
    assert (found.returncode, json.loads(found.stdout)["items"]) == (0, [])
    assert ".ostiary" in found.stderr


def test_a_folder_without_an_installation_is_refused_and_not_made(line: CommandLine) -> None:
    refused = line("accounts", "list")
    assert (refused.returncode, refused.stderr.count("\n")) == (5, 1)
    assert not line.data.exists()


def test_migrate_status_tells_by_its_exit_code_whether_there_is_something_to_do(line: CommandLine) -> None:
    url = f"sqlite:///{line.folder / 'ostiary.db'}"
    behind = line("migrate", "status", "--json", data=False, OSTIARY_DATABASE_URL=url)
    assert (behind.returncode, json.loads(behind.stdout)["items"][0]["applied_at"]) == (1, None)
    assert line("migrate", data=False, OSTIARY_DATABASE_URL=url).returncode == 0
    assert line("migrate", "status", data=False, OSTIARY_DATABASE_URL=url).returncode == 0
    assert line("migrate", data=False, OSTIARY_DATABASE_URL=url).stdout == "The database is up to date.\n"


def test_config_show_masks_secrets_and_names_the_source_of_each_setting(line: CommandLine) -> None:
    key, password = "5a" * 32, "open sesame"
    (line.folder / "other.toml").write_text('site_name = "From the file"\n[server]\nport = 9000\n')
    shown = line(
        "config",
        "show",
        "--json",
        data=False,
        OSTIARY_CONFIG="other.toml",
        OSTIARY_MASTER_KEY=key,
        OSTIARY_SERVER_PORT="9001",
        OSTIARY_DATABASE_URL=f"postgresql://ostiary:{password}@db.example.com/ostiary",
    )
    assert shown.returncode == 0
    assert key not in shown.stdout
    assert password not in shown.stdout
    settings = {item["setting"]: (item["value"], item["source"]) for item in json.loads(shown.stdout)["items"]}
    assert settings["site_name"] == ("From the file", "other.toml")
    assert settings["server.port"] == ("9001", "OSTIARY_SERVER_PORT")
    assert settings["master_key"] == ("********", "OSTIARY_MASTER_KEY")
    assert settings["sessions.idle"][1] == "default"
