"""The one place where a client is believed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import msgspec

from ostiary.audit import Event, record
from ostiary.authorization import Caller
from ostiary.base.gcra import Limiter
from ostiary.base.tokens import digest, equal
from ostiary.crypto import Key, Sealer, Verifier, jose
from ostiary.crypto.certificates import Certificate
from ostiary.database import Database
from ostiary.errors import InvalidToken, RateLimited
from ostiary.oauth.client_auth.assertion import check_assertion
from ostiary.oauth.client_auth.presented import Presented, read_presented
from ostiary.oauth.clients import secret_context
from ostiary.oauth.directory import Directory
from ostiary.oauth.faults import InvalidClient
from ostiary.oauth.model import CERTIFICATE_METHODS, Client, ClientSecret
from ostiary.oauth.spent import Spend

_WRONG = "The client is unknown, or its proof is not right."
"""One text for all of these: whether a client of that id exists, is nobody's business but its own."""


class Knocking(msgspec.Struct, frozen=True):
    """What a request shows at an endpoint for clients.

    Attributes:
        endpoint: its URL.
        form: each field once; several ``resource`` are joined by spaces.
        certificate: that the connection was made with.
    """

    endpoint: str
    authorization: str | None
    form: Mapping[str, str]
    certificate: Certificate | None = None

    def __repr__(self) -> str:
        return f"Knocking({self.endpoint})"


class Authenticated(msgspec.Struct, frozen=True):
    """A client that has proved who it is; ``spends`` has to be spent in the transaction of what it came for."""

    client: Client
    spends: tuple[Spend, ...] = ()


class ClientAuthentication:
    """Believes a client by the one method that it is registered with."""

    def __init__(self, db: Database, directory: Directory, sealer: Sealer, issuer: str) -> None:
        self._db = db
        self._directory = directory
        self._sealer = sealer
        self._issuer = issuer
        self._reports = Limiter(1, 600)  # of a client with an old secret, the log tells now and then

    async def __call__(self, caller: Caller, knocking: Knocking) -> Authenticated:
        """Who knocks.

        Raises:
            InvalidClient: it is not known, or did not prove itself.
            InvalidRequest: it shows two proofs.
        """
        presented = read_presented(knocking.authorization, knocking.form)
        client = await self._directory.find(presented.client_id)
        if client is None:
            await self._refused(caller, presented, None)
            raise InvalidClient(_WRONG)
        try:
            return await self._believe(client, presented, knocking, caller.at)
        except InvalidClient:
            await self._refused(caller, presented, client)
            raise

    async def _believe(self, client: Client, presented: Presented, knocking: Knocking, now: int) -> Authenticated:
        method = client.metadata.token_endpoint_auth_method
        shown = presented.method
        if shown == "jwt" and method in ("private_key_jwt", "client_secret_jwt"):
            return await self._by_assertion(client, presented.proof, knocking, now)
        if shown == "none" and method in CERTIFICATE_METHODS:
            await self._by_certificate(client, knocking.certificate)
            return Authenticated(client)
        if shown == method == "none":
            return Authenticated(client)
        if shown == method and _has_secret(client, presented.proof, now):
            return Authenticated(client)
        if shown != method and _has_secret(client, presented.proof, now):  # only its developer is told
            raise InvalidClient(f"This client is registered with {method}.")
        raise InvalidClient(_WRONG)

    async def _by_assertion(self, client: Client, assertion: str, knocking: Knocking, now: int) -> Authenticated:
        # FAPI 2.0 section 5.3.2.1: for the issuer and nothing else. Others may name the endpoint they go to.
        strict = client.metadata.profile == "fapi2"
        audiences = (self._issuer,) if strict else (self._issuer, knocking.endpoint, f"{self._issuer}/oauth/token")
        if client.metadata.token_endpoint_auth_method == "private_key_jwt":
            verifier = await self._directory.keys_of(client, assertion)
            spend = check_assertion(assertion, verifier=verifier, client_id=client.id, audiences=audiences, now=now)
            return Authenticated(client, (spend,))
        fault = InvalidClient(_WRONG)
        for secret in client.secrets:
            if secret.sealed is None or not _lasts(secret, now):
                continue
            # A secret has no name of its own: whatever the assertion calls it, it is this one.
            opened = self._sealer.open(secret.sealed, secret_context(client.id))
            key = Key.from_secret(opened, _named(assertion) or secret.id)
            try:
                spend = check_assertion(
                    assertion,
                    verifier=Verifier([key], kid_optional=True),
                    client_id=client.id,
                    audiences=audiences,
                    now=now,
                )
                return Authenticated(client, (spend,))
            except InvalidClient as refused:
                fault = refused
        raise fault

    async def _by_certificate(self, client: Client, certificate: Certificate | None) -> None:
        """RFC 8705 section 2: the subject that a trusted authority vouched for, or the very key that is registered."""
        if certificate is None:
            raise InvalidClient("This client proves itself by its certificate, and the connection has none.")
        metadata = client.metadata
        if metadata.token_endpoint_auth_method == "tls_client_auth":
            if not certificate.is_named(
                subject=metadata.tls_client_auth_subject_dn,
                dns=metadata.tls_client_auth_san_dns,
                uri=metadata.tls_client_auth_san_uri,
                ip=metadata.tls_client_auth_san_ip,
                email=metadata.tls_client_auth_san_email,
            ):
                raise InvalidClient("The certificate is not this client's.")
        elif certificate.der not in await self._directory.certificates_of(client):
            raise InvalidClient("The certificate is not one that this client has registered.")

    async def _refused(self, caller: Caller, presented: Presented, client: Client | None) -> None:
        with suppress(RateLimited):
            self._reports.hit("" if client is None else client.id, caller.at)
            async with self._db.transaction() as tx:
                await record(
                    tx,
                    caller.at,
                    Event.CLIENT_REFUSED,
                    caller.actor,
                    client=presented.client_id,
                    known=client is not None,
                    method=presented.method,
                )


def _named(assertion: str) -> str | None:
    try:
        return jose.names_key(assertion)
    except InvalidToken:
        return None


def _has_secret(client: Client, secret: str, now: int) -> bool:
    shown = digest(secret)
    return any(equal(shown, each.hash) and _lasts(each, now) for each in client.secrets)


def _lasts(secret: ClientSecret, now: int) -> bool:
    return secret.expires_at is None or secret.expires_at > now
