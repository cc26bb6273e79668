"""Types: relations and who may stand in them, permissions and who has them, and what else a type says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, cast, get_args

import msgspec

from ostiary.authorization.model_file.declarations import GROUP, MEMBER, ROLE, Declared
from ostiary.authorization.model_file.expressions import InvalidExpression, leaves, parse_expression
from ostiary.authorization.model_file.faults import nearest
from ostiary.authorization.model_file.forms import IDENTIFIER, Form
from ostiary.authorization.model_file.reading import Mapping as MappingNode
from ostiary.authorization.model_file.reading import Node, Place, Scalar
from ostiary.authorization.schema import (
    ANY_ID,
    ANYONE,
    USER,
    Attribute,
    Expression,
    Named,
    SubjectKind,
    Through,
    TypeDefinition,
    Union,
)

AttributeType = Literal["string", "int", "double", "bool", "timestamp", "list", "map"]
AttributeSource = Literal["stored", "sent", "stored_first", "sent_first"]

MAX_KINDS = 100
MAX_PARENTS = 20
MAX_ACL = 100
_MEMBERS = (SubjectKind(USER), SubjectKind(GROUP, MEMBER))


class Written(msgspec.Struct, frozen=True):
    """Where an expression stands in the file, and each of its leaves in it; places are dear, and wanted for faults."""

    node: Scalar
    offsets: tuple[int, ...] = ()

    def place(self, leaf: int) -> Place:
        return self.node.at(self.offsets[leaf])


class Defined(msgspec.Struct, frozen=True):
    """A type, and where the expressions of its permissions stand."""

    definition: TypeDefinition
    written: Mapping[str, Written]


def define(form: Form, declared: Mapping[str, Declared]) -> dict[str, Defined]:
    """Every type with what it refers to looked up."""
    kinds = {name: _relations(form, each, declared) for name, each in declared.items()}
    return {name: _Type(form, each, declared, kinds).define() for name, each in declared.items()}


def _relations(form: Form, of: Declared, declared: Mapping[str, Declared]) -> dict[str, tuple[SubjectKind, ...]]:
    if of.name == ROLE:
        return {}  # roles are assigned, never written as relations
    found = {name: _kinds(form, place, name, node, declared) for name, (place, node) in of.relations.items()}
    if of.name == GROUP:
        found[MEMBER] = tuple(dict.fromkeys((*_MEMBERS, *found[MEMBER])))
    return found


def _kinds(
    form: Form, place: Place, relation: str, node: Node, declared: Mapping[str, Declared]
) -> tuple[SubjectKind, ...]:
    words = form.words(node, f"Who may be {relation}", MAX_KINDS)
    found = tuple(kind for word in words if (kind := _kind(form, word, declared)) is not None)
    if not words and relation != MEMBER:
        form.faults.add(place, f"Who may be {relation}, is missing.", "Write a list such as [user, group#member].")
    return found


def _kind(form: Form, word: Scalar, declared: Mapping[str, Declared]) -> SubjectKind | None:
    """``user``, ``user:*``, ``anyone:*``, ``folder`` or ``group#member``."""
    head, star, id_ = word.text.partition(":")
    if star:
        if id_ == ANY_ID and head in (USER, ANYONE):
            return SubjectKind(head, everyone=True)
        form.faults.add(word.place, f"{word.text[:64]} is no kind of subject.", 'Everybody is "user:*" or "anyone:*".')
        return None
    type_, hash_, relation = word.text.partition("#")
    if type_ == ANYONE:
        form.faults.add(word.place, "anyone is no type of object.", 'Write "anyone:*".')
    elif type_ not in declared:
        form.faults.add(word.place, f"There is no type {type_[:64]}.", nearest(type_, declared))
    elif not hash_:
        return SubjectKind(type_)
    elif relation in declared[type_].relations:
        return SubjectKind(type_, relation)
    else:
        form.faults.add(word.at(len(type_) + 1), *_no_relation(declared[type_], relation))
    return None


def _no_relation(of: Declared, name: str) -> tuple[str, str | None]:
    if name in of.permissions:
        return f"{name} is a permission of {of.name}; here belongs a relation.", nearest(name, of.relations)
    return f"{of.name} has no relation {name[:64]}.", nearest(name, of.relations)


