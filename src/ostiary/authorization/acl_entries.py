"""Entries of an access control list, and the tuples that they are."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ostiary.authorization.model import Resource, RoleName
from ostiary.authorization.relations import EVERYBODY, SIGNED_IN, Relation, SubjectSet, parse_subject
from ostiary.authorization.schema import USER
from ostiary.authorization.tuple_rules import HOLDER
from ostiary.errors import InvalidRequest

_GROUP = ("group", "member")
Name = Annotated[str, Meta(min_length=1, max_length=256)]


class EntrySubject(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whom an entry is for; exactly one of these.

    Attributes:
        account, group: by id; role: by name, whoever has it everywhere.
        signed_in: any account; anyone: also who has not signed in.
        subject: anybody else that a tuple can name, as it is written there: ``team:core#member``.
    """

    account: Name | None = None
    group: Name | None = None
    role: RoleName | None = None
    signed_in: bool = False
    anyone: bool = False
    subject: Annotated[str, Meta(min_length=1, max_length=512)] | None = None


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``level``: one of the names in the ``acl`` of the type, a relation or an action."""

    subject: EntrySubject
    level: Annotated[str, Meta(min_length=1, max_length=64)]


def relation_of(one: Resource, entry: Entry, field: str) -> Relation:
    """The tuple that an entry is. Raises InvalidRequest unless it is for exactly one subject."""
    return Relation(one, entry.level, _subject(entry.subject, field))


def entry_of(relation: Relation) -> Entry:
    """The entry that a tuple is."""
    return Entry(_shown(relation.subject), relation.relation)


def _subject(of: EntrySubject, field: str) -> SubjectSet:
    given = [name for name in of.__struct_fields__ if getattr(of, name) not in (None, False)]
    if len(given) != 1:
        raise InvalidRequest("An entry is for exactly one subject.", field=f"{field}.subject")
    if of.subject is not None:
        return parse_subject(of.subject, f"{field}.subject.subject")
    if of.signed_in:
        return parse_subject(SIGNED_IN)
    if of.anyone:
        return parse_subject(EVERYBODY)
    if of.account is not None:
        return parse_subject(f"{USER}:{of.account}", f"{field}.subject.account")
    type_, relation = _GROUP if of.group is not None else HOLDER
    return parse_subject(f"{type_}:{of.group or of.role}#{relation}", f"{field}.subject")


def _shown(subject: SubjectSet) -> EntrySubject:
    named = (subject.type, subject.relation)
    if subject.key == SIGNED_IN:
        return EntrySubject(signed_in=True)
    if subject.key == EVERYBODY:
        return EntrySubject(anyone=True)
    if named == (USER, ""):
        return EntrySubject(account=subject.id)
    if named == _GROUP:
        return EntrySubject(group=subject.id)
    if named == HOLDER:
        return EntrySubject(role=subject.id)
    return EntrySubject(subject=str(subject))
