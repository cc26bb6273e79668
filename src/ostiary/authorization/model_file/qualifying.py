"""The names of a named model, kept apart from those of all others: its type ``document`` is ``hr/document``.

Accounts belong to no model: ``user`` and ``anyone`` are the same in all of them. So is ``role``:
a role has the name of its model before its own, ``role:hr/editor``.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ostiary.authorization.model import Resource as Object
from ostiary.authorization.model_file.declarations import HOLDER, ROLE
from ostiary.authorization.relations import SubjectSet
from ostiary.authorization.schema import (
    ANYONE,
    USER,
    AuthorizationModel,
    PolicyDefinition,
    RoleDefinition,
    SubjectKind,
    TypeDefinition,
)

_SHARED = frozenset({USER, ANYONE, ROLE})


class Qualified(msgspec.Struct, frozen=True):
    """Puts the name of a model before other names; ``model`` is empty for the one without a name."""

    model: str

    def type(self, name: str) -> str:
        return name if not self.model or name in _SHARED else f"{self.model}/{name}"

    def permission(self, pattern: str) -> str:
        type_, dot, action = pattern.rpartition(".")
        return f"{self.type(type_)}{dot}{action}"

    def object(self, one: Object) -> Object:
        return Object(self.type(one.type), one.id)

    def subject(self, one: SubjectSet) -> SubjectSet:
        id_ = self.role(one.id) if (one.type, one.relation) == (ROLE, HOLDER) else one.id
        return SubjectSet(self.type(one.type), id_, one.relation)

    def role(self, name: str) -> str:
        return f"{self.model}/{name}" if self.model else name


def qualify(model: AuthorizationModel) -> AuthorizationModel:
    """The model with every name as it is known outside of its file."""
    names = Qualified(model.name)
    if not model.name:
        return model
    return replace(
        model,
        types={names.type(name): _type(names, each) for name, each in model.types.items() if _is_own(each)},
        roles={names.role(name): _role(names, each) for name, each in model.roles.items()},
        policies=tuple(_policy(names, each) for each in model.policies),
    )


def _is_own(definition: TypeDefinition) -> bool:
    """Whether the model says anything about it: accounts are described elsewhere, too."""
    return definition.name != USER or bool(definition.attributes)


def _type(names: Qualified, definition: TypeDefinition) -> TypeDefinition:
    relations = {
        name: tuple(SubjectKind(names.type(kind.type), kind.relation, kind.everyone) for kind in kinds)
        for name, kinds in definition.relations.items()
    }
    return replace(definition, name=names.type(definition.name), relations=relations)


def _role(names: Qualified, role: RoleDefinition) -> RoleDefinition:
    return replace(
        role,
        name=names.role(role.name),
        permissions=tuple(names.permission(each) for each in role.permissions),
        includes=tuple(names.role(each) for each in role.includes),
    )


def _policy(names: Qualified, policy: PolicyDefinition) -> PolicyDefinition:
    return replace(policy, name=names.role(policy.name), resources=tuple(names.type(each) for each in policy.resources))
