"""Dynamic client registration (RFC 7591) and its management by the client itself (RFC 7592).

Whoever registers gets nothing by it but the right to ask people. What needs nobody's consent, an administrator gives:
the grants in which a client acts by itself, and the mark of one of ours.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.audit import Event, record
from ostiary.authorization import Caller
from ostiary.base.clock import SECOND
from ostiary.base.ids import new_id
from ostiary.base.tokens import digest, equal, new_token
from ostiary.crypto import Sealer
from ostiary.database import Database
from ostiary.errors import InvalidToken, NotFound
from ostiary.oauth.client_store import ClientStore
from ostiary.oauth.clients import new_secret
from ostiary.oauth.directory import Directory, as_stranger
from ostiary.oauth.faults import InvalidClientMetadata
from ostiary.oauth.metadata import check_metadata, convert_metadata, needs_secret
from ostiary.oauth.model import DEVICE_CODE, IDENTITY_SCOPES, Client, ClientMetadata
from ostiary.settings import OAuthSettings

_GRANTS = frozenset({"authorization_code", "refresh_token", DEVICE_CODE})
_ANSWERED = ("client_id", "client_secret", "registration_access_token", "registration_client_uri")


class Registration:
    """Takes registrations, as far as the settings do."""

    def __init__(
        self,
        db: Database,
        store: ClientStore,
        directory: Directory,
        sealer: Sealer,
        settings: OAuthSettings,
        issuer_url: str,
    ) -> None:
        self._db = db
        self._store = store
        self._directory = directory
        self._sealer = sealer
        self._settings = settings
        self._issuer_url = issuer_url

    async def register(self, caller: Caller, bearer: str | None, document: dict[str, Any]) -> dict[str, Any]:
        """A new client (RFC 7591 section 3).

        Raises:
            NotFound: nobody registers here; InvalidToken: only with a token.
            InvalidClientMetadata, InvalidRedirectUri: it cannot be registered with that.
        """
        # No permission needed: the settings say whether strangers register.
        self._admit(bearer)
        metadata = await self._metadata(document)
        client_id, token = new_id("cli", caller.at), new_token("ost_rg_")
        async with self._db.transaction() as tx:
            await self._store.insert(tx, caller.at, client_id, "registration", metadata, registration_token=token)
            secret = None
            if needs_secret(metadata):
                secret = (await new_secret(self._store, self._sealer, tx, caller.at, client_id, metadata))[0]
            facts: dict[str, Any] = {"client": client_id, "name": metadata.client_name}
            facts["uris"] = list(metadata.redirect_uris)
            await record(tx, caller.at, Event.CLIENT_REGISTERED, caller.actor, **facts)
        return self._answer(client_id, metadata, caller.at, token, secret)

    async def read(self, caller: Caller, bearer: str | None, client_id: str) -> dict[str, Any]:
        """What a client is registered with (RFC 7592 section 2.1). Raises InvalidToken."""
        client, token = await self._own(bearer, client_id)
        return self._answer(client.id, client.metadata, client.created_at, token, None)

    async def replace(
        self, caller: Caller, bearer: str | None, client_id: str, document: dict[str, Any]
    ) -> dict[str, Any]:
        """Register it with something else, whole (section 2.2).

        Raises:
            InvalidToken: it is not its own. InvalidClientMetadata, InvalidRedirectUri: not with that.
        """
        client, token = await self._own(bearer, client_id)
        if document.get("client_id", client_id) != client_id:
            raise InvalidClientMetadata("client_id: is another one.", field="client_id")
        metadata = await self._metadata({name: each for name, each in document.items() if name not in _ANSWERED})
        if needs_secret(metadata) and not client.secrets:
            raise InvalidClientMetadata("token_endpoint_auth_method: for a secret, register anew.")
        async with self._db.transaction() as tx:
            await self._store.update(tx, caller.at, client_id, metadata, None)
            await record(tx, caller.at, Event.CLIENT_CHANGED, caller.actor, client=client_id, by="itself")
        return self._answer(client_id, metadata, client.created_at, token, None)

    async def delete(self, caller: Caller, bearer: str | None, client_id: str) -> None:
        """Remove it (section 2.3). Raises InvalidToken."""
        await self._own(bearer, client_id)
        async with self._db.transaction() as tx:
            await self._store.delete(tx, client_id)
            await record(tx, caller.at, Event.CLIENT_DELETED, caller.actor, client=client_id, by="itself")

    def _admit(self, bearer: str | None) -> None:
        if self._settings.registration == "off":
            raise NotFound("Applications do not register themselves here.")
        expected = self._settings.registration_token
        if self._settings.registration == "open":
            return
        if bearer is None or expected is None or not equal(digest(bearer), digest(expected.reveal())):
            raise InvalidToken("Registering takes the initial access token.")

    async def _own(self, bearer: str | None, client_id: str) -> tuple[Client, str]:
        client = await self._store.get(client_id)
        if bearer is None or client is None or not await self._store.registered_by(client_id, bearer):
            raise InvalidToken("This takes the registration access token of that client.")
        return client, bearer

    async def _metadata(self, document: dict[str, Any]) -> ClientMetadata:
        given = {name: value for name, value in document.items() if value is not None}
        metadata = as_stranger(convert_metadata(given))
        beyond = next((grant for grant in metadata.grant_types if grant not in _GRANTS), None)
        if beyond is not None:
            raise InvalidClientMetadata(f"grant_types: {beyond} is given by an administrator.", field="grant_types")
        if not metadata.scope:
            metadata = msgspec.structs.replace(metadata, scope=" ".join(IDENTITY_SCOPES))
        check_metadata(metadata)
        await self._directory.check_sector(metadata)
        return metadata

    def _answer(
        self, client_id: str, metadata: ClientMetadata, at: int, token: str, secret: str | None
    ) -> dict[str, Any]:
        told = {field: getattr(metadata, field) for field in metadata.__struct_fields__}
        answer = {name: value for name, value in msgspec.to_builtins(told).items() if value not in (None, "", [], ())}
        answer |= {
            "client_id": client_id,
            "client_id_issued_at": at // SECOND,
            "registration_access_token": token,
            "registration_client_uri": f"{self._issuer_url}/oauth/register/{client_id}",
        }
        if secret is not None:
            answer |= {"client_secret": secret, "client_secret_expires_at": 0}
        return answer
