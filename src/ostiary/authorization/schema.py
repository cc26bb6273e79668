"""What an authorization model says, compiled: types, the relations between their objects, and what follows from them.

Names are as they are in permissions: type ``document`` and action ``read`` are the permission ``document.read``. An
object is written ``document:7`` and a set of subjects ``group:eng#member``; see :mod:`ostiary.authorization.relations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import msgspec

from ostiary.authorization.model import Effect

if TYPE_CHECKING:
    from ostiary.authorization.conditions import Condition, Window

ANY_ID = "*"
USER = "user"
ANYONE = "anyone"
"""As a type of subject: ``user:*`` is any account that has signed in, ``anyone:*`` is also who has not."""


class SubjectKind(msgspec.Struct, frozen=True):
    """Who may stand in a relation: ``user``, any of them ``user:*``, or a set ``group#member``."""

    type: str
    relation: str = ""
    everyone: bool = False

    def __str__(self) -> str:
        if self.everyone:
            return f"{self.type}:{ANY_ID}"
        return f"{self.type}#{self.relation}" if self.relation else self.type


class Named(msgspec.Struct, frozen=True):
    """Who has this relation to the object, or this permission on it."""

    name: str


class Through(msgspec.Struct, frozen=True):
    """Who has ``name`` on an object that ``relation`` leads to: ``folder.viewer``."""

    relation: str
    name: str


class Direct(msgspec.Struct, frozen=True):
    """Whoever a tuple names to stand in this relation to the object, and nobody else; made by compiling only."""

    relation: str


class Union(msgspec.Struct, frozen=True):
    of: tuple[Expression, ...]


class Intersection(msgspec.Struct, frozen=True):
    of: tuple[Expression, ...]


class Exclusion(msgspec.Struct, frozen=True):
    """Who is in ``base`` but not in ``without``."""

    base: Expression
    without: Expression


Expression = Named | Through | Direct | Union | Intersection | Exclusion


class Attribute(msgspec.Struct, frozen=True):
    """What an attribute holds and whose word counts.

    Attributes:
        source: ``stored``: only what Ostiary keeps; ``sent``: only what the request brings; ``stored_first``: what is
            kept, and what is sent where nothing is kept; ``sent_first`` the other way round.
    """

    type: Literal["string", "int", "double", "bool", "timestamp", "list", "map"]
    source: Literal["stored", "sent", "stored_first", "sent_first"] = "stored_first"


class TypeDefinition(msgspec.Struct, frozen=True):
    """One type of object.

    Attributes:
        relations: by name, who may stand in them. A name is a relation or a permission, never both.
        permissions: by action, who has it. Whatever else allows, roles, grants and policies, allows besides.
        parents: relations that lead to what the object is in. Roles, grants and ACL entries there hold here too.
        acl: the relations and actions that an access control list of such an object may give, the widest first.
        owner: the relation that no object of this type may be without; ``None`` where none is needed.
        attributes: those that are declared; others may come with a request and count as sent.
        by_attribute: objects are named by this attribute (an ``identity`` by e-mail address) and stand for accounts.
    """

    name: str
    relations: Mapping[str, tuple[SubjectKind, ...]] = {}
    permissions: Mapping[str, Expression] = {}
    parents: tuple[str, ...] = ()
    acl: tuple[str, ...] = ()
    owner: str | None = None
    attributes: Mapping[str, Attribute] = {}
    by_attribute: Literal["email"] | None = None


class RoleDefinition(msgspec.Struct, frozen=True):
    """A role as the model names it; ``permissions`` may hold wildcards."""

    name: str
    description: str = ""
    permissions: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()


class PolicyDefinition(msgspec.Struct, frozen=True):
    """A rule over attributes.

    Attributes:
        name: what explanations call it.
        actions, resources: what it is about; ``*`` in them is every one.
        condition: ``None`` always holds.
    """

    name: str
    effect: Effect
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Condition | None = None
    description: str = ""


class AuthorizationModel(msgspec.Struct, frozen=True):
    """One model, whole. ``name`` is empty for the one that applies where none is named."""

    name: str = ""
    types: Mapping[str, TypeDefinition] = {}
    roles: Mapping[str, RoleDefinition] = {}
    policies: tuple[PolicyDefinition, ...] = ()
    windows: Mapping[str, Window] = {}

    def sets(self) -> frozenset[tuple[str, str]]:
        """Every (type, relation) that stands for a set of subjects somewhere: ``("group", "member")``."""
        return frozenset(
            (kind.type, kind.relation)
            for definition in self.types.values()
            for kinds in definition.relations.values()
            for kind in kinds
            if kind.relation
        )


BUILT_IN = AuthorizationModel(
    types={
        USER: TypeDefinition(USER),
        "group": TypeDefinition("group", relations={"member": (SubjectKind(USER), SubjectKind("group", "member"))}),
        "role": TypeDefinition("role"),
    }
)
"""What holds without any file: accounts, groups of them, groups in groups."""
