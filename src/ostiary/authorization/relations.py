"""Relation tuples: ``document:1#viewer@group:eng#member`` says that every member of eng is a viewer of the document.

People read and write that form (Zanzibar's). Stored and decided upon are three keys, in which the relation of a set of
subjects stands before the id, so that an id may hold any printable character: ``document:1``, ``viewer``,
``group#member:eng``.
"""

from __future__ import annotations

import re

import msgspec

from ostiary.authorization.model import TYPE, parse_resource
from ostiary.authorization.model import Resource as Object
from ostiary.authorization.schema import ANY_ID, ANYONE, USER
from ostiary.errors import InvalidRequest

SIGNED_IN = f"{USER}:{ANY_ID}"
"""The subject that every account is that has signed in."""
EVERYBODY = f"{ANYONE}:{ANY_ID}"
"""The subject that everybody is, signed in or not."""

_RELATION = "[a-z][a-z0-9_-]{0,63}"
_OBJECT = re.compile(rf"(?P<type>{TYPE}):(?P<id>.+)", re.DOTALL)
_TUPLE = re.compile(rf"(?P<object>{TYPE}:.+?)#(?P<relation>{_RELATION})@(?P<subject>{TYPE}:.+)", re.DOTALL)
_SET = re.compile(rf"(?P<object>{TYPE}:.+)#(?P<relation>{_RELATION})", re.DOTALL)


class SubjectSet(msgspec.Struct, frozen=True):
    """A subject of a tuple: one (``relation`` empty), all of a type (id ``*``), or whoever stands in a relation."""

    type: str
    id: str
    relation: str = ""

    def __str__(self) -> str:
        return f"{self.type}:{self.id}#{self.relation}" if self.relation else f"{self.type}:{self.id}"

    @property
    def key(self) -> str:
        return f"{self.type}#{self.relation}:{self.id}" if self.relation else f"{self.type}:{self.id}"


class Relation(msgspec.Struct, frozen=True):
    """One tuple; ``str()`` of it is its usual form."""

    object: Object
    relation: str
    subject: SubjectSet

    def __str__(self) -> str:
        return f"{self.object}#{self.relation}@{self.subject}"


def parse_relation(text: str, field: str = "relation") -> Relation:
    """Raises InvalidRequest unless ``text`` is a tuple; whether the model allows it is another question."""
    found = _TUPLE.fullmatch(text)
    if found is None:
        raise InvalidRequest("A relation is written like document:1#viewer@user:7 or …@group:eng#member.", field=field)
    return Relation(parse_object(found["object"], field), found["relation"], parse_subject(found["subject"], field))


def parse_subject(text: str, field: str = "subject") -> SubjectSet:
    """``user:7``, ``user:*`` or ``group:eng#member``; raises InvalidRequest."""
    found = _SET.fullmatch(text)
    if found is None:
        one = parse_object(text, field)
        return SubjectSet(one.type, one.id)
    one = parse_object(found["object"], field)
    return SubjectSet(one.type, one.id, found["relation"])


def parse_object(text: str, field: str = "object") -> Object:
    """``document:7``; raises InvalidRequest."""
    found = _OBJECT.fullmatch(text)
    if found is None:
        raise InvalidRequest("An object is written as its type, a colon and its id, like document:7.", field=field)
    return parse_resource(Object(found["type"], found["id"]), field)


def read_key(key: str) -> SubjectSet:
    """The subject that a stored key stands for."""
    head, _, id_ = key.partition(":")
    kind, _, relation = head.partition("#")
    return SubjectSet(kind, id_, relation)


def shown(key: str) -> str:
    """A stored key in the form that people read: ``group#member:eng`` is ``group:eng``, with its relation left out."""
    head, _, id_ = key.partition(":")
    return f"{head.partition('#')[0]}:{id_}"
