"""OpenID AuthZEN Authorization API 1.0: what its requests and responses mean here, without HTTP.

An evaluation is answered, not failed, for a subject that is unknown: "Decisions default to closed". Who asks about
their own account needs no permission, and is told what they may do as they call: by a key, no more than its scopes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ostiary.authorization.authorizer import Authorizer, Brought, Question
from ostiary.authorization.authzen_messages import (
    ActionSearch,
    ActionsFound,
    EntitiesFound,
    Evaluation,
    EvaluationAction,
    EvaluationContext,
    EvaluationError,
    EvaluationOptions,
    EvaluationRequest,
    EvaluationResource,
    EvaluationResponse,
    EvaluationsRequest,
    EvaluationsResponse,
    EvaluationSubject,
    FailedPolicy,
    FoundAction,
    FoundEntity,
    PageAnswer,
    PageRequest,
    ResourceSearch,
    SubjectSearch,
)
from ostiary.authorization.caller import Caller
from ostiary.authorization.compiled import Model
from ostiary.authorization.explain import Decision
from ostiary.authorization.model import NestingTooDeep, Reason, Resource, parse_resource
from ostiary.authorization.nearest import Nearest, nearest
from ostiary.authorization.relations import shown
from ostiary.authorization.schema import ANYONE, USER
from ostiary.authorization.search import DEFAULT_RESULTS, MAX_RESULTS, Search
from ostiary.base.email import parse_email
from ostiary.base.ids import is_id
from ostiary.base.pages import Page
from ostiary.base.tokens import digest
from ostiary.errors import InvalidRequest, NotFound
from ostiary.permissions import Permission

if TYPE_CHECKING:
    from ostiary.database import Reader

_ACCOUNT_TYPES = (USER, "account")
_UNKNOWN = Resource("unknown", "unknown")
"""A subject that is nobody: asking about it is no error, and it may do nothing."""


class _Names(msgspec.Struct, frozen=True):
    """Types as the model of this name has them; accounts belong to none."""

    model: str

    def type(self, name: str) -> str:
        return name if not self.model or name in (USER, ANYONE) else f"{self.model}/{name}"


class _Asked(msgspec.Struct, frozen=True):
    """One evaluation in our words; ``own``: about the account that asks."""

    question: Question
    own: bool


class AuthZen:
    def __init__(self, db: Reader, authorizer: Authorizer, search: Search) -> None:
        self._db = db
        self._authorizer = authorizer
        self._search = search

    async def require_model(self, model: str) -> None:
        """Raises NotFound unless there is a model of this name."""
        if model not in (await self._model()).names:
            raise NotFound("There is no such policy decision point.")

    async def evaluate(self, caller: Caller, request: EvaluationRequest, model: str = "") -> EvaluationResponse:
        """Decide for an application.

        Args:
            model: whose types are meant; empty for the one without a name.

        Raises:
            Unauthenticated: nobody has signed in. Forbidden: the caller asks about somebody else without being allowed
            to. NotFound: there is no such model. NestingTooDeep, Unavailable: as with a decision.
        """
        asked = await self._asked(
            caller, [(request.subject, request.action, request.resource, request.context)], request.options, model
        )
        return (await self._answers(caller, asked))[0]

    async def evaluate_many(self, caller: Caller, request: EvaluationsRequest, model: str = "") -> EvaluationsResponse:
        """Decide many at once, all as of one moment; raises as :meth:`evaluate`.

        Also raises:
            InvalidRequest: an evaluation has no subject, action or resource, and the top has none either.
        """
        parts = request.evaluations or (Evaluation(),)
        each = [_with_defaults(part, request, number) for number, part in enumerate(parts)]
        asked = await self._asked(caller, each, request.options, model)
        if not request.evaluations:
            one = (await self._answers(caller, asked))[0]
            return EvaluationsResponse(decision=one.decision, context=one.context)
        answers = await self._answers(caller, asked, tolerant=True)
        semantic = request.options.evaluations_semantic
        if semantic != "execute_all":
            last = semantic == "permit_on_first_permit"
            ends = (number for number, answer in enumerate(answers, 1) if answer.decision is last)
            answers = answers[: next(ends, len(answers))]
        return EvaluationsResponse(answers)

    async def subjects(self, caller: Caller, request: SubjectSearch, model: str = "") -> EntitiesFound:
        """Who may do this; raises as :meth:`evaluate`, and InvalidRequest for a token of another request."""
        await caller.require(Permission.DECISIONS_EVALUATE)
        await self.require_model(model)
        names, wanted = _Names(model), request.subject.type
        type_ = self._subject_type(await self._model(), names, wanted)
        resource = _resource(names, request.resource)
        cursor, limit, mark = _part(request, model)
        page = await self._search.subjects(
            f"{resource.type}.{request.action.name}",
            resource,
            USER if type_ is None else type_,
            _brought(request.context, request.subject.properties, request.resource, request.action),
            cursor=cursor,
            limit=limit,
        )
        ids = [found.id for found in page.items]
        if type_ is None and wanted not in _ACCOUNT_TYPES:
            ids = await self._addresses(ids)
        return EntitiesFound(_page(page, mark, len(ids)), [FoundEntity(wanted, id_) for id_ in ids])

    async def resources(self, caller: Caller, request: ResourceSearch, model: str = "") -> EntitiesFound:
        """To what this subject may do this; raises as :meth:`subjects`."""
        own = await self._admit(caller, [request.subject], model)
        names = _Names(model)
        subject = await self._subject(names, request.subject)
        type_ = names.type(request.resource.type)
        parse_resource(Resource(type_, "any"))
        brought = _brought(request.context, request.subject.properties, request.resource, request.action)
        cursor, limit, mark = _part(request, model)
        if subject == _UNKNOWN or (own and not caller.reaches(f"{type_}.{request.action.name}")):
            return EntitiesFound(PageAnswer("", 0), [])
        page = await self._search.resources(
            subject,
            request.action.name,
            type_,
            caller.bringing(brought) if own else brought,
            cursor=cursor,
            limit=limit,
        )
        results = [FoundEntity(request.resource.type, found.id) for found in page.items]
        return EntitiesFound(_page(page, mark, len(results)), results)

    async def actions(self, caller: Caller, request: ActionSearch, model: str = "") -> ActionsFound:
        """What this subject may do here; raises as :meth:`subjects`."""
        own = await self._admit(caller, [request.subject], model)
        names = _Names(model)
        subject, resource = await self._subject(names, request.subject), _resource(names, request.resource)
        brought = _brought(request.context, request.subject.properties, request.resource, None)
        cursor, limit, mark = _part(request, model)
        if subject == _UNKNOWN:
            return ActionsFound(PageAnswer("", 0), [])
        page = await self._search.actions(
            subject, resource, caller.bringing(brought) if own else brought, cursor=cursor, limit=limit
        )
        reached = [name for name in page.items if not own or caller.reaches(f"{resource.type}.{name}")]
        return ActionsFound(_page(page, mark, len(reached)), [FoundAction(name) for name in reached])

    async def _model(self) -> Model:
        return (await self._authorizer.facts_of(None)).model

    async def _admit(self, caller: Caller, subjects: Sequence[EvaluationSubject], model: str) -> bool:
        """Whether all is about the caller's own account; where it is not, a permission is needed."""
        own = all(_is_own(caller, subject) for subject in subjects)
        if not own:
            await caller.require(Permission.DECISIONS_EVALUATE)
        await self.require_model(model)
        return own

    async def _asked(
        self, caller: Caller, each: Sequence[_Parts], options: EvaluationOptions, model: str
    ) -> list[_Asked]:
        await self._admit(caller, [subject for subject, *_ in each], model)
        if options.at_least_as_fresh is not None:
            await self._authorizer.require_fresh(options.at_least_as_fresh)
        names = _Names(model)
        asked: list[_Asked] = []
        for who, action, what, context in each:
            own = _is_own(caller, who)
            brought = _brought(context, who.properties, what, action)
            question = Question(
                await self._subject(names, who),
                f"{names.type(what.type)}.{action.name}",
                _resource(names, what),
                caller.bringing(brought) if own else brought,
            )
            asked.append(_Asked(question, own))
        return asked

    async def _answers(
        self, caller: Caller, asked: Sequence[_Asked], *, tolerant: bool = False
    ) -> list[EvaluationResponse]:
        """``tolerant``: what is too deep to be decided is denied and named, and fails nothing else."""
        denied_before = [_without_asking(caller, each) for each in asked]
        open_ = [each.question for each, known in zip(asked, denied_before, strict=True) if known is None]
        try:
            decided: list[Decision | NestingTooDeep] = list(await self._authorizer.decide_many(open_)) if open_ else []
        except NestingTooDeep:
            if not tolerant:
                raise
            decided = [await self._alone(question) for question in open_]
        following = iter(decided)
        decisions = [next(following) if known is None else known for known in denied_before]
        return [await self._answer(caller, each, found) for each, found in zip(asked, decisions, strict=True)]

    async def _alone(self, question: Question) -> Decision | NestingTooDeep:
        try:
            return (await self._authorizer.decide_many([question]))[0]
        except NestingTooDeep as cause:
            return cause

    async def _answer(self, caller: Caller, asked: _Asked, found: Decision | NestingTooDeep) -> EvaluationResponse:
        if isinstance(found, NestingTooDeep):
            error = EvaluationError(found.status, found.detail or found.title)
            return EvaluationResponse(False, EvaluationContext(error=error))
        self._authorizer.log.note(caller.actor, asked.question.subject, found)
        because = [str(path) for path in found.because]
        if found.allowed:
            return EvaluationResponse(True, EvaluationContext(found.reason, because))
        way = nearest(found)
        if asked.own:  # what others hold, and what is stored of the resource, is not theirs to see
            way = Nearest(step_up=way.step_up)
            context = EvaluationContext(found.reason, because, nearest=way if way != Nearest() else None)
            return EvaluationResponse(False, context)
        failed = tuple(FailedPolicy(each.policy, each.values, each.why) for each in found.failed)
        owners = await self._owners(caller, found)
        context = EvaluationContext(found.reason, because, failed, way if way != Nearest() else None, owners)
        return EvaluationResponse(False, context)

    async def _owners(self, caller: Caller, denied: Decision) -> tuple[str, ...]:
        """Who could be asked about a resource, for who may read relations."""
        resource = denied.resource
        if resource is None or denied.facts is None or denied.reason is not Reason.NOTHING_ALLOWS:
            return ()
        definition = denied.facts.model.types.get(resource.type)
        if definition is None or definition.owner is None or not await caller.decide(Permission.RELATIONS_READ):
            return ()
        rows = await self._db.fetch_all(
            _Subject,
            "SELECT subject FROM relations WHERE object = :object AND relation = :relation ORDER BY subject LIMIT 10",
            object=str(resource),
            relation=definition.owner,
        )
        return tuple(sorted(shown(row.subject) for row in rows))

    async def _subject(self, names: _Names, subject: EvaluationSubject) -> Resource | None:
        """Who is meant; ``None`` for who has not signed in, and a subject that may do nothing for who is unknown."""
        if subject.type == ANYONE:
            return None
        type_ = self._subject_type(await self._model(), names, subject.type)
        if type_ is not None:
            try:
                return parse_resource(Resource(type_, subject.id))
            except InvalidRequest:
                return _UNKNOWN
        if subject.type in _ACCOUNT_TYPES:
            return Resource(USER, subject.id) if is_id(subject.id, "acc") else _UNKNOWN
        return await self._by_address(subject.id)

    def _subject_type(self, model: Model, names: _Names, type_: str) -> str | None:
        """A type of subjects as the model knows it; ``None`` where they stand for accounts."""
        if type_ in _ACCOUNT_TYPES:
            return None
        qualified = names.type(type_)
        definition = model.types.get(qualified)
        return None if definition is not None and definition.by_attribute is not None else qualified

    async def _by_address(self, address: str) -> Resource:
        try:
            key = parse_email(address).key
        except InvalidRequest:
            return _UNKNOWN
        found = await self._db.fetch_value(
            "SELECT id FROM accounts WHERE email_key = :key AND email_verified_at IS NOT NULL", key=key
        )
        return _UNKNOWN if found is None else Resource(USER, found)

    async def _addresses(self, account_ids: Sequence[str]) -> list[str]:
        rows = await self._db.fetch_all(
            _Subject,
            "SELECT email AS subject FROM accounts WHERE id IN (SELECT value FROM json_each(:ids))"
            " AND email_verified_at IS NOT NULL ORDER BY id",
            ids=msgspec.json.encode(list(account_ids)).decode(),
        )
        return [row.subject for row in rows]


