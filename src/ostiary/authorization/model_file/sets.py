"""Which relations may stand for sets of subjects, as ``group#member`` does.

Of a subject all its sets are read before anything is asked. So what is in them has to follow from tuples about the
subject alone: not from its roles, which its groups may have, and not from what objects are in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ostiary.authorization.model_file.declarations import HOLDER, ROLE, Declared
from ostiary.authorization.model_file.faults import Faults
from ostiary.authorization.model_file.type_definitions import Defined
from ostiary.authorization.schema import ANYONE, SubjectKind, TypeDefinition


def forbid_unclear_sets(faults: Faults, declared: Mapping[str, Declared], types: Mapping[str, Defined]) -> None:
    """Adds a fault for each relation that stands for a set somewhere and could not be read as one."""
    for type_, relation in sorted(_sets(types.values())):
        definition = types[type_].definition
        place = declared[type_].relations[relation][0]
        for kind in definition.relations[relation]:
            if kind.type == ANYONE or (kind.type, kind.relation) == (ROLE, HOLDER):
                faults.add(
                    place,
                    f"{kind} cannot be {relation} of {type_}: {type_}#{relation} stands for a set of subjects.",
                    f"Name {kind} beside {type_}#{relation} where that is used.",
                )
        if _is_inherited(definition, relation):
            faults.add(
                place,
                f"{type_}#{relation} cannot stand for a set of subjects: acl has it inherited from parents.",
                f"Name a relation that leads to the {type_}, and in the permission whoever is {relation} behind it.",
            )


def _sets(types: Iterable[Defined]) -> set[tuple[str, str]]:
    kinds: set[SubjectKind] = {
        kind for each in types for found in each.definition.relations.values() for kind in found if kind.relation
    }
    return {(kind.type, kind.relation) for kind in kinds} - {(ROLE, HOLDER)}


def _is_inherited(definition: TypeDefinition, relation: str) -> bool:
    return relation in definition.acl and bool(definition.parents)
