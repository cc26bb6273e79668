"""RFC 8414 and OpenID Connect Discovery; RFC 9728 for Ostiary's own API."""

from __future__ import annotations

import pytest

from ostiary.app import Ostiary
from tests.support.installation import new_client, settings_for_test
from tests.support.time import ManualClock

_DOCUMENTS = ("openid-configuration", "oauth-authorization-server")


@pytest.mark.parametrize("document", _DOCUMENTS)
async def test_3_2_the_document_names_what_is_there(server: Ostiary, document: str) -> None:
    """Every endpoint that it names answers, and every one of them is under the issuer."""
    client = new_client(server)
    answer = await client.get(f"/.well-known/{document}", headers={"Origin": "https://spa.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    found = answer.json()
    assert found["issuer"] == server.use.settings.issuer
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["response_types_supported"] == ["code"]
    assert "password" not in found["grant_types_supported"]
    endpoints = {name: url for name, url in found.items() if name.endswith(("_endpoint", "jwks_uri"))}
    assert len(endpoints) == 9
    for url in endpoints.values():
        assert url.startswith(found["issuer"] + "/")
        assert (await client.get(url)).status_code != 404


@pytest.mark.parametrize("issuer", ["http://localhost:8000/auth", "http://localhost:8000/a/b"])
async def test_3_1_an_issuer_with_a_path_is_found_in_both_ways(
    sqlite_url: str, clock: ManualClock, issuer: str
) -> None:
    path = issuer.removeprefix("http://localhost:8000")
    async with await Ostiary.open(settings_for_test(sqlite_url, issuer), clock=clock) as ostiary:
        client = new_client(ostiary)
        for url in (
            *(f"http://localhost:8000/.well-known/{document}{path}" for document in _DOCUMENTS),
            *(f"{issuer}/.well-known/{document}" for document in _DOCUMENTS),
        ):
            assert (await client.get(url)).json()["issuer"] == issuer, url
        resource = await client.get(f"http://localhost:8000/.well-known/oauth-protected-resource{path}")
        assert resource.json()["resource"] == issuer


async def test_rfc9728_the_own_api_says_who_gives_its_tokens(server: Ostiary) -> None:
    found = (await new_client(server).get("/.well-known/oauth-protected-resource")).json()
    assert found["authorization_servers"] == [found["resource"]] == [server.use.settings.issuer]
    assert "ostiary.accounts.read" in found["scopes_supported"]


async def test_rfc9728_5_1_a_401_leads_there(server: Ostiary) -> None:
    answer = await new_client(server).get("/api/accounts")
    assert answer.status_code == 401
    url = f"{server.use.settings.issuer}/.well-known/oauth-protected-resource"
    assert f'resource_metadata="{url}"' in answer.headers["www-authenticate"]
