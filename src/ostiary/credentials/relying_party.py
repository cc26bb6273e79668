"""Who asks for a passkey: the domain that passkeys belong to, and the pages that may use them (WebAuthn section 4)."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import msgspec

from ostiary.settings import Settings

_PORTS = {"http": ":80", "https": ":443"}


class RelyingParty(msgspec.Struct, frozen=True):
    """Of one installation.

    Attributes:
        id: the domain; name: what people know it by.
        origins: of the pages that may use its passkeys, our own first.
        available: whether a browser lets any page of ours: not over plain http, and never at a bare address.
    """

    id: str
    name: str
    origins: tuple[str, ...]
    available: bool

    @classmethod
    def of(cls, settings: Settings) -> RelyingParty:
        """That of the settings."""
        url = urlsplit(settings.issuer)
        host = url.hostname or ""
        local = host == "localhost" or host.endswith(".localhost")
        return cls(
            id=settings.passkeys.rp_id or host,
            name=settings.site_name,
            origins=(
                f"{url.scheme}://{url.netloc.lower().removesuffix(_PORTS[url.scheme])}",
                *settings.passkeys.origins,
            ),
            available=not _is_address(host) and (url.scheme == "https" or local),
        )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
