"""Clients as their administrators see them: registered, changed, given secrets, removed."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ostiary.accounts import AccountStore
from ostiary.audit import Event, record
from ostiary.authorization import Authorizer, Caller
from ostiary.base.clock import SECOND, Timestamp, rfc3339
from ostiary.base.ids import new_id
from ostiary.base.merge_patch import merge
from ostiary.base.pages import Page, PageQuery, page_of
from ostiary.base.tokens import new_token
from ostiary.crypto import Sealer
from ostiary.database import Database, Transaction
from ostiary.errors import Conflict, InvalidRequest, NotFound
from ostiary.oauth.client_store import ClientStore
from ostiary.oauth.directory import Directory
from ostiary.oauth.metadata import check_metadata, needs_secret, parse_metadata
from ostiary.oauth.model import Client, ClientMetadata, ClientSecret
from ostiary.permissions import Permission

MAX_SECRETS = 10
MAX_SECONDS = 3_600 * 86_400
"""How far ahead the end of a secret may lie: some ten years."""
SECRET_PREFIX = "ost_cs_"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,127}")


class ClientCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new client.

    Attributes:
        client_id: by default one is made.
        metadata: under the names of RFC 7591 section 2.
        account_id: a service account; tokens that the client gets for itself carry its roles.
    """

    metadata: dict[str, Any]
    client_id: str | None = None
    account_id: str | None = None


class ClientChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396) of the metadata; ``null`` takes a member away. ``account_id``: empty for none."""

    metadata: dict[str, Any] = {}
    account_id: str | None = None


class SecretCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``overlap``: for how many seconds the secrets that are there are still good; left out, as they were."""

    overlap: int | None = None
    expires_in: int | None = None


class SecretView(msgspec.Struct, frozen=True):
    """A secret as it is shown; ``hint`` is the end of it."""

    id: str
    hint: str
    created_at: Timestamp
    expires_at: Timestamp | None


class ClientView(msgspec.Struct, frozen=True):
    """A client as administrators see it."""

    client_id: str
    source: str
    metadata: dict[str, Any]
    account_id: str | None
    secrets: tuple[SecretView, ...]
    created_at: Timestamp
    updated_at: Timestamp


class IssuedClient(ClientView, frozen=True):
    """A client with its secret, which nobody is shown again; None for one that has another proof, or none."""

    client_secret: str | None

    def __repr__(self) -> str:
        return f"IssuedClient({self.client_id})"


class IssuedSecret(SecretView, frozen=True):
    """A secret, this once."""

    client_secret: str

    def __repr__(self) -> str:
        return f"IssuedSecret({self.id})"


