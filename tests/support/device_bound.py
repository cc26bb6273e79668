"""A small browser in software that does what Chromium does for Device Bound Session Credentials (W3C editor's draft).

Chromium 156 was watched for the forms: bare values in request headers, ``jti`` as the only claim, the key in the header
of the first proof only, no cookies of SameSite=Lax with a refresh that a link on another site has caused.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.types import ASGIApp

from ostiary.app import Ostiary
from ostiary.base.clock import Clock
from tests.support.installation import PASSWORD, new_person, settings_for_test
from tests.support.time import ManualClock

ISSUER = "https://id.example.org"

_OFFER = re.compile(r'\(([A-Z0-9 ]+)\);path="([^"]+)";challenge="([^"]+)"')
_CHALLENGE = re.compile(r'"([^"]+)";id="([^"]+)"')
_MOST_CHALLENGES = 5


class SoftwareKey:
    """A key that its browser would keep in hardware."""

    def __init__(self, algorithm: str = "ES256") -> None:
        self.algorithm = algorithm
        self.private = (
            ec.generate_private_key(ec.SECP256R1())
            if algorithm == "ES256"
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )

    @property
    def jwk(self) -> dict[str, str]:
        public = self.private.public_key().public_numbers()
        if isinstance(public, ec.EllipticCurvePublicNumbers):
            return {"kty": "EC", "crv": "P-256", "x": number(public.x), "y": number(public.y)}
        return {"kty": "RSA", "n": number(public.n), "e": number(public.e)}

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(message, padding.PKCS1v15(), SHA256())
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def proof(self, challenge: str, *, first: bool, **header: Any) -> str:
        """The answer to a challenge; the ``first`` one carries the public key."""
        carried = {"jwk": self.jwk} if first else {}
        return signed({"alg": self.algorithm, "typ": "dbsc+jwt"} | carried | header, {"jti": challenge}, self.sign)


def signed(header: dict[str, Any], claims: dict[str, Any], sign: Any) -> str:
    message = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{message}.{base64url(sign(message.encode()))}"


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def number(value: int) -> str:
    return base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass
class Bound:
    """A session as the browser keeps it."""

    key: SoftwareKey
    instructions: dict[str, Any]

    @property
    def name(self) -> str:
        name: str = self.instructions["session_identifier"]
        return name

    @property
    def cookie(self) -> str:
        name: str = self.instructions["credentials"][0]["name"]
        return name

    def needed_at(self, path: str) -> bool:
        """Whether a request for ``path`` has to have the bound cookie (section "Identify if a URL is in scope")."""
        rules = self.instructions["scope"]["scope_specification"]
        return not any(path == rule["path"] or path.startswith(rule["path"] + "/") for rule in rules)


@dataclass
class DeviceBoundBrowser:
    """Cookies that expire by the test's clock, and sessions bound to keys.

    Attributes:
        keeps: whether it knows of bound sessions at all; Firefox does not.
        bound: the sessions, by identifier.
        sent: method and path of each request that it has made.
        app: the application that answers, where Ostiary is embedded in one.
    """

    ostiary: Ostiary
    clock: Clock
    keeps: bool = True
    algorithm: str = "ES256"
    cookies: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    bound: dict[str, Bound] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    app: ASGIApp | None = None

    async def request(
        self, method: str, path: str, *, json: Any = None, headers: dict[str, str] | None = None, linked: bool = False
    ) -> httpx.Response:
        """A request as a page makes it: first whatever bound cookie is missing, then the request itself.

        Args:
            linked: a link on a page of another site leads there.
        """
        for session in list(self.bound.values()):
            refreshes = not linked or "*" in session.instructions["allowed_refresh_initiators"]
            if refreshes and session.needed_at(path) and session.cookie not in self.jar:
                await self.refresh(session, with_cookies=not linked)
        answer = await self.send(method, path, json=json, headers=headers)
        if self.keeps and (offer := _OFFER.fullmatch(answer.headers.get("secure-session-registration", ""))):
            await self._register(*offer.groups())
        return answer

    async def sign_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        body = {"identifier": email, "password": password, "delivery": "cookie"}
        answer = await self.request("POST", self.ostiary.use.settings.base_path + "/api/auth/login", json=body)
        assert answer.status_code == 200, answer.text
        return answer

    async def who(self, **options: Any) -> str:
        """The address of whoever is signed in, or the code that says why nobody is."""
        answer = await self.request("GET", "/api/auth/me", **options)
        found = answer.json()
        return str(found["account"]["email"] if answer.status_code == 200 else found["code"])

    async def refresh(self, session: Bound, *, with_cookies: bool = True) -> None:
        """Section "Send request", for a session that there is."""
        named = {"sec-secure-session-id": session.name}
        path = httpx.URL(session.instructions["refresh_url"]).path
        answer = await self.send("POST", path, headers=named, with_cookies=with_cookies)
        for _ in range(_MOST_CHALLENGES):
            challenge = _CHALLENGE.fullmatch(answer.headers.get("secure-session-challenge", ""))
            if answer.status_code != 403 or challenge is None or challenge.group(2) != session.name:
                break
            proof = {"secure-session-response": session.key.proof(challenge.group(1), first=False)}
            answer = await self.send("POST", path, headers=named | proof, with_cookies=with_cookies)
        if 400 <= answer.status_code < 500:
            del self.bound[session.name]
        elif answer.status_code == 200:
            self._follow(answer.json(), session.key)

    async def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: dict[str, str] | None = None,
        with_cookies: bool = True,
    ) -> httpx.Response:
        """One request, and nothing before it."""
        self.sent.append(f"{method} {path}")
        sent = httpx.Headers(headers, encoding="latin-1")
        if with_cookies and self.jar:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        url = httpx.URL(self.ostiary.use.settings.issuer).join(path)
        transport = httpx.ASGITransport(self.app or self.ostiary, client=("203.0.113.7", 40000))
        async with httpx.AsyncClient(transport=transport) as client:
            answer = await client.request(method, url, json=json, headers=sent)
        for line in answer.headers.get_list("set-cookie"):
            self._keep(line)
        return answer

    @property
    def jar(self) -> dict[str, str]:
        """The cookies that have not expired."""
        now = self.clock()
        return {name: value for name, (value, until) in self.cookies.items() if until is None or until > now}

    def cookie(self, part: str) -> str:
        """The name of the cookie that has ``part`` in it."""
        return next(name for name in self.cookies if part in name)

    def stolen(self) -> DeviceBoundBrowser:
        """Somebody else's browser, with every cookie of this one and none of its keys."""
        return DeviceBoundBrowser(self.ostiary, self.clock, cookies=dict(self.cookies), app=self.app)

    async def _register(self, algorithms: str, path: str, challenge: str) -> None:
        assert self.algorithm in algorithms.split()
        key = SoftwareKey(self.algorithm)
        proof = {"secure-session-response": key.proof(challenge, first=True)}
        answer = await self.send("POST", path, headers=proof)
        if answer.status_code == 200:
            self._follow(answer.json(), key)

    def _follow(self, instructions: dict[str, Any], key: SoftwareKey) -> None:
        name = instructions["session_identifier"]
        if instructions.get("continue", True):
            self.bound[name] = Bound(key, instructions)
        else:
            self.bound.pop(name, None)

    def _keep(self, line: str) -> None:
        pair, *attributes = line.split("; ")
        name, _, value = pair.partition("=")
        age = next((int(text.partition("=")[2]) for text in attributes if text.startswith("Max-Age=")), None)
        self.cookies[name] = (value, None if age is None else self.clock() + age * 1000)


@pytest.fixture
async def secure(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """An installation on https, since sessions are bound nowhere else."""
    settings = settings_for_test(sqlite_url, ISSUER, dev=False)
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        yield opened


@pytest.fixture
async def email(secure: Ostiary) -> str:
    """The address of somebody who has an account there."""
    return (await new_person(secure)).email


@pytest.fixture
async def browser(secure: Ostiary, clock: ManualClock, email: str) -> DeviceBoundBrowser:
    """A browser that they have signed in with; the session is bound, and its grace is over."""
    opened = DeviceBoundBrowser(secure, clock)
    await opened.sign_in(email)
    clock.advance(61_000)
    return opened
