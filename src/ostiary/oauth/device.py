"""Device authorization (RFC 8628): a device without a keyboard shows a code, and its person types it elsewhere."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from ostiary.accounts import AccountStore
from ostiary.audit import Event, record
from ostiary.authorization import Caller
from ostiary.base.clock import SECOND
from ostiary.base.ids import new_id
from ostiary.base.tokens import digest, new_token
from ostiary.database import Database, Transaction
from ostiary.errors import InvalidChallenge, InvalidRequest, OstiaryError
from ostiary.oauth.audiences import allowed_scopes, described, parse_resources, parse_scope, target_of
from ostiary.oauth.client_auth import ClientAuthentication, Knocking
from ostiary.oauth.client_store import ClientStore
from ostiary.oauth.consents import Consents
from ostiary.oauth.directory import Directory
from ostiary.oauth.faults import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    InvalidClient,
    InvalidGrant,
    SlowDown,
    UnauthorizedClient,
)
from ostiary.oauth.grants.face import Given, TokenRequest
from ostiary.oauth.grants.families import begin_family, bound
from ostiary.oauth.grants.narrowing import narrowed
from ostiary.oauth.model import DEVICE_CODE, Authorized, Client, GrantType, scope_text
from ostiary.oauth.spent import spend_all
from ostiary.settings import OAuthSettings
from ostiary.tokens import RefreshTokens

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words; nothing that looks like a digit (section 6.1). Eight of these are 34 bits."""
_LENGTH = 8
_SLOWER = 5
_NO_CODE = "This code is not known, has expired, or was used. Look at the device again."


