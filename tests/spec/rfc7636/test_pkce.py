"""RFC 7636: proof key for code exchange, always, and by S256 alone (RFC 9700 section 2.1.1)."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.app import Ostiary
from tests.support.installation import new_person
from tests.support.oauth import answered, challenge_of, new_application


def test_appendix_b_the_challenge_of_the_example() -> None:
    from ostiary.oauth.pkce import challenge_of as ours

    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert ours(verifier) == challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge": "a" * 42},
        {"code_challenge": "a" * 42 + "="},
    ],
)
async def test_4_4_1_without_a_challenge_by_s256_nothing_is_begun(
    server: Ostiary, changed: dict[str, Any], method: str
) -> None:
    """Of confidential clients too."""
    app = await new_application(server, token_endpoint_auth_method=method)
    person = await new_person(server)
    answer = await person.client.get("/oauth/authorize", params=app.request(**changed))
    assert answered(answer)["error"] == "invalid_request"


@pytest.mark.parametrize("verifier", ["w" * 43, "w" * 128])
async def test_4_6_another_verifier_is_invalid_grant(server: Ostiary, verifier: str) -> None:
    app, person = await new_application(server), await new_person(server)
    found = await app.authorize(person)
    assert (await app.redeem(found["code"], code_verifier=verifier)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("verifier", [None, "", "w" * 42, "w" * 129, "w" * 42 + "!", "ä" * 43])
async def test_4_1_a_verifier_has_its_form(server: Ostiary, verifier: str | None) -> None:
    app, person = await new_application(server), await new_person(server)
    found = await app.authorize(person)
    assert (await app.redeem(found["code"], code_verifier=verifier)).json()["error"] == "invalid_request"
