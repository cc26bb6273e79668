"""The facts of a file's tests, held against the model that the file describes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from ostiary.authorization.model import Effect
from ostiary.authorization.model import Resource as Object
from ostiary.authorization.model_file.declarations import GROUP, HOLDER, ROLE
from ostiary.authorization.model_file.faults import nearest
from ostiary.authorization.model_file.forms import Form
from ostiary.authorization.model_file.qualifying import Qualified
from ostiary.authorization.model_file.reading import Mapping as MappingNode
from ostiary.authorization.model_file.reading import Node, Plain, Scalar, plain
from ostiary.authorization.model_file.role_definitions import ALL, Permissions
from ostiary.authorization.model_file.testing import FactsGiven, GrantGiven, RoleGiven
from ostiary.authorization.relations import Relation, SubjectSet, parse_object, parse_relation, parse_subject
from ostiary.authorization.schema import ANY_ID, ANYONE, USER, AuthorizationModel, SubjectKind, TypeDefinition
from ostiary.errors import InvalidRequest

Parsed = TypeVar("Parsed")


class Known:
    """Reads words as what the model knows. Names are those of the file, until :attr:`names` qualifies them."""

    def __init__(self, form: Form, model: AuthorizationModel) -> None:
        self.form = form
        self.model = model
        self.names = Qualified(model.name)

    def object(self, node: Node | None) -> Object | None:
        """``document:7``, or ``None`` with a fault."""
        found = self._parsed(node, "An object", parse_object)
        return found if found is not None and node is not None and self._is_one(node, found) else None

    def type(self, node: Node | None) -> str | None:
        """``document``, or ``None`` with a fault."""
        word = self.form.word(node, "A type")
        return word.text if word is not None and self._has_type(word, word.text) else None

    def subject(self, node: Node | None) -> SubjectSet | None:
        """``user:7``, ``user:*`` or ``group:eng#member``, or ``None`` with a fault."""
        found = self._parsed(node, "A subject", parse_subject)
        return found if found is not None and node is not None and self._is_subject(node, found) else None

    def relation(self, word: Scalar) -> Relation | None:
        """A tuple that the model allows, or ``None`` with a fault."""
        found = self._parsed(word, "A relation", parse_relation)
        if found is None or not self._is_one(word, found.object) or not self._is_subject(word, found.subject):
            return None
        definition = self.model.types[found.object.type]
        kinds = definition.relations.get(found.relation)
        if kinds is None:  # an action of an access control list: whoever there is may have it
            if found.relation in definition.acl:
                return found
            self._no_relation(word, definition, found.relation)
            return None
        everyone = found.subject.id == ANY_ID and not found.subject.relation
        kind = SubjectKind(found.subject.type, found.subject.relation, everyone)
        if kind in kinds:
            return found
        self.form.faults.add(
            word.place,
            f"{kind} cannot be {found.relation} of {definition.name}.",
            f"There may be {', '.join(map(str, kinds))}.",
        )
        return None

    def time(self, node: Node | None) -> int | None:
        """Milliseconds since the epoch; ``None`` with a fault."""
        word = self.form.word(node, "A time")
        if word is None:
            return None
        try:
            moment = datetime.fromisoformat(word.text)
            if moment.tzinfo is not None and "T" in word.text.upper():
                return round(moment.timestamp() * 1000)
        except (ValueError, OverflowError):
            pass
        self.form.faults.add(word.place, "This is no time.", "Write 2026-01-05T10:00:00Z.")
        return None

    def values(self, node: Node | None, what: str) -> Mapping[str, Plain]:
        """A mapping of plain values."""
        found = plain(node, self.form.faults) if isinstance(node, MappingNode) else {}
        self.form.entries(node, what)
        return found if isinstance(found, dict) else {}

    def _parsed(self, node: Node | None, what: str, parse: Callable[[str], Parsed]) -> Parsed | None:
        word = self.form.word(node, what)
        if word is None:
            return None
        try:
            return parse(word.text)
        except InvalidRequest as fault:
            self.form.faults.add(word.place, str(fault))
            return None

    def _is_one(self, node: Node, one: Object) -> bool:
        if one.id == ANY_ID:
            self.form.faults.add(node.place, f"{one} is no single object.")
            return False
        return self._has_type(node, one.type)

    def _is_subject(self, node: Node, one: SubjectSet) -> bool:
        if one.id == ANY_ID and not one.relation and one.type in (USER, ANYONE):
            return True
        if (one.type, one.relation) == (ROLE, HOLDER):
            return self.is_role(node, one.id)
        if not self._is_one(node, Object(one.type, one.id)):
            return False
        definition = self.model.types[one.type]
        if one.relation and one.relation not in definition.relations:
            self._no_relation(node, definition, one.relation)
            return False
        return True

    def is_role(self, node: Node, name: str) -> bool:
        """Whether there is such a role; says so where there is none."""
        if name not in self.model.roles:
            self.form.faults.add(node.place, f"There is no role {name[:64]}.", nearest(name, self.model.roles))
        return name in self.model.roles

    def _has_type(self, node: Node, name: str) -> bool:
        if name not in self.model.types:
            self.form.faults.add(node.place, f"There is no type {name[:64]}.", nearest(name, self.model.types))
        return name in self.model.types

    def _no_relation(self, node: Node, definition: TypeDefinition, name: str) -> None:
        known = (*definition.relations, *definition.acl)
        self.form.faults.add(node.place, f"{definition.name} has no relation {name}.", nearest(name, known))


