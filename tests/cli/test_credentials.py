"""Credentials by commands: what accounts have, a way to a new password, second factors that are lost."""

from __future__ import annotations

import base64
import time

import httpx

from ostiary.crypto.otp import hotp, time_step
from tests.cli.conftest import CommandLine, DevServer

PASSWORD = "seven quiet lanterns"


def ada_with_an_app(line: CommandLine, server: DevServer) -> str:
    """Make her, and have her add an authenticator app over HTTP; her id."""
    ada: str = line.ok("accounts", "create", "ada@example.com", "--password-stdin", stdin=PASSWORD + "\n")["id"]
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        body = {"identifier": "ada@example.com", "password": PASSWORD, "delivery": "token"}
        token = client.post("/api/auth/login", json=body).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        begun = client.post("/api/credentials/totp", json={}).json()
        secret = base64.b32decode(begun["challenge"]["secret"].replace(" ", ""))
        code = hotp(secret, time_step(int(time.time() * 1000)))
        answer = {"flow": begun["flow"], "answer": {"method": "totp", "code": code}}
        assert client.post("/api/credentials/totp/confirm", json=answer).status_code == 201
    return ada


def test_lost_second_factors_are_removed_after_a_time_and_kept_again(line: CommandLine, dev_server: DevServer) -> None:
    ada = ada_with_an_app(line, dev_server)
    listed = line.ok("credentials", "list", "ada@example.com")["items"]
    assert [(each["type"], each["second"]) for each in listed] == [("password", False), ("totp", True)]
    removal = line.ok("credentials", "remove-second-factors", ada)
    assert removal["due_at"] > removal["requested_at"]
    assert line.ok("credentials", "remove-second-factors", "ada@example.com") == removal
    line.ok("credentials", "keep-second-factors", "ada@example.com")
    refused = line("credentials", "keep-second-factors", "ada@example.com")
    assert (refused.returncode, refused.stderr.count("\n")) == (3, 1)
    events = [event["event"] for event in line.ok("audit", "--account", ada)["items"]]
    assert events[:2] == ["second_factors.removal_stopped", "second_factors.removal_requested"]
    assert "asked to remove the second factors" in line("outbox").stdout


def test_who_has_forgotten_the_password_is_mailed_a_way_to_a_new_one(line: CommandLine, dev_server: DevServer) -> None:
    line.ok("accounts", "create", "ada@example.com", "--password-stdin", stdin=PASSWORD + "\n")
    line.ok("credentials", "recover", "ada@example.com")
    outbox = line("outbox", "--limit", "1")
    assert f"{dev_server.url}/login/link?token=" in outbox.stdout
    for command in ("recover", "list", "remove-second-factors", "keep-second-factors"):
        assert line("credentials", command, "nobody@example.com").returncode == 3, command
    nothing = line("credentials", "remove-second-factors", "ada@example.com")
    assert (nothing.returncode, "conflict" in nothing.stderr) == (4, True)


def test_a_role_asks_for_more_at_sign_in_the_built_in_one_too(line: CommandLine, dev_server: DevServer) -> None:
    line.ok("accounts", "create", "ada@example.com", "--password-stdin", stdin=PASSWORD + "\n")
    line.ok("roles", "create", "treasurer", "--sign-in-policy", "two_factors")
    changed = line.ok("roles", "change", "administrator", "--sign-in-policy", "phishing_resistant")
    assert changed["sign_in_policy"] == "phishing_resistant"
    line.ok("roles", "assign", "ada@example.com", "treasurer")
    body = {"identifier": "ada@example.com", "password": PASSWORD}
    answer = httpx.post(f"{dev_server.url}/api/auth/login", json=body, trust_env=False).json()
    assert (answer["status"], answer["next"]) == ("challenge", ["email_code"])
    refused = line("roles", "change", "treasurer", "--sign-in-policy", "none")
    assert refused.returncode == 2
