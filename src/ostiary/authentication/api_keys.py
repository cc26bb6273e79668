"""API keys: made, seen, changed, rotated and revoked, by their owner or by who administers them.

A key has at most the permissions of its owner: when its scopes are named, and again with every request. It is no
person: no key makes, changes or rotates a key.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ostiary.accounts import Account, AccountStore
from ostiary.audit import Event, record
from ostiary.authentication.freshness import Freshness
from ostiary.authentication.letters import Letters
from ostiary.authorization import Authorizer, Caller, parse_permission, unheld
from ostiary.authorization.grants import Moment, parse_expiry
from ostiary.authorization.model import PermissionName, covers
from ostiary.base.clock import SECOND, Timestamp, rfc3339
from ostiary.base.network import parse_network
from ostiary.base.pages import Page, PageQuery, page_of
from ostiary.credentials.api_key import new_key
from ostiary.credentials.api_key_store import ApiKey, ApiKeyChange, ApiKeyStore
from ostiary.database import Database, Transaction
from ostiary.errors import Conflict, Forbidden, InvalidRequest, NotFound
from ostiary.permissions import Permission

MAX_KEYS = 100
"""How many keys an account may have, expired ones too."""
MAX_NAME = 64
MAX_SCOPES = 100
MAX_NETWORKS = 50
MAX_OVERLAP = 7 * 86_400
"""How long the secret before a rotation may be good, in seconds."""

# For the published schema; the parse functions below are the rule, whatever built the struct.
KeyName = Annotated[
    str, Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_NAME, "examples": ["nightly export"]})
]
Scopes = Annotated[tuple[PermissionName, ...], Meta(max_length=MAX_SCOPES)]
Networks = Annotated[
    tuple[Annotated[str, Meta(extra_json_schema={"examples": ["203.0.113.0/24"]})], ...], Meta(max_length=MAX_NETWORKS)
]
Overlap = Annotated[int, Meta(ge=0, le=MAX_OVERLAP)]


class ApiKeyCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new key. Without ``scopes`` it shows who calls and may do nothing; without ``networks`` it is good anywhere."""

    name: KeyName
    scopes: Scopes = ()
    expires_at: Moment | None = None
    networks: Networks = ()


class ApiKeyUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members that are left out stay as they are; ``expires_at: null`` makes the key last until it is revoked."""

    name: KeyName | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    networks: Networks | UnsetType = UNSET


class ApiKeyRotate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``overlap``: for how many seconds the secret before is still good, up to seven days."""

    overlap: Overlap = 0


class ApiKeyView(msgspec.Struct, frozen=True):
    """A key as it is shown. Its secret is not: ``hint`` is the end of it.

    Attributes:
        used_at: to five minutes.
        previous_until: until when the secret before the last rotation is good; None where it is not any more.
    """

    id: str
    account_id: str
    name: str
    hint: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    created_at: Timestamp
    expires_at: Timestamp | None
    used_at: Timestamp | None
    rotated_at: Timestamp | None
    previous_until: Timestamp | None


class IssuedApiKey(ApiKeyView, frozen=True):
    """A key with its secret, ``key``, which nobody is shown again."""

    key: str

    def __repr__(self) -> str:
        return f"IssuedApiKey({self.id})"


