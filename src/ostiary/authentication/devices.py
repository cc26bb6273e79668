"""Browsers and clients that an account has signed in from before.

One secret serves three ends: its owner is told of sign-ins from elsewhere; strangers who guess do not use up its tries;
and, where its owner trusts it, it is not asked for the second factor for some time.
"""

from __future__ import annotations

import msgspec

from ostiary.accounts import Account
from ostiary.audit import Event, record
from ostiary.authorization import Caller
from ostiary.base.clock import DAY, SECOND, Timestamp, rfc3339
from ostiary.base.ids import new_id
from ostiary.base.tokens import digest, new_token
from ostiary.credentials.face import Proof
from ostiary.database import Database, Transaction
from ostiary.errors import NotFound
from ostiary.sessions.devices import MAX_USER_AGENT, device_name
from ostiary.sessions.places import Places
from ostiary.settings import SignInSettings

FORGOTTEN_AFTER = 400 * DAY
"""A device that was not used for so long is a new one: no browser keeps its cookie for longer (RFC 6265bis 5.5)."""
_MAX_LISTED = 200
_SECRET = 43


class Device(msgspec.Struct, frozen=True):
    """A browser or client of one account. Times in milliseconds.

    Attributes:
        trusted_until: it is not asked for a second factor before; 0 for never trusted.
    """

    id: str
    account_id: str
    user_agent: str
    address: str
    created_at: int
    used_at: int
    trusted_until: int


class DeviceView(msgspec.Struct, frozen=True):
    """A device as its owner sees it."""

    id: str
    device: str
    place: str | None
    address: str
    current: bool
    created_at: Timestamp
    used_at: Timestamp
    trusted_until: Timestamp | None


_COLUMNS = ", ".join(Device.__struct_fields__)
_ACCOUNTS = 4
"""How many accounts can take turns in one browser: it keeps a secret for each."""
_OWN = "account_id = :account_id AND token_hash IN (:first, :second, :third, :fourth) AND used_at > :oldest"


