"""Conditions of policies (ABAC): whether attributes of subject, resource, action and context are as a policy asks.

Owns two notations, expressions in a part of CEL (Common Expression Language, github.com/google/cel-spec) and JSON, the
one compiler behind both, and named windows of time. Depends on nothing of Ostiary; on ``google-re2`` for patterns.

Refuses to evaluate text, to reach any object but plain data, to work without limit, and to answer where there is no
answer: a missing attribute or a type that does not fit is :class:`Undetermined`, never false.
"""

from ostiary.authorization.conditions.condition import Condition, compile_cel, compile_json
from ostiary.authorization.conditions.faults import InvalidCondition, Undetermined
from ostiary.authorization.conditions.windows import Window, parse_window

__all__ = [
    "Condition",
    "InvalidCondition",
    "Undetermined",
    "Window",
    "compile_cel",
    "compile_json",
    "parse_window",
]
