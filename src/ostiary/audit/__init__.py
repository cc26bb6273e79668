"""What happened, who did it and when: the append-only log.

Owns the table ``audit_events`` and the one list of event names. Depends on ``database`` and ``base``. Refuses to change
or delete what was recorded, to write outside the transaction of the act that it records, and to hold a secret. An
answer that changed nothing has no transaction: :class:`DeferredWrites` records it a moment later.
"""

from ostiary.audit.deferred import DeferredWrites
from ostiary.audit.events import ANONYMOUS, OPERATOR, SYSTEM, Actor, Event
from ostiary.audit.log import AuditEvent, read, record

__all__ = ["ANONYMOUS", "OPERATOR", "SYSTEM", "Actor", "AuditEvent", "DeferredWrites", "Event", "read", "record"]
