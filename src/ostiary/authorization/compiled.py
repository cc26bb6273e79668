"""The models, made ready for deciding: what has to be read for a question, and which policies are about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ostiary.authorization.model import Effect
from ostiary.authorization.schema import (
    AuthorizationModel,
    Direct,
    Expression,
    Named,
    PolicyDefinition,
    Through,
    TypeDefinition,
    Union,
)
from ostiary.authorization.strata import leaves, strata
from ostiary.permissions import NAMESPACE

_REMEMBERED = 4096


class Needs(msgspec.Struct, frozen=True):
    """Which tuples of one object a question depends on.

    Attributes:
        direct: relations in which the subject itself is looked for.
        through: relations that lead to other objects, and what is asked of those.
    """

    direct: frozenset[str]
    through: Mapping[str, frozenset[str]]


NOTHING = Needs(frozenset(), {})


class Model:
    """All models side by side: their types have different names. Immutable, apart from answers that it remembers."""

    __slots__ = ("_needs", "_nodes", "_policies", "_ruling", "_strata", "_targets", "names", "types")

    def __init__(self, models: Iterable[AuthorizationModel] = (), policies: Iterable[PolicyDefinition] = ()) -> None:
        """``policies``: those that stand in no model's file, besides those that do."""
        models = tuple(models)
        self.names = frozenset(model.name for model in models)
        self.types: dict[str, TypeDefinition] = {name: each for model in models for name, each in model.types.items()}
        self._policies = (*(policy for model in models for policy in model.policies), *policies)
        self._nodes = {
            (definition.name, name): node
            for definition in self.types.values()
            for name, node in self._named(definition).items()
        }
        self._targets = {
            (definition.name, relation): frozenset(
                kind.type for kind in kinds if not kind.relation and not kind.everyone
            )
            for definition in self.types.values()
            for relation, kinds in definition.relations.items()
        }
        self._strata = strata(self._nodes, self._targets)
        self._needs: dict[tuple[str, str], Needs] = {}
        self._ruling: dict[str, tuple[PolicyDefinition, ...]] = {}

    def node(self, type_: str, name: str) -> Expression | None:
        """Who has the relation or the permission ``name`` on objects of a type; ``None`` where there is no such."""
        return self._nodes.get((type_, name))

    def nodes(self) -> Iterable[tuple[str, str]]:
        """Every type with each of its relations and permissions."""
        return self._nodes.keys()

    def ruled_actions(self, type_: str) -> frozenset[str]:
        """The actions that policies about a type name."""
        return frozenset(name for each in self._policies if _is_about(type_, each) for name in each.actions)

    def targets(self, type_: str, relation: str) -> frozenset[str]:
        """The types of the objects that a relation may lead to."""
        return self._targets.get((type_, relation), frozenset())

    def stratum(self, type_: str, name: str) -> int:
        """How often ``but not`` has to be passed from here to what rests on nothing: what is less, is known before."""
        return self._strata.get((type_, name), 0)

    def actions(self, type_: str) -> tuple[str, ...]:
        """What can be done to objects of a type by relations, in the order of the model."""
        definition = self.types.get(type_)
        return () if definition is None else tuple(definition.permissions)

    def parents(self, type_: str) -> tuple[str, ...]:
        """The relations that lead to what an object of this type is in."""
        definition = self.types.get(type_)
        return () if definition is None else definition.parents

    def needs(self, type_: str, name: str) -> Needs:
        """What of an object of this type has to be read to say who has ``name`` on it, and to find what it is in."""
        key = (type_, name)
        if type_ not in self.types:
            return NOTHING
        found = self._needs.get(key)
        if found is None:
            if len(self._needs) >= _REMEMBERED:
                self._needs.clear()
            found = self._needs[key] = self._worked_out(type_, name)
        return found

    def ruling(self, permission: str) -> tuple[PolicyDefinition, ...]:
        """The policies that are about ``permission``."""
        if not self._policies:
            return ()
        found = self._ruling.get(permission)
        if found is None:
            if len(self._ruling) >= _REMEMBERED:
                self._ruling.clear()
            type_, _, action = permission.rpartition(".")
            found = self._ruling[permission] = tuple(
                policy for policy in self._policies if _is_among(action, policy.actions) and _is_about(type_, policy)
            )
        return found

    def _named(self, definition: TypeDefinition) -> dict[str, Expression]:
        nodes: dict[str, Expression] = {name: self._given(definition, name) for name in definition.relations}
        for name, expression in definition.permissions.items():
            nodes[name] = expression
            if name in definition.acl:
                nodes[name] = Union((expression, self._given(definition, name)))
        return nodes

    def _given(self, definition: TypeDefinition, name: str) -> Expression:
        """Whoever is given ``name`` on the object and, as an entry of its ACL, on what the object is in."""
        if name not in definition.acl or not definition.parents:
            return Direct(name)
        above = tuple(Through(parent, name) for parent in definition.parents)
        return Union((Direct(name), *above))

    def _worked_out(self, type_: str, name: str) -> Needs:
        direct: set[str] = set()
        through: dict[str, set[str]] = {parent: {""} for parent in self.parents(type_)}
        seen: set[str] = set()
        names = [name]
        for each in names:
            node = self.node(type_, each)
            if node is None or each in seen:
                continue
            seen.add(each)
            for part in leaves(node):
                if isinstance(part, Direct):
                    direct.add(part.relation)
                elif isinstance(part, Named):
                    names.append(part.name)
                else:
                    through.setdefault(part.relation, set()).add(part.name)
        return Needs(frozenset(direct), {relation: frozenset(found) for relation, found in through.items()})


def together(each: Iterable[Needs]) -> Needs:
    """All of them at once."""
    needs = tuple(each)
    if len(needs) == 1:
        return needs[0]
    through: dict[str, frozenset[str]] = {}
    for one in needs:
        for relation, names in one.through.items():
            through[relation] = through.get(relation, frozenset()) | names
    return Needs(frozenset().union(*(one.direct for one in needs)), through)


def _is_among(name: str, names: tuple[str, ...]) -> bool:
    return name in names or "*" in names


def _is_about(type_: str, policy: PolicyDefinition) -> bool:
    """``*`` is every type of its own model, and none of Ostiary's: those a policy has to name, and may only deny.

    Whoever may write policies would otherwise be an administrator of everything.
    """
    if f"{type_}.".startswith(NAMESPACE):
        return policy.effect is Effect.DENY and type_ in policy.resources
    model, slash, _ = type_.rpartition("/")
    return type_ in policy.resources or f"{model}{slash}*" in policy.resources