class Clients:
    """The clients of one installation."""

    def __init__(
        self,
        db: Database,
        store: ClientStore,
        directory: Directory,
        accounts: AccountStore,
        authorizer: Authorizer,
        sealer: Sealer,
    ) -> None:
        self._db = db
        self._store = store
        self._directory = directory
        self._accounts = accounts
        self._authorizer = authorizer
        self._sealer = sealer

    async def list(self, caller: Caller, listing: PageQuery) -> Page[ClientView]:
        """A page of clients, in the order of their ids."""
        await caller.require(Permission.CLIENTS_READ)
        rows = await self._store.listed(listing.cursor, listing.limit)
        return page_of(rows, listing.limit, key=lambda client: client.id, item=view_of)

    async def get(self, caller: Caller, client_id: str) -> ClientView:
        """One client. Raises NotFound."""
        await caller.require(Permission.CLIENTS_READ)
        return view_of(_existing(await self._store.get(client_id)))

    async def create(self, caller: Caller, new: ClientCreate) -> IssuedClient:
        """Register a client; the answer is the only one that has its secret.

        Raises:
            InvalidClientMetadata, InvalidRedirectUri: it cannot be registered with that.
            Conflict: the id is taken. NotFound: there is no such account.
        """
        await caller.require(Permission.CLIENTS_CREATE)
        metadata = check_metadata(parse_metadata(new.metadata))
        await self._directory.check_sector(metadata)
        client_id = new.client_id or new_id("cli", caller.at)
        if not _ID.fullmatch(client_id):
            raise InvalidRequest(
                "A client id has 2 to 128 letters, digits, dots, dashes or underscores.", field="client_id"
            )
        await self._service(caller, new.account_id)
        async with self._db.transaction() as tx:
            if not await self._store.insert(
                tx, caller.at, client_id, "administrator", metadata, account_id=new.account_id or None
            ):
                raise Conflict("There is a client of this id.", field="client_id")
            secret = await self._first_secret(tx, caller.at, client_id, metadata)
            await record(tx, caller.at, Event.CLIENT_CREATED, caller.actor, client=client_id, name=metadata.client_name)
            client = _existing(await self._store.read(tx, client_id))
        return IssuedClient(**msgspec.structs.asdict(view_of(client)), client_secret=secret)

    async def change(self, caller: Caller, client_id: str, change: ClientChange) -> ClientView:
        """Change what a client is registered with.

        Raises:
            NotFound: there is no such client or account. Otherwise as ``create``.
        """
        await caller.require(Permission.CLIENTS_UPDATE)
        before = await self._held(caller, client_id)
        await self._service(caller, change.account_id)
        account_id = before.account_id if change.account_id is None else change.account_id or None
        merged = merge(msgspec.to_builtins(before.metadata), change.metadata)
        metadata = check_metadata(parse_metadata(merged))
        await self._directory.check_sector(metadata)
        async with self._db.transaction() as tx:
            await self._store.update(tx, caller.at, client_id, metadata, account_id)
            client = _existing(await self._store.read(tx, client_id))
            await record(
                tx, caller.at, Event.CLIENT_CHANGED, caller.actor, client=client_id, changed=sorted(change.metadata)
            )
        return view_of(client)

    async def delete(self, caller: Caller, client_id: str) -> None:
        """Remove a client; its refresh tokens, codes and consents end with it. Raises NotFound."""
        await caller.require(Permission.CLIENTS_DELETE)
        await self._held(caller, client_id)
        async with self._db.transaction() as tx:
            if not await self._store.delete(tx, client_id):
                raise NotFound("There is no such client.")
            await record(tx, caller.at, Event.CLIENT_DELETED, caller.actor, client=client_id)

    async def add_secret(self, caller: Caller, client_id: str, new: SecretCreate) -> IssuedSecret:
        """One more secret, shown this once; those before are good for ``overlap`` seconds more.

        Raises:
            NotFound: there is no such client. Conflict: it proves itself by something else, or has too many.
            InvalidRequest: a time cannot be used.
        """
        await caller.require(Permission.CLIENTS_UPDATE)
        client = await self._held(caller, client_id)
        if not needs_secret(client.metadata):
            raise Conflict(f"This client proves itself by {client.metadata.token_endpoint_auth_method}.")
        for field in ("overlap", "expires_in"):
            seconds = getattr(new, field)
            if seconds is not None and not 0 <= seconds <= MAX_SECONDS:
                raise InvalidRequest("A number of seconds.", field=field)
        if len(client.secrets) >= MAX_SECRETS:
            raise Conflict(f"A client has at most {MAX_SECRETS} secrets; remove one.")
        expires_at = None if new.expires_in is None else caller.at + new.expires_in * SECOND
        async with self._db.transaction() as tx:
            if new.overlap is not None:
                await self._store.expire_secrets(tx, client_id, caller.at + new.overlap * SECOND)
            secret, made = await self._new_secret(tx, caller.at, client_id, client.metadata, expires_at)
            await record(tx, caller.at, Event.CLIENT_CHANGED, caller.actor, client=client_id, added=made.hint)
        return IssuedSecret(**msgspec.structs.asdict(_secret_view(made)), client_secret=secret)

    async def remove_secret(self, caller: Caller, client_id: str, secret_id: str) -> None:
        """End one secret at once. Raises NotFound."""
        await caller.require(Permission.CLIENTS_UPDATE)
        await self._held(caller, client_id)
        async with self._db.transaction() as tx:
            if not await self._store.remove_secret(tx, client_id, secret_id):
                raise NotFound("The client has no such secret.")
            await record(tx, caller.at, Event.CLIENT_CHANGED, caller.actor, client=client_id, removed=secret_id)

    async def _held(self, caller: Caller, client_id: str) -> Client:
        """The client, whose account the caller does not exceed: its secret is as good as that account."""
        client = _existing(await self._store.get(client_id))
        if client.account_id is not None:
            await self._authorizer.forbid_outranked(caller, client.account_id)
        return client

    async def _service(self, caller: Caller, account_id: str | None) -> None:
        if not account_id:
            return
        account = await self._accounts.get(account_id)
        if account is None:
            raise NotFound("There is no such account.")
        if account.kind == "user":
            raise InvalidRequest("A client acts as a service or an agent, not as a person.", field="account_id")
        await self._authorizer.forbid_outranked(caller, account_id)

    async def _first_secret(self, tx: Transaction, now: int, client_id: str, metadata: ClientMetadata) -> str | None:
        if not needs_secret(metadata):
            return None
        return (await self._new_secret(tx, now, client_id, metadata, None))[0]

    async def _new_secret(
        self, tx: Transaction, now: int, client_id: str, metadata: ClientMetadata, expires_at: int | None
    ) -> tuple[str, ClientSecret]:
        return await new_secret(self._store, self._sealer, tx, now, client_id, metadata, expires_at)


async def new_secret(
    store: ClientStore,
    sealer: Sealer,
    tx: Transaction,
    now: int,
    client_id: str,
    metadata: ClientMetadata,
    expires_at: int | None = None,
) -> tuple[str, ClientSecret]:
    """A new secret of a client, and its row. One that signs is kept sealed beside its hash."""
    secret = new_token(SECRET_PREFIX)
    signs = metadata.token_endpoint_auth_method == "client_secret_jwt"
    sealed = sealer.seal(secret.encode(), secret_context(client_id)) if signs else None
    return secret, await store.add_secret(tx, now, client_id, secret, sealed=sealed, expires_at=expires_at)


def secret_context(client_id: str) -> str:
    """What a sealed secret is bound to."""
    return f"client_secrets.sealed/{client_id}"


def view_of(client: Client) -> ClientView:
    """A client as administrators see it."""
    return ClientView(
        client_id=client.id,
        source=client.source,
        metadata=msgspec.to_builtins(client.metadata),
        account_id=client.account_id,
        secrets=tuple(_secret_view(secret) for secret in client.secrets),
        created_at=rfc3339(client.created_at),
        updated_at=rfc3339(client.updated_at),
    )


def _secret_view(secret: ClientSecret) -> SecretView:
    expires_at = None if secret.expires_at is None else rfc3339(secret.expires_at)
    return SecretView(secret.id, secret.hint, rfc3339(secret.created_at), expires_at)


def _existing(client: Client | None) -> Client:
    if client is None:
        raise NotFound("There is no such client.")
    return client
