"""What administrators do with accounts. Nobody changes an account that holds more of Ostiary than they do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from ostiary.accounts.model import Account, AccountView, Kind, TypedName, TypedUsername, parse_name, parse_username
from ostiary.accounts.store import AccountStore, AccountUpdate
from ostiary.audit import Event, record
from ostiary.authorization import Authorizer, Caller, LastAdministrator, Resource
from ostiary.authorization.relation_writing import delete_subject
from ostiary.authorization.schema import USER
from ostiary.base.email import EmailAddress, TypedAddress, parse_email
from ostiary.base.pages import Page, PageQuery
from ostiary.credentials import Passwords, PasswordText
from ostiary.database import Database, Transaction
from ostiary.errors import Conflict, InvalidRequest, NotFound
from ostiary.permissions import Permission
from ostiary.sessions import Sessions
from ostiary.tokens import RefreshTokens


class AccountCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new account. A user needs an e-mail address, which the administrator vouches for, and may get a password."""

    email: TypedAddress | None = None
    username: TypedUsername | None = None
    name: TypedName = ""
    kind: Kind = "user"
    password: PasswordText | None = None


class AccountChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members that are left out stay as they are.

    ``active`` lets an account whose address nobody has proved wait for that proof again (``pending``); who sends its
    ``email`` along vouches for it.
    """

    email: TypedAddress | UnsetType = UNSET
    username: TypedUsername | UnsetType | None = UNSET
    name: TypedName | UnsetType = UNSET
    status: Literal["active", "disabled"] | UnsetType = UNSET


class AccountAdministration:
    """The administrators' use cases."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        passwords: Passwords,
        sessions: Sessions,
        refresh_tokens: RefreshTokens,
        authorizer: Authorizer,
        require_fresh: Callable[[Caller], Awaitable[None]],
    ) -> None:
        """``require_fresh``: raises where a person has proved too long ago who they are."""
        self._db = db
        self._accounts = accounts
        self._passwords = passwords
        self._sessions = sessions
        self._refresh_tokens = refresh_tokens
        self._authorizer = authorizer
        self._require_fresh = require_fresh

    async def list(self, caller: Caller, listing: PageQuery) -> Page[AccountView]:
        """A page of accounts, oldest first.

        Raises:
            InvalidRequest: the cursor or the limit is not usable.
        """
        await caller.require(Permission.ACCOUNTS_READ)
        return await self._accounts.listed(listing.cursor, listing.limit)

    async def get(self, caller: Caller, account_id: str) -> Account:
        """One account, by its id.

        Raises:
            NotFound: there is none.
        """
        await caller.require(Permission.ACCOUNTS_READ)
        return _existing(await self._accounts.get(account_id))

    async def find(self, caller: Caller, identifier: str) -> Account:
        """One account, by id, e-mail address or username.

        Raises:
            NotFound: there is none.
        """
        await caller.require(Permission.ACCOUNTS_READ)
        return _existing(await self._accounts.get(identifier) or await self._accounts.by_identifier(identifier))

    async def create(self, caller: Caller, new: AccountCreate) -> Account:
        """Create an active account; the address counts as verified, since an administrator vouches for it.

        Raises:
            InvalidRequest: a member cannot be used.
            WeakPassword: a rule refuses the password.
            Conflict: the address or the username is in use.
        """
        await caller.require(Permission.ACCOUNTS_CREATE)
        email, username, name = _address(new.email), parse_username(new.username), parse_name(new.name)
        if email is None and username is None and not name:
            raise InvalidRequest("An account needs an e-mail address, a username or a name.")
        if new.kind == "user" and email is None:
            raise InvalidRequest("A user needs an e-mail address.", field="email")
        if new.kind != "user" and new.password is not None:
            raise InvalidRequest("Only users have passwords.", field="password")
        phc = None
        if new.password is not None:
            phc = await self._passwords.new(new.password, [new.email, username, name])
        async with self._db.transaction() as tx:
            if email is not None:
                await self._accounts.delete_pending(tx, email.key)
            account = await self._accounts.insert(
                tx,
                caller.at,
                status="active",
                email=email.address if email else None,
                email_key=email.key if email else None,
                email_verified=email is not None,
                username=username,
                name=name,
                kind=new.kind,
            )
            if account is None:
                raise Conflict("Another account has this e-mail address or username.")
            if phc is not None:
                await self._passwords.store(tx, account.id, phc, caller.at)
            await tx.bump("authorization")
            await record(tx, caller.at, Event.ACCOUNT_CREATED, caller.actor, account.id, kind=new.kind)
        return account

    async def change(self, caller: Caller, account_id: str, change: AccountChange) -> Account:
        """Change an account. Disabling it ends its sessions and tokens.

        Raises:
            NotFound: there is none.
            Forbidden: it holds more of Ostiary than the caller does.
            InsufficientAuthentication: the address is to change, by which the account is opened; a step-up is due.
            Conflict: the address or the username is in use.
            LastAdministrator: disabling it would leave nobody to administer Ostiary.
        """
        await caller.require(Permission.ACCOUNTS_UPDATE)
        update = AccountUpdate(
            email=UNSET if change.email is UNSET else parse_email(change.email),
            username=UNSET if change.username is UNSET else parse_username(change.username),
            name=UNSET if change.name is UNSET else parse_name(change.name),
            status=change.status,
        )
        await self._authorizer.forbid_outranked(caller, account_id)
        if update.email is not UNSET:
            await self._require_fresh(caller)
        async with self._db.transaction() as tx:
            before = await self._begin(tx, account_id)
            if update.status == "disabled":
                await self._keep_an_administrator(tx, account_id)
            if update.email is not UNSET and update.email.key != before.email_key:
                await self._accounts.delete_pending(tx, update.email.key)
            after = await self._accounts.update(tx, account_id, caller.at, _proved(before, update))
            if after is None:
                raise Conflict("Another account has this e-mail address or username.")
            if after.email_key != before.email_key:
                await self._accounts.end_flows(tx, account_id)
            if after.status == "disabled":  # written first, so that a sign-in under way has ended or will see it
                await self._sessions.end_all(tx, account_id)
                await self._refresh_tokens.end_all(tx, account_id)
            await record(tx, caller.at, _event(before, after), caller.actor, account_id, members=_members(change))
        return after

    async def delete(self, caller: Caller, account_id: str) -> None:
        """Delete an account with its credentials, sessions, roles, grants, relations and attributes.

        The audit log keeps its id.

        Raises:
            NotFound: there is none.
            Forbidden: it holds more of Ostiary than the caller does.
            LastAdministrator: nobody else would be left to administer Ostiary.
            LastOwner: something that needs an owner has no other one.
        """
        await caller.require(Permission.ACCOUNTS_DELETE)
        await self._authorizer.forbid_outranked(caller, account_id)
        _, model = await self._authorizer.model_as_of()
        async with self._db.transaction() as tx:
            await self._begin(tx, account_id)
            await self._keep_an_administrator(tx, account_id)
            await delete_subject(tx, model, Resource(USER, account_id))
            await self._sessions.end_all(tx, account_id)  # what is kept in them goes with no row of the account
            await self._accounts.delete(tx, account_id)
            await record(tx, caller.at, Event.ACCOUNT_DELETED, caller.actor, account_id)

    async def _begin(self, tx: Transaction, account_id: str) -> Account:
        """The account that is about to change, every other administrative change held off until the end of ``tx``."""
        await tx.bump("authorization")
        return _existing(await self._accounts.get_in(tx, account_id))

    async def _keep_an_administrator(self, tx: Transaction, account_id: str) -> None:
        if await self._authorizer.is_last_administrator(tx, account_id):
            raise LastAdministrator


def _existing(account: Account | None) -> Account:
    if account is None:
        raise NotFound("There is no such account.")
    return account


def _address(text: str | None) -> EmailAddress | None:
    return None if text is None else parse_email(text)


def _proved(before: Account, update: AccountUpdate) -> AccountUpdate:
    """Enabling an account whose address nobody has proved lets it wait for that proof again.

    Its password is of whoever registered the address, who need not be its owner.
    """
    unproved = before.email is not None and before.email_verified_at is None and update.email is UNSET
    return msgspec.structs.replace(update, status="pending") if unproved and update.status == "active" else update


def _members(change: AccountChange) -> list[str]:
    return [name for name in change.__struct_fields__ if getattr(change, name) is not UNSET]


def _event(before: Account, after: Account) -> Event:
    if before.status == after.status:
        return Event.ACCOUNT_CHANGED
    return Event.ACCOUNT_DISABLED if after.status == "disabled" else Event.ACCOUNT_ENABLED
