"""How a browser is recognised: server-side sessions behind a cookie that holds only a random id.

Owns the table ``sessions``: their two expiries, their data and their end. Depends on ``database``, on ``audit``, and on
``authorization`` for the caller. Refuses to know how a session was earned (``authentication``) and what its cookie
looks like (``web.cookies``).
"""

from ostiary.sessions.data import SessionDataStore
from ostiary.sessions.model import Session, SessionData
from ostiary.sessions.store import Sessions

__all__ = ["Session", "SessionData", "SessionDataStore", "Sessions"]
