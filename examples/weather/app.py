"""Weather: ``/`` tells who is signed in, ``/login`` and ``/callback`` sign in, ``/logout`` signs out.

All that it knows of Ostiary is the issuer; the rest it finds out (OpenID Connect Discovery). The protocol is Authlib's.
"""

from __future__ import annotations

import secrets
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx
from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

COOKIE = "weather"
_LOGGED_OUT = "http://schemas.openid.net/event/backchannel-logout"
_ALGORITHMS = ["RS256", "ES256", "EdDSA"]


class Weather:
    """The application, and who is signed in to it.

    Args:
        issuer: of the Ostiary. url: where this application is.
    """

    def __init__(self, issuer: str, url: str, client_id: str, client_secret: str) -> None:
        self._issuer = issuer
        self._url = url
        self._client = client_id, client_secret
        self._metadata: dict[str, Any] = {}
        self._begun: dict[str, tuple[str, str]] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        """By the secret of the cookie: tokens, what they say, and what the userinfo endpoint told."""
        self.app = Starlette(
            routes=[
                Route("/", self.home),
                Route("/login", self.login),
                Route("/callback", self.callback),
                Route("/logout", self.logout, methods=["POST"]),
                Route("/backchannel", self.backchannel, methods=["POST"]),
            ]
        )

    async def home(self, request: Request) -> Response:
        found = self.sessions.get(request.cookies.get(COOKIE, ""))
        if found is None:
            return HTMLResponse('<h1>Weather</h1><p>You are not signed in.</p><a href="/login">Sign in</a>')
        name = escape(found["userinfo"].get("email", found["userinfo"]["sub"]))
        form = '<form method="post" action="/logout"><button>Sign out</button></form>'
        return HTMLResponse(f"<h1>Weather</h1><p>Sunny, {name}.</p>{form}")

    async def login(self, request: Request) -> Response:
        metadata, verifier, nonce = await self._discovered(), secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        async with self._oauth() as client:
            url, state = client.create_authorization_url(
                metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
            )
        self._begun[state] = verifier, nonce
        return RedirectResponse(url)

    async def callback(self, request: Request) -> Response:
        metadata = await self._discovered()
        begun = self._begun.pop(request.query_params.get("state", ""), None)
        if begun is None or request.query_params.get("iss") != self._issuer:
            return HTMLResponse("This is no answer to a question of ours.", 400)
        if "error" in request.query_params:
            return HTMLResponse(f"<p>Not signed in: {escape(request.query_params['error'])}.</p>", 403)
        verifier, nonce = begun
        async with self._oauth() as client:
            tokens = await client.fetch_token(
                metadata["token_endpoint"], authorization_response=str(request.url), code_verifier=verifier
            )
            userinfo = (await client.get(metadata["userinfo_endpoint"])).json()
        claims = await self._verified(tokens["id_token"])
        if claims["nonce"] != nonce or claims["aud"] != self._client[0] or claims["sub"] != userinfo["sub"]:
            return HTMLResponse("This is no answer to a question of ours.", 400)
        key = secrets.token_urlsafe(32)
        self.sessions[key] = {"tokens": tokens, "claims": claims, "userinfo": userinfo}
        response = RedirectResponse("/")
        response.set_cookie(COOKIE, key, httponly=True, samesite="lax")
        return response

    async def logout(self, request: Request) -> Response:
        found = self.sessions.pop(request.cookies.get(COOKIE, ""), None)
        metadata = await self._discovered()
        asked = {"post_logout_redirect_uri": f"{self._url}/", "client_id": self._client[0]}
        if found is not None:
            asked["id_token_hint"] = found["tokens"]["id_token"]
        return RedirectResponse(f"{metadata['end_session_endpoint']}?{urlencode(asked)}", 303)

    async def backchannel(self, request: Request) -> Response:
        """OpenID Connect Back-Channel Logout: whoever's session has ended there is signed out here too."""
        form = parse_qs((await request.body()).decode())
        try:
            claims = await self._verified(form.get("logout_token", [""])[0], "logout+jwt")
        except (JoseError, ValueError):
            return Response(status_code=400)
        if _LOGGED_OUT not in claims.get("events", {}) or "nonce" in claims or claims["aud"] != self._client[0]:
            return Response(status_code=400)
        self.sessions = {
            key: each for key, each in self.sessions.items() if each["claims"].get("sid") != claims.get("sid")
        }
        return Response(status_code=200, headers={"cache-control": "no-store"})

    async def refresh(self, key: str) -> dict[str, Any]:
        """New tokens for one of our sessions."""
        metadata = await self._discovered()
        async with self._oauth() as client:
            token = self.sessions[key]["tokens"]["refresh_token"]
            found: dict[str, Any] = await client.refresh_token(metadata["token_endpoint"], refresh_token=token)
        self.sessions[key]["tokens"] = found
        return found

    def _oauth(self) -> AsyncOAuth2Client:
        client_id, secret = self._client
        return AsyncOAuth2Client(
            client_id,
            secret,
            scope="openid profile email",
            redirect_uri=f"{self._url}/callback",
            code_challenge_method="S256",
        )

    async def _discovered(self) -> dict[str, Any]:
        if not self._metadata:
            async with httpx.AsyncClient() as http:
                self._metadata = (await http.get(f"{self._issuer}/.well-known/openid-configuration")).json()
        return self._metadata

    async def _verified(self, token: str, typ: str = "JWT") -> dict[str, Any]:
        async with httpx.AsyncClient() as http:
            keys = KeySet.import_key_set((await http.get((await self._discovered())["jwks_uri"])).json())
        found = jwt.decode(token, keys, algorithms=_ALGORITHMS)
        if found.header.get("typ") != typ:
            raise ValueError("a token of another type")
        jwt.JWTClaimsRegistry(iss={"essential": True, "value": self._issuer}).validate(found.claims)
        return found.claims