class _Subject(msgspec.Struct, frozen=True):
    subject: str


_Parts = tuple[EvaluationSubject, EvaluationAction, EvaluationResource, Mapping[str, Any] | None]


def _with_defaults(part: Evaluation, request: EvaluationsRequest, number: int) -> _Parts:
    at = f"evaluations[{number}]." if request.evaluations else ""
    subject, action, resource = (
        part.subject or request.subject,
        part.action or request.action,
        part.resource or request.resource,
    )
    if subject is None or action is None or resource is None:
        missing = "subject" if subject is None else "action" if action is None else "resource"
        raise InvalidRequest(f"An evaluation has no {missing}, and there is none for all.", field=f"{at}{missing}")
    return subject, action, resource, request.context if part.context is None else part.context


def _without_asking(caller: Caller, asked: _Asked) -> Decision | None:
    """The answer where no fact is needed."""
    question = asked.question
    if question.subject == _UNKNOWN:
        return Decision(False, Reason.UNKNOWN_SUBJECT, question.permission, question.resource)
    if asked.own and not caller.reaches(question.permission):
        return Decision(False, Reason.SCOPE_INSUFFICIENT, question.permission, question.resource)
    return None


def _is_own(caller: Caller, subject: EvaluationSubject) -> bool:
    return subject.type in _ACCOUNT_TYPES and subject.id == caller.account_id


