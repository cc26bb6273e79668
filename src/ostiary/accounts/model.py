"""What an account is, inside (``Account``, times in milliseconds) and outside (``AccountView``, RFC 3339)."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ostiary.base.clock import Timestamp, rfc3339
from ostiary.errors import InvalidRequest

Kind = Literal["user", "service", "agent"]
Status = Literal["pending", "active", "disabled"]

MAX_NAME = 120
_USERNAME = "[A-Za-z0-9][A-Za-z0-9._-]{1,30}[A-Za-z0-9]"

# For the published schema only: the parse functions below are the rule, and say what is wrong in words for people.
TypedUsername = Annotated[str, Meta(extra_json_schema={"pattern": f"^({_USERNAME})?$", "examples": ["ada"]})]
TypedName = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_NAME})]


class Account(msgspec.Struct, frozen=True):
    """A person, a service or an agent that can be authenticated.

    Attributes:
        status: ``pending`` until the address is proved, ``active``, or ``disabled`` by an administrator.
        email: the address as its owner wrote it, where mail goes; ``email_key`` is what makes it unique.
        username: as written; ``username_key`` is what makes it unique.
    """

    id: str
    kind: Kind
    status: Status
    email: str | None
    email_key: str | None
    email_verified_at: int | None
    username: str | None
    username_key: str | None
    name: str
    created_at: int
    updated_at: int


class AccountView(msgspec.Struct, frozen=True):
    """An account as the API shows it."""

    id: str
    kind: Kind
    status: Status
    email: str | None
    email_verified: bool
    username: str | None
    name: str
    created_at: Timestamp
    updated_at: Timestamp


def account_view(account: Account) -> AccountView:
    """What the account's owner and its administrators see of it."""
    return AccountView(
        id=account.id,
        kind=account.kind,
        status=account.status,
        email=account.email,
        email_verified=account.email_verified_at is not None,
        username=account.username,
        name=account.name,
        created_at=rfc3339(account.created_at),
        updated_at=rfc3339(account.updated_at),
    )


def parse_username(text: str | None) -> str | None:
    """A username as written, or None for an empty one.

    ASCII only, so that no two usernames look alike; without ``@``, so that none is taken for an address.

    Raises:
        InvalidRequest: it is not one.
    """
    if not text:
        return None
    if re.fullmatch(_USERNAME, text) is None:
        raise InvalidRequest(
            "A username has 3 to 32 letters, digits, dots, dashes or underscores; the first and last no sign.",
            field="username",
        )
    return text


def username_key(username: str | None) -> str | None:
    """The normal form of a username: equal keys are one username."""
    return None if username is None else username.lower()


def parse_name(text: str | None) -> str:
    """A person's name: any text of one line, ``MAX_NAME`` characters at most.

    Raises:
        InvalidRequest: it is longer, or holds control characters.
    """
    name = text or ""
    if len(name) > MAX_NAME or not name.strip().isprintable():
        raise InvalidRequest(f"A name has at most {MAX_NAME} characters, all of them visible.", field="name")
    return name.strip()
