"""`ostiary serve`: refuses what is not fit for production, all at once; starts, logs, and drains."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from tests.cli.conftest import CommandLine, Server, free_port

READY = {
    "OSTIARY_ISSUER": "https://login.example.com",
    "OSTIARY_MASTER_KEY": "4f" * 32,
    "OSTIARY_MAIL_SENDER": "smtp",
    "OSTIARY_MAIL_HOST": "smtp.example.com",
    "OSTIARY_MAIL_FROM_ADDRESS": "no-reply@example.com",
}


def test_it_names_every_fault_at_once_and_does_not_start(line: CommandLine) -> None:
    refused = line("serve", data=False, OSTIARY_DATABASE_URL="sqlite:///ostiary.db")
    assert (refused.returncode, refused.stdout) == (5, "")
    faults = refused.stderr.splitlines()[1:]
    for fault in ("issuer: http://localhost:8000 is not https", "master_key: is not set", "mail.sender: mail would"):
        assert any(line.startswith(f"  - {fault}") for line in faults), fault
    assert "  - the database is 11 migrations behind: run `ostiary migrate`, or serve with --migrate" in faults
    assert len(faults) == 4


def test_a_mistyped_setting_does_not_hide_what_else_is_wrong(line: CommandLine) -> None:
    refused = line("serve", "--json", data=False, OSTIARY_ISUER="https://login.example.com")
    told = json.loads(refused.stderr)
    assert told["code"] == "configuration_error"
    assert any("did you mean OSTIARY_ISSUER" in fault for fault in told["faults"])
    assert any("is not https" in fault for fault in told["faults"])


def test_config_check_says_what_serve_would_say(line: CommandLine) -> None:
    database = {"OSTIARY_DATABASE_URL": f"sqlite:///{line.folder / 'ostiary.db'}"}
    behind = line("config", "check", data=False, **READY, **database)
    assert behind.returncode == 5
    assert behind.stderr.startswith("error: the database is 11 migrations behind")
    assert line("migrate", data=False, **READY, **database).returncode == 0
    assert line("config", "check", data=False, **READY, **database).returncode == 0


def test_config_check_tries_the_geoip_database(line: CommandLine) -> None:
    database = f"sqlite:///{line.folder / 'ostiary.db'}"
    (line.folder / "cities.mmdb").write_text("<html>the download needs a licence key</html>")
    settings = READY | {"OSTIARY_DATABASE_URL": database, "OSTIARY_GEO_DATABASE": "cities.mmdb"}
    refused = line("config", "check", "--migrate", data=False, **settings)
    assert refused.returncode == 5
    assert refused.stderr.startswith("error: geo.database: cities.mmdb is no database in the MaxMind DB format")


@pytest.fixture
def production(line: CommandLine) -> Iterator[tuple[Server, int]]:
    """`ostiary serve --migrate` in a folder whose ostiary.toml names the database, and its port; ready."""
    (line.folder / "ostiary.toml").write_text('[database]\nurl = "sqlite:///ostiary.db"\n')
    port = free_port()
    server = Server(["serve", "--migrate", "--port", str(port)], line.folder, **READY)
    assert server.process.stderr is not None
    first = json.loads(server.process.stderr.readline())
    assert first["message"] == f"ready: https://login.example.com on 127.0.0.1 port {port}"
    yield server, port
    server.kill()


def test_it_logs_json_lines_and_tells_how_to_make_an_administrator(production: tuple[Server, int]) -> None:
    printed, logged = production[0].stop()
    lines = list(map(json.loads, logged.splitlines()))
    assert printed == ""
    assert [(line["level"], line["logger"]) for line in lines] == [
        ("warning", "ostiary.serve"),
        ("info", "ostiary.serve"),
    ]
    assert "ostiary accounts first-administrator" in lines[0]["message"]
    assert lines[1]["message"] == "stopped"


def test_a_request_that_has_begun_is_answered_after_sigterm(production: tuple[Server, int]) -> None:
    server, port = production
    body = b'{"identifier": "nobody@example.com", "password": "not this one", "delivery": "token"}'
    head = (
        "POST /api/auth/login HTTP/1.1\r\nHost: login.example.com\r\nOrigin: https://login.example.com\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(head.encode() + body[:10])
        _until_open(port)
        server.process.send_signal(signal.SIGTERM)
        _until_closed(port)
        connection.sendall(body[10:])
        assert connection.recv(4096).startswith(b"HTTP/1.1 401")
    assert server.process.wait(20) == 0


def _until_open(port: int) -> None:
    """A later connection is answered only when the earlier one has been read from."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def _until_closed(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return
        time.sleep(0.02)
    raise AssertionError("it still takes connections")