def _resource(names: _Names, resource: EvaluationResource) -> Resource:
    return parse_resource(Resource(names.type(resource.type), resource.id))


def _brought(
    context: Mapping[str, Any] | None,
    subject: Mapping[str, Any] | None,
    resource: Any,
    action: EvaluationAction | None,
) -> Brought:
    return Brought(context or {}, subject or {}, resource.properties or {}, (action and action.properties) or {})


def _part(request: SubjectSearch | ResourceSearch | ActionSearch, model: str) -> tuple[str | None, int, str]:
    """Where to read on, how far, and the mark that tokens of this very request bear (section 8.2)."""
    mark = digest(model + msgspec.json.encode(msgspec.structs.replace(request, page=PageRequest())).decode()).hex()[:16]
    token, limit = request.page.token, request.page.limit
    if not token:
        return None, min(limit or DEFAULT_RESULTS, MAX_RESULTS), f"{mark}.{limit or DEFAULT_RESULTS}"
    of, _, rest = token.partition(".")
    before, _, cursor = rest.partition(".")
    same = of == mark and before.isascii() and before.isdigit() and len(before) < 20 and limit in (None, int(before))
    if not same or int(before) < 1:
        raise InvalidRequest("This token is the answer to another request.", field="page.token")
    return cursor, min(int(before), MAX_RESULTS), f"{of}.{before}"


def _page(page: Page[Any], mark: str, count: int) -> PageAnswer:
    return PageAnswer("" if page.next is None else f"{mark}.{page.next}", count)
