"""Who may do this to that, what may this subject do this to, and which actions may it take here.

A search finds candidates and has each of them decided as if it were asked about alone; so its answers are those of
:meth:`Authorizer.decide`, whatever facts they rest on. Answers are complete and in the order of ids. Where nothing
narrows the candidates (a role that holds everywhere, a policy that allows), they are all that is known of their type:
what stands in tuples or has attributes, and for accounts those that are active.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ostiary.authorization.authorizer import NOTHING_BROUGHT, Authorizer, Brought, Question
from ostiary.authorization.candidates import resources_of, subjects_of
from ostiary.authorization.facts import Facts
from ostiary.authorization.model import Resource
from ostiary.authorization.schema import ANY_ID, USER
from ostiary.base.pages import Page, decode_cursor, encode_cursor
from ostiary.errors import InvalidRequest
from ostiary.permissions import NAMESPACE, Permission

if TYPE_CHECKING:
    from ostiary.database import Reader

DEFAULT_RESULTS = 100
MAX_RESULTS = 1000
_BATCH = 500
_MOST_DECIDED = 10_000
"""Candidates that one page decides about: after so many in vain it ends short, with a cursor that leads on."""

Item = TypeVar("Item")
_After = Callable[[str, int], Awaitable[Sequence[str]]]


class _Id(msgspec.Struct, frozen=True):
    id: str


class Search:
    def __init__(self, db: Reader, authorizer: Authorizer) -> None:
        self._db = db
        self._authorizer = authorizer

    async def resources(
        self,
        subject: Resource | None,
        action: str,
        type_: str,
        brought: Brought = NOTHING_BROUGHT,
        *,
        cursor: str | None = None,
        limit: int = DEFAULT_RESULTS,
    ) -> Page[Resource]:
        """The resources of a type that the subject may do this to.

        Args:
            subject: an account as type ``user``; ``None`` for who has not signed in.
            limit: results of one page, 1 to :data:`MAX_RESULTS`; there may be fewer although others follow.

        Raises:
            InvalidRequest: the cursor or the limit is none. NestingTooDeep, Unavailable: as with a decision.
        """
        permission = f"{type_}.{action}"
        facts = await self._authorizer.facts_of(subject)
        candidates = await resources_of(self._db, facts, permission)
        after = self._known_after(type_, facts) if candidates is None else _in_order(candidates)

        async def allowed(ids: Sequence[str]) -> list[str]:
            questions = [Question(subject, permission, Resource(type_, id_), brought) for id_ in ids]
            return await self._allowed(ids, questions)

        return await _page(after, allowed, lambda id_: Resource(type_, id_), cursor, limit)

    async def subjects(
        self,
        permission: str,
        resource: Resource,
        type_: str = USER,
        brought: Brought = NOTHING_BROUGHT,
        *,
        cursor: str | None = None,
        limit: int = DEFAULT_RESULTS,
    ) -> Page[Resource]:
        """The subjects of a type that may do this to the resource; see :meth:`resources`."""
        facts = await self._authorizer.facts_of(None)
        candidates = await subjects_of(self._db, facts, permission, resource, type_)
        after = self._known_after(type_, None) if candidates is None else _in_order(candidates)

        async def allowed(ids: Sequence[str]) -> list[str]:
            questions = [Question(Resource(type_, id_), permission, resource, brought) for id_ in ids]
            return await self._allowed(ids, questions)

        return await _page(after, allowed, lambda id_: Resource(type_, id_), cursor, limit)

    async def actions(
        self,
        subject: Resource | None,
        resource: Resource,
        brought: Brought = NOTHING_BROUGHT,
        *,
        cursor: str | None = None,
        limit: int = DEFAULT_RESULTS,
    ) -> Page[str]:
        """The actions that the subject may take on the resource, of those that a model, role, grant or policy names."""
        type_ = resource.type
        names = await self._actions_named((await self._authorizer.facts_of(subject)), type_)

        async def allowed(batch: Sequence[str]) -> list[str]:
            questions = [Question(subject, f"{type_}.{name}", resource, brought) for name in batch]
            return await self._allowed(batch, questions)

        return await _page(_in_order(names), allowed, str, cursor, limit)

    async def _allowed(self, candidates: Sequence[str], questions: Sequence[Question]) -> list[str]:
        decisions = await self._authorizer.decide_many(questions)
        return [each for each, decision in zip(candidates, decisions, strict=True) if decision.allowed]

    def _known_after(self, type_: str, facts: Facts | None) -> _After:
        """All that is known of a type, page by page."""
        own = () if facts is None or facts.subject is None else facts.subject.on
        named = sorted(place.id for place in own if place.type == type_)

        async def after(id_: str, most: int) -> Sequence[str]:
            text = _ACCOUNTS if type_ == USER else _OBJECTS
            bounds = {} if type_ == USER else {"prefix": f"{type_}:", "end": f"{type_};"}
            rows = await self._db.fetch_all(_Id, text, after=id_, most=most, **bounds)
            more = named[bisect_right(named, id_) :][:most]
            return sorted({*(row.id for row in rows), *more} - {ANY_ID})[:most]

        return after

    async def _actions_named(self, facts: Facts, type_: str) -> set[str]:
        prefix = f"{type_}."
        rows = await self._db.fetch_all(
            _Id,
            "SELECT permission AS id FROM role_permissions WHERE permission > :prefix AND permission < :end"
            " UNION SELECT permission FROM direct_grants WHERE permission > :prefix AND permission < :end",
            prefix=prefix,
            end=f"{type_}/",
        )
        own = tuple(Permission) if prefix.startswith(NAMESPACE) else ()
        names = {text.removeprefix(prefix) for text in (*(row.id for row in rows), *own) if text.startswith(prefix)}
        names.update(facts.model.actions(type_), facts.model.ruled_actions(type_))
        return {name for name in names if "." not in name and name != "*"}


def _in_order(candidates: set[str]) -> _After:
    ordered = sorted(candidates - {ANY_ID})

    async def after(id_: str, most: int) -> Sequence[str]:
        start = bisect_right(ordered, id_)
        return ordered[start : start + most]

    return after


async def _page(
    after: _After,
    allowed: Callable[[Sequence[str]], Awaitable[list[str]]],
    item: Callable[[str], Item],
    cursor: str | None,
    limit: int,
) -> Page[Item]:
    if not 1 <= limit <= MAX_RESULTS:
        raise InvalidRequest(f"The limit is a number from 1 to {MAX_RESULTS}.", field="limit")
    last = "" if cursor is None else decode_cursor(cursor)
    found: list[str] = []
    decided = 0
    while len(found) <= limit:
        if decided >= _MOST_DECIDED:
            return Page([item(each) for each in found], encode_cursor(last))
        batch = await after(last, _BATCH)
        if not batch:
            return Page([item(each) for each in found], None)
        found += await allowed(batch)
        last = batch[-1]
        decided += len(batch)
        await asyncio.sleep(0)  # reads of SQLite never wait: without this, nobody else would be served
    return Page([item(each) for each in found[:limit]], encode_cursor(found[limit - 1]))


_ACCOUNTS = "SELECT id FROM accounts WHERE status = 'active' AND id > :after ORDER BY id LIMIT :most"
_OBJECTS = (
    "SELECT substr(key, length(CAST(:prefix AS TEXT)) + 1) AS id FROM (SELECT object AS key FROM ("
    "SELECT DISTINCT object FROM relations WHERE object > CAST(:prefix AS TEXT) || CAST(:after AS TEXT)"
    " AND object < CAST(:end AS TEXT) ORDER BY object LIMIT :most) AS objects UNION SELECT subject FROM ("
    "SELECT DISTINCT subject FROM relations WHERE subject > CAST(:prefix AS TEXT) || CAST(:after AS TEXT)"
    " AND subject < CAST(:end AS TEXT) ORDER BY subject LIMIT :most) AS subjects UNION SELECT object FROM ("
    "SELECT object FROM entities WHERE object > CAST(:prefix AS TEXT) || CAST(:after AS TEXT)"
    " AND object < CAST(:end AS TEXT) ORDER BY object LIMIT :most) AS stored) AS known ORDER BY key LIMIT :most"
)
