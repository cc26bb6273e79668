"""The authorization server put together: its endpoints, each a use case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ostiary.accounts import AccountStore
from ostiary.audit import DeferredWrites
from ostiary.authorization import Authorizer
from ostiary.base.clock import Clock
from ostiary.base.guarded_http import GuardedHttp
from ostiary.base.http import HttpClient
from ostiary.crypto import KeyRing, Sealer, derive_key
from ostiary.database import Database
from ostiary.database.sweeping import Sweep
from ostiary.oauth.apis import Apis
from ostiary.oauth.authorize import Authorize
from ostiary.oauth.bearer import BearerTokens
from ostiary.oauth.claims import PersonalClaims
from ostiary.oauth.client_auth import ClientAuthentication
from ostiary.oauth.client_store import Catalogue, ClientStore
from ostiary.oauth.clients import Clients
from ostiary.oauth.codes import Codes
from ostiary.oauth.consents import Consents
from ostiary.oauth.device import DeviceCodeGrant, Devices
from ostiary.oauth.directory import Directory
from ostiary.oauth.discovery import server_metadata
from ostiary.oauth.dpop import DpopProofs
from ostiary.oauth.grants.authorization_code import AuthorizationCodeGrant
from ostiary.oauth.grants.client_credentials import ClientCredentialsGrant
from ostiary.oauth.grants.face import Grant
from ostiary.oauth.grants.jwt_bearer import JwtBearerGrant
from ostiary.oauth.grants.refresh_token import RefreshTokenGrant
from ostiary.oauth.grants.token_exchange import TokenExchangeGrant
from ostiary.oauth.introspection import Introspection
from ostiary.oauth.issuing import Issuer
from ostiary.oauth.logout import EndSession, LogoutTokens
from ostiary.oauth.own_api import ApplicationRecognition
from ostiary.oauth.par import PushedRequests
from ostiary.oauth.proofs import Proofs
from ostiary.oauth.registration import Registration
from ostiary.oauth.request_objects import RequestObjects
from ostiary.oauth.requests import AuthorizationRequests
from ostiary.oauth.spent import sweep_spent
from ostiary.oauth.subjects import Subjects
from ostiary.oauth.token import TokenEndpoint
from ostiary.oauth.userinfo import UserInfo
from ostiary.sessions import Sessions
from ostiary.sessions.applications import sweep_ended
from ostiary.settings import Settings
from ostiary.tokens import RefreshTokens


class AuthorizationServer:
    """One installation's. Each attribute is what the endpoint of that name calls."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: Settings,
        master_key: bytes,
        keys: KeyRing,
        sealer: Sealer,
        http: HttpClient,
        accounts: AccountStore,
        sessions: Sessions,
        refresh_tokens: RefreshTokens,
        authorizer: Authorizer,
        deferred: DeferredWrites,
    ) -> None:
        oauth, url = settings.oauth, settings.issuer
        guarded = GuardedHttp(http, hosts=oauth.allowed_hosts, networks=oauth.allowed_networks, loopback=settings.dev)
        self.store = ClientStore(db)
        self.directory = Directory(db, self.store, guarded, clock, documents=oauth.client_documents)
        self.clients = Clients(db, self.store, self.directory, accounts, authorizer, sealer)
        self.apis = Apis(db, self.store, sealer, url)
        self.consents = Consents(db, self.store, refresh_tokens, authorizer)
        subjects = Subjects(derive_key(master_key, "subjects"))
        claims = PersonalClaims(authorizer, clock)
        issuer = Issuer(keys, sealer, subjects, claims, settings)
        self.dpop = DpopProofs(derive_key(master_key, "dpop nonces"), nonce=oauth.dpop_nonce)
        proofs = Proofs(self.dpop)
        self.bearer = BearerTokens(db, issuer, refresh_tokens, proofs)
        authentication = ClientAuthentication(db, self.directory, sealer, url)
        requests = AuthorizationRequests(db, pushed_ttl=oauth.pushed_ttl, ttl=oauth.request_ttl)
        codes = Codes(oauth.code_ttl)
        objects = RequestObjects(self.directory, url)
        self.recognition = ApplicationRecognition(self.bearer, accounts, authorizer, url)
        self.authorize = Authorize(
            db,
            self.directory,
            self.store,
            requests,
            objects,
            codes,
            self.consents,
            issuer,
            subjects,
            sessions,
            settings,
        )
        self.pushed = PushedRequests(db, authentication, self.authorize, requests, proofs)
        self.devices = Devices(db, authentication, self.directory, self.store, self.consents, oauth, url)
        grants: list[Grant] = [
            AuthorizationCodeGrant(codes, accounts, refresh_tokens),
            RefreshTokenGrant(accounts, refresh_tokens, oauth.refresh_grace),
            ClientCredentialsGrant(),
            DeviceCodeGrant(accounts, refresh_tokens),
            TokenExchangeGrant(self.bearer, accounts, authorizer),
            JwtBearerGrant(self.directory, accounts, authorizer),
        ]
        self.token = TokenEndpoint(db, deferred, self.store, authentication, proofs, issuer, grants, url)
        self.userinfo = UserInfo(self.store, accounts, self.bearer, claims, subjects, issuer, url)
        self.introspection = Introspection(db, authentication, self.bearer, refresh_tokens, issuer, subjects, url)
        self.registration = Registration(db, self.store, self.directory, sealer, oauth, url)
        self.end_session = EndSession(db, self.directory, issuer, subjects, url)
        self.logout_tokens = LogoutTokens(db, self.directory, issuer, guarded, clock, url)
        self._settings = settings
        self._document: tuple[Catalogue, dict[str, Any]] | None = None
        self.sweeps: Sequence[Sweep] = (
            codes.sweep,
            requests.sweep,
            self.devices.sweep,
            issuer.sweep,
            sweep_spent,
            sweep_ended,
        )

    async def discovery(self) -> dict[str, Any]:
        """The discovery document, made anew when an API changes."""
        catalogue = await self.store.catalogue()
        if self._document is None or self._document[0] is not catalogue:
            self._document = catalogue, server_metadata(self._settings, catalogue)
        return self._document[1]
