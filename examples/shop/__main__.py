"""``python -m examples.shop``: open the shop, and say what can be done in it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import uvicorn

from examples.shop.app import DATA, NAME, PORT, app, auth

PROGRAMS = Path(os.path.relpath(sys.executable)).parent
WHAT_TO_DO = """
{name} is open at {shop}

  Create an account      {auth}/register
  Read the mail it sent  {auth}/dev/outbox
  First administrator    {administrator}

Become the shopkeeper, then look at {shop}/admin:

  {ostiary} --data {data} roles assign you@example.com shopkeeper

Order through the API, described at {shop}/docs:

  TOKEN=$(curl -s {auth}/api/auth/login -H 'Content-Type: application/json' \\
    -d '{{"identifier": "you@example.com", "password": "…", "delivery": "token"}}' \\
    | {python} -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
  curl {shop}/api/products
  curl {shop}/api/orders -H "Authorization: Bearer $TOKEN" \\
    -H 'Content-Type: application/json' -d '{{"items": {{"storm": 2}}}}'
  curl {shop}/api/orders -H "Authorization: Bearer $TOKEN"

Press Ctrl-C to close it.
"""


class Server(uvicorn.Server):
    """Says what can be done once it can be done."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await announce()


async def announce() -> None:
    ostiary = auth.ostiary
    issuer = ostiary.use.settings.issuer
    print(
        WHAT_TO_DO.format(
            name=NAME,
            shop=issuer.removesuffix("/auth"),
            auth=issuer,
            administrator=await ostiary.use.first_administrator.link(ostiary.operator()) or "there is one",
            ostiary=PROGRAMS / "ostiary",
            python=PROGRAMS / "python",
            data=DATA,
        ),
        flush=True,
    )


Server(uvicorn.Config(app, host="localhost", port=PORT, log_level="warning")).run()
