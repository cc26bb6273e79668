"""What a file's tests assert, held against the model that the file describes."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ostiary.authorization.model import Resource as Object
from ostiary.authorization.model_file.facts_given import Known, read_facts
from ostiary.authorization.model_file.faults import nearest
from ostiary.authorization.model_file.forms import Form, is_nothing
from ostiary.authorization.model_file.reading import Mapping as MappingNode
from ostiary.authorization.model_file.reading import Node, Scalar
from ostiary.authorization.model_file.testing import Check, Circumstances, ModelTest, WhatCan, WhoCan
from ostiary.authorization.schema import ANYONE, AuthorizationModel

MAX_TESTS = 1000
_Fields = dict[str, Node]


def read_tests(form: Form, node: Node | None, model: AuthorizationModel) -> tuple[ModelTest, ...]:
    """The tests in the order of the file; ``model`` is the file's own, with names as they are written there."""
    items = form.items(node, "tests")
    if len(items) > MAX_TESTS:
        form.faults.add(items[MAX_TESTS].place, f"A model has at most {MAX_TESTS} tests.")
    reader = _Tests(Known(form, model))
    return tuple(reader.read(each) for each in items[:MAX_TESTS])


class _Tests:
    def __init__(self, known: Known) -> None:
        self._known = known
        self._form = known.form
        self._names = known.names

    def read(self, node: Node) -> ModelTest:
        fields = self._form.fields(node, "A test", ("name", "facts", "check", "who_can", "what_can"))
        if isinstance(node, MappingNode):
            self._form.require(fields, ("name",), node.place, "A test")
            if not {"check", "who_can", "what_can"} & fields.keys():
                self._form.faults.add(node.place, "A test needs check, who_can or what_can.")
        return ModelTest(
            self._form.text(fields.get("name"), "The name of a test"),
            read_facts(self._known, fields.get("facts")),
            tuple(self._checks(fields.get("check"))),
            tuple(self._who_can(fields.get("who_can"))),
            tuple(self._what_can(fields.get("what_can"))),
            node.place[0],
        )

    def _checks(self, node: Node | None) -> Iterator[Check]:
        for each, fields in self._each(node, "check", ("subject", "action", "allowed"), ("resource", "type")):
            resource = self._known.object(fields["resource"]) if "resource" in fields else None
            type_ = resource.type if resource else self._known.type(fields["type"]) if "type" in fields else None
            if ("resource" in fields) == ("type" in fields):
                self._form.faults.add(each.place, "A check needs resource, or type for all of a type, and not both.")
            permission = self._permission(fields["action"], type_)
            known, subject = self._subject(fields["subject"])
            allowed, when = self._form.truth(fields["allowed"], "allowed"), self._circumstances(fields)
            if known and permission is not None and allowed is not None:
                on = resource and self._names.object(resource)
                yield Check(subject, permission, on, allowed, when, each.place[0])

    def _who_can(self, node: Node | None) -> Iterator[WhoCan]:
        for each, fields in self._each(node, "who_can", ("action", "resource", "subjects")):
            resource = self._known.object(fields["resource"])
            permission = self._permission(fields["action"], resource.type if resource else None)
            found = [self._known.subject(word) for word in self._form.words(fields["subjects"], "subjects")]
            subjects = tuple(self._names.subject(subject) for subject in found if subject is not None)
            when = self._circumstances(fields)
            if resource is not None and permission is not None:
                yield WhoCan(permission, self._names.object(resource), subjects, when, each.place[0])

    def _what_can(self, node: Node | None) -> Iterator[WhatCan]:
        for each, fields in self._each(node, "what_can", ("subject", "action", "type", "resources")):
            type_ = self._known.type(fields["type"])
            permission = self._permission(fields["action"], type_)
            known, subject = self._subject(fields["subject"])
            resources = tuple(self._resources(fields["resources"], type_))
            when = self._circumstances(fields)
            if known and type_ is not None and permission is not None:
                yield WhatCan(subject, permission, self._names.type(type_), resources, when, each.place[0])

    def _resources(self, node: Node, type_: str | None) -> Iterator[Object]:
        for word in self._form.words(node, "resources"):
            found = self._known.object(word)
            if found is not None and type_ is not None and found.type != type_:
                self._form.faults.add(word.place, f"{found} is no {type_}.")
            elif found is not None:
                yield self._names.object(found)

    def _each(
        self, node: Node | None, what: str, needed: Collection[str], other: Collection[str] = ()
    ) -> Iterator[tuple[Node, _Fields]]:
        """The items that have all that is needed."""
        for each in self._form.items(node, what):
            fields = self._form.fields(each, what, (*needed, *other, "context", "at"))
            if isinstance(each, MappingNode) and self._form.require(fields, needed, each.place, what):
                yield each, fields

    def _subject(self, node: Node) -> tuple[bool, Object | None]:
        """Whether it is one, and which; ``anyone`` is nobody in particular."""
        if isinstance(node, Scalar) and node.text == ANYONE:
            return True, None
        found = self._known.object(node)
        return found is not None, found and self._names.object(found)

    def _permission(self, node: Node, type_: str | None) -> str | None:
        word = self._form.word(node, "action")
        if word is None or type_ is None:
            return None
        actions = self._known.model.types[type_].permissions
        if word.text in actions:
            return self._names.permission(f"{type_}.{word.text}")
        message = f"{type_} has no permission {word.text[:64]}."
        self._form.faults.add(word.place, message, nearest(word.text, actions))
        return None

    def _circumstances(self, fields: _Fields) -> Circumstances:
        context = self._known.values(fields.get("context"), "context")
        return Circumstances(context, None if is_nothing(at := fields.get("at")) else self._known.time(at))