class ApiKeys:
    """The keys of all accounts. Where no ``account_id`` is given, the caller's own."""

    def __init__(
        self,
        db: Database,
        keys: ApiKeyStore,
        accounts: AccountStore,
        authorizer: Authorizer,
        freshness: Freshness,
        letters: Letters,
    ) -> None:
        self._db = db
        self._keys = keys
        self._accounts = accounts
        self._authorizer = authorizer
        self._freshness = freshness
        self._letters = letters

    async def list(self, caller: Caller, listing: PageQuery, account_id: str | None = None) -> Page[ApiKeyView]:
        """The account's keys, oldest first, expired ones too.

        Raises:
            Unauthenticated: nobody has signed in; PersonRequired: a key asks for those of its own account.
            Forbidden: it is another account, and the caller may not see its keys; NotFound: there is no such account.
            InvalidRequest: the cursor or the limit is not usable.
        """
        account_id = await self._may_read(caller, account_id)
        rows = await self._keys.of_account(account_id, listing.cursor, listing.limit)
        return page_of(rows, listing.limit, key=lambda row: row.id, item=lambda row: _view(row, caller.at))

    async def get(self, caller: Caller, key_id: str, account_id: str | None = None) -> ApiKeyView:
        """One key. Raises what ``list`` does, and NotFound where the account has no such key."""
        account_id = await self._may_read(caller, account_id)
        return _view(_existing(await self._keys.get(account_id, key_id)), caller.at)

    async def create(self, caller: Caller, new: ApiKeyCreate, account_id: str | None = None) -> IssuedApiKey:
        """Make a key; the answer is the only one that has its secret. The owner is told by mail.

        Raises:
            Unauthenticated: nobody has signed in; PersonRequired: a key calls.
            InsufficientAuthentication: a step-up is due.
            Forbidden: a scope is beyond what the account may do (``permission`` names it); or it is another account,
                and the caller may not make keys for it.
            InvalidRequest: a member cannot be used.
            NotFound: there is no such account. Conflict: it is not active, or has as many keys as it may have.
        """
        owner = await self._may_change(caller, account_id, Permission.API_KEYS_CREATE)
        name, networks = parse_key_name(new.name), parse_networks(new.networks)
        expires_at = parse_expiry(new.expires_at, caller.at)
        scopes = await self._scopes(caller, owner, new.scopes)
        key = new_key()
        async with self._db.transaction() as tx:
            account = await self._active(tx, owner)
            if await self._keys.count(tx, owner) >= MAX_KEYS:
                raise Conflict(f"An account has at most {MAX_KEYS} keys; revoke one that is not in use.")
            made = await self._keys.insert(
                tx,
                caller.at,
                account_id=owner,
                key=key,
                name=name,
                scopes=scopes,
                networks=networks,
                expires_at=expires_at,
            )
            await self._letters.api_key_issued(tx, caller, account, made.hint)
            await record(tx, caller.at, Event.API_KEY_CREATED, caller.actor, owner, **_recorded(made))
        self._letters.wake()
        return _issued(made, key, caller.at)

    async def change(
        self, caller: Caller, key_id: str, change: ApiKeyUpdate, account_id: str | None = None
    ) -> ApiKeyView:
        """Change what a key is called, may do, and where and until when it is good.

        Raises:
            NotFound: the account has no such key. Otherwise as ``create``.
        """
        owner = await self._may_change(caller, account_id, Permission.API_KEYS_UPDATE)
        written = ApiKeyChange(
            name=UNSET if change.name is UNSET else parse_key_name(change.name),
            scopes=UNSET if change.scopes is UNSET else await self._scopes(caller, owner, change.scopes),
            networks=UNSET if change.networks is UNSET else parse_networks(change.networks),
            expires_at=UNSET if change.expires_at is UNSET else parse_expiry(change.expires_at, caller.at),
        )
        async with self._db.transaction() as tx:
            changed = _existing(await self._keys.change(tx, owner, key_id, written))
            await record(tx, caller.at, Event.API_KEY_CHANGED, caller.actor, owner, **_recorded(changed))
        return _view(changed, caller.at)

    async def rotate(
        self, caller: Caller, key_id: str, rotation: ApiKeyRotate, account_id: str | None = None
    ) -> IssuedApiKey:
        """Give a key another secret; the answer is the only one that has it. The owner is told by mail.

        The secret before is good for ``overlap`` seconds more; the one before that, not any more.

        Raises:
            NotFound: the account has no such key.
            Conflict: the key has expired, or another rotation came a moment ago, and its secret is the one to use.
            InvalidRequest: the overlap is too long. Otherwise as ``create``.
        """
        owner = await self._may_change(caller, account_id, Permission.API_KEYS_UPDATE)
        if not 0 <= rotation.overlap <= MAX_OVERLAP:
            raise InvalidRequest(f"The overlap is a number of seconds from 0 to {MAX_OVERLAP}.", field="overlap")
        key, previous_until = new_key(), caller.at + rotation.overlap * SECOND
        async with self._db.transaction() as tx:
            account = await self._active(tx, owner)
            before = _existing(await self._keys.get(owner, key_id, tx))
            if before.expires_at is not None and before.expires_at <= caller.at:
                raise Conflict("The key has expired; let it last longer first, or make another one.")
            rotated = await self._keys.rotate(tx, owner, key_id, key, caller.at, previous_until)
            if rotated is None:
                raise Conflict("The key was rotated a moment ago; use the secret of that rotation.")
            await self._letters.api_key_issued(tx, caller, account, rotated.hint)
            facts = {"api_key": rotated.id, "hint": rotated.hint, "overlap": rotation.overlap}
            await record(tx, caller.at, Event.API_KEY_ROTATED, caller.actor, owner, **facts)
        self._letters.wake()
        return _issued(rotated, key, caller.at)

    async def revoke(self, caller: Caller, key_id: str, account_id: str | None = None) -> None:
        """End a key, and both its secrets where a rotation overlaps.

        Raises:
            Unauthenticated, PersonRequired, InsufficientAuthentication: as ``create``, for the caller's own key.
            Forbidden: it is another account's, and the caller may not.
            NotFound: the account has no such key.
        """
        owner = await self._may_revoke(caller, account_id)
        async with self._db.transaction() as tx:
            revoked = _existing(await self._keys.remove(tx, owner, key_id))
            facts = {"api_key": revoked.id, "name": revoked.name, "hint": revoked.hint}
            await record(tx, caller.at, Event.API_KEY_REVOKED, caller.actor, owner, **facts)

    async def _may_read(self, caller: Caller, account_id: str | None) -> str:
        # No permission needed for one's own.
        if _is_own(caller, account_id):
            return caller.require_person()
        await caller.require(Permission.API_KEYS_READ)
        return (await self._account(account_id)).id

    async def _may_change(self, caller: Caller, account_id: str | None, permission: Permission) -> str:
        # No permission needed for one's own, but a fresh proof; of another's, the secret is as good as that account.
        if _is_own(caller, account_id):
            return await self._freshness.require(caller)
        await caller.require(permission)
        if caller.kind != "operator":
            await self._freshness.require(caller)
        account = await self._account(account_id)
        await self._authorizer.forbid_outranked(caller, account.id)
        return account.id

    async def _may_revoke(self, caller: Caller, account_id: str | None) -> str:
        if _is_own(caller, account_id):
            return await self._freshness.require(caller)
        # Without a fresh proof, and by a key that may: what finds a leaked key by night is no person.
        await caller.require(Permission.API_KEYS_DELETE)
        account = await self._account(account_id)
        await self._authorizer.forbid_outranked(caller, account.id)
        return account.id

    async def _account(self, account_id: str | None) -> Account:
        account = await self._accounts.get(account_id or "")
        if account is None:
            raise NotFound("There is no such account.")
        return account

    async def _active(self, tx: Transaction, account_id: str) -> Account:
        """The account, which stays as it is, and makes no second key, until the end of the transaction."""
        account = await self._accounts.hold(tx, account_id)
        if account is None:
            raise NotFound("There is no such account.")
        if account.status != "active":
            raise Conflict("The account is not active, so no key of it would be good.")
        return account

    async def _scopes(self, caller: Caller, owner: str, scopes: Iterable[str]) -> str:
        """The scopes as they are stored, all of them within what their owner may do.

        Raises:
            InvalidRequest: one is no permission, or there are too many.
            Forbidden: one is beyond that, or beyond what the caller's own token is limited to.
        """
        wanted = sorted({parse_permission(scope, "scopes") for scope in scopes})
        if len(wanted) > MAX_SCOPES:
            raise InvalidRequest(f"A key has at most {MAX_SCOPES} scopes.", field="scopes")
        missing = set(unheld(await self._authorizer.facts(owner), wanted, caller.at)) if wanted else set()
        if caller.scopes is not None and _is_own(caller, owner):
            missing |= {each for each in wanted if not any(covers(scope, each) for scope in caller.scopes)}
        if missing:
            first = min(missing)
            raise Forbidden(
                f"A key has at most the permissions of its owner, who does not hold {first}.",
                field="scopes",
                extra={"permission": first, "missing": sorted(missing)},
            )
        return " ".join(wanted)


