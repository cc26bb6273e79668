"""Access tokens and ID tokens, made: RFC 9068 and OpenID Connect Core section 2. Each is signed once, never stored."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec

from ostiary.accounts import Account
from ostiary.base.clock import SECOND
from ostiary.base.ids import new_id
from ostiary.base.tokens import digest, new_token
from ostiary.crypto import Key, KeyRing, Sealer, jose
from ostiary.database import Reader, Transaction
from ostiary.oauth.apis import api_secret_context
from ostiary.oauth.audiences import Target
from ostiary.oauth.claims import ClaimsRequest, PersonalClaims, wanted_claims
from ostiary.oauth.model import Authorized, Client
from ostiary.oauth.subjects import Subjects
from ostiary.settings import Settings

OPAQUE_PREFIX = "ost_at_"


class AccessToken(msgspec.Struct, frozen=True):
    """A token that is to be answered. ``expires_in`` in seconds; ``type``: ``Bearer`` or ``DPoP``."""

    token: str
    type: str
    expires_in: int
    scope: str
    row: tuple[bytes, bytes, int] | None = None
    """Of an opaque one: what has to be stored, by :meth:`Issuer.store`."""

    def __repr__(self) -> str:
        return "AccessToken()"


class _Opaque(msgspec.Struct, frozen=True):
    claims: bytes


class Issuer:
    """Makes tokens."""

    def __init__(
        self, keys: KeyRing, sealer: Sealer, subjects: Subjects, claims: PersonalClaims, settings: Settings
    ) -> None:
        self._keys = keys
        self._sealer = sealer
        self._subjects = subjects
        self._claims = claims
        self._issuer = settings.issuer
        self._tokens = settings.tokens
        self._id_token_ttl = settings.oauth.id_token_ttl

    async def ready(self) -> None:
        """See the keys that another process has made; call before a transaction."""
        await self._keys.refresh()

    async def access(
        self,
        client: Client,
        target: Target,
        now: int,
        *,
        account_id: str | None,
        family_id: str | None = None,
        authorized: Authorized | None = None,
        binding: str = "",
        actor: dict[str, Any] | None = None,
        expires_at: int | None = None,
    ) -> AccessToken:
        """An access token. Without an account it is the client's own.

        Args:
            binding: ``jkt:…`` or ``x5t:…``, whose possession has to be shown with it (RFC 9449, RFC 8705).
            actor: the ``act`` claim (RFC 8693 section 4.1).
            expires_at: when at the latest, in milliseconds.
        """
        ends = now // SECOND + (target.ttl or self._tokens.access_ttl)
        if expires_at is not None:
            ends = min(ends, expires_at // SECOND)
        subject = account_id or client.id
        if account_id is not None and family_id is not None:
            subject = self._subjects.of(client, account_id)
        optional: dict[str, Any] = {
            "scope": target.scope or None,
            "sid": family_id,
            "cnf": confirmation(binding) if binding else None,
            "act": actor,
            **({} if authorized is None else _of_sign_in(authorized)),
        }
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": subject,
            "aud": target.audience[0] if len(target.audience) == 1 else list(target.audience),
            "client_id": client.id,
            "exp": ends,
            "iat": now // SECOND,
            "jti": new_id("tok", now),
            **{name: value for name, value in optional.items() if value is not None},
        }
        if account_id is not None and target.claims:
            claims |= await self._claims.of_rights(account_id, target.claims)
        kind = "DPoP" if binding.startswith("jkt:") else "Bearer"
        expires_in = ends - now // SECOND
        if target.format == "opaque":
            token = new_token(OPAQUE_PREFIX)
            row = digest(token), msgspec.json.encode(claims), ends * SECOND
            return AccessToken(token, kind, expires_in, target.scope, row)
        token = jose.sign(claims, key=self._key_for(target, now), typ="at+jwt")
        return AccessToken(token, kind, expires_in, target.scope)

    def _key_for(self, target: Target, now: int) -> Key:
        api = target.secret_of
        if api is not None and api.sealed_secret is not None:
            secret = self._sealer.open(api.sealed_secret, api_secret_context(api.identifier))
            return Key.from_secret(secret, api.id)
        return self._keys.signing_key(target.algorithm or self._tokens.algorithm, now)

    async def store(self, tx: Transaction, token: AccessToken, family_id: str | None) -> None:
        """Store an opaque token; nothing to do for another."""
        if token.row is not None:
            await tx.execute(
                "INSERT INTO opaque_tokens (token_hash, claims, family_id, expires_at)"
                " VALUES (:hash, :claims, :family_id, :expires_at)",
                hash=token.row[0],
                claims=token.row[1],
                family_id=family_id,
                expires_at=token.row[2],
            )

    async def opaque(self, reader: Reader, token: str, now: int) -> dict[str, Any] | None:
        """What an opaque token says; None where there is no such one any more."""
        row = await reader.fetch_one(
            _Opaque,
            "SELECT claims FROM opaque_tokens WHERE token_hash = :hash AND expires_at > :now",
            hash=digest(token),
            now=now,
        )
        return None if row is None else msgspec.json.decode(row.claims)

    async def revoke_opaque(self, tx: Transaction, token: str) -> bool:
        """End an opaque token; False where there is none."""
        return await tx.execute("DELETE FROM opaque_tokens WHERE token_hash = :hash", hash=digest(token)) == 1

    async def sweep(self, tx: Transaction, now: int, limit: int = 500) -> int:
        """Delete up to ``limit`` opaque tokens that have expired; returns how many."""
        return await tx.execute(
            "DELETE FROM opaque_tokens WHERE token_hash IN"
            " (SELECT token_hash FROM opaque_tokens WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit)",
            now=now,
            limit=limit,
        )

    async def id_token(
        self,
        client: Client,
        account: Account,
        authorized: Authorized,
        now: int,
        *,
        access_token: str | None = None,
        code: str | None = None,
    ) -> str:
        """An ID token for the client, with ``at_hash`` or ``c_hash`` of what comes with it."""
        algorithm = client.metadata.id_token_signed_response_alg
        key = self._keys.signing_key(algorithm, now)
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": self._subjects.of(client, account.id),
            "aud": client.id,
            "exp": now // SECOND + self._id_token_ttl,
            "iat": now // SECOND,
            "auth_time": authorized.authenticated_at // SECOND,
            "acr": authorized.acr,
            "amr": list(authorized.amr),
        }
        if authorized.nonce is not None:
            claims["nonce"] = authorized.nonce
        if authorized.sid is not None:
            claims["sid"] = authorized.sid
        if access_token is not None:
            claims["at_hash"] = half_hash(access_token, algorithm)
        if code is not None:
            claims["c_hash"] = half_hash(code, algorithm)
        requested = msgspec.convert(authorized.claims, ClaimsRequest).id_token
        personal = await self._claims.of(account, wanted_claims((), requested))
        return jose.sign({**personal, **claims}, key=key, typ="JWT")

    def sign(self, claims: dict[str, Any], algorithm: str, now: int, typ: str) -> str:
        """Any other statement of ours: signed userinfo, introspection, logout tokens, responses."""
        return jose.sign(claims, key=self._keys.signing_key(algorithm, now), typ=typ)

    async def verify(self, token: str, now: int, *, typ: str | tuple[str, ...], audience: str | None) -> dict[str, Any]:
        """What a token of ours says. Raises InvalidToken."""
        await self.ready()
        return self._keys.verifier(now).verify(token, typ=typ, issuer=self._issuer, audience=audience, now=now)

    async def verify_hint(self, id_token: str, now: int) -> dict[str, Any]:
        """What an ID token of ours says, also when it has expired: a hint, and no proof. Raises InvalidToken."""
        await self.ready()
        return self._keys.verifier(now).verify(
            id_token, typ="jwt", issuer=self._issuer, audience=None, now=now, leeway=now, required=("sub", "aud")
        )


def _of_sign_in(authorized: Authorized) -> dict[str, Any]:
    """RFC 9068 section 2.2.1, RFC 9396 section 9.1."""
    found: dict[str, Any] = {"authorization_details": list(authorized.details) or None}
    if authorized.acr:
        found |= {
            "auth_time": authorized.authenticated_at // SECOND,
            "acr": authorized.acr,
            "amr": list(authorized.amr),
        }
    return found


def confirmation(binding: str) -> dict[str, str]:
    """The ``cnf`` claim (RFC 7800, RFC 9449 section 6.1, RFC 8705 section 3.1)."""
    kind, _, thumbprint = binding.partition(":")
    return {"jkt" if kind == "jkt" else "x5t#S256": thumbprint}


def binding_of(claims: dict[str, Any]) -> str:
    """The other way round; empty where a token is bound to nothing."""
    cnf = claims.get("cnf") or {}
    if "jkt" in cnf:
        return f"jkt:{cnf['jkt']}"
    return f"x5t:{cnf['x5t#S256']}" if "x5t#S256" in cnf else ""


def half_hash(value: str, algorithm: str) -> str:
    """``at_hash`` and ``c_hash`` (OpenID Connect Core section 3.1.3.6); SHA-512 with Ed25519."""
    hashed = (hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256)(value.encode("ascii")).digest()
    return base64.urlsafe_b64encode(hashed[: len(hashed) // 2]).rstrip(b"=").decode()
