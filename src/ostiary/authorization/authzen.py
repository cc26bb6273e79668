"""OpenID AuthZEN Authorization API 1.0, Access Evaluation: what its request and response mean here, without HTTP.

An evaluation is answered, not failed, for a subject that is unknown: "Decisions default to closed". ``properties`` and
``context`` are accepted and change nothing as long as no fact speaks about attributes.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.caller import Caller
from ostiary.authorization.explain import Decision
from ostiary.authorization.model import MAX_PERMISSION, MAX_RESOURCE_ID, Reason, Resource
from ostiary.base.ids import is_id
from ostiary.permissions import Permission

_ACCOUNT_TYPES = ("user", "account")

Name = Annotated[str, Meta(min_length=1, max_length=MAX_PERMISSION)]
Id = Annotated[str, Meta(min_length=1, max_length=MAX_RESOURCE_ID)]


class EvaluationSubject(msgspec.Struct, frozen=True):
    """Who would act: an account, by its id, as type ``user`` or ``account`` (whatever the account's kind)."""

    type: Name
    id: Id
    properties: dict[str, Any] | None = None


class EvaluationAction(msgspec.Struct, frozen=True):
    name: Name
    properties: dict[str, Any] | None = None


class EvaluationResource(msgspec.Struct, frozen=True):
    type: Name
    id: Id
    properties: dict[str, Any] | None = None


class EvaluationRequest(msgspec.Struct, frozen=True):
    """May ``subject`` do ``action`` to ``resource``? Members that the specification does not know are ignored."""

    subject: EvaluationSubject
    action: EvaluationAction
    resource: EvaluationResource
    context: dict[str, Any] | None = None


class EvaluationContext(msgspec.Struct, frozen=True):
    """Why: ``reason`` in one stable word, ``because`` the deciding facts as paths for people."""

    reason: Reason
    because: list[str]


class EvaluationResponse(msgspec.Struct, frozen=True):
    decision: bool
    context: EvaluationContext


class AuthZen:
    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def evaluate(self, caller: Caller, request: EvaluationRequest) -> EvaluationResponse:
        """Decide for an application. Everybody may ask about their own account; others need a permission for it.

        Raises:
            Unauthenticated: nobody has signed in.
            Forbidden: the caller asks about somebody else without being allowed to.
        """
        if request.subject.type not in _ACCOUNT_TYPES or request.subject.id != caller.account_id:
            await caller.require(Permission.DECISIONS_EVALUATE)
        decision = await self._decide(request)
        return EvaluationResponse(
            decision.allowed, EvaluationContext(decision.reason, [str(path) for path in decision.because])
        )

    async def _decide(self, request: EvaluationRequest) -> Decision:
        permission = f"{request.resource.type}.{request.action.name}"
        resource = Resource(request.resource.type, request.resource.id)
        if request.subject.type not in _ACCOUNT_TYPES or not is_id(request.subject.id, "acc"):
            return Decision(False, Reason.UNKNOWN_SUBJECT, permission, resource)
        return await self._authorizer.decide(request.subject.id, permission, resource)
