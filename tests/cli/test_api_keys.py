"""`ostiary credentials api-keys`: keys of accounts, by the operator, and a key looked at offline."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import CommandLine

KEYS = ("credentials", "api-keys")


@pytest.fixture
def installed(line: CommandLine) -> CommandLine:
    """An installation with a service that may send invoices."""
    assert line("migrate").returncode == 0
    line.ok("accounts", "create", "--kind", "service", "--username", "billing")
    line.ok("grants", "create", "billing", "allow", "invoices.*")
    return line


def test_a_key_of_a_service_from_the_first_day_to_the_last(installed: CommandLine) -> None:
    ok = installed.ok
    made = ok(
        *(*KEYS, "create", "billing", "nightly", "--scope", "invoices.send", "--scope", "invoices.read"),
        *("--network", "203.0.113.0/24", "--until", "2999-01-01T00:00:00Z"),
    )
    assert made["key"].startswith("ost_live_")
    assert made["scopes"] == ["invoices.read", "invoices.send"]
    assert (made["networks"], made["expires_at"]) == (["203.0.113.0/24"], "2999-01-01T00:00:00.000Z")
    secret = made.pop("key")
    assert ok(*KEYS, "list", "billing") == {"items": [made], "next": None}
    assert ok(*KEYS, "show", "billing", made["id"]) == made

    changed = ok(
        *(
            *KEYS,
            "change",
            "billing",
            made["id"],
            "--name",
            "weekly",
            "--scope",
            "invoices.read",
            "--anywhere",
            "--no-end",
        )
    )
    assert changed == made | {"name": "weekly", "scopes": ["invoices.read"], "networks": [], "expires_at": None}
    assert ok(*KEYS, "change", "billing", made["id"]) == changed

    rotated = ok(*KEYS, "rotate", "billing", made["id"], "--overlap", "3600")
    assert rotated["key"] != secret
    assert rotated["previous_until"] > rotated["rotated_at"]
    again = installed(*KEYS, "rotate", "billing", made["id"])
    assert (again.returncode, "a moment ago" in again.stderr) == (4, True)

    assert installed(*KEYS, "revoke", "billing", made["id"]).returncode == 0
    assert installed(*KEYS, "show", "billing", made["id"]).returncode == 3
    events = ok("audit", "--account", made["account_id"])["items"]
    assert [(each["event"], each["actor"]) for each in events if each["event"].startswith("api_key.")] == [
        ("api_key.revoked", "operator"),
        ("api_key.rotated", "operator"),
        ("api_key.changed", "operator"),
        ("api_key.changed", "operator"),
        ("api_key.created", "operator"),
    ]
    assert secret not in json.dumps(events)


def test_for_people_the_secret_is_a_line_of_its_own(installed: CommandLine) -> None:
    printed = installed(*KEYS, "create", "billing", "nightly").stdout.splitlines()
    [secret] = [line.split()[1] for line in printed if line.startswith("key ")]
    assert installed(*KEYS, "check", secret, data=False).returncode == 0
    table = installed(*KEYS, "list", "billing").stdout
    assert secret not in table
    assert secret[-4:] in table


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("create", "billing", "x", "--scope", "documents.read"), 1, "documents.read"),
        (("create", "billing", "x", "--scope", "*"), 1, "forbidden"),
        (("create", "billing", "x", "--scope", "Invoices"), 4, "scopes"),
        (("create", "billing", "x", "--network", "203.0.113.7/24"), 4, "networks"),
        (("create", "billing", "x", "--until", "2001-01-01T00:00:00Z"), 4, "expires_at"),
        (("create", "billing", "x", "--until", "tomorrow"), 2, "2030-01-31"),
        (("create", "billing", ""), 4, "name"),
        (("create", "nobody", "x"), 3, "not_found"),
        (("list", "nobody"), 3, "not_found"),
        (("rotate", "billing", "key_x"), 3, "not_found"),
        (("rotate", "billing", "key_x", "--overlap", "604801"), 4, "overlap"),
        (("revoke", "billing", "key_x"), 3, "not_found"),
    ],
)
def test_what_cannot_be_is_refused_and_the_operator_gives_no_more_than_the_account_holds(
    installed: CommandLine, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = installed(*KEYS, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert installed.ok(*KEYS, "list", "billing")["items"] == []


KEY = "ost_live_njgjDNLTECcVdg9qYYKAZZX7Es3NYGbunjNo6eYNPhw1VFkZe"


@pytest.mark.parametrize("by_stdin", [False, True])
def test_a_key_is_looked_at_without_an_installation(line: CommandLine, by_stdin: bool) -> None:
    def check(key: str, *options: str) -> tuple[int, str, str]:
        done = line(*KEYS, "check", *options, *([] if by_stdin else [key]), stdin=f"{key}\n", data=False)
        return done.returncode, done.stdout, done.stderr

    assert check(KEY, "--json")[:2] == (0, '{\n  "well_formed": true,\n  "hint": "FkZe"\n}\n')
    for wrong, said in ((KEY[:-1] + "f", "mistyped"), (KEY[:-1], "not whole"), ("sk_live_x", "not an API key")):
        code, printed, told = check(wrong)
        assert (code, printed) == (1, "")
        assert said in told
        assert wrong not in told
    assert not line.data.exists()