def read_facts(known: Known, node: Node | None) -> FactsGiven:
    """The facts, with their names qualified."""
    fields = known.form.fields(node, "facts", ("relations", "roles", "grants", "attributes"))
    reader = _Facts(known)
    return FactsGiven(
        tuple(reader.relations(fields.get("relations"))),
        tuple(reader.roles(fields.get("roles"))),
        tuple(reader.grants(fields.get("grants"))),
        dict(reader.attributes(fields.get("attributes"))),
    )


class _Facts:
    def __init__(self, known: Known) -> None:
        self._known = known
        self._form = known.form
        self._names = known.names
        self._permissions = Permissions(known.model.types)

    def relations(self, node: Node | None) -> Iterator[Relation]:
        for word in self._form.words(node, "relations"):
            if (found := self._known.relation(word)) is not None:
                yield Relation(self._names.object(found.object), found.relation, self._names.subject(found.subject))

    def roles(self, node: Node | None) -> Iterator[RoleGiven]:
        for key, value in self._form.entries(node, "roles"):
            holder = self._holder(key)
            for each in (value,) if isinstance(value, MappingNode) else self._form.items(value, f"roles of {key.text}"):
                given = self._role(each)
                if holder is not None and given is not None:
                    yield RoleGiven(self._names.object(holder), *given)

    def _role(self, node: Node) -> tuple[str, Object | None] | None:
        """``writer``, or on one object ``{role: writer, on: document:1}``."""
        fields = {"role": node}
        if isinstance(node, MappingNode):
            fields = self._form.fields(node, "A role", ("role", "on"))
            if not self._form.require(fields, ("role",), node.place, "A role"):
                return None
        on = self._known.object(fields["on"]) if "on" in fields else None
        word = self._form.word(fields["role"], "A role")
        if word is None or ("on" in fields and on is None):
            return None
        if not self._known.is_role(word, word.text):
            return None
        return self._names.role(word.text), on and self._names.object(on)

    def grants(self, node: Node | None) -> Iterator[GrantGiven]:
        for each in self._form.items(node, "grants"):
            fields = self._form.fields(each, "A grant", ("subject", "permission", "effect", "on", "until"))
            if not self._form.require(fields, ("subject", "permission"), each.place, "A grant"):
                continue
            holder, permission = self._holder(fields["subject"]), self._permission(fields["permission"])
            on = self._known.object(fields["on"]) if "on" in fields else None
            effect = self._form.one_of(fields["effect"], "effect", list(Effect)) if "effect" in fields else "allow"
            until = self._known.time(fields["until"]) if "until" in fields else None
            if holder is None or permission is None or effect is None or ("on" in fields and on is None):
                continue
            yield GrantGiven(
                self._names.object(holder), permission, Effect(effect), on and self._names.object(on), until
            )

    def attributes(self, node: Node | None) -> Iterator[tuple[Object, Mapping[str, Plain]]]:
        for key, value in self._form.entries(node, "attributes"):
            if (of := self._known.object(key)) is not None:
                yield self._names.object(of), self._known.values(value, f"The attributes of {key.text}")

    def _holder(self, node: Node) -> Object | None:
        """Who roles and grants are given to: an account or a group."""
        found = self._known.object(node)
        if found is None or found.type in (USER, GROUP):
            return found
        self._form.faults.add(node.place, "Roles and grants are given to accounts (user:…) and groups (group:…).")
        return None

    def _permission(self, node: Node) -> str | None:
        word = self._form.word(node, "permission")
        if word is None:
            return None
        if word.text == ALL:
            self._form.faults.add(word.place, "A test grants permissions of one type.", "Write document.*.")
            return None
        return self._names.permission(word.text) if self._permissions.check(self._form, word) else None