class DeviceAnswer(msgspec.Struct, frozen=True):
    """Section 3.2; times in seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int

    def __repr__(self) -> str:
        return "DeviceAnswer()"


class Asked(msgspec.Struct, frozen=True):
    """What a device asks for, as its person is shown it."""

    client: Client
    scopes: tuple[tuple[str, str | None, str | None], ...]
    user_code: str


class _Row(msgspec.Struct, frozen=True):
    client_id: str
    account_id: str | None
    authorized: bytes | None
    denied: int
    seconds: int
    polled_at: int
    expires_at: int


class _Requested(msgspec.Struct, frozen=True):
    scopes: tuple[str, ...]
    resources: tuple[str, ...]


class _Waiting(msgspec.Struct, frozen=True):
    client_id: str
    requested: bytes


class Devices:
    """Codes of devices: handed out, and decided upon."""

    def __init__(
        self,
        db: Database,
        authentication: ClientAuthentication,
        directory: Directory,
        store: ClientStore,
        consents: Consents,
        settings: OAuthSettings,
        issuer_url: str,
    ) -> None:
        self._db = db
        self._authentication = authentication
        self._directory = directory
        self._store = store
        self._consents = consents
        self._ttl = settings.device_ttl
        self._interval = settings.device_interval
        self._issuer_url = issuer_url

    async def begin(self, caller: Caller, knocking: Knocking) -> DeviceAnswer:
        """Two codes: one that the device keeps, one that it shows.

        Raises:
            InvalidClient, UnauthorizedClient, InvalidScope, InvalidTarget: it may not ask for that.
        """
        # No permission needed: what is asked for is the person's to give.
        authenticated = await self._authentication(caller, knocking)
        client = authenticated.client
        if DEVICE_CODE not in client.grants:
            raise UnauthorizedClient("This client is not registered for the device code.")
        catalogue = await self._store.catalogue()
        resources = parse_resources(knocking.form.get("resource", ""), catalogue, self._issuer_url)
        asked = parse_scope(knocking.form.get("scope", ""))
        scopes = allowed_scopes(client, asked, resources, catalogue, self._issuer_url)
        target_of(client, scopes, resources, catalogue, self._issuer_url)
        device_code, user_code = new_token("ost_dc_"), "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        async with self._db.transaction() as tx:
            fresh = await spend_all(tx, authenticated.spends)
            if fresh:
                await tx.execute(
                    "INSERT INTO device_codes (code_hash, user_code, client_id, requested, denied, seconds, polled_at,"
                    " created_at, expires_at) VALUES (:hash, :user_code, :client_id, :requested, 0, :seconds, 0, :now,"
                    " :expires_at)",
                    hash=digest(device_code),
                    user_code=user_code,
                    client_id=client.id,
                    requested=msgspec.json.encode(_Requested(scopes, resources)),
                    seconds=self._interval,
                    now=caller.at,
                    expires_at=caller.at + self._ttl * SECOND,
                )
        if not fresh:
            raise InvalidClient("This assertion was used before.")
        shown = f"{user_code[:4]}-{user_code[4:]}"
        page = f"{self._issuer_url}/device"
        return DeviceAnswer(device_code, shown, page, f"{page}?user_code={shown}", self._ttl, self._interval)

    async def asked(self, caller: Caller, typed: str) -> Asked:
        """What the device asks for that shows this code.

        Raises:
            InvalidChallenge: there is none, or it has been answered.
        """
        client, requested = await self._waiting(caller, typed)
        user_code = _plain(typed)
        shown = described(requested.scopes, requested.resources, await self._store.catalogue())
        return Asked(client, shown, f"{user_code[:4]}-{user_code[4:]}")

    async def decide(self, caller: Caller, typed: str, *, allow: bool) -> Client:
        """The person has decided. One conditional statement: the first answer is the one that counts.

        Raises:
            InvalidChallenge: as ``asked``, or it was answered a moment ago.
        """
        account_id = caller.require_person()
        client, requested = await self._waiting(caller, typed)
        authorized = Authorized(
            scope=scope_text(requested.scopes),
            resources=requested.resources,
            amr=caller.amr,
            acr=caller.acr,
            authenticated_at=caller.authenticated_at or 0,
        )
        async with self._db.transaction() as tx:
            decided = await tx.execute(
                "UPDATE device_codes SET account_id = :account_id, denied = :denied, authorized = :authorized"
                " WHERE user_code = :code AND client_id = :client_id AND account_id IS NULL AND expires_at > :now",
                account_id=account_id,
                denied=0 if allow else 1,
                authorized=msgspec.json.encode(authorized),
                code=_plain(typed),
                client_id=client.id,
                now=caller.at,
            )
            if decided != 1:
                raise InvalidChallenge("This code was answered a moment ago.", field="user_code")
            event = Event.CLIENT_AUTHORIZED if allow else Event.CLIENT_DENIED
            if allow:
                await self._consents.remember(tx, caller.at, account_id, client, requested.scopes)
            facts = {"client": client.id, "scope": authorized.scope, "device": True}
            await record(tx, caller.at, event, caller.actor, account_id, **facts)
        return client

    async def _waiting(self, caller: Caller, typed: str) -> tuple[Client, _Requested]:
        caller.require_person()
        waiting = await self._db.fetch_one(
            _Waiting,
            "SELECT client_id, requested FROM device_codes"
            " WHERE user_code = :code AND account_id IS NULL AND expires_at > :now",
            code=_plain(typed),
            now=caller.at,
        )
        client = None if waiting is None else await self._directory.find(waiting.client_id)
        if waiting is None or client is None:
            raise InvalidChallenge(
                "This code is not known, has expired, or was used. Look at the device again.", field="user_code"
            )
        return client, msgspec.json.decode(waiting.requested, type=_Requested)

    async def sweep(self, tx: Transaction, now: int, limit: int = 500) -> int:
        """Delete up to ``limit`` codes that have expired; returns how many. A device learns of it for a while."""
        return await tx.execute(
            "DELETE FROM device_codes WHERE code_hash IN"
            " (SELECT code_hash FROM device_codes WHERE expires_at <= :before ORDER BY expires_at LIMIT :limit)",
            before=now - self._ttl * SECOND,
            limit=limit,
        )


class DeviceCodeGrant:
    """Tokens for a device code (section 3.4). See :class:`Grant`."""

    type: GrantType = DEVICE_CODE

    def __init__(self, accounts: AccountStore, refresh_tokens: RefreshTokens) -> None:
        self._accounts = accounts
        self._refresh_tokens = refresh_tokens

    async def prepare(self, request: TokenRequest) -> bytes:
        code = request.form.get("device_code")
        if code is None:
            raise InvalidRequest("device_code is missing.", field="device_code")
        return digest(code)

    async def redeem(self, tx: Transaction, request: TokenRequest, prepared: bytes) -> Given | OstiaryError:
        """Ask once more; the question that finds the decision takes the code away with it."""
        known: dict[str, Any] = {"hash": prepared, "client_id": request.client.id}
        row = await tx.fetch_one(
            _Row,
            "SELECT client_id, account_id, authorized, denied, seconds, polled_at, expires_at FROM device_codes"
            " WHERE code_hash = :hash AND client_id = :client_id /* FOR NO KEY UPDATE */",
            **known,
        )
        if row is None:
            return InvalidGrant("The device code is unknown, was used before, or belongs to another client.")
        if row.expires_at <= request.now:
            return ExpiredToken()
        if row.account_id is None or row.authorized is None:
            return await self._pending(tx, request, row, known)
        if not await tx.execute("DELETE FROM device_codes WHERE code_hash = :hash AND client_id = :client_id", **known):
            return InvalidGrant("The device code was used a moment ago.")
        account = await self._accounts.get_in(tx, row.account_id)
        if row.denied or account is None or account.status != "active":
            return AccessDenied("The person said no." if row.denied else "The account is not active.")
        authorized = bound(request, msgspec.json.decode(row.authorized, type=Authorized))
        family_id = new_id("fam", request.now)
        token = await begin_family(self._refresh_tokens, tx, request, account.id, authorized, family_id)
        return Given(
            target=narrowed(request, authorized),
            account=account,
            subject_id=account.id,
            family_id=family_id,
            authorized=authorized,
            refresh_token=token,
            id_token="openid" in authorized.scopes,
            binding=request.binding,
        )

    async def _pending(
        self, tx: Transaction, request: TokenRequest, row: _Row, known: dict[str, Any]
    ) -> AuthorizationPending | SlowDown:
        too_soon = request.now - row.polled_at < row.seconds * SECOND
        await tx.execute(
            "UPDATE device_codes SET polled_at = :now, seconds = seconds + :more"
            " WHERE code_hash = :hash AND client_id = :client_id",
            now=request.now,
            more=_SLOWER if too_soon else 0,
            **known,
        )
        return SlowDown() if too_soon else AuthorizationPending()


def _plain(typed: str) -> str:
    """A code as it is stored, however it was typed (section 6.1)."""
    return "".join(each for each in typed.upper() if each in _LETTERS)[: _LENGTH + 1]
