"""`ostiary clients` and `ostiary apis`, by the operator."""

from __future__ import annotations

from tests.cli.conftest import CommandLine


def test_a_client_from_creation_to_removal(line: CommandLine) -> None:
    assert line("migrate").returncode == 0
    ok = line.ok
    made = ok("clients", "create", "Weather", "--redirect-uri", "https://app.example/cb", "--set", "default_max_age=60")
    assert made["metadata"]["grant_types"] == ["authorization_code", "refresh_token"]
    assert made["metadata"]["default_max_age"] == 60
    assert made["client_secret"].startswith("ost_cs_")
    one = made["client_id"]
    assert ok("clients", "show", one)["secrets"][0]["hint"] == "…" + made["client_secret"][-4:]
    assert ok("clients", "change", one, "--set", "client_name=Climate")["metadata"]["client_name"] == "Climate"
    added = ok("clients", "add-secret", one, "--overlap", "60")
    assert len(ok("clients", "show", one)["secrets"]) == 2
    ok("clients", "remove-secret", one, added["id"])
    assert [each["client_id"] for each in ok("clients", "list")["items"]] == [one]
    ok("clients", "delete", one)
    assert line("clients", "show", one).returncode == 3
    refused = line("clients", "create", "Evil", "--redirect-uri", "http://app.example/cb")
    assert (refused.returncode, "not https" in refused.stderr) == (4, True)
    assert line("clients", "create", "x", "--set", "nonsense").returncode == 2


def test_an_api_from_creation_to_removal(line: CommandLine) -> None:
    assert line("migrate").returncode == 0
    ok = line.ok
    made = ok("apis", "create", "https://api.example", "Forecasts", "--scope", "forecasts.read=Read forecasts")
    assert made["definition"]["scopes"] == {"forecasts.read": "Read forecasts"}
    changed = ok("apis", "change", made["id"], "--scope", "forecasts.write=Change them", "--algorithm", "HS256")
    assert set(changed["definition"]["scopes"]) == {"forecasts.read", "forecasts.write"}
    assert len(changed["signing_secret"]) == 43
    assert ok("apis", "show", made["id"])["identifier"] == "https://api.example"
    assert len(ok("apis", "list")["items"]) == 1
    ok("apis", "delete", made["id"])
    assert line("apis", "show", made["id"]).returncode == 3
