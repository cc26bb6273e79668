"""What may you do: the decision, and the facts that it is made from.

Owns the tables ``roles``, ``role_permissions``, ``role_includes``, ``role_assignments`` and ``direct_grants``, the
:class:`Caller`, and the AuthZEN mapping. Depends on ``audit``, ``database`` and ``base``; reads ``accounts.kind`` and
``accounts.status``, so whoever writes those, or creates or deletes an account, must ``tx.bump("authorization")`` in
the same transaction.

Refuses to cache a decision, to allow what no fact allows, to let anybody hand out more of Ostiary than they hold, and
to leave Ostiary without an administrator.
"""

from ostiary.authorization.administrators import appoint, has_administrator
from ostiary.authorization.assignments import Assignment, AssignmentCreate, Assignments, HeldRole
from ostiary.authorization.audit_reading import AuditQuery, AuditReading
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.authzen import AuthZen, EvaluationRequest, EvaluationResponse
from ostiary.authorization.caller import Caller
from ostiary.authorization.decide import decide
from ostiary.authorization.escalation import Holdings, require_cover, uncovered
from ostiary.authorization.explain import Decision, Path
from ostiary.authorization.facts import Facts, Policy, Subject
from ostiary.authorization.grants import Grant, GrantChange, GrantCreate, Grants
from ostiary.authorization.model import Effect, LastAdministrator, Reason, Request, Resource, parse_permission
from ostiary.authorization.roles import Role, RoleChange, RoleCreate, Roles

__all__ = [
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
    "EvaluationRequest",
    "EvaluationResponse",
    "Facts",
    "Grant",
    "GrantChange",
    "GrantCreate",
    "Grants",
    "HeldRole",
    "Holdings",
    "LastAdministrator",
    "Path",
    "Policy",
    "Reason",
    "Request",
    "Resource",
    "Role",
    "RoleChange",
    "RoleCreate",
    "Roles",
    "Subject",
    "appoint",
    "decide",
    "has_administrator",
    "parse_permission",
    "require_cover",
    "uncovered",
]
