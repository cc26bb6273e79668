"""The caller: the frozen result of identifying one request. Every use case asks it for leave."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ostiary.audit import Actor
from ostiary.authorization.authorizer import NOTHING_BROUGHT, Authorizer, Brought
from ostiary.authorization.explain import Decision
from ostiary.authorization.model import Reason, Resource, covers
from ostiary.authorization.nearest import step_up
from ostiary.authorization.schema import USER
from ostiary.base.clock import SECOND, rfc3339
from ostiary.errors import (
    DeviceProofRequired,
    Forbidden,
    InsufficientAuthentication,
    PersonRequired,
    StepUpRequired,
    Unauthenticated,
)

Level = Literal["aal1", "aal2", "aal3"]
"""How well somebody has proved who they are, in the sense of NIST SP 800-63B-4 section 2; ordered as text."""

_OF_THE_REQUEST = frozenset(("address", "method", "user_agent", "acr", "amr", "authenticated_at", "age"))
"""What nobody says of themselves, also where nothing is known: a key has no ``acr``, and shall not claim one."""


class Caller(msgspec.Struct, frozen=True):
    """Who asks, how that was proved, and from where.

    Attributes:
        kind: ``operator`` is the person at the command line of this machine, who may do everything.
        method: ``api_key`` and ``application`` are no person at a keyboard: what protects an account is out of their
            reach. An application may do what its scopes name, and nothing that is merely its person's own to do.
        session_id: public id of the session (``ses_…``), the token family (``fam_…``) or the key (``key_…``). Who has
            not signed in may have a session too, to keep data in.
        session_key: what the session is found by once more: the hash of its secret.
        step_up: a session was shown that has to be proved again; until then the caller is nobody.
        device_proof: a session was shown without what shows that it comes from its own browser; the same holds.
        amr: authentication methods (RFC 8176), acr: their strength (OpenID Connect Core section 2).
        authenticated_at: when that was proved, milliseconds since the epoch.
        scopes: what a token or key is limited to, as permissions or wildcards; ``None`` is no limit.
        device: what the browser or client is known by to the accounts that have signed in from it; secret.
        at: when the request came, milliseconds since the epoch.
    """

    kind: Literal["anonymous", "account", "operator"]
    account_id: str | None = None
    method: Literal["none", "session", "token", "api_key", "application", "operator"] = "none"
    session_id: str | None = None
    session_key: bytes = b""
    step_up: bool = False
    device_proof: bool = False
    amr: tuple[str, ...] = ()
    acr: str = ""
    authenticated_at: int | None = None
    scopes: frozenset[str] | None = None
    address: str = ""
    user_agent: str = ""
    request_id: str = ""
    device: str = ""
    at: int = 0
    authorizer: Authorizer | None = None

    @classmethod
    def anonymous(
        cls,
        *,
        address: str = "",
        user_agent: str = "",
        request_id: str = "",
        device: str = "",
        at: int = 0,
        authorizer: Authorizer | None = None,
    ) -> Caller:
        """Who may do what anyone may; without an authorizer, nothing."""
        return cls(
            "anonymous",
            address=address,
            user_agent=user_agent,
            request_id=request_id,
            device=device,
            at=at,
            authorizer=authorizer,
        )

    @classmethod
    def operator(cls, authorizer: Authorizer, at: int) -> Caller:
        return cls("operator", method="operator", at=at, authorizer=authorizer)

    @property
    def actor(self) -> Actor:
        """Who the audit log names."""
        return Actor(self.kind, self.account_id, self.address or None, self.request_id or None, self.user_agent or None)

    def actor_as(self, account_id: str) -> Actor:
        """The same request, named after the account that it has just proved to be."""
        return msgspec.structs.replace(self.actor, kind="account", account_id=account_id)

    @property
    def delegated(self) -> bool:
        """Whether a key or an application calls in the account's name, and no person."""
        return self.method in ("api_key", "application")

    def require_signed_in(self) -> str:
        """The id of the account that calls, or that an application calls for.

        Raises:
            Unauthenticated: no account does; StepUpRequired, DeviceProofRequired: its session has to be proved first.
        """
        if self.kind != "account" or self.account_id is None:
            raise self._nobody()
        return self.account_id

    def require_account(self) -> str:
        """The id of the account that calls, itself or by its key.

        Raises:
            Unauthenticated: as ``require_signed_in``; PersonRequired: an application calls for it.
        """
        account_id = self.require_signed_in()
        if self.method == "application":
            raise PersonRequired
        return account_id

    def require_person(self) -> str:
        """The id of the account whose person has signed in.

        Raises:
            Unauthenticated: nobody has, as with ``require_account``; PersonRequired: a key calls.
        """
        account_id = self.require_account()
        if self.delegated:
            raise PersonRequired
        return account_id

    def require_level(self, level: Level = "aal1", max_age: int | None = None) -> None:
        """Go on only if who calls has proved it as well as this, and not longer ago (RFC 9470).

        Args:
            max_age: seconds since the proof, at most.

        Raises:
            Unauthenticated: nobody has signed in; InsufficientAuthentication: not so well, or too long ago, or a key
                calls, which has proved nothing.
        """
        if self.kind == "operator":
            return
        self.require_signed_in()
        fresh = max_age is None or self.at - (self.authenticated_at or 0) <= max_age * SECOND
        if self.acr < level or not fresh:
            raise InsufficientAuthentication(level, max_age)

    def require_proved(self) -> None:
        """Go on also for who has not signed in, but not with a session that has to be proved first.

        Raises:
            StepUpRequired, DeviceProofRequired: such a session was shown.
        """
        if self.step_up or self.device_proof:
            raise self._nobody()

    def _nobody(self) -> Unauthenticated:
        if self.device_proof:
            return DeviceProofRequired()
        return StepUpRequired() if self.step_up else Unauthenticated()

    @property
    def context(self) -> dict[str, Any]:
        """What policies may know of the request: where it comes from, and how well, and when, who calls was proved.

        ``age`` is in seconds, ``authenticated_at`` as :rfc:`3339` has it; both, ``acr`` and ``amr`` are left out where
        nobody has proved anything, so that a policy that asks for them does not hold.
        """
        known: dict[str, Any] = {"address": self.address, "method": self.method, "user_agent": self.user_agent}
        if self.acr:
            known |= {"acr": self.acr, "amr": list(self.amr)}
        if self.authenticated_at is not None:
            age = max(0, self.at - self.authenticated_at) // SECOND
            known |= {"authenticated_at": rfc3339(self.authenticated_at), "age": age}
        return known

    def reaches(self, permission: str) -> bool:
        """Whether the scopes of the caller's token or key, where it has any, cover the permission."""
        return self.scopes is None or any(covers(scope, permission) for scope in self.scopes)

    def bringing(self, brought: Brought) -> Brought:
        """What a question of the caller's own brings: of the request itself, only what is known here counts."""
        sent = {name: value for name, value in brought.context.items() if name not in _OF_THE_REQUEST}
        return msgspec.structs.replace(brought, context={**sent, **self.context})

    async def decide(
        self, permission: str, resource: Resource | None = None, brought: Brought = NOTHING_BROUGHT
    ) -> Decision:
        """Whether the caller may do this now; a token's scopes only ever take away."""
        decision = await self._decide(permission, resource, brought)
        if self.authorizer is not None:
            subject = Resource(USER, self.account_id) if self.account_id is not None else None
            self.authorizer.log.note(self.actor, subject, decision)
        return decision

    async def _decide(self, permission: str, resource: Resource | None, brought: Brought) -> Decision:
        if self.kind == "operator":
            return Decision(True, Reason.OPERATOR, permission, resource)
        if self.account_id is None or self.authorizer is None:
            return await self._decide_nobody(permission, resource, brought)
        if not self.reaches(permission):
            return Decision(False, Reason.SCOPE_INSUFFICIENT, permission, resource)
        return await self.authorizer.decide(self.account_id, permission, resource, self.bringing(brought))

    async def _decide_nobody(self, permission: str, resource: Resource | None, brought: Brought) -> Decision:
        if self.authorizer is not None:
            decision = await self.authorizer.decide_nobody(permission, resource, self.bringing(brought))
            if decision.allowed:
                return decision
        return Decision(False, Reason.ANONYMOUS, permission, resource)

    async def require(
        self,
        permission: str,
        resource: Resource | None = None,
        brought: Brought = NOTHING_BROUGHT,
        *,
        level: Level | None = None,
        max_age: int | None = None,
    ) -> Decision:
        """Go on only if the caller may do this now.

        Args:
            brought: attributes and context for policies; of the request itself, what is known here counts.
            level, max_age: how well, and how many seconds ago at most, the caller has to have proved who they are.

        Raises:
            Unauthenticated: nobody has signed in.
            Forbidden: denied; ``permission`` names what is missing.
            InsufficientAuthentication: allowed, once the caller has proved better, or once more, who they are; because
                ``level`` and ``max_age`` say so, or the policies that decide.
        """
        decision = await self.decide(permission, resource, brought)
        if decision.allowed:
            if level is not None or max_age is not None:
                self.require_level(level or "aal1", max_age)
            return decision
        if self.kind == "anonymous":
            raise self._nobody()
        if not self.delegated and (needed := step_up(decision)) is not None:
            raise InsufficientAuthentication(needed.level, needed.max_age)
        raise Forbidden(
            f"This needs the permission {permission}.",
            extra={"permission": str(permission), "reason": decision.reason.value},
        )

    def __repr__(self) -> str:
        return f"Caller(kind={self.kind!r}, account_id={self.account_id!r}, method={self.method!r})"
