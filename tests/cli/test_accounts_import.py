"""`ostiary accounts import`: both kinds of file, what is reported, and that a kill leaves nothing half."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from ostiary.accounts.import_row import Refused
from ostiary.cli.import_file import ImportFile
from tests.cli.conftest import COMMAND, CommandLine, environment
from tests.support.foreign_hashes import vector

BCRYPT = vector("bcrypt 2b").password_hash
WRITTEN = "accounts", "passwords", "audit_events"


@pytest.fixture
def installed(line: CommandLine) -> CommandLine:
    """An installation with its tables, and nothing else."""
    assert line("migrate").returncode == 0
    return line


def rows(line: CommandLine, table: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(line.data / "ostiary.db", timeout=30)
    try:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    finally:
        connection.close()


def count(line: CommandLine, table: str) -> int:
    connection = sqlite3.connect(line.data / "ostiary.db", timeout=30)
    try:
        found: int = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
        return found
    finally:
        connection.close()


def write_jsonl(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines), "utf-8")
    return path


def people(number: int) -> list[dict[str, Any]]:
    return [
        {"email": f"person{each}@example.com", "email_verified": True, "name": "Ada", "password_hash": BCRYPT}
        for each in range(number)
    ]


def test_lines_become_accounts_and_the_refused_are_reported_without_anything_of_them(installed: CommandLine) -> None:
    file = installed.folder / "people.jsonl"
    good = write_jsonl(file, people(3)).read_bytes()
    secret = BCRYPT[:-5]
    bad = [
        b"not json",
        b'{"email": "a@example.com", "email": "b@example.com"}',
        b'["a@example.com"]',
        b'{"email": "a\\u0000@example.com"}',
        b'{"email": "\xff@example.com"}',
        b'{"email": "long@example.com", "name": "' + b"a" * 70_000 + b'"}',
        b"[" * 1000,
        json.dumps({"email": "ada@example.com", "password_hash": secret}).encode(),
        json.dumps({"email": "ada@example.com", "kind": secret}).encode(),
        json.dumps({"email": "person1@example.com", "password_hash": BCRYPT}).encode(),
    ]
    file.write_bytes(
        b"\xef\xbb\xbf" + good + b"\r\n\n" + b"\r\n".join(bad) + b"\n\n" + good.replace(b"person", b"other")
    )
    report = installed.folder / "refused.jsonl"
    done = installed("accounts", "import", str(file), "--report", str(report), "--json")
    assert (done.returncode, done.stderr) == (4, "")
    told = [json.loads(each) for each in report.read_text("utf-8").splitlines()]
    assert [(each["line"], each["code"]) for each in told] == [
        (6, "invalid_json"),
        (7, "invalid_json"),
        (8, "invalid_json"),
        (9, "invalid_json"),
        (10, "not_utf8"),
        (11, "line_too_long"),
        (12, "invalid_json"),
        (13, "invalid_password_hash"),
        (14, "invalid_member"),
        (15, "duplicate_email"),
    ]
    assert secret[7:] not in report.read_text() + done.stdout
    assert "example.com" not in report.read_text()
    summary = json.loads(done.stdout)
    assert (summary["lines"], summary["created"], summary["refused"]) == (16, 6, 10)
    assert summary["reasons"]["invalid_json"] == 5
    assert count(installed, "accounts") == 6
    assert count(installed, "passwords") == 6


def test_both_kinds_of_file_make_the_same_accounts(line: CommandLine) -> None:
    made = []
    header = "email,email_verified,username,name,kind,password_hash,created_at,disabled"
    csv = (
        f"\ufeff{header}\r\n"
        f'ada@example.com,True,ada,"Lovelace, ""Ada""",user,{BCRYPT},2019-12-10T00:00:00Z,\r\n'
        f"bob@example.com,false,,Böb,,,,true\r\n"
        ",,export,Nightly,service,,,0\r\n"
    )
    lines: list[dict[str, Any]] = [
        {
            "email": "ada@example.com",
            "email_verified": True,
            "username": "ada",
            "name": 'Lovelace, "Ada"',
            "password_hash": BCRYPT,
            "created_at": "2019-12-10T00:00:00Z",
        },
        {"email": "bob@example.com", "name": "Böb", "disabled": True},
        {"kind": "service", "username": "export", "name": "Nightly"},
    ]
    for kind in ("csv", "jsonl"):
        installed = CommandLine(line.folder / kind)
        installed.folder.mkdir()
        assert installed("migrate").returncode == 0
        file = installed.folder / f"people.{kind}"
        file.write_text(csv, "utf-8", newline="") if kind == "csv" else write_jsonl(file, lines)
        assert installed.ok("accounts", "import", str(file))["created"] == 3
        listed = installed.ok("accounts", "list")["items"]
        own = {"id", "updated_at", "created_at"}
        made.append({each["name"]: {n: v for n, v in each.items() if n not in own} for each in listed})
        made[-1]["hash"] = [row[1] for row in rows(installed, "passwords")]  # type: ignore[assignment]
        ada = next(each for each in listed if each["username"] == "ada")
        assert ada["created_at"] == "2019-12-10T00:00:00.000Z"
    assert made[0] == made[1]


