"""Roles: what they hold, and which others they include."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ostiary.authorization.model_file.faults import nearest
from ostiary.authorization.model_file.forms import ROLE, Form
from ostiary.authorization.model_file.graphs import cycles
from ostiary.authorization.model_file.reading import Node, Scalar
from ostiary.authorization.schema import RoleDefinition, TypeDefinition
from ostiary.permissions import ADMINISTRATOR, NAMESPACE

MAX_ROLES = 1000
MAX_PERMISSIONS = 500
MAX_INCLUDES = 50
ALL = "*"


class Permissions:
    """Every permission of a model, and the wildcards that cover any of them."""

    def __init__(self, types: Mapping[str, TypeDefinition]) -> None:
        self.names = frozenset(f"{type_}.{action}" for type_, each in types.items() for action in each.permissions)
        self._wildcards = {f"{name[:dot]}.*" for name in self.names for dot, sign in enumerate(name) if sign == "."}
        self.whole_types = tuple(f"{type_}.*" for type_, each in types.items() if each.permissions)

    def check(self, form: Form, word: Scalar) -> tuple[str, ...]:
        """What a role holds by ``word``; ``*`` is every permission of the model, and never one of Ostiary's own."""
        if word.text == ALL:
            return self.whole_types
        if word.text in self.names or word.text in self._wildcards:
            return (word.text,)
        if word.text.startswith(NAMESPACE):
            hint = "Give it by a role that is made by the API or the command line."
            form.faults.add(word.place, "The permissions of Ostiary itself are given by no model.", hint)
        elif "." not in word.text:
            known = nearest(word.text, (name.rpartition(".")[2] for name in self.names))
            form.faults.add(word.place, f"{word.text[:64]} is no permission; one is document.read.", known)
        else:
            form.faults.add(word.place, f"There is no permission {word.text[:128]}.", nearest(word.text, self.names))
        return ()


class _Role(msgspec.Struct, frozen=True):
    definition: RoleDefinition
    includes: tuple[Scalar, ...]


def define_roles(form: Form, node: Node | None, types: Mapping[str, TypeDefinition]) -> dict[str, RoleDefinition]:
    """The roles by name."""
    entries = form.entries(node, "roles")
    if len(entries) > MAX_ROLES:
        form.faults.add(entries[MAX_ROLES][0].place, f"A model has at most {MAX_ROLES} roles.")
    permissions = Permissions(types)
    found: dict[str, _Role] = {}
    for key, value in entries[:MAX_ROLES]:
        if key.text == ADMINISTRATOR:
            form.faults.add(key.place, f"The role {ADMINISTRATOR} is built in.", "Choose another name.")
        elif (name := form.name(key, "A role", ROLE)) is not None:
            found[name] = _role(form, name, value, permissions)
    _check_includes(form, found)
    return {name: each.definition for name, each in found.items()}


def _role(form: Form, name: str, node: Node, permissions: Permissions) -> _Role:
    fields = form.fields(node, f"The role {name}", ("description", "permissions", "includes"))
    held = form.words(fields.get("permissions"), f"permissions of {name}", MAX_PERMISSIONS)
    includes = form.words(fields.get("includes"), f"includes of {name}", MAX_INCLUDES)
    patterns = tuple(dict.fromkeys(pattern for word in held for pattern in permissions.check(form, word)))
    definition = RoleDefinition(
        name, form.text(fields.get("description"), "A description"), patterns, tuple(word.text for word in includes)
    )
    return _Role(definition, includes)


def _check_includes(form: Form, roles: Mapping[str, _Role]) -> None:
    for each in roles.values():
        for word in each.includes:
            if word.text not in roles:
                form.faults.add(word.place, f"There is no role {word.text[:64]}.", nearest(word.text, roles))
    graph = {name: [word.text for word in each.includes if word.text in roles] for name, each in roles.items()}
    for cycle in cycles(graph):
        place = next(word.place for word in roles[cycle[0]].includes if word.text == cycle[1])
        form.faults.add(place, f"A role cannot include itself: {' → '.join(cycle)}.")
