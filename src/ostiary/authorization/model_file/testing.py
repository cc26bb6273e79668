"""The tests that a model file carries: facts, and what follows from them. Running them is for whoever decides."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ostiary.authorization.model import Effect
from ostiary.authorization.model import Resource as Object
from ostiary.authorization.model_file.reading import Plain
from ostiary.authorization.relations import Relation, SubjectSet


class RoleGiven(msgspec.Struct, frozen=True):
    """``subject`` is an account or a group; ``on`` is ``None`` for a role that holds everywhere."""

    subject: Object
    role: str
    on: Object | None = None


class GrantGiven(msgspec.Struct, frozen=True):
    """``permission`` may be a wildcard; ``until`` is in milliseconds since the epoch, UTC."""

    subject: Object
    permission: str
    effect: Effect = Effect.ALLOW
    on: Object | None = None
    until: int | None = None


class FactsGiven(msgspec.Struct, frozen=True):
    """What is the case in a test. Entries of access control lists are among the relations; ``attributes`` by object."""

    relations: tuple[Relation, ...] = ()
    roles: tuple[RoleGiven, ...] = ()
    grants: tuple[GrantGiven, ...] = ()
    attributes: Mapping[Object, Mapping[str, Plain]] = {}


class Circumstances(msgspec.Struct, frozen=True):
    """What the request brings; ``at`` in milliseconds since the epoch, UTC, ``None`` where the time does not matter."""

    context: Mapping[str, Plain] = {}
    at: int | None = None


class Check(msgspec.Struct, frozen=True):
    """Whether ``subject`` may do ``permission`` to ``resource``.

    Attributes:
        subject: ``None`` for somebody who has not signed in.
        resource: ``None`` for no one in particular, as where a permission has to be held everywhere.
        line: where it stands in the file, from 1.
    """

    subject: Object | None
    permission: str
    resource: Object | None
    allowed: bool
    when: Circumstances = Circumstances()
    line: int = 1


class WhoCan(msgspec.Struct, frozen=True):
    """Exactly ``subjects`` may do ``permission`` to ``resource``."""

    permission: str
    resource: Object
    subjects: tuple[SubjectSet, ...]
    when: Circumstances = Circumstances()
    line: int = 1


class WhatCan(msgspec.Struct, frozen=True):
    """``subject`` (``None``: who has not signed in) may do ``permission`` to exactly ``resources``, all of ``type``."""

    subject: Object | None
    permission: str
    type: str
    resources: tuple[Object, ...]
    when: Circumstances = Circumstances()
    line: int = 1


class ModelTest(msgspec.Struct, frozen=True):
    """One test. Names are as in the compiled model: with the name of the model before them where it has one."""

    name: str
    facts: FactsGiven = FactsGiven()
    check: tuple[Check, ...] = ()
    who_can: tuple[WhoCan, ...] = ()
    what_can: tuple[WhatCan, ...] = ()
    line: int = 1
