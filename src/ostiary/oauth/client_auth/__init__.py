"""How a client proves who it is, at every endpoint that asks for that.

Owns the methods of RFC 6749 section 2.3, RFC 7523 and RFC 8705. Depends on the clients and on ``crypto``. Refuses a
method other than the one that the client is registered with: otherwise whoever has learned a weaker proof could choose
it.
"""

from ostiary.oauth.client_auth.authentication import Authenticated, ClientAuthentication, Knocking

__all__ = ["Authenticated", "ClientAuthentication", "Knocking"]