class Devices:
    """All known devices of one installation."""

    def __init__(self, db: Database, settings: SignInSettings, places: Places) -> None:
        self._db = db
        self._trust = settings.trust_device * SECOND
        self._fresh = settings.fresh
        self._places = places

    async def known(self, account_id: str, caller: Caller) -> Device | None:
        """The account's device that the caller's request came from, by the secrets that it brought."""
        if not caller.device:
            return None
        return await self._db.fetch_one(
            Device,
            f"SELECT {_COLUMNS} FROM devices WHERE {_OWN} ORDER BY used_at DESC LIMIT 1",
            account_id=account_id,
            oldest=caller.at - FORGOTTEN_AFTER,
            **_hashes(caller.device),
        )

    def stands_in(self, device: Device | None, now: int) -> Proof | None:
        """What a trusted device shows, in place of a second factor; it counts at no level of assurance."""
        if device is None or device.trusted_until <= now:
            return None
        return Proof("trusted_device", ("possession",), (), now, "remembered")

    async def note(self, tx: Transaction, caller: Caller, account: Account, *, trust: bool) -> tuple[str, bool]:
        """Remember that the account was signed in to from here.

        Returns:
            The device's secrets from now on; and whether it is a new one of an account that was signed in to before.
        """
        secrets = caller.device
        now, trusted_until = caller.at, caller.at + self._trust if trust else 0
        address, user_agent = caller.address, caller.user_agent[:MAX_USER_AGENT]
        if secrets and await tx.execute(
            "UPDATE devices SET used_at = :now, address = :address, user_agent = :user_agent,"
            f" trusted_until = CASE WHEN :until > trusted_until THEN :until ELSE trusted_until END WHERE {_OWN}",
            now=now,
            address=address,
            user_agent=user_agent,
            until=trusted_until,
            account_id=account.id,
            oldest=now - FORGOTTEN_AFTER,
            **_hashes(secrets),
        ):
            return secrets, False
        earlier = await tx.fetch_value(
            "SELECT 1 FROM devices WHERE account_id = :account_id LIMIT 1", account_id=account.id
        )
        # Always a new one: whoever has planted one in this browser, by an account of his own, knows that one.
        secret = new_token()
        await tx.execute(
            f"INSERT INTO devices ({_COLUMNS}, token_hash) VALUES"
            " (:id, :account_id, :user_agent, :address, :now, :now, :until, :token_hash)",
            id=new_id("dev", now),
            account_id=account.id,
            user_agent=user_agent,
            address=address,
            now=now,
            until=trusted_until,
            token_hash=digest(secret),
        )
        return ".".join([secret, *_parted(secrets)][:_ACCOUNTS]), earlier is not None

    async def list(self, caller: Caller) -> list[DeviceView]:
        """The caller's own devices, the one used last first.

        Raises:
            Unauthenticated: nobody has signed in; PersonRequired: a key calls.
        """
        # No permission needed: they are the caller's own.
        account_id = caller.require_person()
        rows = await self._db.fetch_all(
            Device,
            f"SELECT {_COLUMNS} FROM devices WHERE account_id = :account_id AND used_at > :oldest"
            f" ORDER BY used_at DESC LIMIT {_MAX_LISTED}",
            account_id=account_id,
            oldest=caller.at - FORGOTTEN_AFTER,
        )
        here = await self.known(account_id, caller)
        return [self._view(device, caller.at, current=here is not None and device.id == here.id) for device in rows]

    async def forget(self, caller: Caller, device_id: str) -> None:
        """Forget a device of the caller's own: the next sign-in from there is one from a new device.

        Raises:
            InsufficientAuthentication: a step-up is due; a thief of a session must not make every device a first one,
                of which nobody is told.
            NotFound: the account has none of that id.
        """
        # No permission needed: it is the caller's own, and a fresh proof is asked for.
        account_id = caller.require_person()
        caller.require_level(max_age=self._fresh)
        async with self._db.transaction() as tx:
            gone = await tx.execute(
                "DELETE FROM devices WHERE id = :id AND account_id = :account_id", id=device_id, account_id=account_id
            )
            if gone:
                await record(tx, caller.at, Event.DEVICE_FORGOTTEN, caller.actor, account_id, device=device_id)
        if not gone:
            raise NotFound("There is no such device.")

    async def distrust_all(self, tx: Transaction, account_id: str) -> None:
        """Ask every device for the second factor again: what protects the account has changed."""
        await tx.execute("UPDATE devices SET trusted_until = 0 WHERE account_id = :account_id", account_id=account_id)

    async def sweep(self, tx: Transaction, now: int, limit: int = 500) -> int:
        """Delete up to ``limit`` devices that are forgotten; returns how many."""
        return await tx.execute(
            "DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE used_at <= :oldest"
            " ORDER BY used_at LIMIT :limit)",
            oldest=now - FORGOTTEN_AFTER,
            limit=limit,
        )

    def _view(self, device: Device, now: int, *, current: bool) -> DeviceView:
        return DeviceView(
            id=device.id,
            device=device_name(device.user_agent),
            place=self._places.of(device.address),
            address=device.address,
            current=current,
            created_at=rfc3339(device.created_at),
            used_at=rfc3339(device.used_at),
            trusted_until=rfc3339(device.trusted_until) if device.trusted_until > now else None,
        )


def _parted(secrets: str) -> list[str]:
    return [secret for secret in secrets.split(".", _ACCOUNTS) if len(secret) == _SECRET][:_ACCOUNTS]


def _hashes(secrets: str) -> dict[str, bytes]:
    """The parameters of ``_OWN``."""
    hashes = [digest(secret) for secret in _parted(secrets)]
    return dict(zip(("first", "second", "third", "fourth"), hashes + [b""] * _ACCOUNTS, strict=False))
