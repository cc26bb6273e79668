"""How many AuthZEN evaluations a second does the server answer?

An application that may ask about anybody asks with an access token whether one of 1 000 accounts with a role may read a
document. Baseline: a plain Starlette route under the same uvicorn that reads the same JSON and answers the same body.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx
import msgspec

from bench.decision_facts import account_id, add_accounts, add_assignments, add_roles, filling
from bench.figures import cores, in_turn, line
from bench.installation import PASSWORD, Server, production_server, starlette_server
from bench.load import requests_per_second
from bench.people import EMAIL, create_person_with
from bench.stores import environment, settings_of

PATH = "/access/v1/evaluation"
ACCOUNTS, ROLES = 1_000, 100
SECONDS = 3.0
ROUNDS = 5
GOAL = 0.5


def main() -> None:
    core = cores()[0]
    with tempfile.TemporaryDirectory() as name, environment("SQLite", Path(name)) as environ:
        if environ is None:
            raise RuntimeError("SQLite is always there")
        create_person_with(settings_of(environ))
        _fill(Path(environ["OSTIARY_DATABASE_URL"].removeprefix("sqlite:///")))
        question = {
            "subject": {"type": "user", "id": account_id(7)},
            "action": {"name": "read"},
            "resource": {"type": "type7", "id": "1"},
        }
        body = msgspec.json.encode(question)
        with production_server(core, environ) as ours:
            headers = {"Authorization": f"Bearer {_token(ours)}", "Content-Type": "application/json"}
            url = f"http://localhost:{ours.port}{PATH}"
            answer = httpx.post(url, content=body, headers=headers).raise_for_status()
            if not answer.json()["decision"]:
                raise RuntimeError("denied")
            with starlette_server(Path(name), core, answer.content) as plain:
                _ask(ours, plain, headers, body)


def _ask(ours: Server, plain: Server, headers: dict[str, str], body: bytes) -> None:
    for port, path in ((ours.port, PATH), (plain.port, "/")):
        requests_per_second(port, path, headers, 1.0, body=body)
    rate, baseline, ratio = in_turn(
        lambda: requests_per_second(ours.port, PATH, headers, SECONDS, body=body),
        lambda: requests_per_second(plain.port, "/", headers, SECONDS, body=body),
        ROUNDS,
    )
    line(
        f"POST {PATH}, SQLite",
        f"{rate:,.0f}/s",
        f"plain Starlette route {baseline:,.0f}/s",
        ratio,
        f"at least {GOAL:.2f} x",
        ratio >= GOAL,
    )


def _fill(database: Path) -> None:
    """Accounts with a role each, and the person that signs in as an administrator."""
    with filling(database) as connection:
        add_roles(connection, ROLES)
        (person,) = connection.execute("SELECT id FROM accounts").fetchone()
        add_accounts(connection, range(ACCOUNTS))
        add_assignments(connection, ((account, account % ROLES) for account in range(ACCOUNTS)))
        connection.execute(
            "INSERT INTO role_assignments (id, account_id, role, resource_type, resource_id, created_at)"
            " VALUES ('asg_administrator', ?, 'administrator', '', '', 0)",
            (person,),
        )


def _token(server: Server) -> str:
    body = {"identifier": EMAIL, "password": PASSWORD, "delivery": "token"}
    answer = httpx.post(f"http://localhost:{server.port}/api/auth/login", json=body).raise_for_status()
    return str(answer.json()["access_token"])


if __name__ == "__main__":
    main()
