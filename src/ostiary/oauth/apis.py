"""Protected APIs as their administrators see them: the audiences that tokens can be for."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from ostiary.audit import Event, record
from ostiary.authorization import Caller
from ostiary.base.clock import Timestamp, rfc3339
from ostiary.base.ids import new_id
from ostiary.base.merge_patch import merge
from ostiary.base.pages import Page, PageQuery, page_of
from ostiary.crypto import Sealer
from ostiary.database import Database
from ostiary.errors import Conflict, InvalidRequest, NotFound
from ostiary.oauth.client_store import ClientStore
from ostiary.oauth.metadata import is_scope
from ostiary.oauth.model import IDENTITY_SCOPES, Api, ApiDefinition
from ostiary.oauth.uris import MAX_URI
from ostiary.permissions import NAMESPACE, Permission

MAX_SCOPES = 500
_TTL = range(60, 901)
_SECRET_BYTES = 32


class ApiCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new API: its identifier, an absolute URI, and the members of its definition."""

    identifier: str
    definition: dict[str, Any]


class ApiChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396) of the definition."""

    definition: dict[str, Any] = {}


class ApiView(msgspec.Struct, frozen=True):
    """An API as administrators see it."""

    id: str
    identifier: str
    definition: dict[str, Any]
    created_at: Timestamp
    updated_at: Timestamp


class IssuedApi(ApiView, frozen=True):
    """An API with the secret that its tokens are signed with, in base64url, this once; None where keys sign them."""

    signing_secret: str | None

    def __repr__(self) -> str:
        return f"IssuedApi({self.id})"


class Apis:
    """The protected APIs of one installation."""

    def __init__(self, db: Database, store: ClientStore, sealer: Sealer, issuer: str) -> None:
        self._db = db
        self._store = store
        self._sealer = sealer
        self._issuer = issuer

    async def list(self, caller: Caller, listing: PageQuery) -> Page[ApiView]:
        """A page of APIs, oldest first."""
        await caller.require(Permission.APIS_READ)
        rows = await self._store.listed_apis(listing.cursor, listing.limit)
        return page_of(rows, listing.limit, key=lambda api: api.id, item=api_view)

    async def get(self, caller: Caller, api_id: str) -> ApiView:
        """One API, by its id. Raises NotFound."""
        await caller.require(Permission.APIS_READ)
        return api_view(_existing(await self._store.api(self._db, api_id)))

    async def create(self, caller: Caller, new: ApiCreate) -> IssuedApi:
        """Register an API; where its tokens are signed with a secret, the answer is the only one that has it.

        Raises:
            InvalidRequest: a member cannot be used. Conflict: the identifier is taken.
        """
        await caller.require(Permission.APIS_CREATE)
        definition = _parsed(new.definition)
        fault = _identifier_fault(new.identifier, self._issuer)
        if fault is not None:
            raise InvalidRequest(fault, field="identifier")
        secret, sealed = self._new_secret(definition, new.identifier)
        api = Api(new_id("api", caller.at), new.identifier, definition, sealed, caller.at, caller.at)
        async with self._db.transaction() as tx:
            if not await self._store.insert_api(tx, api):
                raise Conflict("There is an API of this identifier.", field="identifier")
            await record(tx, caller.at, Event.API_CREATED, caller.actor, api=api.id, identifier=api.identifier)
        return IssuedApi(**msgspec.structs.asdict(api_view(api)), signing_secret=secret)

    async def change(self, caller: Caller, api_id: str, change: ApiChange) -> IssuedApi:
        """Change an API. Where it changes to HS256, it gets a secret.

        Raises:
            NotFound: there is none. InvalidRequest: a member cannot be used.
        """
        await caller.require(Permission.APIS_UPDATE)
        before = _existing(await self._store.api(self._db, api_id))
        definition = _parsed(merge(msgspec.to_builtins(before.definition), change.definition))
        secret, sealed = None, before.sealed_secret
        if definition.algorithm != "HS256":
            sealed = None
        elif sealed is None:
            secret, sealed = self._new_secret(definition, before.identifier)
        api = msgspec.structs.replace(before, definition=definition, sealed_secret=sealed, updated_at=caller.at)
        async with self._db.transaction() as tx:
            if not await self._store.update_api(tx, api):
                raise NotFound("There is no such API.")
            await record(tx, caller.at, Event.API_CHANGED, caller.actor, api=api_id, changed=sorted(change.definition))
        return IssuedApi(**msgspec.structs.asdict(api_view(api)), signing_secret=secret)

    async def delete(self, caller: Caller, api_id: str) -> None:
        """Remove an API; no more tokens are made for it. Raises NotFound."""
        await caller.require(Permission.APIS_DELETE)
        async with self._db.transaction() as tx:
            if not await self._store.delete_api(tx, api_id):
                raise NotFound("There is no such API.")
            await record(tx, caller.at, Event.API_DELETED, caller.actor, api=api_id)

    def _new_secret(self, definition: ApiDefinition, identifier: str) -> tuple[str | None, bytes | None]:
        if definition.algorithm != "HS256":
            return None, None
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        return secret, self._sealer.seal(secret.encode(), api_secret_context(identifier))


def api_secret_context(identifier: str) -> str:
    """What the sealed secret of an API is bound to."""
    return f"apis.sealed_secret/{identifier}"


def api_view(api: Api) -> ApiView:
    """An API as administrators see it."""
    return ApiView(
        api.id, api.identifier, msgspec.to_builtins(api.definition), rfc3339(api.created_at), rfc3339(api.updated_at)
    )


def _identifier_fault(identifier: str, issuer: str) -> str | None:
    scheme, colon, rest = identifier.partition(":")
    visible = all("!" <= each <= "~" for each in identifier)
    if not (colon and scheme.isalnum() and rest and visible and len(identifier) <= MAX_URI) or "#" in identifier:
        return "An identifier is an absolute URI without a fragment, like https://api.example.com (RFC 8707 section 2)."
    return "This is Ostiary's own identifier." if identifier == issuer else None


def _parsed(members: dict[str, Any]) -> ApiDefinition:
    unknown = next((name for name in members if name not in ApiDefinition.__struct_fields__), None)
    if unknown is not None:
        raise InvalidRequest("There is no such member.", field=f"definition.{unknown}")
    try:
        definition = msgspec.convert(members, ApiDefinition)
    except msgspec.ValidationError as fault:
        raise InvalidRequest(str(fault), field="definition") from None
    if not 0 < len(definition.name) <= 100 or not definition.name.isprintable():
        raise InvalidRequest("A name has 1 to 100 visible characters.", field="definition.name")
    if len(definition.scopes) > MAX_SCOPES:
        raise InvalidRequest(f"An API has at most {MAX_SCOPES} scopes.", field="definition.scopes")
    for scope, text in definition.scopes.items():
        if not is_scope(scope) or scope in IDENTITY_SCOPES or scope.startswith(NAMESPACE):
            raise InvalidRequest(f"{scope!r} cannot be the scope of an API.", field="definition.scopes")
        if len(text) > 200 or not text.isprintable():
            raise InvalidRequest("A description has at most 200 visible characters.", field="definition.scopes")
    if definition.token_ttl is not None and definition.token_ttl not in _TTL:
        raise InvalidRequest("Tokens live from 60 to 900 seconds.", field="definition.token_ttl")
    return definition


def _existing(api: Api | None) -> Api:
    if api is None:
        raise NotFound("There is no such API.")
    return api