def test_lines_of_csv_that_are_none_are_refused_and_spoil_no_others(installed: CommandLine) -> None:
    file = installed.folder / "people.csv"
    file.write_bytes(
        b"email,name\n"
        b'"ada@example.com,Ada\n'
        b"bob@example.com\n"
        b"eve@example.com,Eve,more\n"
        b'fay@example.com,"Fay\n'
        b'of the second line"\n'
        b'gil@example.com,Gil"s\n'
        b"hal@example.com,Hal\0\n"
        b"ida@example.com,\xff\n"
        b"joe@example.com,Joe\n"
    )
    report = installed.folder / "refused.jsonl"
    assert installed("accounts", "import", str(file), "--report", str(report)).returncode == 4
    told = [json.loads(each) for each in report.read_text("utf-8").splitlines()]
    codes = ["invalid_csv"] * 5 + ["control_character", "not_utf8"]
    assert [(each["line"], each["code"]) for each in told] == list(zip([2, 3, 4, 5, 6, 8, 9], codes, strict=True))
    assert sorted(each["email"] for each in installed.ok("accounts", "list")["items"]) == [
        "gil@example.com",
        "joe@example.com",
    ]


def test_a_dry_run_changes_nothing(installed: CommandLine) -> None:
    file = write_jsonl(installed.folder / "people.jsonl", [*people(5), *people(1), {"email": "no address"}])
    before = [rows(installed, table) for table in WRITTEN]
    rehearsed = installed("accounts", "import", str(file), "--dry-run", "--json")
    assert rehearsed.returncode == 4
    assert [rows(installed, table) for table in WRITTEN] == before
    done = installed("accounts", "import", str(file), "--json")
    assert done.returncode == 4
    assert json.loads(done.stdout) == json.loads(rehearsed.stdout) | {"dry_run": False}


