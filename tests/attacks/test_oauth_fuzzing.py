"""Whatever is sent to the pages that applications lead to: no 500, no redirect to an address that is not registered."""

from __future__ import annotations

import random
import string
from typing import Any

import pytest

from ostiary.app import Ostiary
from tests.support.installation import new_person
from tests.support.oauth import REDIRECT, new_application

_NAMES = (
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "acr_values",
    "claims",
    "resource",
    "request",
    "request_uri",
    "id_token_hint",
    "login_hint",
    "response_mode",
    "authorization_details",
    "dpop_jkt",
    "post_logout_redirect_uri",
    "user_code",
    "ui_locales",
)
_VALUES = (
    "",
    " ",
    "0",
    "-1",
    "9" * 30,
    "null",
    "[]",
    "{}",
    "[[" * 50,
    '{"id_token":{"acr":{"values":[1]}}}',
    '{"id_token":{"acr":5}}',
    '{"userinfo":[]}',
    "a.b.c",
    "eyJhbGciOiJub25lIn0.e30.",
    "\u202e",
    "ä" * 300,
    "urn:ietf:params:oauth:request_uri:x",
    "https://[",
    "//evil.example",
    "none consent",
    "openid " * 200,
    "<script>",
    "%00",
)


@pytest.mark.parametrize("seed", range(8))
async def test_no_request_is_too_much(server: Ostiary, seed: int) -> None:
    app, person = await new_application(server, trusted=True), await new_person(server)
    chance = random.Random(seed)
    for _ in range(60):
        query: dict[str, Any] = app.request() if chance.random() < 0.8 else {}
        for name in chance.sample(_NAMES, chance.randrange(1, 5)):
            junk = "".join(chance.choices(string.printable, k=chance.randrange(40)))
            query[name] = chance.choice([*_VALUES, junk])
        for path in ("/oauth/authorize", "/oauth/end_session", "/device", "/consent"):
            answer = await person.client.get(path, params=query)
            assert answer.status_code < 500, (path, query, answer.text)
            location = answer.headers.get("location", "/")
            assert location.startswith(("/", REDIRECT)), (query, location)
            assert not location.startswith("//")
        form = {name: value for name, value in query.items() if "\0" not in value}
        for path in ("/oauth/token", "/oauth/par", "/oauth/introspect", "/oauth/revoke", "/oauth/device_authorization"):
            answer = await app.post(path, {k: v for k, v in form.items() if k != "client_id"})
            assert answer.status_code < 500, (path, form, answer.text)
            assert answer.status_code < 300 or answer.json()["error"]
