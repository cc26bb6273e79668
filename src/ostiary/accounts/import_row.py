"""One account from elsewhere: the members that a line has, and what they are parsed to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ostiary.accounts.model import Kind, Status, parse_name, parse_username, username_key
from ostiary.base.email import parse_email
from ostiary.crypto.foreign_hashes import Beside, FirebaseParameters, UnusableHash, kept, parse_foreign
from ostiary.errors import InvalidRequest


class Refusal(StrEnum):
    """Why a line was refused; the report has these codes, and they never change their meaning."""

    LINE_TOO_LONG = "line_too_long"
    NOT_UTF8 = "not_utf8"
    INVALID_JSON = "invalid_json"
    INVALID_CSV = "invalid_csv"
    UNKNOWN_MEMBER = "unknown_member"
    INVALID_MEMBER = "invalid_member"
    CONTROL_CHARACTER = "control_character"
    EMAIL_MISSING = "email_missing"
    INVALID_EMAIL = "invalid_email"
    INVALID_USERNAME = "invalid_username"
    INVALID_NAME = "invalid_name"
    INVALID_CREATED_AT = "invalid_created_at"
    IDENTIFIER_MISSING = "identifier_missing"
    PASSWORD_NOT_ALLOWED = "password_not_allowed"
    UNKNOWN_PASSWORD_FORMAT = "unknown_password_format"
    INVALID_PASSWORD_HASH = "invalid_password_hash"
    COSTLY_PASSWORD_HASH = "costly_password_hash"
    DUPLICATE_EMAIL = "duplicate_email"
    DUPLICATE_USERNAME = "duplicate_username"
    EMAIL_TAKEN = "email_taken"
    USERNAME_TAKEN = "username_taken"


class Refused(Exception):
    """A line that is refused. Nothing of it is in the text, which a report may show."""

    def __init__(self, code: Refusal, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field


class ImportMembers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The members of a line, as they are written; the columns of a CSV file have the same names.

    Attributes:
        email_verified: whether the source had proof of the address.
        password_hash: as the source wrote it; ``password_format`` says how, where it does not tell by itself.
        created_at: RFC 3339, with its offset from UTC.
    """

    email: str | None = None
    email_verified: bool = False
    username: str | None = None
    name: str | None = None
    kind: Kind = "user"
    password_hash: str | None = None
    password_format: str | None = None
    password_salt: str | None = None
    firebase_signer_key: str | None = None
    firebase_salt_separator: str = ""
    firebase_rounds: int = 8
    firebase_mem_cost: int = 14
    created_at: Annotated[datetime, Meta(tz=True)] | None = None
    disabled: bool = False

    def __repr__(self) -> str:
        return "ImportMembers()"


class ImportDefaults(msgspec.Struct, frozen=True):
    """What holds for all lines that do not say otherwise."""

    password_format: str | None = None
    firebase: FirebaseParameters | None = None


class ImportRow(msgspec.Struct, frozen=True):
    """An account to write, parsed. ``created_at`` in milliseconds; ``password`` as it is kept."""

    kind: Kind
    status: Status
    email: str | None
    email_key: str | None
    email_verified: bool
    username: str | None
    username_key: str | None
    name: str
    created_at: int | None
    password: str | None

    def __repr__(self) -> str:
        return "ImportRow()"


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_AT = re.compile(r"`\$\.(\w+)")
_NO_DEFAULTS = ImportDefaults()


def parse_row(
    raw: Mapping[str, Any], now: int, defaults: ImportDefaults = _NO_DEFAULTS, *, lax: bool = False
) -> ImportRow:
    """The account behind the members of one line. Members that are empty or null are as good as left out.

    Args:
        now: milliseconds; nothing was created later.
        lax: numbers and truth values are written as text, as in CSV.

    Raises:
        Refused: the line cannot be taken as it is.
        ConfigurationError: its hash needs a package that is not installed.
    """
    members = _members(raw, lax=lax)
    email = None if members.email is None else _checked(Refusal.INVALID_EMAIL, "email", parse_email, members.email)
    username = _checked(Refusal.INVALID_USERNAME, "username", parse_username, members.username)
    name = _checked(Refusal.INVALID_NAME, "name", parse_name, members.name)
    if members.kind == "user" and email is None:
        raise Refused(Refusal.EMAIL_MISSING, "A user needs an e-mail address.", "email")
    if email is None and username is None:
        raise Refused(Refusal.IDENTIFIER_MISSING, "An account needs an e-mail address or a username.")
    return ImportRow(
        kind=members.kind,
        status=_status(members),
        email=email.address if email else None,
        email_key=email.key if email else None,
        email_verified=email is not None and members.email_verified,
        username=username,
        username_key=username_key(username),
        name=name,
        created_at=_created_at(members.created_at, now),
        password=_password(members, defaults),
    )


def _status(members: ImportMembers) -> Status:
    """An address without proof waits for it.

    Whoever chose the password registered it there, where nobody asked whether it is theirs.
    """
    if members.disabled:
        return "disabled"
    return "active" if members.email is None or members.email_verified else "pending"


def _members(raw: Mapping[str, Any], *, lax: bool) -> ImportMembers:
    given = {name: _as_text(value) for name, value in raw.items() if value is not None and value != ""}
    for name, value in given.items():
        if isinstance(value, str) and _CONTROL.search(value):
            raise Refused(Refusal.CONTROL_CHARACTER, "A value has a control character in it.", name[:64])
    unknown = sorted(given.keys() - set(ImportMembers.__struct_fields__))
    if unknown:
        raise Refused(Refusal.UNKNOWN_MEMBER, "No such member is known.", unknown[0][:64])
    try:
        return msgspec.convert(given, ImportMembers, strict=not lax)
    except msgspec.ValidationError as fault:
        found = _AT.search(str(fault))
        field = found[1] if found else None
        if field == "created_at":
            raise Refused(Refusal.INVALID_CREATED_AT, "A time is written like 2026-01-31T12:00:00Z.", field) from None
        raise Refused(Refusal.INVALID_MEMBER, "This is not of the type that the member has.", field) from None


def _as_text(value: Any) -> Any:
    """An object is a credential of Keycloak, which its export has as it is."""
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else value


def _checked(code: Refusal, field: str, parse: Any, text: str | None) -> Any:
    try:
        return parse(text)
    except InvalidRequest as refused:
        raise Refused(code, str(refused), field) from None


def _created_at(moment: datetime | None, now: int) -> int | None:
    if moment is None:
        return None
    milliseconds = int(moment.timestamp() * 1000)
    if not 0 <= milliseconds <= now:
        raise Refused(Refusal.INVALID_CREATED_AT, "It was created before 1970, or is yet to be.", "created_at")
    return milliseconds


def _password(members: ImportMembers, defaults: ImportDefaults) -> str | None:
    if members.password_hash is None:
        return None
    if members.kind != "user":
        raise Refused(Refusal.PASSWORD_NOT_ALLOWED, "Only users have passwords.", "password_hash")
    firebase = defaults.firebase
    if members.firebase_signer_key is not None:
        firebase = FirebaseParameters(
            members.firebase_signer_key,
            members.firebase_salt_separator,
            members.firebase_rounds,
            members.firebase_mem_cost,
        )
    try:
        beside = Beside(members.password_salt, firebase)
        return kept(parse_foreign(members.password_hash, members.password_format or defaults.password_format, beside))
    except UnusableHash as unusable:
        raise Refused(Refusal(unusable.fault.value), str(unusable), "password_hash") from None
