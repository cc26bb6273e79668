"""The settings of passkeys and security keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from ostiary.settings.forms import AAGUIDS, ORIGINS, PATH, RP_ID, setting


class PasskeySettings(msgspec.Struct, frozen=True):
    """Passkeys and security keys (WebAuthn). Browsers let pages use them over https and on localhost, at a domain."""

    rp_id: Annotated[
        str | None,
        setting(
            "The domain that passkeys belong to: the issuer's host, which is the default, or a domain above it. "
            "Changing it makes every passkey useless.",
            RP_ID,
        ),
    ] = None
    origins: Annotated[
        tuple[str, ...],
        setting(
            "Further origins whose pages may use these passkeys (related origins). Browsers look for them in "
            "`/.well-known/webauthn` of the passkeys' domain, and take those of five sites.",
            ORIGINS,
        ),
    ] = ()
    attestation: Annotated[
        Literal["none", "enterprise"],
        setting("`enterprise` takes authenticators of the makes in `aaguids` only, each with proof of its make."),
    ] = "none"
    aaguids: Annotated[tuple[str, ...], setting("The makes; for `enterprise`.", AAGUIDS)] = ()
    roots: Annotated[
        Path | None, setting("Certificates of those makes (PEM), which an attestation has to end at.", PATH)
    ] = None
    max_per_account: Annotated[int, setting("Passkeys that one account may have.", ge=1, le=100)] = 25
