"""Which permissions may lead back to themselves.

Through another object they may: a folder is read by whoever reads its parent. On the same object a cycle says nothing,
and through ``but not`` it contradicts itself: the model is not stratified (Apt, Blair and Walker, 1988).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ostiary.authorization.model_file.expressions import leaves, show
from ostiary.authorization.model_file.faults import Faults
from ostiary.authorization.model_file.graphs import components, cycles
from ostiary.authorization.model_file.type_definitions import Defined, targets_of
from ostiary.authorization.schema import Named, Through, TypeDefinition

_Node = tuple[str, str]


def forbid_cycles(faults: Faults, types: Mapping[str, Defined]) -> None:
    """Adds a fault for each permission that is defined by itself in a way that cannot be answered."""
    for defined in types.values():
        _forbid_own_cycles(faults, defined)
    _forbid_contradictions(faults, types)


def _forbid_own_cycles(faults: Faults, defined: Defined) -> None:
    definition = defined.definition
    graph = {
        name: [
            leaf.name
            for leaf, _ in leaves(expression)
            if isinstance(leaf, Named) and leaf.name in definition.permissions
        ]
        for name, expression in definition.permissions.items()
    }
    for cycle in cycles(graph):
        leaf = [each for each, _ in leaves(definition.permissions[cycle[0]])].index(Named(cycle[1]))
        faults.add(
            defined.written[cycle[0]].place(leaf),
            f"{cycle[0]} of {definition.name} is defined by itself: {' → '.join(cycle)}.",
            "Leave one of these names out, or go through a relation to another object.",
        )


def _forbid_contradictions(faults: Faults, types: Mapping[str, Defined]) -> None:
    definitions = {name: each.definition for name, each in types.items()}
    component = components(dict(_edges(definitions)))
    for type_, defined in types.items():
        for name, expression in defined.definition.permissions.items():
            for index, (leaf, taken) in enumerate(leaves(expression)):
                if taken and component[type_, show(leaf)] == component[type_, name]:
                    faults.add(
                        defined.written[name].place(index),
                        f"{name} of {type_} depends on itself here, after but not: whoever has it would not have it.",
                        "Take away what does not lead back to it.",
                    )


def _edges(types: Mapping[str, TypeDefinition]) -> Iterable[tuple[_Node, list[_Node]]]:
    """What leads to what. A step through a relation is a node of its own, or names and types would multiply."""
    for type_, definition in types.items():
        steps: dict[str, Through] = {}
        for name, kinds in definition.relations.items():
            sets = [(kind.type, kind.relation) for kind in kinds if kind.relation]
            yield (type_, name), [*sets, *_above(types, definition, name)]
        for name, expression in definition.permissions.items():
            reached = dict.fromkeys(show(leaf) for leaf, _ in leaves(expression))
            steps |= {show(leaf): leaf for leaf, _ in leaves(expression) if isinstance(leaf, Through)}
            yield (type_, name), [*((type_, each) for each in reached), *_above(types, definition, name)]
        for name, leaf in steps.items():
            targets = _targets(types, definition, leaf.relation, leaf.name)
            yield (type_, name), [(type_, leaf.relation), *targets]


def _above(types: Mapping[str, TypeDefinition], definition: TypeDefinition, name: str) -> list[_Node]:
    """What an access control list gives on a parent, it gives below as well."""
    if name not in definition.acl:
        return []
    return [node for parent in definition.parents for node in _targets(types, definition, parent, name)]


def _targets(types: Mapping[str, TypeDefinition], definition: TypeDefinition, relation: str, name: str) -> list[_Node]:
    kinds = definition.relations.get(relation, ())
    return [
        (each, name) for each in targets_of(kinds) if name in types[each].relations or name in types[each].permissions
    ]
