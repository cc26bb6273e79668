"""What may you do: the decision, and the facts that it is made from.

Owns the tables ``roles``, ``role_permissions``, ``role_includes``, ``role_assignments`` and ``direct_grants``, the
:class:`Caller`, and the AuthZEN mapping. Depends on ``audit``, ``database`` and ``base``; reads ``accounts.kind`` and
``accounts.status``, so whoever writes those, or creates or deletes an account, must ``tx.bump("authorization")`` in
the same transaction.

Refuses to cache a decision, to allow what no fact allows, to let anybody hand out more of Ostiary than they hold, and
to leave Ostiary without an administrator.
"""

from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.caller import Caller
from ostiary.authorization.decide import decide
from ostiary.authorization.explain import Decision, Path
from ostiary.authorization.facts import Facts, Policy, Subject
from ostiary.authorization.model import Effect, LastAdministrator, Reason, Request, Resource, parse_permission

__all__ = [
    "Authorizer",
    "Caller",
    "Decision",
    "Effect",
    "Facts",
    "LastAdministrator",
    "Path",
    "Policy",
    "Reason",
    "Request",
    "Resource",
    "Subject",
    "decide",
    "parse_permission",
]