class _Type:
    def __init__(
        self,
        form: Form,
        of: Declared,
        declared: Mapping[str, Declared],
        kinds: Mapping[str, Mapping[str, tuple[SubjectKind, ...]]],
    ) -> None:
        self._form = form
        self._of = of
        self._declared = declared
        self._kinds = kinds

    def define(self) -> Defined:
        of = self._of
        permissions: dict[str, Expression] = {}
        written: dict[str, Written] = {}
        for name, (_, node) in of.permissions.items():
            if node is not None:
                permissions[name], written[name] = self._expression(node)
        definition = TypeDefinition(
            name=of.name,
            relations=self._kinds[of.name],
            permissions=permissions,
            parents=self._parents(),
            acl=self._acl(),
            owner=self._owner(),
            attributes=attributes(self._form, of),
            by_attribute="email" if of.by_email else None,
        )
        return Defined(definition, written)

    def _expression(self, node: Scalar) -> tuple[Expression, Written]:
        try:
            expression, offsets = parse_expression(node.text)
        except InvalidExpression as error:
            self._form.faults.add(node.at(error.offset), error.message, error.hint)
            return Union(()), Written(node)
        for (leaf, _), offset in zip(leaves(expression), offsets, strict=True):
            if isinstance(leaf, Named):
                self._named(leaf, node, offset)
            else:
                self._through(leaf, node, offset)
        return expression, Written(node, offsets)

    def _named(self, leaf: Named, node: Scalar, offset: int) -> None:
        if not self._of.has(leaf.name):
            self._form.faults.add(
                node.at(offset),
                f"{self._of.name} has no relation or permission {leaf.name}.",
                nearest(leaf.name, self._of.names()),
            )

    def _through(self, leaf: Through, node: Scalar, offset: int) -> None:
        if leaf.relation not in self._of.relations:
            self._form.faults.add(node.at(offset), *_no_relation(self._of, leaf.relation))
            return
        targets = [self._declared[each] for each in targets_of(self._kinds[self._of.name][leaf.relation])]
        if not targets:
            self._form.faults.add(
                node.at(offset), f"{leaf.relation} leads to no object of which {leaf.name} could be asked."
            )
        elif not any(each.has(leaf.name) for each in targets):
            self._form.faults.add(
                node.at(offset + len(leaf.relation) + 1),
                f"{' and '.join(each.name for each in targets)} behind {leaf.relation} "
                f"{'have' if len(targets) > 1 else 'has'} no relation or permission {leaf.name}.",
                nearest(leaf.name, (name for each in targets for name in each.names())),
            )

    def _parents(self) -> tuple[str, ...]:
        found: list[str] = []
        for word in self._form.words(self._of.fields.get("parents"), "parents", MAX_PARENTS):
            if word.text not in self._of.relations:
                self._form.faults.add(word.place, *_no_relation(self._of, word.text))
            elif unfit := [each for each in self._kinds[self._of.name][word.text] if not _can_hold(each)]:
                self._form.faults.add(
                    word.place,
                    f"{word.text} cannot be a parent: {unfit[0]} may stand in it.",
                    "A parent is an object, such as a folder.",
                )
            else:
                found.append(word.text)
        return tuple(found)

    def _acl(self) -> tuple[str, ...]:
        words = self._form.words(self._of.fields.get("acl"), "acl", MAX_ACL)
        for word in words:
            if not self._of.has(word.text):
                self._form.faults.add(
                    word.place,
                    f"{self._of.name} has no relation or permission {word.text[:64]}.",
                    nearest(word.text, self._of.names()),
                )
        return tuple(word.text for word in words)

    def _owner(self) -> str | None:
        if (node := self._of.fields.get("owner")) is None or (word := self._form.word(node, "owner")) is None:
            return None
        if word.text not in self._of.relations:
            self._form.faults.add(word.place, *_no_relation(self._of, word.text))
        return word.text


def targets_of(kinds: Iterable[SubjectKind]) -> tuple[str, ...]:
    """The types of the objects that a relation leads to; of sets and of everybody nothing can be asked."""
    return tuple(kind.type for kind in kinds if not kind.relation and not kind.everyone)


def _can_hold(kind: SubjectKind) -> bool:
    return not kind.relation and not kind.everyone and kind.type != USER


def attributes(form: Form, of: Declared) -> dict[str, Attribute]:
    """``department: string``, or with whose word counts ``clearance: {type: int, source: stored}``."""
    found: dict[str, Attribute] = {}
    for key, value in form.entries(of.fields.get("attributes"), "attributes"):
        if (name := form.name(key, "An attribute", IDENTIFIER)) is None:
            continue
        if name in ("id", "kind" if of.name == USER else "type"):
            form.faults.add(key.place, f"Every {of.name} has the attribute {name} by itself.")
        fields = _attribute(form, key, value)
        type_ = form.one_of(fields.get("type"), f"The type of {name}", get_args(AttributeType)) if fields else None
        source = "stored_first"
        if "source" in fields:
            source = form.one_of(fields["source"], f"The source of {name}", get_args(AttributeSource)) or source
        if type_ is not None:
            found[name] = Attribute(cast("AttributeType", type_), cast("AttributeSource", source))
    return found


def _attribute(form: Form, key: Scalar, value: Node) -> dict[str, Node]:
    if not isinstance(value, MappingNode):
        return {"type": value}
    fields = form.fields(value, f"The attribute {key.text}", ("type", "source"))
    return fields if form.require(fields, ("type",), value.place, f"The attribute {key.text}") else {}
