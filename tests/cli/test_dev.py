"""`ostiary dev`: one command, and one clear line where it cannot be."""

from __future__ import annotations

import re
import signal
import socket

import httpx

from tests.cli.conftest import CommandLine, DevServer, free_port

ADMINISTRATOR = {"email": "ada@example.com", "name": "Ada", "password": "seven quiet lanterns"}


def test_the_link_makes_the_first_administrator_and_is_not_printed_again(
    line: CommandLine, dev_server: DevServer
) -> None:
    with httpx.Client(base_url=dev_server.url, headers={"Origin": dev_server.url}) as browser:
        form = dict(re.findall(r'name="(csrf_token|token)" value="([^"]+)"', browser.get(_link(dev_server)).text))
        answer = browser.post("/setup", data=form | ADMINISTRATOR)
        assert answer.status_code == 303, answer.text
        assert browser.get("/api/auth/me").json()["account"]["email"] == ADMINISTRATOR["email"]
    dev_server.stop()
    again = DevServer(line)
    try:
        assert again.said["first_administrator"] is None
        assert httpx.get(again.said["sign_in"]).status_code == 200
        assert httpx.get(again.said["outbox"]).status_code == 200
    finally:
        again.kill()
    refused = line("accounts", "first-administrator")
    assert (refused.returncode, refused.stderr.count("\n")) == (4, 1)


def test_another_command_knows_the_port_and_ends_the_earlier_link(line: CommandLine, dev_server: DevServer) -> None:
    fresh = line.ok("accounts", "first-administrator")["link"]
    assert fresh.startswith(f"{dev_server.url}/setup?token=")
    assert "It works once" in httpx.get(fresh).text
    assert "It works once" not in httpx.get(_link(dev_server)).text


def test_keys_rotated_by_another_process_are_published_by_the_running_one(
    line: CommandLine, dev_server: DevServer
) -> None:
    def published() -> list[str]:
        keys = httpx.get(f"{dev_server.url}/.well-known/jwks.json").json()["keys"]
        return [key["kid"] for key in keys if key["alg"] == "ES256"]

    before = published()
    rotated = line.ok("keys", "rotate")["items"]
    assert len(before) == 1
    assert set(published()) == {key["kid"] for key in rotated if key["algorithm"] == "ES256"} > set(before)
    assert [key["state"] for key in rotated if key["algorithm"] == "ES256"] == ["signing", "published"]


def test_sign_ins_are_listed_with_device_and_address(line: CommandLine, dev_server: DevServer) -> None:
    line.ok("accounts", "create", "ada@example.com", "--password-stdin", stdin=f"{ADMINISTRATOR['password']}\n")
    answer = httpx.post(
        f"{dev_server.url}/api/auth/login",
        json={"identifier": "ada@example.com", "password": ADMINISTRATOR["password"]},
        headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"},
    )
    assert answer.status_code == 200, answer.text
    names, one = (row.split("\t") for row in line("accounts", "sessions", "ada@example.com").stdout.splitlines())
    shown = dict(zip(names, one, strict=True))
    assert (shown["kind"], shown["device"], shown["place"]) == ("session", "Firefox on Linux", "")
    assert shown["address"] in ("127.0.0.1", "::1")


def test_it_answers_on_every_address_of_localhost(dev_server: DevServer) -> None:
    hosts = ["127.0.0.1", "[::1]"] if _has_ipv6() else ["127.0.0.1"]
    for host in hosts:
        assert httpx.get(f"http://{host}:{dev_server.port}/healthz").status_code == 200


def test_ctrl_c_ends_it_well_and_without_a_word(dev_server: DevServer) -> None:
    assert dev_server.stop(signal.SIGINT) == ("", "")


def test_headers_without_end_are_refused_before_memory_is(dev_server: DevServer) -> None:
    sent = 0
    with socket.create_connection(("127.0.0.1", dev_server.port), 10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        try:
            while sent < 16 * 1024 * 1024:
                sent += connection.send(b"x-filler: " + b"a" * 4000 + b"\r\n")
        except OSError:
            pass
    assert sent < 8 * 1024 * 1024
    assert httpx.get(f"{dev_server.url}/healthz").status_code == 200


def test_a_taken_port_is_one_line_that_says_what_to_do(line: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = line("dev", "--port", str(port))
    assert (refused.returncode, refused.stdout) == (5, "")
    assert refused.stderr == (
        f"error: port {port} is taken: stop the program that listens on it, or choose another one with --port"
        " (configuration_error)\n"
    )
    assert not line.data.exists(), "nothing is made by a start that fails"


def test_an_unusable_folder_is_one_line_that_says_what_to_do(line: CommandLine) -> None:
    line.data.write_text("a file in the way")
    line.data = line.data / "below"  # permissions do not bind root, who may run this
    refused = line("dev", "--port", str(free_port()))
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (5, "", 1)
    assert "choose another folder with --data" in refused.stderr


def test_without_a_terminal_it_prints_plain_text(line: CommandLine) -> None:
    port = free_port()
    server = DevServer.__new__(DevServer)
    super(DevServer, server).__init__(["dev", "--port", str(port), "--data", str(line.data)], line.folder)
    try:
        assert server.process.stdout is not None
        printed = "".join(iter(server.process.stdout.readline, "Press Ctrl-C to stop it.\n"))
    finally:
        server.kill()
    assert "\x1b" not in printed
    for place in (f"http://localhost:{port}/login", "/setup?token=", "/dev/outbox", str(line.data)):
        assert place in printed


def _link(server: DevServer) -> str:
    link: str = server.said["first_administrator"]
    return link


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
