"""The settings of the authorization server."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ostiary.settings.forms import DURATION, HEADER, HOSTS, NETWORKS, SECRET, Network, Secret, setting


class OAuthSettings(msgspec.Struct, frozen=True):
    """The authorization server: OAuth 2.1 and OpenID Connect."""

    code_ttl: Annotated[int, setting("Life of an authorization code.", DURATION, ge=10, le=60)] = 60
    pushed_ttl: Annotated[int, setting("Life of a pushed authorization request.", DURATION, ge=10, le=600)] = 90
    request_ttl: Annotated[
        int, setting("How long an authorization request waits for its person.", DURATION, ge=300, le=7200)
    ] = 3600
    id_token_ttl: Annotated[int, setting("Life of an ID token.", DURATION, ge=60, le=900)] = 600
    refresh_grace: Annotated[
        int,
        setting(
            "How long a refresh token that was just spent gets the same answer again, in case that was lost; 0 is "
            "never. It never leads to a second line of tokens.",
            DURATION,
            ge=0,
            le=60,
        ),
    ] = 10
    device_ttl: Annotated[int, setting("Life of the code that a device shows.", DURATION, ge=60, le=1800)] = 600
    device_interval: Annotated[int, setting("Seconds between two questions of a device.", ge=1, le=60)] = 5
    hybrid: Annotated[bool, setting("Offers the response type `code id_token`.")] = False
    registration: Annotated[
        Literal["off", "token", "open"],
        setting(
            "Whether applications register themselves: not at all, with `registration_token`, or any of them. What "
            "they get is nobody's until its person consents."
        ),
    ] = "off"
    registration_token: Annotated[Secret | None, setting("Lets applications register themselves.", SECRET)] = None
    client_documents: Annotated[
        bool, setting("Takes the URL of a metadata document as the id of a client that is registered nowhere.")
    ] = False
    dpop_nonce: Annotated[bool, setting("Asks for a nonce of ours in each DPoP proof.")] = False
    allowed_hosts: Annotated[
        tuple[str, ...],
        setting("Names that are asked although they are not public: of an intranet. All others have to be.", HOSTS),
    ] = ()
    allowed_networks: Annotated[
        tuple[Network, ...], setting("Networks that are asked although they are not public.", NETWORKS)
    ] = ()
    certificate_header: Annotated[
        str | None,
        setting(
            "The header in which a trusted proxy hands on the client's certificate (mutual TLS), like `Client-Cert`. "
            "Nobody else's is read. The proxy has to take it out of what it receives.",
            HEADER,
        ),
    ] = None
