"""Every cookie that Ostiary sets, and how those that come back are read.

As few hosts as the settings allow can plant one: a name that begins with ``__Host-`` is taken by browsers from this
host alone and over https alone, one with ``__Secure-`` from any host of the domain, over https (RFC 6265bis section
4.1.3). ``settings.load`` has refused what browsers would not take.
"""

from __future__ import annotations

from ostiary.errors import AmbiguousCredentials
from ostiary.settings import Settings

REFRESH_PATH = "/api/auth/refresh"


class Cookie:
    """One cookie by name and attributes; deleting it repeats the attributes that set it.

    Attributes:
        name: with its prefix.
        attributes: all but its age, as they stand in ``Set-Cookie``: ``Path=/; Secure; HttpOnly; SameSite=Lax``.
    """

    def __init__(self, name: str, attributes: str) -> None:
        self.name = name
        self.attributes = attributes

    def set(self, value: str, max_age: int | None = None) -> str:
        """A ``Set-Cookie`` value; without ``max_age`` (seconds) it goes with the browser."""
        age = "" if max_age is None else f"Max-Age={max_age}; "
        return f"{self.name}={value}; {age}{self.attributes}"

    def delete(self) -> str:
        return self.set("", 0)


class Cookies:
    """The cookies of one installation.

    Attributes:
        session: the session's id.
        bound: a proof, good for minutes, that the session's key is still on this device.
        access, refresh: the two tokens of the delivery ``token_cookie``.
        csrf: the form token of that delivery, readable by the page's scripts.
        browser: a random value that ties form tokens to a browser before anybody has signed in.
        flow: the flow that this browser is in.
        device: what the browser is known by to the accounts that have signed in from it.
        notice: the name of a message for the next page.
    """

    def __init__(self, settings: Settings) -> None:
        same_site, path = settings.cookies.same_site, settings.cookies.path
        self.session = _cookie(settings, "session", path, same_site)
        self.bound = _cookie(settings, "bound", path, same_site)
        self.access = _cookie(settings, "access", path, same_site)
        self.refresh = _cookie(settings, "refresh", settings.base_path + REFRESH_PATH, "strict")
        self.csrf = _cookie(settings, "csrf", path, same_site, for_scripts=True)
        self.browser = _cookie(settings, "browser", path, same_site)
        self.flow = _cookie(settings, "flow", path, same_site)
        self.device = _cookie(settings, "device", path, same_site)
        self.notice = _cookie(settings, "notice", path, same_site)
        self._ours = frozenset(cookie.name for cookie in vars(self).values())

    def read(self, header: str, path: str) -> dict[str, str]:
        """Our cookies in a ``Cookie`` header, whatever else is in it.

        Args:
            path: what is asked for. The refresh cookie is ours only where it belongs; elsewhere another host of the
                domain has set it.

        Raises:
            AmbiguousCredentials: one of them is there twice. Which one the browser meant cannot be told, and one of
                the two may have been planted by another host of the domain.
        """
        found: dict[str, str] = {}
        for pair in header.split(";"):
            # No other white space: a browser that keeps a cookie whose name begins with some does not see our prefix
            # in it. And what has no "=" is a cookie without a name, however its value reads (RFC 6265bis section 5.6).
            name, equals, value = pair.strip(" \t").partition("=")
            if equals and name in self._ours and (name != self.refresh.name or path.endswith(REFRESH_PATH)):
                if name in found:
                    raise AmbiguousCredentials(f"The cookie {name} was sent twice.")
                found[name] = value
        return found


def _cookie(settings: Settings, purpose: str, path: str, same_site: str, *, for_scripts: bool = False) -> Cookie:
    cookies = settings.cookies
    attributes = [
        f"Path={path}",
        f"Domain={cookies.domain}" if cookies.domain else "",
        "Secure" if settings.secure_cookies else "",
        "" if for_scripts else "HttpOnly",
        f"SameSite={same_site.title()}",
        "Partitioned" if cookies.partitioned else "",
    ]
    name = f"{_prefix(settings, path)}{cookies.name}_{purpose}"
    return Cookie(name, "; ".join(attribute for attribute in attributes if attribute))


def _prefix(settings: Settings, path: str) -> str:
    """The strongest that the settings leave to a cookie with this path."""
    cookies = settings.cookies
    if cookies.prefix == "none" or not settings.secure_cookies:
        return ""
    narrower = cookies.prefix == "__Secure-" or cookies.domain is not None or path != "/"
    return "__Secure-" if narrower else "__Host-"
