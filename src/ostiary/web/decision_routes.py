"""The rows of what decides: policies, models, decisions for applications, and the log of what was done."""

from __future__ import annotations

from functools import partial

from ostiary.audit import AuditEvent
from ostiary.authorization import (
    AccessControlList,
    AclChange,
    AclWrite,
    AuditQuery,
    EntitiesWrite,
    Entity,
    EntityWrite,
    LastAdministrator,
    LastOwner,
    ModelChange,
    ModelReport,
    ModelVersion,
    Policy,
    PolicyRule,
    RelationPreconditionFailed,
    RelationQuery,
    RelationView,
    RelationWrite,
    WriteAnswer,
)
from ostiary.authorization.authzen_messages import (
    ActionSearch,
    ActionsFound,
    EntitiesFound,
    EvaluationRequest,
    EvaluationResponse,
    EvaluationsRequest,
    EvaluationsResponse,
    PdpMetadata,
    ResourceSearch,
    SubjectSearch,
)
from ostiary.authorization.model import NestingTooDeep
from ostiary.authorization.model_file.faults import InvalidModel
from ostiary.authorization.models import FailedTests
from ostiary.base.pages import Page, PageQuery
from ostiary.errors import Conflict, Forbidden, NotFound, Unavailable
from ostiary.web.api import acl, decisions, entities, model, policies, relations
from ostiary.web.route import Knock, Route, api_route

# One row a request, in the same columns throughout; the formatter would give each argument a line of its own.
# fmt: off

def decision_routes() -> list[Route]:
    """Every row of this part."""
    return [*_policies(), *_relations(), *_model(), *_decisions()]


def _policies() -> list[Route]:
    row = partial(api_route, "policies", Knock.SIGNED_IN, (Forbidden,))
    every, one = "/api/policies", "/api/policies/{name}"
    return [
        row("GET", every, policies.list_policies, "List policies", {200: Page[Policy]}, query=PageQuery),
        row("GET", one, policies.get, "One policy", {200: Policy}),
        row("PUT", one, policies.put, "Make or change a policy", {200: Policy}, body=PolicyRule),
        row("DELETE", one, policies.delete, "Delete a policy", {204: None}),
    ]


def _model() -> list[Route]:
    row = partial(api_route, "model", Knock.SIGNED_IN, (Forbidden,))
    every = "/api/model"
    return [
        row("GET", every, model.current, "The model that applies", {200: ModelVersion}, NotFound,
            query=model.ModelQuery),
        row("GET", every + "/versions", model.versions, "Every version of it", {200: Page[ModelVersion]},
            query=model.VersionsQuery),
        row("POST", every + "/check", model.check, "Try a model, and see what it would change", {200: ModelReport},
            InvalidModel, body=model.ModelBody),
        row("POST", every, model.apply, "Apply a model, or go back to an earlier version", {200: ModelVersion},
            InvalidModel, FailedTests, Conflict, NotFound, body=ModelChange),
    ]


def _relations() -> list[Route]:
    row = partial(api_route, "relations", Knock.SIGNED_IN, (Forbidden,))
    every = "/api/relations"
    return [
        row("GET", every, relations.list_relations, "Who stands in which relation to what", {200: Page[RelationView]},
            query=RelationQuery),
        row("POST", every, relations.write, "Write and delete relations, all or nothing", {200: WriteAnswer},
            RelationPreconditionFailed, LastOwner, LastAdministrator, Unavailable, body=RelationWrite),
        *_acl(),
        *_entities(),
    ]


def _acl() -> list[Route]:
    row = partial(api_route, "relations", Knock.SIGNED_IN, (Forbidden, NestingTooDeep), etag=True)
    one, shown = "/api/acl/{type}/{id}", {200: AccessControlList}
    changes = (LastOwner, LastAdministrator, Unavailable)
    return [
        row("GET", one, acl.get, "Who has what on one object", shown),
        row("PUT", one, acl.put, "Replace the entries of one object", shown, *changes, body=AclWrite),
        row("PATCH", one, acl.patch, "Add and remove entries of one object", shown, *changes, body=AclChange),
    ]


def _entities() -> list[Route]:
    row = partial(api_route, "entities", Knock.SIGNED_IN, (Forbidden,))
    every, of_type, one = "/api/entities", "/api/entities/{type}", "/api/entities/{type}/{id}"
    return [
        row("POST", every, entities.write, "Store attributes of many objects, all or nothing", {200: WriteAnswer},
            NotFound, body=EntitiesWrite),
        row("GET", of_type, entities.list_entities, "What is stored about objects of one type", {200: Page[Entity]},
            query=PageQuery),
        row("GET", one, entities.get, "What is stored about one object", {200: Entity}),
        row("PUT", one, entities.put, "Replace what is stored about one object", {200: Entity}, body=EntityWrite),
        row("PATCH", one, entities.patch, "Change what is stored about one object, by a JSON merge patch",
            {200: Entity}, body=EntityWrite),
        row("DELETE", one, entities.delete, "Forget what is stored about one object", {204: None}),
    ]


def _decisions() -> list[Route]:
    audit = partial(api_route, "audit", Knock.SIGNED_IN, (Forbidden,))
    return [
        *_access("", ""),
        *_access("/pdp/{model}", " of one model", NotFound),
        audit("GET", "/api/audit", decisions.audit, "What happened", {200: Page[AuditEvent]}, query=AuditQuery),
    ]


def _access(pdp: str, of: str, *errors: type[NotFound]) -> list[Route]:
    """OpenID AuthZEN of one policy decision point."""
    row = partial(api_route, "decisions", Knock.SIGNED_IN, (Forbidden, NestingTooDeep, Unavailable, *errors))
    known = partial(api_route, "decisions", Knock.ANYONE, errors, recognise=False)
    base, search = pdp + "/access/v1", pdp + "/access/v1/search"
    entities = {200: EntitiesFound}
    return [
        row("POST", base + "/evaluation", decisions.evaluate, "May this subject do this" + of,
            {200: EvaluationResponse}, body=EvaluationRequest),
        row("POST", base + "/evaluations", decisions.evaluate_many, "Many such questions at once" + of,
            {200: EvaluationsResponse}, body=EvaluationsRequest),
        row("POST", search + "/subject", decisions.search_subjects, "Who may do this" + of, entities,
            body=SubjectSearch),
        row("POST", search + "/resource", decisions.search_resources, "To what this subject may do this" + of,
            entities, body=ResourceSearch),
        row("POST", search + "/action", decisions.search_actions, "What this subject may do here" + of,
            {200: ActionsFound}, body=ActionSearch),
        known("GET", "/.well-known/authzen-configuration" + pdp, decisions.pdp_metadata,
              "Where decisions are made" + of, {200: PdpMetadata}),
    ]
