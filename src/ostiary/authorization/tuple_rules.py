"""Which tuples a model allows, and which keys stand for one object."""

from __future__ import annotations

from ostiary.authorization.compiled import Model
from ostiary.authorization.model import Resource
from ostiary.authorization.relations import Relation, SubjectSet
from ostiary.authorization.schema import ANY_ID, ANYONE, SubjectKind, TypeDefinition
from ostiary.errors import InvalidRequest
from ostiary.permissions import NAMESPACE

HOLDER = ("role", "holder")
"""``role:editor#holder`` is whoever has that role everywhere."""
_MOST_SHOWN = 10


def require_allowed(model: Model, relation: Relation, field: str = "relation") -> None:
    """Refuse a tuple that no model allows.

    Raises:
        InvalidRequest: its type or relation is not known, or such a subject may not stand in it.
    """
    definition = require_type(model, relation.object.type, field)
    if relation.object.id == ANY_ID:
        raise InvalidRequest("A relation is of one object; * stands for subjects only.", field=field)
    if relation.subject.relation and relation.subject.id == ANY_ID:
        raise InvalidRequest("A set of subjects is of one object; * stands for subjects only.", field=field)
    kinds = definition.relations.get(relation.relation)
    if kinds is None and relation.relation not in definition.acl:
        known = sorted({*definition.relations, *definition.acl})[:_MOST_SHOWN]
        raise InvalidRequest(
            f"{definition.name} has no relation {relation.relation}; it has {', '.join(known) or 'none'}.", field=field
        )
    kind = kind_of(relation.subject)
    if kinds is None:
        _require_subject(model, relation.subject, field)
    elif kind not in kinds:
        allowed = ", ".join(map(str, kinds[:_MOST_SHOWN]))
        raise InvalidRequest(f"{kind} cannot be {relation.relation} of {definition.name}; {allowed} can.", field=field)


def require_type(model: Model, type_: str, field: str) -> TypeDefinition:
    """What the model says of a type.

    Raises:
        InvalidRequest: it says nothing; or the type is one of Ostiary's own, which relations give nothing on.
    """
    forbid_own(type_, field)
    definition = model.types.get(type_)
    if definition is None:
        raise InvalidRequest(f"The model has no type {type_}.", field=field)
    return definition


def forbid_own(type_: str, field: str) -> None:
    """Raises InvalidRequest for types of Ostiary's own: nobody may become its administrator by a fact about one."""
    name = NAMESPACE.rstrip(".")
    if type_ == name or type_.startswith((NAMESPACE, f"{name}/")):
        raise InvalidRequest(f"Types that begin with {name} are Ostiary's own.", field=field)


def kind_of(subject: SubjectSet) -> SubjectKind:
    everyone = subject.id == ANY_ID and not subject.relation
    return SubjectKind(subject.type, subject.relation, everyone)


def keys_of(model: Model, one: Resource) -> list[str]:
    """Every key that an object may be the subject of a tuple by: itself, and whoever stands in its relations."""
    definition = model.types.get(one.type)
    relations = () if definition is None else (*definition.relations, *definition.permissions)
    return [str(one), *(SubjectSet(one.type, one.id, relation).key for relation in relations)]


def sets_in(model: Model) -> frozenset[tuple[str, str]]:
    """Every (type, relation) that stands for a set of subjects in some model."""
    return frozenset(
        (kind.type, kind.relation)
        for definition in model.types.values()
        for kinds in definition.relations.values()
        for kind in kinds
        if kind.relation
    )


def _require_subject(model: Model, subject: SubjectSet, field: str) -> None:
    """Whoever there is may have an action of an access control list."""
    if subject.type == ANYONE and (subject.id, subject.relation) == (ANY_ID, ""):
        return
    require_type(model, subject.type, field)
    named = (subject.type, subject.relation)
    if subject.relation and named != HOLDER and named not in sets_in(model):
        raise InvalidRequest(f"{subject.type}#{subject.relation} is no set of subjects in any model.", field=field)
