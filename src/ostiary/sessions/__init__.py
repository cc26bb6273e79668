"""How a browser is recognised: server-side sessions behind a cookie that holds only a random id.

Owns what a session is and how long it lives, where sessions are kept (in SQL or in Redis, behind one protocol), their
data, and what tells one device from another. Depends on ``database``, on ``audit``, and on ``authorization`` for the
caller. Refuses to know how a session was earned (``authentication``) and what its cookie looks like (``web.cookies``).
"""

from ostiary.sessions.data import ChangedData, SessionDataStore
from ostiary.sessions.device_bound import DeviceBoundSessions
from ostiary.sessions.life import Place, Sessions
from ostiary.sessions.model import Found, Session, SessionData
from ostiary.sessions.sql import SqlSessions
from ostiary.sessions.store import GRACE, Limit, SessionStore

__all__ = [
    "GRACE",
    "ChangedData",
    "DeviceBoundSessions",
    "Found",
    "Limit",
    "Place",
    "Session",
    "SessionData",
    "SessionDataStore",
    "SessionStore",
    "Sessions",
    "SqlSessions",
]
