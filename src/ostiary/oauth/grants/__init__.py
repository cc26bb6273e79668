"""What tokens are given for: one file a grant.

Owns the rules of each grant type. Depends on the rest of ``oauth`` and on ``tokens``. A grant refuses to know how the
client has proved who it is, and to make tokens: it says what is to be made, :mod:`ostiary.oauth.token` does the rest.
"""

from ostiary.oauth.grants.face import Given, Grant, TokenRequest

__all__ = ["Given", "Grant", "TokenRequest"]
