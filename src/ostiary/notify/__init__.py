"""Outgoing mail and SMS: what they say, and that they arrive.

Owns the table ``messages`` and the templates. A message is written, sealed, in the transaction of the act that it tells
of, and delivered after that transaction is durable: what was rolled back tells nobody. Depends on ``database``,
``crypto`` (sealing), ``settings`` and ``base``. Refuses to send from within a request, over a connection weaker than
configured, and to keep a link, a code, an address or a number in clear.
"""

from ostiary.notify.mailer import Mailer, OutboxMessage
from ostiary.notify.queue import FailedMessage
from ostiary.notify.templates import Template
from ostiary.notify.texts import SmsTemplate

__all__ = ["FailedMessage", "Mailer", "OutboxMessage", "SmsTemplate", "Template"]
