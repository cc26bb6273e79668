"""The words of a decision: permissions, resources, grants, reasons, and the grounds that a decision rests on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ostiary.errors import Conflict, InvalidRequest

_SEGMENT = "[a-z][a-z0-9_-]*"
_MODEL = f"({_SEGMENT}/)?"  # types, permissions and roles of a named model are kept apart: hr/document.read
TYPE = rf"{_MODEL}{_SEGMENT}(\.{_SEGMENT})*"
_PERMISSION = rf"({_MODEL}\*|{TYPE}\.({_SEGMENT}|\*))"
_ROLE = rf"{_MODEL}[a-z][a-z0-9_.-]{{0,63}}"
MAX_PERMISSION = 128
MAX_RESOURCE_ID = 256

# Annotated for the published schema; the parse functions below are the rule, whatever built the struct.
PermissionName = Annotated[str, Meta(pattern=f"^{_PERMISSION}$", max_length=MAX_PERMISSION)]
RoleName = Annotated[str, Meta(pattern=f"^{_ROLE}$")]
ResourceType = Annotated[str, Meta(pattern=f"^{TYPE}$", max_length=MAX_PERMISSION)]
SignInPolicy = Literal["any", "two_factors", "phishing_resistant"]
"""What a sign-in has to show; each asks for more than the one before. See the setting ``sign_in.policy``."""
ResourceId = Annotated[str, Meta(min_length=1, max_length=MAX_RESOURCE_ID)]


class Resource(msgspec.Struct, frozen=True):
    """One thing that actions are taken on: ``documents:7`` is type ``documents``, id ``7``."""

    type: ResourceType
    id: ResourceId

    def __str__(self) -> str:
        return f"{self.type}:{self.id}"


class Effect(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


class Reason(StrEnum):
    """Why a decision is what it is, in one stable word."""

    ALLOWED = "allowed"
    OPERATOR = "operator"
    DENIED_EXPLICITLY = "denied_explicitly"
    NOTHING_ALLOWS = "nothing_allows"
    SCOPE_INSUFFICIENT = "scope_insufficient"
    ACCOUNT_INACTIVE = "account_inactive"
    UNKNOWN_SUBJECT = "unknown_subject"
    ANONYMOUS = "anonymous"


class Request(msgspec.Struct, frozen=True):
    """The question: may the subject do this, to this resource (``None``: to everything), at this time?

    Attributes:
        permission: the one action asked for, never a wildcard: what covers only a part of it could not answer.
        at: milliseconds since the epoch, UTC.
        context: what is known of the request itself: where from, how well who asks has proved who they are.
        subject_properties, resource_properties, action_properties: what the request brings of attributes.
    """

    permission: str
    resource: Resource | None
    at: int
    context: Mapping[str, Any] = {}
    subject_properties: Mapping[str, Any] = {}
    resource_properties: Mapping[str, Any] = {}
    action_properties: Mapping[str, Any] = {}


class Granted(msgspec.Struct, frozen=True):
    """Ground: a direct grant that matches. ``expires_at`` in milliseconds; from then on it does not count.

    ``holder``: the key of the group that it was given to, empty for the subject itself.
    """

    permission: str
    effect: Effect
    resource: Resource | None
    expires_at: int | None
    holder: str = ""


class HeldByRole(msgspec.Struct, frozen=True):
    """Ground: a role that holds ``pattern``, itself or through roles that it includes; ``holder`` as with a grant."""

    role: str
    pattern: str
    resource: Resource | None
    holder: str = ""


class Related(msgspec.Struct, frozen=True):
    """Ground: the subject is related to the resource. ``steps``: from the subject's own key to the resource."""

    steps: tuple[str, ...]


class Ruled(msgspec.Struct, frozen=True):
    """Ground: a policy applies.

    ``why``: of one that denies because its condition could not be worked out: what was missing or did not fit.
    """

    policy: str
    effect: Effect
    why: str = ""


Ground = Granted | HeldByRole | Related | Ruled


class NestingTooDeep(Conflict):
    code = "nesting_too_deep"
    title = "Groups or resources are nested too deep for a decision."
    remedy = "Take groups out of groups, or resources out of what they are in, until the way is shorter."


class PolicyCannotFilter(Conflict):
    code = "policy_cannot_filter"
    title = "A policy cannot be made into a filter of a list."
    remedy = "Write the policy so that it compares attributes with values, or check the rows one by one."


class LastAdministrator(Conflict):
    code = "last_administrator"
    title = "This would leave Ostiary without an administrator; make another one first."
    remedy = "Give the role `administrator` to another account first, everywhere and not on one resource."


def parse_permission(text: str, field: str = "permission") -> str:
    """A permission (``documents.read``) or a wildcard (``documents.*``, ``*``).

    Raises:
        InvalidRequest: it is neither.
    """
    if not _is_permission(text):
        raise InvalidRequest(
            "A permission is a resource type, a dot and an action in lower case, like documents.read; "
            "documents.* and * are wildcards.",
            field=field,
        )
    return text


def parse_role_name(text: str, field: str = "name") -> str:
    """Raises InvalidRequest unless ``text`` can name a role."""
    if re.fullmatch(_ROLE, text) is None:
        raise InvalidRequest(
            "A role name starts with a lower-case letter and has at most 64 letters, digits, dots, dashes and "
            "underscores.",
            field=field,
        )
    return text


def parse_resource(resource: Resource, field: str = "resource") -> Resource:
    """Raises InvalidRequest unless its type is lower-case segments with dots and its id is printable and bounded."""
    if len(resource.type) > MAX_PERMISSION or re.fullmatch(TYPE, resource.type) is None:
        raise InvalidRequest("A resource type is written in lower case, like documents.", field=f"{field}.type")
    if not (0 < len(resource.id) <= MAX_RESOURCE_ID and resource.id.isprintable()):
        raise InvalidRequest(f"A resource id has 1 to {MAX_RESOURCE_ID} printable characters.", field=f"{field}.id")
    return resource


def covers(pattern: str, permission: str) -> bool:
    """Whether everything that ``permission`` (itself perhaps a wildcard) stands for is matched by ``pattern``."""
    if pattern == permission:
        return True
    if pattern == "*":
        return "/" not in permission  # what a named model holds is covered by its own wildcard only, `hr/*`
    return pattern.endswith((".*", "/*")) and permission.startswith(pattern[:-1])


@lru_cache(maxsize=4096)
def patterns_over(permission: str) -> tuple[str, ...]:
    """Every pattern that covers one permission, the most specific first.

    Nothing covers a wildcard, or what is no permission at all: not even ``*`` allows something unheard of.
    """
    if permission.endswith("*") or not _is_permission(permission):
        return ()
    found = [permission]
    prefix = permission.rpartition(".")[0]
    while prefix:
        found.append(f"{prefix}.*")
        prefix = prefix.rpartition(".")[0]
    model, slash, _ = permission.rpartition("/")
    return (*found, f"{model}{slash}*")


def _is_permission(text: str) -> bool:
    return len(text) <= MAX_PERMISSION and re.fullmatch(_PERMISSION, text) is not None
