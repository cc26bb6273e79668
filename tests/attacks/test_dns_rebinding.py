"""A page of another site whose name comes to mean this machine: it would be of our origin, and read the outbox."""

from __future__ import annotations

import httpx
import pytest

FOREIGN = ["evil.example.com", "evil.example.com:8000", "localhost.evil.example.com", "", "[", "10.0.0.1"]
OURS = ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "localhost"]


@pytest.mark.parametrize("host", FOREIGN)
async def test_development_mode_answers_to_no_name_but_this_machines(client: httpx.AsyncClient, host: str) -> None:
    answer = await client.get("/dev/outbox", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("host", OURS)
async def test_development_mode_answers_to_this_machines_names(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/dev/outbox", headers={"Host": host})).status_code == 200
