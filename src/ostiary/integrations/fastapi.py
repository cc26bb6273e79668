"""Ostiary in a FastAPI application: its pages and API mounted, and dependencies for the application's own routes.

>>> auth = Auth(settings)
>>> app = FastAPI()
>>> auth.mount(app)
>>>
>>> @app.get("/documents")
... async def documents(caller: Annotated[Caller, Depends(auth.require("documents.read"))]) -> list[str]: ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from ostiary.authorization.caller import Level
from ostiary.integrations import starlette
from ostiary.integrations.starlette import Bring, Brought, Caller, CallerSession, FindResource, Resource

__all__ = ["Auth", "Brought", "Caller", "CallerSession", "Resource"]


class _Credential(HTTPBearer):
    """Puts the lock and the field for a token on the application's ``/docs``."""

    async def __call__(self, request: HTTPConnection) -> None:
        """Looks at nothing: who is let in is not decided here."""


_Described = Annotated[
    None,
    Security(
        _Credential(
            scheme_name="Ostiary", description="An access token of `POST /api/auth/login`, an API key, or a session."
        )
    ),
]


class Auth(starlette.Auth):
    """One installation of Ostiary inside a FastAPI application.

    ``caller``, ``signed_in``, ``require(…)`` and ``csrf_token`` are dependencies: ``Depends(auth.signed_in)``. They may
    also be awaited with the request. One request is recognised once, however many of them ask.
    """

    async def caller(self, request: HTTPConnection, _: _Described = None) -> Caller:
        return await super().caller(request)

    async def signed_in(self, request: HTTPConnection, _: _Described = None) -> Caller:
        return await super().signed_in(request)

    def require(
        self,
        permission: str,
        resource: FindResource | None = None,
        *,
        bringing: Bring | None = None,
        level: Level | None = None,
        max_age: int | None = None,
    ) -> Callable[..., Awaitable[Caller]]:
        return self._dependency(super().require(permission, resource, bringing=bringing, level=level, max_age=max_age))

    def prove(self, level: Level = "aal1", max_age: int | None = None) -> Callable[..., Awaitable[Caller]]:
        return self._dependency(super().prove(level, max_age))

    def _dependency(self, required: Callable[[HTTPConnection], Awaitable[Caller]]) -> Callable[..., Awaitable[Caller]]:
        async def dependency(request: HTTPConnection, _: _Described = None) -> Caller:
            return await required(request)

        return dependency