def parse_key_name(text: str) -> str:
    """What a key is called: a line of text, for people.

    Raises:
        InvalidRequest: it is empty, too long, or not visible.
    """
    name = text.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise InvalidRequest(f"The name of a key has 1 to {MAX_NAME} characters, all of them visible.", field="name")
    return name


def parse_networks(networks: Iterable[str]) -> str:
    """Networks as they are stored, each once.

    Raises:
        InvalidRequest: one is no network, or there are too many.
    """
    found = dict.fromkeys(str(parse_network(each)) for each in networks)
    if len(found) > MAX_NETWORKS:
        raise InvalidRequest(f"A key has at most {MAX_NETWORKS} networks.", field="networks")
    return " ".join(found)


def _is_own(caller: Caller, account_id: str | None) -> bool:
    return account_id is None or account_id == caller.account_id


def _existing(key: ApiKey | None) -> ApiKey:
    if key is None:
        raise NotFound("The account has no such key.")
    return key


def _view(key: ApiKey, now: int) -> ApiKeyView:
    overlaps = key.previous_until is not None and key.previous_until > now
    return ApiKeyView(
        id=key.id,
        account_id=key.account_id,
        name=key.name,
        hint=key.hint,
        scopes=tuple(key.scopes.split()),
        networks=tuple(key.networks.split()),
        created_at=rfc3339(key.created_at),
        expires_at=_moment(key.expires_at),
        used_at=_moment(key.used_at),
        rotated_at=_moment(key.rotated_at),
        previous_until=_moment(key.previous_until if overlaps else None),
    )


def _issued(key: ApiKey, secret: str, now: int) -> IssuedApiKey:
    return IssuedApiKey(**msgspec.structs.asdict(_view(key, now)), key=secret)


def _moment(at: int | None) -> Timestamp | None:
    return None if at is None else rfc3339(at)


def _recorded(key: ApiKey) -> dict[str, object]:
    return {
        "api_key": key.id,
        "name": key.name,
        "hint": key.hint,
        "scopes": key.scopes.split(),
        "networks": key.networks.split(),
        "expires_at": _moment(key.expires_at),
    }
