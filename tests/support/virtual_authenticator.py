"""Chromium's virtual authenticators (CDP, domain WebAuthn): a telephone, a laptop or a key, without hands."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page


class VirtualAuthenticator:
    """An authenticator that a page's browser has, and the person before it.

    Args:
        resident: it can keep passkeys that are found without the account.
        verifies: it has a fingerprint reader or a PIN, and its owner is there.
        transport: ``internal`` for one that is built in, ``usb`` for a key.
        protocol: ``ctap2``, or ``u2f`` for a key of the time before.
    """

    def __init__(
        self,
        page: Page,
        *,
        resident: bool = True,
        verifies: bool = True,
        transport: str = "internal",
        protocol: str = "ctap2",
    ) -> None:
        self._cdp = page.context.new_cdp_session(page)
        self._cdp.send("WebAuthn.enable", {"enableUI": False})
        options: dict[str, Any] = {
            "protocol": protocol,
            "transport": transport,
            "automaticPresenceSimulation": True,
        }
        if protocol == "ctap2":
            options |= {"hasResidentKey": resident, "hasUserVerification": verifies, "isUserVerified": verifies}
        self._id = self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    @property
    def credentials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._cdp.send("WebAuthn.getCredentials", {"authenticatorId": self._id})[
            "credentials"
        ]
        return found

    def set_verified(self, verified: bool) -> None:
        """Whether the owner's finger is on it from now on."""
        self._cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": verified})

    def put_back(self, credential: dict[str, Any]) -> None:
        """Keep again what it has kept before."""
        self._cdp.send("WebAuthn.addCredential", {"authenticatorId": self._id, "credential": credential})
