"""The caller: the frozen result of identifying one request. Every use case asks it for leave."""

from __future__ import annotations

from typing import Literal

import msgspec

from ostiary.audit import Actor
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.explain import Decision
from ostiary.authorization.model import Reason, Resource, covers
from ostiary.errors import DeviceProofRequired, Forbidden, StepUpRequired, Unauthenticated


class Caller(msgspec.Struct, frozen=True):
    """Who asks, how that was proved, and from where.

    Attributes:
        kind: ``operator`` is the person at the command line of this machine, who may do everything.
        session_id: public id of the session (``ses_…``) or of the token family (``fam_…``). Who has not signed in may
            have a session too, to keep data in.
        session_key: what the session is found by once more: the hash of its secret.
        step_up: a session was shown that has to be proved again; until then the caller is nobody.
        device_proof: a session was shown without what shows that it comes from its own browser; the same holds.
        amr: authentication methods (RFC 8176), acr: their strength (OpenID Connect Core section 2).
        authenticated_at: when that was proved, milliseconds since the epoch.
        scopes: what an access token is limited to, as permissions or wildcards; ``None`` is no limit.
        at: when the request came, milliseconds since the epoch.
    """

    kind: Literal["anonymous", "account", "operator"]
    account_id: str | None = None
    method: Literal["none", "session", "token", "operator"] = "none"
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
    at: int = 0
    authorizer: Authorizer | None = None

    @classmethod
    def anonymous(cls, *, address: str = "", user_agent: str = "", request_id: str = "", at: int = 0) -> Caller:
        return cls("anonymous", address=address, user_agent=user_agent, request_id=request_id, at=at)

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

    def require_account(self) -> str:
        """The id of the account that calls.

        Raises:
            Unauthenticated: no account does; StepUpRequired, DeviceProofRequired: its session has to be proved first.
        """
        if self.kind != "account" or self.account_id is None:
            raise self._nobody()
        return self.account_id

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

    async def decide(self, permission: str, resource: Resource | None = None) -> Decision:
        """Whether the caller may do this now; a token's scopes only ever take away."""
        if self.kind == "operator":
            return Decision(True, Reason.OPERATOR, permission, resource)
        if self.account_id is None or self.authorizer is None:
            return Decision(False, Reason.ANONYMOUS, permission, resource)
        if self.scopes is not None and not any(covers(scope, permission) for scope in self.scopes):
            return Decision(False, Reason.SCOPE_INSUFFICIENT, permission, resource)
        return await self.authorizer.decide(self.account_id, permission, resource)

    async def require(self, permission: str, resource: Resource | None = None) -> Decision:
        """Go on only if the caller may do this now.

        Raises:
            Unauthenticated: nobody has signed in.
            Forbidden: denied; ``permission`` names what is missing.
        """
        decision = await self.decide(permission, resource)
        if decision.allowed:
            return decision
        if self.kind == "anonymous":
            raise self._nobody()
        raise Forbidden(f"This needs the permission {permission}.", extra={"permission": str(permission)})

    def __repr__(self) -> str:
        return f"Caller(kind={self.kind!r}, account_id={self.account_id!r}, method={self.method!r})"
