"""The authorization endpoint: from a request and whoever is signed in to an answer, or to what is missing for one."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from ostiary.accounts import Account
from ostiary.audit import Event, record
from ostiary.authorization import Caller
from ostiary.authorization.caller import Level
from ostiary.base.clock import SECOND
from ostiary.database import Database
from ostiary.errors import InvalidRequest, InvalidToken, NotFound, OstiaryError
from ostiary.oauth.audiences import described
from ostiary.oauth.client_store import ClientStore
from ostiary.oauth.codes import Codes
from ostiary.oauth.consents import Consents
from ostiary.oauth.directory import Directory
from ostiary.oauth.faults import (
    AccessDenied,
    AccountSelectionRequired,
    ConsentRequired,
    InteractionRequired,
    InvalidRequestUri,
    LoginRequired,
    PageError,
    is_protocol_error,
)
from ostiary.oauth.issuing import Issuer
from ostiary.oauth.model import Authorized, Client, scope_text
from ostiary.oauth.parameters import AuthorizationRequest, Parameters, ReplyTo, Rules, parse_request, reply_to
from ostiary.oauth.request_objects import RequestObjects, require_no_object
from ostiary.oauth.requests import URN, AuthorizationRequests, Waiting
from ostiary.oauth.subjects import Subjects
from ostiary.sessions import Session, Sessions
from ostiary.sessions.applications import note_known
from ostiary.settings import Settings

_JARM_TTL = 600
_OF_THE_CLIENT = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


class Answer(msgspec.Struct, frozen=True):
    """What goes back to the client, by way of the browser.

    Attributes:
        mode: ``query``, ``fragment`` or ``form_post``.
    """

    redirect_uri: str
    mode: str
    parameters: dict[str, str]

    def __repr__(self) -> str:
        return f"Answer({self.mode})"


class Continue(msgspec.Struct, frozen=True):
    """The person has something to do first; ``secret`` is what the request is known by until then."""

    secret: str

    def __repr__(self) -> str:
        return "Continue()"


class SignInNeeded(msgspec.Struct, frozen=True):
    """Somebody has to sign in, sign up, choose who they are, or prove it better.

    Attributes:
        level: for ``step_up``. hint: the name that the application expects.
    """

    kind: Literal["sign_in", "sign_up", "select_account", "step_up"]
    client: Client
    level: Level = "aal1"
    hint: str = ""


class ConsentNeeded(msgspec.Struct, frozen=True):
    """The person has to be asked.

    Attributes:
        scopes: by name, what each of them lets the application do, and the name of its API; None where that is a page's
            own to say.
        remembered: those that were allowed before.
    """

    request: AuthorizationRequest
    scopes: tuple[tuple[str, str | None, str | None], ...]
    remembered: frozenset[str]

    @property
    def client(self) -> Client:
        return self.request.client


Outcome = Answer | Continue | SignInNeeded | ConsentNeeded
_REFUSED: dict[str, type[OstiaryError]] = {
    "sign_in": LoginRequired,
    "sign_up": LoginRequired,
    "select_account": AccountSelectionRequired,
    "step_up": LoginRequired,
}


class Authorize:
    """Answers authorization requests."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        store: ClientStore,
        requests: AuthorizationRequests,
        request_objects: RequestObjects,
        codes: Codes,
        consents: Consents,
        issuer: Issuer,
        subjects: Subjects,
        sessions: Sessions,
        settings: Settings,
    ) -> None:
        self._db = db
        self._directory = directory
        self._store = store
        self._requests = requests
        self._request_objects = request_objects
        self._codes = codes
        self._consents = consents
        self._issuer = issuer
        self._subjects = subjects
        self._sessions = sessions
        self._settings = settings

    async def __call__(self, caller: Caller, parameters: Parameters) -> Outcome:
        """A request as a browser brings it.

        Raises:
            PageError: nobody can be answered; the person is told.
        """
        # No permission needed: what is asked for is the person's own to give.
        client_id = parameters.get("client_id")
        client = None if client_id is None else await self._directory.find(client_id)
        request_uri = parameters.get("request_uri", "")
        if request_uri.startswith(URN):
            if client is None:
                raise PageError("There is no application of this client_id.")
            secret = await self._requests.claim(request_uri, client.id, caller.at)
            if secret is None:
                raise PageError(InvalidRequestUri.title)
            return Continue(secret)
        signed = "request" in parameters or bool(request_uri)
        if client is not None and signed:
            parameters = await self._request_objects.open(client, parameters, caller.at)
        reply = reply_to(client, parameters)
        try:
            if reply.client.metadata.require_pushed_authorization_requests:
                raise InvalidRequest("This client has to push its requests first (RFC 9126).")
            if not signed:
                require_no_object(reply.client)
            return await self._begun(caller, reply, _plain(parameters))
        except OstiaryError as fault:
            return await self._refused(reply, fault, caller.at)

    async def resume(self, caller: Caller, secret: str) -> Outcome:
        """A request that waits, once more. Looking changes nothing, and may be done again.

        Raises:
            NotFound: it has ended, or taken too long.
        """
        waiting, reply, parameters = await self._waiting(secret, caller.at)
        try:
            request = await self._parsed(reply, parameters)
            outcome = await self._decided(caller, request, waiting)
            if not isinstance(outcome, AuthorizationRequest):
                if "none" in request.prompts:
                    raise _unattended(outcome)
                return outcome
            return await self._granted(caller, request, waiting, asked=False)
        except OstiaryError as fault:
            return await self._refused(reply, fault, caller.at, waiting)

    async def decide(self, caller: Caller, secret: str, *, allow: bool) -> Outcome:
        """The person has been asked for consent, and has answered.

        Raises:
            NotFound: the request has ended, or taken too long.
            Unauthenticated: nobody is signed in any more.
        """
        account_id = caller.require_person()
        waiting, reply, parameters = await self._waiting(secret, caller.at)
        try:
            request = await self._parsed(reply, parameters)
            outcome = await self._decided(caller, request, waiting)
            if isinstance(outcome, SignInNeeded):
                return outcome
            if not allow:
                async with self._db.transaction() as tx:
                    await record(tx, caller.at, Event.CLIENT_DENIED, caller.actor, account_id, client=reply.client.id)
                raise AccessDenied("The person said no.")
            return await self._granted(caller, request, waiting, asked=True)
        except OstiaryError as fault:
            return await self._refused(reply, fault, caller.at, waiting)

    async def choose(self, caller: Caller, secret: str) -> None:
        """The person goes on as who is signed in. Raises NotFound: the request has ended."""
        account_id = caller.require_person()
        await self._requests.choose((await self._waiting(secret, caller.at))[0], account_id)

    async def _begun(self, caller: Caller, reply: ReplyTo, parameters: dict[str, str]) -> Outcome:
        request = await self._parsed(reply, parameters)
        outcome = await self._decided(caller, request, None)
        if isinstance(outcome, AuthorizationRequest):
            return await self._granted(caller, request, None, asked=False)
        if "none" in request.prompts:
            raise _unattended(outcome)
        return Continue(await self._requests.begin(reply.client.id, parameters, caller.at))

    async def _waiting(self, secret: str, now: int) -> tuple[Waiting, ReplyTo, dict[str, str]]:
        waiting = await self._requests.find(secret, now)
        client = None if waiting is None else await self._directory.find(waiting.client_id)
        if waiting is None or client is None:
            raise NotFound("This took too long, or was answered already. Go back to the application and begin again.")
        parameters = waiting.read()
        return waiting, reply_to(client, parameters), parameters

    async def _parsed(self, reply: ReplyTo, parameters: Parameters) -> AuthorizationRequest:
        rules = Rules(
            catalogue=await self._store.catalogue(),
            issuer=self._settings.issuer,
            hybrid=self._settings.oauth.hybrid,
            reachable=reachable_levels(self._settings),
        )
        return parse_request(reply, parameters, rules)

    async def check(self, client: Client, parameters: Parameters, now: int) -> dict[str, str]:
        """A request that is pushed, held against all that can be said before its person comes (RFC 9126 section 2).

        Raises:
            OstiaryError: it could not be granted to anybody.
        """
        if "request" in parameters or "request_uri" in parameters:
            parameters = await self._request_objects.open(client, parameters, now)
        else:
            require_no_object(client)
        plain = _plain(parameters)
        try:
            await self._parsed(reply_to(client, plain), plain)
        except PageError as fault:
            raise InvalidRequest(fault.detail, field="redirect_uri") from None
        return plain

    async def _decided(
        self, caller: Caller, request: AuthorizationRequest, waiting: Waiting | None
    ) -> AuthorizationRequest | SignInNeeded | ConsentNeeded:
        """The request itself where nothing is missing."""
        if (needed := await self._sign_in(caller, request, waiting)) is not None:
            return needed
        return await self._consent(caller, request) or request

    async def _sign_in(
        self, caller: Caller, request: AuthorizationRequest, waiting: Waiting | None
    ) -> SignInNeeded | None:
        client, prompts = request.client, request.prompts
        hint = request.login_hint
        if caller.kind != "account" or caller.method != "session":
            return SignInNeeded("sign_up" if "create" in prompts else "sign_in", client, request.level or "aal1", hint)
        proved_at = caller.authenticated_at or 0
        began_at = caller.at if waiting is None else waiting.began_at
        anew = proved_at > began_at and waiting is not None
        chosen = waiting is not None and waiting.chosen == caller.account_id
        if not anew and not chosen and {"select_account", "create"} & prompts:
            return SignInNeeded("select_account", client, hint=hint)
        if not await self._is_meant(request, caller):
            return SignInNeeded("select_account", client, hint=hint)
        level: Level = request.level or "aal1"
        # 0 asks for a new proof in any case (OpenID Connect Core section 3.1.2.1).
        too_old = request.max_age is not None and (
            request.max_age == 0 or caller.at - proved_at > request.max_age * SECOND
        )
        if ("login" in prompts or too_old) and not anew:
            return SignInNeeded("step_up", client, level, hint)
        if caller.acr < level:
            return SignInNeeded("step_up", client, level, hint)
        return None

    async def _is_meant(self, request: AuthorizationRequest, caller: Caller) -> bool:
        """Whether who is signed in is who the client asks for, by ``id_token_hint`` or the claim ``sub``."""
        wanted = (request.claims.get("id_token", {}).get("sub") or {}).get("value")
        if request.id_token_hint is not None:
            hinted = await self.hinted(request.id_token_hint, caller.at)
            if hinted is None or (wanted is not None and hinted["sub"] != wanted):
                raise InvalidRequest("id_token_hint is not an ID token of ours.", field="id_token_hint")
            wanted = hinted["sub"]
        return wanted is None or wanted == self._subjects.of(request.client, caller.account_id or "")

    async def hinted(self, id_token: str, now: int) -> dict[str, Any] | None:
        """What an ID token of ours says, expired or not; None for what is none."""
        try:
            # Its time does not count here (OpenID Connect RP-Initiated Logout section 2), only who made it.
            return await self._issuer.verify_hint(id_token, now)
        except InvalidToken:
            return None

    async def _consent(self, caller: Caller, request: AuthorizationRequest) -> ConsentNeeded | None:
        client = request.client
        remembered = await self._consents.remembered(self._db, caller.account_id or "", client.id)
        if "consent" not in request.prompts:
            if client.metadata.trusted:
                return None
            enough = remembered is not None and remembered.issuperset(request.scopes) and not request.details
            if enough and _is_certain(client, request.reply.redirect_uri):
                return None
        catalogue = await self._store.catalogue()
        shown = described(request.scopes, request.resources, catalogue)
        return ConsentNeeded(request, shown, remembered or frozenset())

    async def _granted(
        self, caller: Caller, request: AuthorizationRequest, waiting: Waiting | None, *, asked: bool
    ) -> Answer:
        client, account_id = request.client, caller.require_person()
        found = await self._sessions.of_caller(caller)
        if found is None or found.account is None:
            raise LoginRequired
        authorized = self._authorized(caller, request, found.session)
        await self._issuer.ready()
        async with self._db.transaction() as tx:
            if waiting is not None and not await self._requests.end(tx, waiting):
                raise InteractionRequired("This request was answered a moment ago.")
            if asked:
                await self._consents.remember(tx, caller.at, account_id, client, request.scopes)
            code = await self._codes.issue(
                tx,
                caller.at,
                client_id=client.id,
                account_id=account_id,
                redirect_uri=request.reply.redirect_uri,
                challenge=request.challenge,
                authorized=authorized,
            )
            await note_known(
                tx,
                caller.at,
                session_id=found.session.id,
                client_id=client.id,
                account_id=account_id,
                subject=self._subjects.of(client, account_id),
                sid=self._subjects.sid(client, found.session.id),
                expires_at=found.session.expires_at,
            )
            facts = {"client": client.id, "scope": authorized.scope, "asked": asked}
            await record(tx, caller.at, Event.CLIENT_AUTHORIZED, caller.actor, account_id, **facts)
        answered = {"code": code}
        if request.hybrid:
            account = Account(*found.account)  # type: ignore[arg-type]  # read by the names of its fields
            answered["id_token"] = await self._issuer.id_token(client, account, authorized, caller.at, code=code)
        return self._answer(request.reply, answered, caller.at)

    def _authorized(self, caller: Caller, request: AuthorizationRequest, session: Session) -> Authorized:
        return Authorized(
            scope=scope_text(request.scopes),
            resources=request.resources,
            claims=request.claims,
            nonce=request.nonce,
            amr=caller.amr,
            acr=caller.acr,
            authenticated_at=caller.authenticated_at or 0,
            session_id=session.id,
            session_expires_at=session.expires_at,
            sid=self._subjects.sid(request.client, session.id),
            binding=f"jkt:{request.dpop_jkt}" if request.dpop_jkt else "",
            details=request.details,
        )

    async def _refused(self, reply: ReplyTo, fault: OstiaryError, now: int, waiting: Waiting | None = None) -> Answer:
        """The error, for the client; what is a fault of ours, or of the moment, is not its business."""
        if not (is_protocol_error(fault) or type(fault) is InvalidRequest):
            raise fault
        if waiting is not None:
            async with self._db.transaction() as tx:
                await self._requests.end(tx, waiting)
        await self._issuer.ready()
        return self._answer(reply, {"error": fault.code, "error_description": fault.detail or fault.title}, now)

    def _answer(self, reply: ReplyTo, parameters: dict[str, str], now: int) -> Answer:
        """The answer with ``state`` and ``iss`` (RFC 9207), as a signed JWT where that was asked for (JARM)."""
        if reply.state is not None:
            parameters = {**parameters, "state": reply.state}
        mode, _, signed = reply.response_mode.partition(".")
        parameters = {**parameters, "iss": self._settings.issuer}
        if signed:
            claims = {**parameters, "aud": reply.client.id, "exp": now // SECOND + _JARM_TTL}
            algorithm = reply.client.metadata.authorization_signed_response_alg
            parameters = {"response": self._issuer.sign(claims, algorithm, now, "JWT")}
        return Answer(reply.redirect_uri, mode, parameters)


def reachable_levels(settings: Settings) -> frozenset[str]:
    """The levels that somebody can reach here: AAL3 takes authenticators whose make is known."""
    hardware = settings.passkeys.attestation == "enterprise"
    return frozenset(("aal1", "aal2", "aal3") if hardware else ("aal1", "aal2"))


def _plain(parameters: Parameters) -> dict[str, str]:
    """The parameters that count, without what authenticates a client."""
    return {name: value for name, value in parameters.items() if name not in _OF_THE_CLIENT}


def _unattended(needed: SignInNeeded | ConsentNeeded) -> OstiaryError:
    return ConsentRequired() if isinstance(needed, ConsentNeeded) else _REFUSED[needed.kind]()


def _is_certain(client: Client, redirect_uri: str) -> bool:
    """Whether the answer reaches this client and no other program: else people are asked each time (RFC 8252 8.6)."""
    return not client.public or urlsplit(redirect_uri).scheme == "https"
