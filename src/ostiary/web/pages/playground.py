"""``/admin/decisions``: may somebody do something, why, and what would change it. For administrators."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from starlette.responses import Response

from ostiary.authorization import Decision, Resource, parse_permission
from ostiary.authorization.caller import Caller
from ostiary.authorization.nearest import nearest
from ostiary.authorization.relations import Relation, parse_object, parse_relation
from ostiary.authorization.schema import USER
from ostiary.authorization.trial import Question
from ostiary.errors import InvalidRequest, NotFound, OstiaryError
from ostiary.permissions import Permission
from ostiary.web.bodies import form_struct
from ostiary.web.exchange import Exchange
from ostiary.web.pages.drawing import drawing
from ostiary.web.pages.render import Pages

PLAYGROUND = "/admin/decisions"
_MOST_SUPPOSED = 100


class QuestionForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``subject`` is an account (id, address, username) or ``type:id``; empty for who has not signed in.

    ``more`` and ``fewer`` hold relations, one a line.
    """

    permission: str = ""
    subject: str = ""
    resource: str = ""
    context: str = ""
    more: str = ""
    fewer: str = ""


class PlaygroundPages:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(self, exchange: Exchange) -> Response:
        # The same that asking needs: who may not ask is told so before typing anything.
        await _require(exchange.caller)
        return self._render(exchange)

    async def ask(self, exchange: Exchange) -> Response:
        await _require(exchange.caller)  # before the form is read, which says whether an account exists
        try:
            form: QuestionForm = form_struct(exchange.form, QuestionForm)
            question = await _question(exchange, form)
            answer = await exchange.use.trials.ask(exchange.caller, question)
        except (InvalidRequest, NotFound) as problem:
            return self._render(exchange, problem)
        then = None if answer.then is None else _shown(answer.then)
        return self._render(exchange, answer=_shown(answer.now), then=then)

    def _render(self, exchange: Exchange, problem: OstiaryError | None = None, **more: Any) -> Response:
        shown = {"answer": None, "then": None, **more}
        return self._pages.render(exchange, "playground.html", account=exchange.own_account(), problem=problem, **shown)


async def _require(caller: Caller) -> None:
    await caller.require(Permission.DECISIONS_EVALUATE)
    await caller.require(Permission.RELATIONS_READ)


async def _question(exchange: Exchange, form: QuestionForm) -> Question:
    return Question(
        await _subject(exchange, form.subject.strip()),
        parse_permission(form.permission.strip()),
        parse_object(form.resource.strip(), "resource") if form.resource.strip() else None,
        _context(form.context),
        _relations(form.more, "more"),
        _relations(form.fewer, "fewer"),
    )


async def _subject(exchange: Exchange, text: str) -> Resource | None:
    if not text:
        return None
    if ":" in text:
        found = parse_object(text, "subject")
        if found.type != USER:
            return found
        text = found.id
    return Resource(USER, await _account(exchange.caller, exchange, text))


async def _account(caller: Caller, exchange: Exchange, identifier: str) -> str:
    try:
        return (await exchange.use.account_administration.find(caller, identifier)).id
    except NotFound:
        raise InvalidRequest("There is no such account.", field="subject") from None


def _context(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest('This is no JSON object, like {"acr": "aal2"}.', field="context") from None
    if not isinstance(found, dict):
        raise InvalidRequest('This is no JSON object, like {"acr": "aal2"}.', field="context")
    return found


def _relations(text: str, field: str) -> tuple[Relation, ...]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > _MOST_SUPPOSED:
        raise InvalidRequest(f"At most {_MOST_SUPPOSED} relations are supposed at once.", field=field)
    return tuple(parse_relation(line, field) for line in lines)


def _shown(decision: Decision) -> dict[str, Any]:
    paths = [
        (*path.steps[:-1], f"{path.steps[-1]} on {path.resource}") if path.resource else path.steps
        for path in decision.because
    ]
    return {
        "allowed": decision.allowed,
        "reason": decision.reason.value.replace("_", " "),
        "graph": drawing(paths, allowed=decision.allowed) if paths else None,
        "because": [str(path) for path in decision.because],
        "failed": [
            {
                "policy": each.policy,
                "why": each.why,
                "values": [f"{name} is {value!r}" for name, value in sorted(each.values.items())],
            }
            for each in decision.failed
        ],
        "ways": nearest(decision).in_words(),
    }
