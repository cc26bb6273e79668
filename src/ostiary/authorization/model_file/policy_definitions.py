"""Policies and windows of time: what of them the model knows is looked up here; conditions have a room of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ostiary.authorization.conditions import (
    Condition,
    InvalidCondition,
    Window,
    compile_cel,
    compile_json,
    parse_window,
)
from ostiary.authorization.model import Effect
from ostiary.authorization.model_file.faults import nearest
from ostiary.authorization.model_file.forms import ROLE, Form
from ostiary.authorization.model_file.reading import Mapping as MappingNode
from ostiary.authorization.model_file.reading import Node, Place, Sequence, plain
from ostiary.authorization.schema import PolicyDefinition, TypeDefinition

MAX_POLICIES = 1000
MAX_CONDITIONS = 100_000
"""Characters of all conditions together: compiling a thousand of them takes some 15 ms, where nothing else happens."""
ALL = "*"
_FIELDS = ("name", "description", "effect", "action", "resource", "condition", "when")
_STEP = re.compile(r"\[?(\d+)\]?")


def define_windows(form: Form, node: Node | None) -> dict[str, Window]:
    """The windows by name."""
    found: dict[str, Window] = {}
    for key, value in form.entries(node, "windows"):
        data = plain(value, form.faults)
        if not isinstance(data, dict):
            form.entries(value, f"The window {key.text[:64]}")
            continue
        try:
            found[key.text] = parse_window(key.text, data)
        except InvalidCondition as error:
            _, member = follow(value, error.path.removeprefix(f"window.{key.text}"))
            place = key.place if error.path == "window" else member.place
            form.faults.add(place, error.message, error.hint or None)
    return found


def define_policies(
    form: Form, node: Node | None, types: Mapping[str, TypeDefinition], windows: Mapping[str, Window]
) -> tuple[PolicyDefinition, ...]:
    """The policies in the order of the file."""
    items = form.items(node, "policies")
    if len(items) > MAX_POLICIES:
        form.faults.add(items[MAX_POLICIES].place, f"A model has at most {MAX_POLICIES} policies.")
    reader = _Policies(form, types, windows)
    found = (reader.read(each) for each in items[:MAX_POLICIES])
    return tuple(each for each in found if each is not None)


class _Policies:
    def __init__(self, form: Form, types: Mapping[str, TypeDefinition], windows: Mapping[str, Window]) -> None:
        self._form = form
        self._types = types
        self._windows = windows
        self._lines: dict[str, int] = {}
        self._length = 0

    def read(self, node: Node) -> PolicyDefinition | None:
        fields = self._form.fields(node, "A policy", _FIELDS)
        if not isinstance(node, MappingNode):
            return None
        complete = self._form.require(fields, ("name", "effect", "action", "resource"), node.place, "A policy")
        name = self._name(fields.get("name"))
        effect = self._form.one_of(fields["effect"], "effect", list(Effect)) if "effect" in fields else None
        resources = self._resources(fields.get("resource"))
        actions = self._actions(fields.get("action"), resources)
        condition = self._condition(fields)
        if not complete or name is None or effect is None:
            return None
        description = self._form.text(fields.get("description"), "A description")
        return PolicyDefinition(name, Effect(effect), actions, resources, condition, description)

    def _name(self, node: Node | None) -> str | None:
        if node is None or (word := self._form.word(node, "name")) is None:
            return None
        if (line := self._lines.setdefault(word.text, word.place[0])) != word.place[0]:
            hint = f"The first is in line {line}."
            self._form.faults.add(word.place, f"There are two policies named {word.text[:64]}.", hint)
        return self._form.name(word, "A policy's name", ROLE)

    def _resources(self, node: Node | None) -> tuple[str, ...]:
        """Types of this model; ``*`` is every one."""
        found: list[str] = []
        for word in self._form.words(node, "resource") if node else ():
            if word.text == ALL or word.text in self._types:
                found.append(word.text)
            else:
                self._form.faults.add(
                    word.place, f"There is no type {word.text[:64]}.", nearest(word.text, self._types)
                )
        return tuple(found)

    def _actions(self, node: Node | None, resources: tuple[str, ...]) -> tuple[str, ...]:
        """Permissions of one of the ``resources`` at least; ``*`` is every action."""
        words = self._form.words(node, "action") if node else ()
        types = self._types.values() if ALL in resources else [self._types[each] for each in resources]
        known = {action for each in types for action in each.permissions}
        for word in words:
            if resources and word.text != ALL and word.text not in known:
                of = resources[0] if len(types) == 1 else "these resources"
                self._form.faults.add(
                    word.place, f"There is no permission {word.text[:64]} of {of}.", nearest(word.text, known)
                )
        return tuple(word.text for word in words)

    def _condition(self, fields: Mapping[str, Node]) -> Condition | None:
        if "condition" in fields and "when" in fields:
            self._form.faults.add(fields["when"].place, "A policy has either condition or when.")
            return None
        node = fields.get("when", fields.get("condition"))
        if node is None or self._length > MAX_CONDITIONS:
            return None
        found = self._when(node) if "when" in fields else self._mapping(node)
        self._length += len(found.text) if found is not None else 0
        if self._length > MAX_CONDITIONS:
            message = f"The conditions of a model have at most {MAX_CONDITIONS} characters together."
            self._form.faults.add(node.place, message, "Put what they share into attributes.")
        return found

    def _when(self, node: Node) -> Condition | None:
        word = self._form.word(node, "when")
        if word is None:
            return None
        try:
            return compile_cel(word.text, self._windows)
        except InvalidCondition as error:
            self._form.faults.add(word.at(error.position), error.message, error.hint or None)
        return None

    def _mapping(self, node: Node) -> Condition | None:
        data = plain(node, self._form.faults)
        if not isinstance(data, dict):
            self._form.entries(node, "condition")
            return None
        try:
            return compile_json(data, self._windows)
        except InvalidCondition as error:
            place, _ = follow(node, error.path.removeprefix("condition"))
            self._form.faults.add(place, error.message, error.hint or None)
        return None


def follow(node: Node, path: str) -> tuple[Place, Node]:
    """Where the key of the member is that ``path`` leads to, and its value; of what is there of it.

    The path is like ``.any[0].resource.amount``. A key may hold dots itself, as ``resource.amount`` does.
    """
    place = node.place
    path = path.removeprefix(".")
    while path:
        if isinstance(node, MappingNode):
            keys = [key for key, _ in node.entries if re.match(rf"{re.escape(key.text)}([.\[]|$)", path)]
            if not keys:
                break
            key = max(keys, key=lambda each: len(each.text))
            place, node = key.place, next(value for name, value in node.entries if name == key)
            path = path[len(key.text) :].removeprefix(".")
        elif isinstance(node, Sequence) and (step := _STEP.match(path)) and int(step[1]) < len(node.items):
            node = node.items[int(step[1])]
            place, path = node.place, path[step.end() :].removeprefix(".")
        else:
            break
    return place, node
