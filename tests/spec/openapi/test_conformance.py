"""Whatever is sent to any operation, the answer is one that ``/openapi.json`` describes, and never a 500.

Schemathesis makes the requests from the description: the boundaries of every schema, then random ones, good and bad,
then sequences in which one answer's ids feed the next request. The seed is fixed, so a run can be repeated.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.api_keys import new_api_key
from tests.support.installation import LiveServer, new_administrator, new_person

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
]


# What is too long for its schema may be too long for any body, which is 413 before it is read.
_TOO_LONG_IS_REFUSED = """\
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "5xx"]
"""


def _run(server: LiveServer, folder: Path, *options: str, examples: int = 30, checks: list[str] = CHECKS) -> None:
    config = folder / "schemathesis.toml"
    config.write_text(_TOO_LONG_IS_REFUSED)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)]
    command += ["run", server.url + "/openapi.json", "--no-color", *options]
    command += ["--checks", ",".join(checks), "--max-examples", str(examples), "--seed", "1"]
    # Credentials are what ``options`` say: made-up ones beside them are two credentials, which is always a 400.
    command += ["--generation-with-security-parameters", "false", "--generation-database", "none", "--warnings", "off"]
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_an_administrator_with_a_bearer_token(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    changed = {} if database == "sqlite" else {"database__url": request.getfixturevalue("postgres_url")}
    with LiveServer(tmp_path, **changed) as server:
        token = server.call(new_administrator(server.ostiary, delivery="token")).tokens["access_token"]
        _run(server, tmp_path, "-H", f"Authorization: Bearer {token}")


def test_a_program_with_an_api_key(live_server: LiveServer, tmp_path: Path) -> None:
    """With every permission of Ostiary; what takes a person is refused as described."""
    key = live_server.call(_key_of_an_administrator(live_server))
    _run(live_server, tmp_path, "-H", f"X-API-Key: {key}", examples=10)


async def _key_of_an_administrator(server: LiveServer) -> str:
    return str((await new_api_key(await new_administrator(server.ostiary), "ostiary.*"))["key"])


def test_nobody(live_server: LiveServer, tmp_path: Path) -> None:
    _run(live_server, tmp_path, examples=15)


def test_a_person_with_a_session_cookie(live_server: LiveServer, tmp_path: Path) -> None:
    """What only a session has; operations that end it are left out, everything after them would be answered 401."""
    person = live_server.call(new_person(live_server.ostiary))
    cookie = "; ".join(f"{name}={value}" for name, value in person.client.cookies.items())
    signed_in = ["-H", f"Cookie: {cookie}", "-H", f"X-CSRF-Token: {person.csrf}"]
    paths = [option for path in ("/api/session/data", "/api/auth/me") for option in ("--include-path", path)]
    # ignored_auth takes a bearer token away, and knows no cookie that is given as a header.
    checks = [check for check in CHECKS if check != "ignored_auth"]
    _run(live_server, tmp_path, *signed_in, *paths, checks=checks)
    still = live_server.call(person.request("GET", "/api/auth/me"))
    assert still.status_code == 200, "whatever ended the session made the rest of this run worth nothing"
