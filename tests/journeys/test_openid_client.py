"""An independent client, unmodified: openid-client of npm, through every flow, against a running server."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from ostiary.oauth import ApiCreate, ClientCreate
from tests.support import services
from tests.support.installation import PASSWORD, LiveServer, new_person

FOLDER = Path(__file__).parents[1] / "clients" / "openid-client"
REDIRECT = "http://localhost:1/callback"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
EXPECTED = [
    "discovery",
    "code with PKCE",
    "userinfo",
    "refresh",
    "introspection",
    "revocation",
    "PAR",
    "DPoP",
    "DPoP userinfo",
    "client credentials",
    "device",
    "end session",
]


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with the package and what it needs installed as the lock file says."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        services.missing("Node", "PATH", "no node and npm on PATH")
    subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=FOLDER, check=True, timeout=180)
    return found


class Browser:
    """Somebody's browser, as far as forms and redirects go."""

    def __init__(self, url: str, email: str) -> None:
        self.http = httpx.Client(base_url=url, follow_redirects=False)
        signed_in = self.http.post("/api/auth/login", json={"identifier": email, "password": PASSWORD})
        assert signed_in.status_code == 200

    def authorize(self, url: str) -> str:
        """Where the browser ends up, once whatever was asked is allowed."""
        answer = self.http.get(url)
        while True:
            location: str = answer.headers.get("location", "")
            if location.startswith(REDIRECT):
                return location
            if answer.status_code == 200:
                answer = self.http.post("/consent", data=self._form(answer.text))
            else:
                answer = self.http.get(location)

    def connect(self, code: str) -> None:
        page = self.http.get("/device", params={"user_code": code})
        assert self.http.post("/device", data=self._form(page.text)).status_code == 200

    def _form(self, page: str) -> dict[str, str]:
        found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        return found | {"answer": "allow"}


def test_openid_client_goes_through_every_flow(live_server: LiveServer, node: str) -> None:
    oauth, operator = live_server.ostiary.use.oauth, live_server.ostiary.operator()

    def client(**metadata: Any) -> Any:
        return live_server.call(oauth.clients.create(operator, ClientCreate(metadata)))

    live_server.call(
        oauth.apis.create(
            operator, ApiCreate("https://api.example", {"name": "Forecasts", "scopes": {"forecasts.read": ""}})
        )
    )
    web = client(
        redirect_uris=[REDIRECT],
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="client_secret_post",
    )
    robot = client(
        grant_types=["client_credentials"],
        scope="forecasts.read",
        token_endpoint_auth_method="client_secret_post",
    )
    device = client(grant_types=[DEVICE], token_endpoint_auth_method="none")
    live_server.call(new_person(live_server.ostiary, "ada@example.com"))
    browser = Browser(live_server.url, "ada@example.com")
    arguments = [live_server.url, web.client_id, web.client_secret, REDIRECT, robot.client_id, robot.client_secret]
    with (
        contextlib.closing(browser.http),
        subprocess.Popen(
            [node, "flows.mjs", *arguments, device.client_id],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as program,
    ):
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        for line in program.stdout:
            asked = json.loads(line)
            if "done" in asked:
                assert asked["done"] == EXPECTED
                break
            if "authorize" in asked:
                answer = browser.authorize(asked["authorize"])
            else:
                browser.connect(asked["device"])
                answer = "allowed"
            program.stdin.write(answer + "\n")
            program.stdin.flush()
        else:
            pytest.fail(program.stderr.read())