def test_a_killed_import_goes_on_where_it_stopped(installed: CommandLine) -> None:
    number, batch = 8_000, 200
    file = write_jsonl(installed.folder / "people.jsonl", people(number))
    command = [*COMMAND, "accounts", "import", str(file), "--batch", str(batch), "--data", str(installed.data)]
    with subprocess.Popen(
        command, env=environment(), cwd=installed.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 60
        while count(installed, "accounts") < 3 * batch:
            assert process.poll() is None
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGKILL)
    there = count(installed, "accounts")
    assert 3 * batch <= there < number
    assert there % batch == 0
    assert count(installed, "passwords") == there

    summary = installed.ok("accounts", "import", str(file), "--batch", str(batch))
    assert (summary["created"], summary["skipped"], summary["refused"]) == (number - there, there, 0)
    accounts = rows(installed, "accounts")
    assert len({row[3] for row in accounts}) == len(accounts) == number
    assert {row[0] for row in rows(installed, "passwords")} == {row[0] for row in accounts}
    connection = sqlite3.connect(installed.data / "ostiary.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_a_file_is_never_read_whole(tmp_path: Path) -> None:
    """A line of half a gigabyte, then an account: read in less memory than a few lines."""
    file = tmp_path / "people.jsonl"
    with file.open("wb") as opened:
        opened.truncate(512 * 1024 * 1024)
        opened.seek(0, os.SEEK_END)
        opened.write(b'\n{"email": "ada@example.com"}\n')
    tracemalloc.start()
    with ImportFile(file, "jsonl") as lines:
        (first, refused), (second, members) = lines.members()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(refused, Refused)
    assert (first, refused.code.value, second, members) == (1, "line_too_long", 2, {"email": "ada@example.com"})
    assert lines.position == lines.size
    assert peak < 8 * 1024 * 1024


def test_the_parameters_of_firebase_may_come_in_a_file_as_its_console_shows_them(installed: CommandLine) -> None:
    found = vector("firebase-scrypt of npm")
    console = installed.folder / "firebase.txt"
    console.write_text(
        "hash_config {\n  algorithm: SCRYPT,\n"
        f"  base64_signer_key: {found.firebase_signer_key},\n"
        f"  base64_salt_separator: {found.firebase_salt_separator},\n  rounds: 8,\n  mem_cost: 14,\n}}\n"
    )
    both = [
        {"email": "ada@example.com"} | found.members,
        {"email": "bob@example.com", "password_hash": found.password_hash, "password_salt": found.password_salt},
    ]
    file = write_jsonl(installed.folder / "people.jsonl", both)
    assert installed.ok("accounts", "import", str(file), "--firebase-parameters", str(console))["created"] == 2
    kept = {row[1] for row in rows(installed, "passwords")}
    assert len(kept) == 1
    assert found.firebase_signer_key is not None
    assert found.firebase_signer_key not in str(kept)
    console.write_text("rounds: 8\n")
    refused = installed("accounts", "import", str(file), "--firebase-parameters", str(console))
    assert (refused.returncode, refused.stderr.count("\n")) == (4, 1)


def test_a_credential_of_keycloak_may_be_an_object(installed: CommandLine) -> None:
    credential = json.loads(vector("keycloak argon2").password_hash)
    file = write_jsonl(installed.folder / "people.jsonl", [{"email": "ada@example.com", "password_hash": credential}])
    assert installed.ok("accounts", "import", str(file))["created"] == 1
    assert rows(installed, "passwords")[0][1].startswith("imported$argon2id$")


def test_the_format_of_hashes_may_be_told_by_an_option(installed: CommandLine) -> None:
    found = vector("aspnet v3")
    file = write_jsonl(installed.folder / "p.jsonl", [{"email": "a@example.com", "password_hash": found.password_hash}])
    assert installed("accounts", "import", str(file), "--password-format", "ldap").returncode == 4
    assert installed.ok("accounts", "import", str(file), "--password-format", "aspnet")["created"] == 1


def test_without_the_package_for_bcrypt_nothing_of_the_batch_is_imported_and_it_is_said(installed: CommandLine) -> None:
    blocked = installed.folder / "blocked"
    blocked.mkdir()
    (blocked / "bcrypt.py").write_text("raise ImportError('not installed')\n")
    file = write_jsonl(installed.folder / "people.jsonl", people(3))
    path = os.pathsep.join(filter(None, (str(blocked), os.environ.get("PYTHONPATH", ""))))
    refused = installed("accounts", "import", str(file), PYTHONPATH=path)
    assert (refused.returncode, refused.stdout) == (5, "")
    assert (
        refused.stderr == "error: bcrypt hashes need a package: pip install 'ostiary[import]' (configuration_error)\n"
    )
    assert count(installed, "accounts") == 0
    assert installed.ok("accounts", "import", str(file))["created"] == 3


def test_what_cannot_be_read_or_written_is_said_before_anything_is_imported(installed: CommandLine) -> None:
    file = write_jsonl(installed.folder / "people.jsonl", people(1))
    nameless = installed.folder / "people"
    nameless.write_bytes(file.read_bytes())
    columns = installed.folder / "columns.csv"
    columns.write_text("email,e-mail\n")
    twice = installed.folder / "twice.csv"
    twice.write_text("email,email\n")
    empty = installed.folder / "empty.csv"
    empty.write_text("")
    for expected, arguments in (
        (2, ("nothing.jsonl",)),
        (2, (str(nameless),)),
        (2, (str(file), "--report", str(file))),
        (2, (str(file), "--report", str(installed.folder / "no" / "folder.jsonl"))),
        (2, (str(file), "--password-format", "md5")),
        (2, (str(file), "--batch", "0")),
        (4, (str(columns),)),
        (4, (str(twice),)),
        (4, (str(empty),)),
    ):
        refused = installed("accounts", "import", *arguments)
        assert refused.returncode == expected, (arguments, refused.stderr)
        assert "Traceback" not in refused.stderr
    assert count(installed, "accounts") == 0
    assert file.read_text().count("\n") == 1
    assert installed.ok("accounts", "import", str(nameless), "--format", "jsonl")["created"] == 1


def test_an_empty_file_of_json_lines_is_no_fault(installed: CommandLine) -> None:
    file = write_jsonl(installed.folder / "people.jsonl", [])
    assert installed.ok("accounts", "import", str(file))["lines"] == 0
