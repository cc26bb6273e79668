"""Clients and APIs in SQL, and compiled in memory for as long as nobody changes one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ostiary.base.ids import new_id
from ostiary.base.pages import check_limit, decode_cursor
from ostiary.base.tokens import digest
from ostiary.crypto import Verifier, parse_key_set
from ostiary.database import Database, Reader, Transaction
from ostiary.oauth.metadata import sector_of
from ostiary.oauth.model import IDENTITY_SCOPES, Api, ApiDefinition, Client, ClientMetadata, ClientSecret, Source

_KEPT = 10_000
"""Clients that one process holds compiled; beyond, it begins anew."""


class _ClientRow(msgspec.Struct, frozen=True):
    id: str
    source: Source
    metadata: bytes
    account_id: str | None
    created_at: int
    updated_at: int


class _ApiRow(msgspec.Struct, frozen=True):
    id: str
    identifier: str
    definition: bytes
    sealed_secret: bytes | None
    created_at: int
    updated_at: int


_CLIENT = ", ".join(_ClientRow.__struct_fields__)
_SECRET = ", ".join(ClientSecret.__struct_fields__)
_SECRET_VALUES = ", ".join(":" + name for name in ClientSecret.__struct_fields__)
_API = ", ".join(_ApiRow.__struct_fields__)


class Catalogue(msgspec.Struct, frozen=True):
    """Every API, by identifier, and the APIs that have a scope of a name."""

    apis: dict[str, Api]
    by_scope: dict[str, tuple[str, ...]]


class ClientStore:
    """Reads and writes clients; decides nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._revision = -1
        self._known: dict[str, Client] = {}
        self._catalogue: Catalogue | None = None

    async def get(self, client_id: str) -> Client | None:
        """The client of this id, as it is now."""
        await self._refresh()
        found = self._known.get(client_id)
        if found is None:
            revision = self._revision
            found = await self.read(self._db, client_id)
            if found is not None and revision == self._revision:
                if len(self._known) >= _KEPT:
                    self._known.clear()
                self._known[client_id] = found
        return found

    async def catalogue(self) -> Catalogue:
        """All APIs, as they are now."""
        await self._refresh()
        if self._catalogue is None:
            revision = self._revision
            rows = await self._db.fetch_all(_ApiRow, f"SELECT {_API} FROM apis ORDER BY id")
            catalogue = _catalogue_of([_api(row) for row in rows])
            if revision != self._revision:
                return catalogue
            self._catalogue = catalogue
        return self._catalogue

    async def _refresh(self) -> None:
        revision = await self._db.revision("clients")
        if revision != self._revision:
            self._revision, self._known, self._catalogue = revision, {}, None

    async def read(self, reader: Reader, client_id: str) -> Client | None:
        """The client of this id, as the reader sees it."""
        row = await reader.fetch_one(_ClientRow, f"SELECT {_CLIENT} FROM clients WHERE id = :id", id=client_id)
        if row is None:
            return None
        secrets = await reader.fetch_all(
            ClientSecret, f"SELECT {_SECRET} FROM client_secrets WHERE client_id = :id ORDER BY id", id=client_id
        )
        return _client(row, secrets)

    async def listed(self, cursor: str | None, limit: int) -> list[Client]:
        """Up to ``limit + 1`` clients, in the order of their ids."""
        rows = await self._db.fetch_all(
            _ClientRow,
            f"SELECT {_CLIENT} FROM clients WHERE id > :after ORDER BY id LIMIT :most",
            after="" if cursor is None else decode_cursor(cursor),
            most=check_limit(limit) + 1,
        )
        return [client for row in rows if (client := await self.read(self._db, row.id)) is not None]

    async def insert(
        self,
        tx: Transaction,
        now: int,
        client_id: str,
        source: Source,
        metadata: ClientMetadata,
        *,
        account_id: str | None = None,
        registration_token: str | None = None,
    ) -> bool:
        """A new client; False where the id is taken."""
        await tx.bump("clients")
        return (
            await tx.execute(
                "INSERT INTO clients (id, source, metadata, account_id, registration_hash, created_at, updated_at)"
                " VALUES (:id, :source, :metadata, :account_id, :registration_hash, :now, :now)"
                " ON CONFLICT DO NOTHING",
                id=client_id,
                source=source,
                metadata=msgspec.json.encode(metadata),
                account_id=account_id,
                registration_hash=None if registration_token is None else digest(registration_token),
                now=now,
            )
            == 1
        )

    async def update(
        self, tx: Transaction, now: int, client_id: str, metadata: ClientMetadata, account_id: str | None
    ) -> bool:
        """Write what a client is registered with; False where there is none."""
        await tx.bump("clients")
        return (
            await tx.execute(
                "UPDATE clients SET metadata = :metadata, account_id = :account_id, updated_at = :now WHERE id = :id",
                id=client_id,
                metadata=msgspec.json.encode(metadata),
                account_id=account_id,
                now=now,
            )
            == 1
        )

    async def delete(self, tx: Transaction, client_id: str) -> bool:
        """Delete a client with all that it has got; False where there is none."""
        await tx.bump("clients")
        return await tx.execute("DELETE FROM clients WHERE id = :id", id=client_id) == 1

    async def registered_by(self, client_id: str, registration_token: str) -> bool:
        """Whether this is the client's registration access token (RFC 7592 section 1.2)."""
        return None is not await self._db.fetch_value(
            "SELECT 1 FROM clients WHERE id = :id AND registration_hash = :hash",
            id=client_id,
            hash=digest(registration_token),
        )

    async def add_secret(
        self, tx: Transaction, now: int, client_id: str, secret: str, *, sealed: bytes | None, expires_at: int | None
    ) -> ClientSecret:
        """One more secret."""
        await tx.bump("clients")
        made = ClientSecret(new_id("sec", now), client_id, digest(secret), sealed, "…" + secret[-4:], now, expires_at)
        await tx.execute(
            f"INSERT INTO client_secrets ({_SECRET}) VALUES ({_SECRET_VALUES})", **msgspec.structs.asdict(made)
        )
        return made

    async def remove_secret(self, tx: Transaction, client_id: str, secret_id: str) -> bool:
        """Remove one secret; False where the client has none of that id."""
        await tx.bump("clients")
        return (
            await tx.execute(
                "DELETE FROM client_secrets WHERE id = :id AND client_id = :client_id",
                id=secret_id,
                client_id=client_id,
            )
            == 1
        )

    async def expire_secrets(self, tx: Transaction, client_id: str, at: int) -> None:
        """Let those secrets that would last longer end then."""
        await tx.bump("clients")
        await tx.execute(
            "UPDATE client_secrets SET expires_at = :at"
            " WHERE client_id = :client_id AND (expires_at IS NULL OR expires_at > :at)",
            client_id=client_id,
            at=at,
        )

    async def api(self, reader: Reader, api_id: str) -> Api | None:
        """The API of this id."""
        row = await reader.fetch_one(_ApiRow, f"SELECT {_API} FROM apis WHERE id = :id", id=api_id)
        return None if row is None else _api(row)

    async def listed_apis(self, cursor: str | None, limit: int) -> list[Api]:
        """Up to ``limit + 1`` APIs, oldest first."""
        rows = await self._db.fetch_all(
            _ApiRow,
            f"SELECT {_API} FROM apis WHERE id > :after ORDER BY id LIMIT :most",
            after="" if cursor is None else decode_cursor(cursor),
            most=check_limit(limit) + 1,
        )
        return [_api(row) for row in rows]

    async def insert_api(self, tx: Transaction, api: Api) -> bool:
        """A new API; False where its identifier is taken."""
        await tx.bump("clients")
        return (
            await tx.execute(
                "INSERT INTO apis (id, identifier, definition, sealed_secret, created_at, updated_at)"
                " VALUES (:id, :identifier, :definition, :sealed_secret, :created_at, :updated_at)"
                " ON CONFLICT DO NOTHING",
                **_api_values(api),
            )
            == 1
        )

    async def update_api(self, tx: Transaction, api: Api) -> bool:
        """Write an API's definition and secret; False where there is none."""
        await tx.bump("clients")
        return (
            await tx.execute(
                "UPDATE apis SET definition = :definition, sealed_secret = :sealed_secret, updated_at = :updated_at"
                " WHERE id = :id AND identifier = :identifier AND created_at = :created_at",
                **_api_values(api),
            )
            == 1
        )

    async def delete_api(self, tx: Transaction, api_id: str) -> bool:
        """Delete an API; False where there is none. Tokens for it live until they expire."""
        await tx.bump("clients")
        return await tx.execute("DELETE FROM apis WHERE id = :id", id=api_id) == 1


