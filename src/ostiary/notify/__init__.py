"""Outgoing mail: what it says, and that it arrives.

Owns the table ``messages`` and the templates. A mail is written, sealed, in the transaction of the act that it tells
of, and delivered after that transaction is durable: what was rolled back tells nobody. Depends on ``database``,
``crypto`` (sealing), ``settings`` and ``base``. Refuses to send from within a request, over a connection weaker than
configured, and to keep a link, a code or an address in clear.
"""

from ostiary.notify.mailer import FailedMail, Mailer, OutboxMessage
from ostiary.notify.templates import Template

__all__ = ["FailedMail", "Mailer", "OutboxMessage", "Template"]
