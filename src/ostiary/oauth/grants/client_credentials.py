"""A client's tokens for itself (RFC 6749 section 4.4)."""

from __future__ import annotations

from ostiary.database import Transaction
from ostiary.errors import OstiaryError
from ostiary.oauth.audiences import allowed_scopes, parse_resources, parse_scope, target_of
from ostiary.oauth.faults import InvalidScope
from ostiary.oauth.grants.face import Given, TokenRequest
from ostiary.oauth.model import IDENTITY_SCOPES, GrantType


class ClientCredentialsGrant:
    """See :class:`Grant`."""

    type: GrantType = "client_credentials"

    async def prepare(self, request: TokenRequest) -> Given:
        """All of it: nothing is spent."""
        resources = parse_resources(request.form.get("resource", ""), request.catalogue, request.issuer)
        asked = parse_scope(request.form.get("scope", ""))
        personal = next((scope for scope in asked if scope in IDENTITY_SCOPES), None)
        if personal is not None:
            raise InvalidScope(f"{personal} is about a person, and there is none.", field="scope")
        scopes = allowed_scopes(request.client, asked, resources, request.catalogue, request.issuer)
        target = target_of(request.client, scopes, resources, request.catalogue, request.issuer)
        return Given(target=target, subject_id=request.client.account_id, binding=request.binding)

    async def redeem(self, tx: Transaction, request: TokenRequest, prepared: Given) -> Given | OstiaryError:
        return prepared
