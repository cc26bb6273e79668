"""The one face of all grants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from ostiary.accounts import Account
from ostiary.authorization import Caller
from ostiary.database import Transaction
from ostiary.errors import OstiaryError
from ostiary.oauth.audiences import Target
from ostiary.oauth.client_store import Catalogue
from ostiary.oauth.model import Authorized, Client, GrantType


class TokenRequest(msgspec.Struct, frozen=True):
    """A request of a client that has proved who it is.

    Attributes:
        binding: what the client has shown possession of, ``jkt:…`` or ``x5t:…``; empty for nothing.
    """

    client: Client
    form: Mapping[str, str]
    caller: Caller
    catalogue: Catalogue
    issuer: str
    binding: str = ""

    @property
    def now(self) -> int:
        return self.caller.at

    def __repr__(self) -> str:
        return f"TokenRequest({self.client.id})"


class Given(msgspec.Struct, frozen=True):
    """What comes of a grant.

    Attributes:
        account: whose tokens they are; None for the client's own.
        family_id: the ``sid`` of the access token: by it the token is known to have ended early.
        id_token: whether one is due. exchanged: an access token in place of another (RFC 8693).
        expires_at: of the access token at the latest, in milliseconds.
    """

    target: Target
    account: Account | None = None
    subject_id: str | None = None
    family_id: str | None = None
    authorized: Authorized | None = None
    refresh_token: str | None = None
    id_token: bool = False
    binding: str = ""
    actor: dict[str, Any] | None = None
    expires_at: int | None = None
    exchanged: bool = False
    facts: dict[str, Any] = {}

    def __repr__(self) -> str:
        return "Given()"


class Grant(Protocol):
    """One grant type."""

    type: GrantType

    async def prepare(self, request: TokenRequest) -> Any:
        """What has to be found out before the transaction. Raises OstiaryError."""
        ...

    async def redeem(self, tx: Transaction, request: TokenRequest, prepared: Any) -> Given | OstiaryError:
        """What is to be given, spending what can be spent once. An error is returned, not raised, where what has been
        written has to stay.
        """
        ...
