"""What the types of a file declare: their names first, so that what refers to them can be looked up in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ostiary.authorization.model import MAX_PERMISSION
from ostiary.authorization.model_file.expressions import NOBODY, RESERVED
from ostiary.authorization.model_file.forms import TYPE, Form, is_nothing
from ostiary.authorization.model_file.reading import Node, Place, Scalar, Sequence
from ostiary.authorization.schema import ANYONE, USER
from ostiary.permissions import NAMESPACE

GROUP = "group"
ROLE = "role"
MEMBER = "member"
HOLDER = "holder"
MAX_TYPES = 1000

_TYPE_FIELDS = ("relations", "permissions", "parents", "owner", "acl", "attributes")
_NOT_TYPES = {
    USER: "Accounts are there by themselves; say more about them under accounts.",
    ROLE: "Roles are named under roles; who holds one is role#holder.",
    ANYONE: "It is there by itself, as a subject: anyone:*.",
}


class Declared(msgspec.Struct, frozen=True):
    """One type as it is written.

    Attributes:
        relations: each with its place and what is written after it.
        permissions: each with its place and its expression; ``None`` where something else is written, which has been
            said already.
    """

    name: str
    place: Place
    relations: Mapping[str, tuple[Place, Node]]
    permissions: Mapping[str, tuple[Place, Scalar | None]]
    fields: Mapping[str, Node] = {}
    by_email: bool = False

    def has(self, name: str) -> bool:
        return name in self.relations or name in self.permissions

    def names(self) -> Iterable[str]:
        return (*self.relations, *self.permissions)


_BUILT_IN = (
    Declared(USER, (1, 1), {}, {}),
    Declared(GROUP, (1, 1), {MEMBER: ((1, 1), Sequence((), (1, 1)))}, {}),
    Declared(ROLE, (1, 1), {HOLDER: ((1, 1), Sequence((), (1, 1)))}, {}),
)


def declare(form: Form, types: Node | None, accounts: Node | None, model: str) -> dict[str, Declared]:
    """Every type, the built-in ones among them, by name."""
    found = {each.name: each for each in _BUILT_IN}
    found[USER] = _accounts(form, accounts, model)
    for key, node in form.entries(types, "types")[:MAX_TYPES]:
        if key.text in _NOT_TYPES or f"{key.text}.".startswith(NAMESPACE):
            hint = _NOT_TYPES.get(key.text, "What begins with ostiary. are the permissions of Ostiary itself.")
            form.faults.add(key.place, f"{key.text[:64]} is no type of a model.", hint)
        elif name := form.name(key, "A type", TYPE):
            found[name] = _type(form, name, key.place, node, model)
    if len(form.entries(types, "types")) > MAX_TYPES:
        form.faults.add(types.place if types else (1, 1), f"A model has at most {MAX_TYPES} types.")
    return found


def _accounts(form: Form, node: Node | None, model: str) -> Declared:
    fields = form.fields(node, "accounts", ("attributes", "relations", "permissions"))
    if model:
        for each in ("relations", "permissions"):
            if each in fields:
                form.faults.add(
                    fields[each].place,
                    f"Accounts have no {each} here: all models share them.",
                    "Write it in the model without a name.",
                )
                del fields[each]
    return _declared(form, USER, place=node.place if node else (1, 1), fields=fields, model="")


def _type(form: Form, name: str, place: Place, node: Node, model: str) -> Declared:
    fields = form.fields(node, f"A type ({name})", (*_TYPE_FIELDS, "accounts_by"))
    found = _declared(form, name, place, fields, model)
    if name == GROUP:
        given = found.relations.get(MEMBER, (place, Sequence((), place)))
        found = msgspec.structs.replace(found, relations={MEMBER: given, **found.relations})
    if "accounts_by" in fields:
        form.one_of(fields["accounts_by"], "accounts_by", ("email",))
        return msgspec.structs.replace(found, by_email=True)
    return found


def _declared(form: Form, name: str, place: Place, fields: Mapping[str, Node], model: str) -> Declared:
    relations = {
        key.text: (key.place, value)
        for key, value in form.entries(fields.get("relations"), "relations")
        if _is_name(form, key, "A relation")
    }
    permissions: dict[str, tuple[Place, Scalar | None]] = {}
    for key, value in _permissions(form, fields.get("permissions")):
        if not _is_name(form, key, "A permission"):
            continue
        if key.text in relations:
            form.faults.add(
                key.place,
                f"{key.text} is a relation of {name} already.",
                "Name the relation for what somebody is (editor), and the permission for what they do (edit).",
            )
        elif len(f"{model}/{name}.{key.text}") > MAX_PERMISSION:
            form.faults.add(key.place, f"{name}.{key.text} has more than {MAX_PERMISSION} characters.")
        else:
            permissions[key.text] = (key.place, _expression(form, key, value))
    return Declared(name, place, relations, permissions, fields)


def _permissions(form: Form, node: Node | None) -> tuple[tuple[Scalar, Node], ...]:
    """A mapping, or a list of actions that only roles, grants and policies allow."""
    if isinstance(node, Sequence):
        return tuple((word, Scalar(NOBODY, word.place, raw=NOBODY)) for word in form.words(node, "permissions"))
    return form.entries(node, "permissions")


def _expression(form: Form, key: Scalar, value: Node) -> Scalar | None:
    if is_nothing(value):
        form.faults.add(
            key.place,
            f"Who has {key.text}, is missing.",
            f"Write {key.text}: {NOBODY} for what only roles, grants and policies allow.",
        )
        return None
    return form.word(value, f"Who has {key.text}")


def _is_name(form: Form, key: Scalar, what: str) -> bool:
    if key.text in RESERVED:
        form.faults.add(key.place, f"{key.text} means something in expressions and names nothing.")
        return False
    return form.name(key, what) is not None
