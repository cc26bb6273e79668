"""What may you do: the decision, and the facts that it is made from.

Owns the tables ``roles``, ``role_permissions``, ``role_includes``, ``role_assignments``, ``direct_grants``,
``relations``, ``subject_sets``, ``entities``, ``policies`` and ``authorization_models``, the :class:`Caller`, and the
AuthZEN mapping. Depends on ``audit``, ``database`` and ``base``; reads ``accounts.kind`` and ``accounts.status``, so
whoever writes those, or creates or deletes an account, must ``tx.bump("authorization")`` in the same transaction.

Refuses to cache a decision, to allow what no fact allows, to let anybody hand out more of Ostiary than they hold, and
to leave Ostiary without an administrator.
"""

from ostiary.authorization.acl import AccessControl, AccessControlList, AclChange, AclWrite
from ostiary.authorization.administrators import appoint, has_administrator
from ostiary.authorization.assignments import Assignment, AssignmentCreate, Assignments, HeldRole
from ostiary.authorization.audit_reading import AuditQuery, AuditReading
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.authzen import AuthZen
from ostiary.authorization.authzen_messages import EvaluationRequest, EvaluationResponse
from ostiary.authorization.caller import Caller
from ostiary.authorization.decide import decide
from ostiary.authorization.entities import Entities, EntitiesWrite, Entity, EntityWrite
from ostiary.authorization.escalation import Holdings, held_everywhere, require_cover, uncovered, unheld
from ostiary.authorization.explain import Decision, Path
from ostiary.authorization.facts import Facts, RoleGraph, Subject
from ostiary.authorization.grants import Grant, GrantChange, GrantCreate, GrantQuery, Grants
from ostiary.authorization.holders import Group, Holder
from ostiary.authorization.model import Effect, LastAdministrator, Reason, Request, Resource, parse_permission
from ostiary.authorization.models import ModelChange, ModelReport, Models, ModelVersion
from ostiary.authorization.policies import Policies, Policy
from ostiary.authorization.policy import PolicyRule
from ostiary.authorization.relation_reading import RelationQuery, RelationView
from ostiary.authorization.relation_writing import (
    LastOwner,
    RelationPreconditionFailed,
    Relations,
    RelationWrite,
    WriteAnswer,
)
from ostiary.authorization.roles import Role, RoleChange, RoleCreate, Roles
from ostiary.authorization.search import Search

__all__ = [
    "AccessControl",
    "AccessControlList",
    "AclChange",
    "AclWrite",
    "Assignment",
    "AssignmentCreate",
    "Assignments",
    "AuditQuery",
    "AuditReading",
    "AuthZen",
    "Authorizer",
    "Caller",
    "Decision",
    "Effect",
    "Entities",
    "EntitiesWrite",
    "Entity",
    "EntityWrite",
    "EvaluationRequest",
    "EvaluationResponse",
    "Facts",
    "Grant",
    "GrantChange",
    "GrantCreate",
    "GrantQuery",
    "Grants",
    "Group",
    "HeldRole",
    "Holder",
    "Holdings",
    "LastAdministrator",
    "LastOwner",
    "ModelChange",
    "ModelReport",
    "ModelVersion",
    "Models",
    "Path",
    "Policies",
    "Policy",
    "PolicyRule",
    "Reason",
    "RelationPreconditionFailed",
    "RelationQuery",
    "RelationView",
    "RelationWrite",
    "Relations",
    "Request",
    "Resource",
    "Role",
    "RoleChange",
    "RoleCreate",
    "RoleGraph",
    "Roles",
    "Search",
    "Subject",
    "WriteAnswer",
    "appoint",
    "decide",
    "has_administrator",
    "held_everywhere",
    "parse_permission",
    "require_cover",
    "uncovered",
    "unheld",
]
