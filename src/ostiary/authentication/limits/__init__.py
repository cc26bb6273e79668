"""Limits that all processes of an installation count together: in the database, or in Redis where one is set.

Owns the table ``limits``. What is counted, and how often it may happen, is said above: by the route table for network
addresses, by ``authentication.throttle`` for accounts. Refuses to let anything through that it could not count.
"""

from ostiary.authentication.limits.model import Hit, Limit, Limits
from ostiary.authentication.limits.sql import SqlLimits

__all__ = ["Hit", "Limit", "Limits", "SqlLimits"]
