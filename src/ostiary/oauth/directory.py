"""Who a client id stands for, and its keys: registered here, or described in a document at the URL that the id is.

What is fetched is asked by the guarded client, bounded, and kept for a while; what could not be fetched, too, for a
shorter one, so that nobody makes us ask a server again and again.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec

from ostiary.base import strict_json
from ostiary.base.clock import MINUTE, SECOND, Clock
from ostiary.base.guarded_http import GuardedHttp
from ostiary.base.http import NoAnswer
from ostiary.crypto import Verifier, jose, parse_key_set
from ostiary.database import Database
from ostiary.errors import InvalidRequest, InvalidToken, OstiaryError
from ostiary.oauth.client_store import ClientStore, compiled
from ostiary.oauth.faults import InvalidClient, InvalidClientMetadata
from ostiary.oauth.metadata import check_keys, check_metadata, convert_metadata
from ostiary.oauth.model import SECRET_METHODS, Client, ClientMetadata

_KEPT = 10 * MINUTE
_LONGEST_KEPT = 24 * 60 * MINUTE
_FAILED_KEPT = 30 * SECOND
_SOON = 10 * SECOND
"""Keys that do not verify are fetched again at most so often: a client that rotates is not locked out for long."""
_MOST = 1000
_MAX_DOCUMENT = 16_384
_MAX_KEYS = 65_536
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})")

T = TypeVar("T")


class _Kept(msgspec.Struct, Generic[T], frozen=True):
    value: T | None
    fetched_at: int
    until: int


class _Cache(Generic[T]):
    """What was fetched, by URL."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept[T]] = {}

    async def get(
        self, url: str, now: int, fetch: Callable[[str], Awaitable[tuple[T, int]]], *, newer_than: int = 0
    ) -> T | None:
        """What is at the URL; None where it cannot be had. ``newer_than``: what was fetched before is not enough."""
        kept = self._kept.get(url)
        if kept is not None and kept.until > now and kept.fetched_at >= newer_than:
            return kept.value
        if len(self._kept) >= _MOST:
            self._kept.clear()
        try:
            value, lasts = await fetch(url)
            kept = _Kept(value, now, now + lasts)
        except (NoAnswer, OstiaryError):
            before = kept.value if kept is not None and newer_than else None
            kept = _Kept(before, now, now + _FAILED_KEPT)
        self._kept[url] = kept
        return kept.value


