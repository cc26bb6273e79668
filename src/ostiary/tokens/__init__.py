"""How anything but a browser is recognised: short-lived signed access tokens, and the refresh tokens that renew them.

Owns the table ``refresh_families``. Depends on ``crypto`` for signatures, on ``database`` and ``audit``, and on
``authorization`` for who may rotate the keys. Access tokens are never stored nor blacklisted: what ends access early is
the end of the family. Refuses to know how the sign-in was earned.
"""

from ostiary.tokens.access import AccessClaims, AccessTokens, ApplicationToken
from ostiary.tokens.refresh import Refreshed, RefreshFamily, RefreshTokens
from ostiary.tokens.signing_keys import SigningKeys

__all__ = [
    "AccessClaims",
    "AccessTokens",
    "ApplicationToken",
    "RefreshFamily",
    "RefreshTokens",
    "Refreshed",
    "SigningKeys",
]
