"""Applications for tests: registered, and asking for tokens over HTTP as any client would."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec

from ostiary.app import Ostiary
from ostiary.crypto import Key, jose
from ostiary.oauth import ApiCreate, ClientCreate
from tests.support.installation import Person, new_client

REDIRECT = "https://app.example/callback"
API = "https://api.example"


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Application:
    """A registered client, with what it needs to use the authorization server."""

    ostiary: Ostiary
    id: str
    secret: str | None
    redirect_uri: str = REDIRECT
    http: httpx.AsyncClient = field(init=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    def __post_init__(self) -> None:
        self.http = new_client(self.ostiary)

    @property
    def auth(self) -> tuple[str, str]:
        """Of a confidential client: what Basic is made of."""
        assert self.secret is not None
        return self.id, self.secret

    def request(self, **changed: str | None) -> dict[str, str]:
        """The parameters of an authorization request."""
        found: dict[str, str | None] = {
            "client_id": self.id,
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "scope": "openid profile email",
            "state": "af0ifjsldkj",
            "nonce": "n-0S6_WzA2Mj",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
            **changed,
        }
        return {name: value for name, value in found.items() if value is not None}

    async def authorize(self, person: Person, **changed: str | None) -> dict[str, str]:
        """What comes back to the redirect URI, after the person has consented wherever asked."""
        answer = await person.client.get("/oauth/authorize", params=self.request(**changed))
        return answered(await self.through(person, answer))

    async def through(self, person: Person, answer: httpx.Response) -> httpx.Response:
        """On to the page of consent, and allow; the answer that leaves for the application."""
        while answer.status_code == 303 and answer.headers["location"].startswith("/"):
            answer = await person.client.get(answer.headers["location"])
        if answer.status_code == 200 and 'value="allow"' in answer.text:
            answer = await consent(person, answer)
        return answer

    async def post(self, path: str, form: dict[str, Any], **options: Any) -> httpx.Response:
        """To an endpoint, with the client's secret."""
        data = form if self.secret is not None else {"client_id": self.id, **form}
        if self.secret is not None:
            options.setdefault("auth", self.auth)
        return await self.http.post(path, data=data, **options)

    async def redeem(self, code: str | None, **changed: Any) -> httpx.Response:
        headers = changed.pop("headers", {})
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changed,
        }
        return await self.post("/oauth/token", {k: v for k, v in form.items() if v is not None}, headers=headers)

    async def tokens(self, person: Person, **changed: str | None) -> dict[str, Any]:
        """All the way to tokens."""
        found = await self.authorize(person, **changed)
        assert "code" in found, found
        answer = await self.redeem(found["code"])
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def refresh(self, token: str, **more: Any) -> httpx.Response:
        headers = more.pop("headers", {})
        form = {"grant_type": "refresh_token", "refresh_token": token, **more}
        return await self.post("/oauth/token", form, headers=headers)

    async def introspect(self, token: str) -> dict[str, Any]:
        answer = await self.post("/oauth/introspect", {"token": token})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def userinfo(self, token: str) -> httpx.Response:
        return await self.http.get("/oauth/userinfo", headers={"Authorization": f"Bearer {token}"})


async def consent(person: Person, page: httpx.Response, answer: str = "allow") -> httpx.Response:
    """Answer the page of consent as a browser would."""
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    form = {name: html.unescape(value) for name, value in fields.items()} | {"answer": answer}
    return await person.client.post(page.url.path, data=form)


def answered(response: httpx.Response) -> dict[str, str]:
    """The parameters that a redirect hands to the application."""
    assert response.status_code == 303, (response.status_code, response.text)
    url = urlsplit(response.headers["location"])
    return {name: values[0] for name, values in parse_qs(url.query or url.fragment).items()}


async def new_application(
    ostiary: Ostiary, *, account_id: str | None = None, client_id: str | None = None, **metadata: Any
) -> Application:
    """A client that may do everything that tests need, unless ``metadata`` says otherwise."""
    given = {
        "client_name": "Weather",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        **metadata,
    }
    new = ClientCreate({k: v for k, v in given.items() if v is not None}, client_id, account_id)
    made = await ostiary.use.oauth.clients.create(ostiary.operator(), new)
    uris = given.get("redirect_uris") or [REDIRECT]
    return Application(ostiary, made.client_id, made.client_secret, uris[0])


async def new_api(ostiary: Ostiary, identifier: str = API, **definition: Any) -> Any:
    """A protected API with two scopes."""
    given = {"name": "Forecasts", "scopes": {"forecasts.read": "Read forecasts", "forecasts.write": ""}, **definition}
    return await ostiary.use.oauth.apis.create(ostiary.operator(), ApiCreate(identifier, given))


def claims_of(token: str) -> dict[str, Any]:
    """What a JWT says; its signature is not looked at."""
    return jose.unverified_claims(token)


def header_of(token: str) -> dict[str, Any]:
    segment = token.split(".", maxsplit=1)[0]
    return dict(msgspec.json.decode(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))))


@dataclass
class DpopKey:
    """A key of a client, and proofs made with it."""

    key: Key = field(default_factory=lambda: Key.generate("ES256"))

    @property
    def thumbprint(self) -> str:
        from ostiary.oauth.dpop import thumbprint_of

        return thumbprint_of(self.key)

    def proof(self, method: str, url: str, now: int, *, token: str | None = None, **changed: Any) -> str:
        claims: dict[str, Any] = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": url, "iat": now // 1000}
        if token is not None:
            claims["ath"] = challenge_of(token)
        return signed(
            {k: v for k, v in (claims | changed).items() if v is not None},
            self.key,
            {"typ": "dpop+jwt", "jwk": self.key.required_members()},
        )


def signed(claims: dict[str, Any], key: Key, header: dict[str, Any]) -> str:
    """A JWT of whatever form, as a stranger's program could make it."""

    def encode(part: Any) -> bytes:
        return base64.urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=")

    message = encode({"alg": key.algorithm, **header}) + b"." + encode(claims)
    return (message + b"." + base64.urlsafe_b64encode(key.sign(message)).rstrip(b"=")).decode()


def client_assertion(client_id: str, key: Key, audience: str, now: int | None = None, **changed: Any) -> dict[str, str]:
    """The two fields of a client that proves itself by a signature (RFC 7523)."""
    at = (int(time.time() * 1000) if now is None else now) // 1000
    claims: dict[str, Any] = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": secrets.token_urlsafe(16),
        "iat": at,
        "exp": at + 60,
        **changed,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return {
        "client_id": client_id,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": signed(kept, key, {"kid": key.kid}),
    }
