"""Every cookie that Ostiary sets, and how those that come back are read.

On https each name begins with ``__Host-`` (RFC 6265bis section 4.1.3.2), so that no other host and no unencrypted
connection can plant one, except the refresh cookie, whose path is narrower than such a name allows (``__Secure-``).
"""

from __future__ import annotations

from ostiary.errors import AmbiguousCredentials
from ostiary.settings import Settings

REFRESH_PATH = "/api/auth/refresh"


class Cookie:
    """One cookie by name and attributes; deleting it repeats the attributes that set it."""

    def __init__(self, name: str, attributes: str) -> None:
        self.name = name
        self._attributes = attributes

    def set(self, value: str, max_age: int | None = None) -> str:
        """A ``Set-Cookie`` value; without ``max_age`` (seconds) it goes with the browser."""
        age = "" if max_age is None else f"; Max-Age={max_age}"
        return f"{self.name}={value}{age}{self._attributes}"

    def delete(self) -> str:
        return f"{self.name}=; Max-Age=0{self._attributes}"


class Cookies:
    """The cookies of one installation.

    Attributes:
        session: the session's id.
        access, refresh: the two tokens of the delivery ``token_cookie``.
        csrf: the form token of that delivery, readable by the page's scripts.
        browser: a random value that ties form tokens to a browser before anybody has signed in.
        flow: the flow that this browser is in.
        notice: the name of a message for the next page.
    """

    def __init__(self, settings: Settings) -> None:
        secure = settings.issuer.startswith("https:")
        host, narrow, flag = ("__Host-", "__Secure-", "; Secure") if secure else ("", "", "")
        root = f"; Path=/{flag}; HttpOnly; SameSite=Lax"
        self.session = Cookie(f"{host}ostiary_session", root)
        self.access = Cookie(f"{host}ostiary_access", root)
        self.refresh = Cookie(
            f"{narrow}ostiary_refresh", f"; Path={settings.base_path}{REFRESH_PATH}{flag}; HttpOnly; SameSite=Strict"
        )
        self.csrf = Cookie(f"{host}ostiary_csrf", f"; Path=/{flag}; SameSite=Lax")
        self.browser = Cookie(f"{host}ostiary_browser", root)
        self.flow = Cookie(f"{host}ostiary_flow", root)
        self.notice = Cookie(f"{host}ostiary_notice", root)
        self._ours = frozenset(
            cookie.name
            for cookie in (
                self.session,
                self.access,
                self.refresh,
                self.csrf,
                self.browser,
                self.flow,
                self.notice,
            )
        )

    def read(self, header: str) -> dict[str, str]:
        """Our cookies in a ``Cookie`` header.

        Raises:
            AmbiguousCredentials: one of them is there twice. Which one the browser meant cannot be told, and one of
                the two may have been planted by another host of the domain.
        """
        found: dict[str, str] = {}
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name in self._ours:
                if name in found:
                    raise AmbiguousCredentials(f"The cookie {name} was sent twice.")
                found[name] = value
        return found
