"""The authorization server: OAuth 2.1 and OpenID Connect, so that other applications never see a password.

Owns clients, protected APIs, authorization requests, codes, device codes, consents, opaque tokens and what was spent
once, each with its table. Depends on ``accounts`` for who somebody is, on ``sessions`` for where they are signed in, on
``tokens`` for the families that refresh tokens belong to, on ``crypto`` for signatures and on ``authorization`` for who
may administer. Refuses to authenticate people: it says what is missing, and the sign-in is somebody else's.
"""

from ostiary.oauth.apis import ApiChange, ApiCreate, Apis, ApiView, IssuedApi
from ostiary.oauth.clients import (
    ClientChange,
    ClientCreate,
    Clients,
    ClientView,
    IssuedClient,
    IssuedSecret,
    SecretCreate,
)
from ostiary.oauth.consents import Consents, ConsentView
from ostiary.oauth.server import AuthorizationServer

__all__ = [
    "ApiChange",
    "ApiCreate",
    "ApiView",
    "Apis",
    "AuthorizationServer",
    "ClientChange",
    "ClientCreate",
    "ClientView",
    "Clients",
    "ConsentView",
    "Consents",
    "IssuedApi",
    "IssuedClient",
    "IssuedSecret",
    "SecretCreate",
]