class Directory:
    """Every client that there is."""

    def __init__(
        self, db: Database, store: ClientStore, guarded: GuardedHttp, clock: Clock, *, documents: bool
    ) -> None:
        """``documents``: the URL of a metadata document is a client id."""
        self._db = db
        self._store = store
        self._guarded = guarded
        self._clock = clock
        self._documents = documents
        self._described: _Cache[Client] = _Cache()
        self._fetched_keys: _Cache[Verifier] = _Cache()
        self._fetched_sets: _Cache[dict[str, Any]] = _Cache()

    async def find(self, client_id: str) -> Client | None:
        """The client of this id."""
        found = await self._store.get(client_id)
        if found is not None and found.source != "document":
            return found
        if not self._is_document(client_id):
            return None  # also where such clients were taken before, and are not any more
        described = await self._described.get(client_id, self._clock(), self._describe)
        if described is None:
            return None  # what was known of it before does not count: it may have been taken down
        await self._remember(described, found)
        return described

    async def keys_of(self, client: Client, token: str) -> Verifier:
        """What verifies a token that the client has signed.

        Raises:
            InvalidClient: it has no keys, or they cannot be fetched.
        """
        if client.keys is not None:
            return client.keys
        url = client.metadata.jwks_uri
        if url is None:
            raise InvalidClient("This client has registered no keys.")
        now = self._clock()
        found = await self._fetched_keys.get(url, now, self._fetch_keys)
        try:
            known = found is not None and found.knows(jose.names_key(token))
        except InvalidToken:
            raise InvalidClient("The token of the client is not well formed.") from None
        if not known:
            found = await self._fetched_keys.get(url, now, self._fetch_keys, newer_than=now - _SOON)
        if found is None:
            raise InvalidClient("The keys at the client's jwks_uri cannot be had.")
        return found

    async def certificates_of(self, client: Client) -> frozenset[bytes]:
        """The certificates (DER) in the client's keys, as ``x5c`` (RFC 8705 section 2.2)."""
        jwks: dict[str, Any] | None = client.metadata.jwks
        if jwks is None and client.metadata.jwks_uri is not None:
            jwks = await self._fetched_sets.get(client.metadata.jwks_uri, self._clock(), self._fetch_set)
        found = set()
        for key in (jwks or {}).get("keys", ()):
            chain = key.get("x5c") if isinstance(key, dict) else None
            if isinstance(chain, list) and chain and isinstance(chain[0], str):
                try:
                    found.add(base64.b64decode(chain[0], validate=True))
                except (binascii.Error, ValueError):
                    continue
        return frozenset(found)

    async def check_sector(self, metadata: ClientMetadata) -> None:
        """Have the document at ``sector_identifier_uri`` vouch for every redirect URI (OpenID Connect Core 8.1).

        Raises:
            InvalidClientMetadata: it does not, or cannot be had.
        """
        url = metadata.sector_identifier_uri
        if url is None or metadata.subject_type != "pairwise":
            return
        try:
            listed = await self.fetch_json(url, _MAX_DOCUMENT)
        except (NoAnswer, InvalidRequest):
            listed = None
        if not isinstance(listed, list) or not set(metadata.redirect_uris) <= {str(each) for each in listed}:
            text = "sector_identifier_uri: the document there does not list every redirect URI."
            raise InvalidClientMetadata(text, field="sector_identifier_uri")

    async def fetch_json(self, url: str, at_most: int) -> Any:
        """The JSON document at a URL that a client has named. Raises NoAnswer, InvalidRequest."""
        answer = await self._guarded.ask("GET", url, headers={"Accept": "application/json"}, at_most=at_most)
        return strict_json.decode(answer.body)

    def _is_document(self, client_id: str) -> bool:
        return self._documents and client_id.startswith(("https://", "http://"))

    async def _describe(self, url: str) -> tuple[Client, int]:
        """OAuth Client ID Metadata Document: the document names its own URL, has no secret, and proves by keys or not.

        Raises:
            NoAnswer, OstiaryError: there is no such document, or it cannot be used.
        """
        parts = urlsplit(url)
        if not parts.path.strip("/") or parts.query or "#" in url or "/." in parts.path:
            raise InvalidClientMetadata("The URL of a metadata document has a path, no query and no dot segments.")
        answer = await self._guarded.ask("GET", url, headers={"Accept": "application/json"}, at_most=_MAX_DOCUMENT)
        document = strict_json.decode(answer.body)
        if not isinstance(document, dict) or document.get("client_id") != url or "client_secret" in document:
            raise InvalidClientMetadata("The document does not name its own URL as client_id.")
        document.setdefault("token_endpoint_auth_method", "none")
        document.setdefault("scope", "openid profile email offline_access")
        metadata = check_metadata(as_stranger(convert_metadata(document)))
        if metadata.token_endpoint_auth_method in SECRET_METHODS:
            raise InvalidClientMetadata("A client that is described in a document has no secret.")
        return compiled(url, "document", metadata), _lasts(answer.headers)

    async def _remember(self, described: Client, before: Client | None) -> None:
        """Codes, consents and tokens refer to a row: written when the client is first seen, and when it changes."""
        if before is not None and before.metadata == described.metadata:
            return
        now = self._clock()
        async with self._db.transaction() as tx:
            if before is None:
                await self._store.insert(tx, now, described.id, "document", described.metadata)
            else:
                await self._store.update(tx, now, described.id, described.metadata, None)

    async def _fetch_keys(self, url: str) -> tuple[Verifier, int]:
        document = await self.fetch_json(url, _MAX_KEYS)
        check_keys(document)
        return Verifier(parse_key_set(document), kid_optional=True), _KEPT

    async def _fetch_set(self, url: str) -> tuple[dict[str, Any], int]:
        document = await self.fetch_json(url, _MAX_KEYS)
        if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
            raise InvalidRequest("This is not a JWK Set.")
        return document, _KEPT


def as_stranger(metadata: ClientMetadata) -> ClientMetadata:
    """What somebody whom nobody has looked at says of themselves: nothing that only an administrator may say."""
    return msgspec.structs.replace(metadata, trusted=False)


def _lasts(headers: Any) -> int:
    found = _MAX_AGE.search(headers.get("cache-control", ""))
    return min(max(int(found[1]) * SECOND, MINUTE), _LONGEST_KEPT) if found else _KEPT
