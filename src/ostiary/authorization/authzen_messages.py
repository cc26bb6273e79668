"""The messages of OpenID AuthZEN Authorization API 1.0. Members that the specification does not know are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ostiary.authorization.model import MAX_PERMISSION, MAX_RESOURCE_ID, Reason
from ostiary.authorization.nearest import Nearest

MAX_EVALUATIONS = 1000

Name = Annotated[str, Meta(min_length=1, max_length=MAX_PERMISSION)]
Id = Annotated[str, Meta(min_length=1, max_length=MAX_RESOURCE_ID)]
Properties = dict[str, Any]
Semantic = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]


class EvaluationSubject(msgspec.Struct, frozen=True):
    """Who would act.

    An account, by its id, is of type ``user`` or ``account`` (whatever the account's kind), or of a type that the
    model says is named by e-mail address. Any other type is free.
    """

    type: Name
    id: Id
    properties: Properties | None = None


class EvaluationAction(msgspec.Struct, frozen=True):
    name: Name
    properties: Properties | None = None


class EvaluationResource(msgspec.Struct, frozen=True):
    type: Name
    id: Id
    properties: Properties | None = None


class EvaluationOptions(msgspec.Struct, frozen=True):
    """How many evaluations are executed, and ``at_least_as_fresh``: what a write of relations answered with."""

    evaluations_semantic: Semantic = "execute_all"
    at_least_as_fresh: Annotated[str, Meta(max_length=64)] | None = None


class EvaluationRequest(msgspec.Struct, frozen=True):
    """May ``subject`` do ``action`` to ``resource``? (Section 6.1)"""

    subject: EvaluationSubject
    action: EvaluationAction
    resource: EvaluationResource
    context: Properties | None = None
    options: EvaluationOptions = EvaluationOptions()


class Evaluation(msgspec.Struct, frozen=True):
    """One of many; what is left out is as at the top."""

    subject: EvaluationSubject | None = None
    action: EvaluationAction | None = None
    resource: EvaluationResource | None = None
    context: Properties | None = None


class EvaluationsRequest(msgspec.Struct, frozen=True):
    """Many evaluations at once; without any, one as at ``/access/v1/evaluation`` (section 7.1)."""

    subject: EvaluationSubject | None = None
    action: EvaluationAction | None = None
    resource: EvaluationResource | None = None
    context: Properties | None = None
    evaluations: Annotated[tuple[Evaluation, ...], Meta(max_length=MAX_EVALUATIONS)] = ()
    options: EvaluationOptions = EvaluationOptions()


class FailedPolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """A policy that would have allowed: the values that its condition read, and what was wrong with them."""

    policy: str
    values: Mapping[str, Any] = {}
    why: str = ""


class EvaluationError(msgspec.Struct, frozen=True):
    """Why one of many could not be decided; then it is denied (section 7.2.1)."""

    status: int
    message: str


class EvaluationContext(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why.

    Attributes:
        reason: in one stable word.
        because: the deciding facts as paths for people.
        failed: of a denial: the policies that would have allowed it, and did not.
        nearest: of a denial: what would allow it.
        owners: of a denial: who could be asked; only for those who may read relations.
    """

    reason: Reason | None = None
    because: list[str] | None = None
    failed: tuple[FailedPolicy, ...] = ()
    nearest: Nearest | None = None
    owners: tuple[str, ...] = ()
    error: EvaluationError | None = None


class EvaluationResponse(msgspec.Struct, frozen=True):
    decision: bool
    context: EvaluationContext


class EvaluationsResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """The decisions in the order of the evaluations, up to the one that decided where the semantic says so.

    Where no evaluations were asked for, the one decision instead (section 7.1).
    """

    evaluations: list[EvaluationResponse] | msgspec.UnsetType = msgspec.UNSET
    decision: bool | msgspec.UnsetType = msgspec.UNSET
    context: EvaluationContext | msgspec.UnsetType = msgspec.UNSET


class PageRequest(msgspec.Struct, frozen=True):
    """Which part of the results; ``token`` goes with the very request that it was the answer to (section 8.2.1)."""

    token: Annotated[str, Meta(max_length=4096)] | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None
    properties: Properties | None = None


class SearchedSubject(msgspec.Struct, frozen=True):
    """Of which type; an id is ignored."""

    type: Name
    properties: Properties | None = None


class SearchedResource(msgspec.Struct, frozen=True):
    """Of which type; an id is ignored."""

    type: Name
    properties: Properties | None = None


class SubjectSearch(msgspec.Struct, frozen=True):
    """Which subjects of a type may do ``action`` to ``resource``? (Section 8.4)"""

    subject: SearchedSubject
    action: EvaluationAction
    resource: EvaluationResource
    context: Properties | None = None
    page: PageRequest = PageRequest()


class ResourceSearch(msgspec.Struct, frozen=True):
    """To which resources of a type may ``subject`` do ``action``? (Section 8.5)"""

    subject: EvaluationSubject
    action: EvaluationAction
    resource: SearchedResource
    context: Properties | None = None
    page: PageRequest = PageRequest()


class ActionSearch(msgspec.Struct, frozen=True):
    """Which actions may ``subject`` take on ``resource``? (Section 8.6)"""

    subject: EvaluationSubject
    resource: EvaluationResource
    context: Properties | None = None
    page: PageRequest = PageRequest()


class PageAnswer(msgspec.Struct, frozen=True):
    """``next_token``: empty on the last page; until then there is more, also after a page with few results."""

    next_token: str
    count: int


class FoundEntity(msgspec.Struct, frozen=True):
    type: str
    id: str


class FoundAction(msgspec.Struct, frozen=True):
    name: str


class EntitiesFound(msgspec.Struct, frozen=True):
    page: PageAnswer
    results: list[FoundEntity]


class ActionsFound(msgspec.Struct, frozen=True):
    page: PageAnswer
    results: list[FoundAction]


class PdpMetadata(msgspec.Struct, frozen=True):
    """Section 9.1."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str
    search_subject_endpoint: str
    search_resource_endpoint: str
    search_action_endpoint: str


def metadata(pdp: str) -> PdpMetadata:
    """What is published of the policy decision point with this identifier, which is a URL."""
    base = f"{pdp}/access/v1"
    search = f"{base}/search"
    return PdpMetadata(
        pdp, f"{base}/evaluation", f"{base}/evaluations", f"{search}/subject", f"{search}/resource", f"{search}/action"
    )