def compiled(
    client_id: str,
    source: Source,
    metadata: ClientMetadata,
    secrets: Sequence[ClientSecret] = (),
    *,
    account_id: str | None = None,
    created_at: int = 0,
    updated_at: int = 0,
) -> Client:
    """A client as every request of it needs it."""
    return Client(
        id=client_id,
        source=source,
        metadata=metadata,
        secrets=tuple(secrets),
        account_id=account_id,
        created_at=created_at,
        updated_at=updated_at,
        scopes=frozenset(metadata.scope.split() or IDENTITY_SCOPES),
        grants=frozenset(metadata.grant_types),
        keys=None if metadata.jwks is None else Verifier(parse_key_set(metadata.jwks), kid_optional=True),
        sector=sector_of(metadata),
    )


def _client(row: _ClientRow, secrets: Sequence[ClientSecret]) -> Client:
    return compiled(
        row.id,
        row.source,
        msgspec.json.decode(row.metadata, type=ClientMetadata),
        secrets,
        account_id=row.account_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _api(row: _ApiRow) -> Api:
    return Api(
        id=row.id,
        identifier=row.identifier,
        definition=msgspec.json.decode(row.definition, type=ApiDefinition),
        sealed_secret=row.sealed_secret,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _api_values(api: Api) -> dict[str, str | int | bytes | None]:
    return {
        "id": api.id,
        "identifier": api.identifier,
        "definition": msgspec.json.encode(api.definition),
        "sealed_secret": api.sealed_secret,
        "created_at": api.created_at,
        "updated_at": api.updated_at,
    }


def _catalogue_of(apis: Sequence[Api]) -> Catalogue:
    by_scope: dict[str, tuple[str, ...]] = {}
    for api in apis:
        for scope in api.definition.scopes:
            by_scope[scope] = (*by_scope.get(scope, ()), api.identifier)
    return Catalogue({api.identifier: api for api in apis}, by_scope)
