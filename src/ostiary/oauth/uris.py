"""Which URIs a client may register, and when one in a request is one of them (RFC 9700 section 4.1, RFC 8252)."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_VISIBLE = re.compile(r"[!#-;=?-\[\]_a-z~]+")
"""What RFC 3986 lets a URI consist of, with percent-encoding; no backslash, which browsers read as a slash."""
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
MAX_URI = 1024


def redirect_uri_fault(uri: str, *, native: bool) -> str | None:
    """Why an application must not be sent to this URI; None where it may.

    https anywhere; http on a loopback address, for native applications and development; a scheme of the application's
    own, with a dot in it as in a reversed domain name, for native applications (RFC 8252 sections 7.1 and 7.3).
    """
    url = _split(uri)
    if url is None:
        return "is not an absolute URI of visible ASCII characters"
    if "#" in uri:
        return "has a fragment"
    if url.scheme not in ("http", "https"):
        if native and _OWN_SCHEME.fullmatch(url.scheme) and url.path + url.netloc:
            return None
        return "has a scheme that is neither https nor, for a native application, one like com.example.app"
    if not url.hostname or "@" in url.netloc:
        return "has no host, or a user in it"
    if _has_dots(url.path):
        return "has dot segments"
    if url.scheme == "http" and url.hostname not in _LOOPBACK:
        return "is not https; http is for loopback addresses only"
    return None


def web_uri_fault(uri: str) -> str | None:
    """Why this is no address of a page or document; None where it is one."""
    url = _split(uri)
    if url is None or not url.hostname or "@" in url.netloc or "#" in uri:
        return "is not an absolute URL without user and fragment"
    if url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK):
        return None
    return "is not https"


def matching_redirect_uri(asked: str, registered: tuple[str, ...], *, native: bool) -> bool:
    """Whether the URI of a request is one of those that are registered: the same text, character by character.

    The one exception is the port of a loopback address, which native applications know only when they run (RFC 8252
    section 7.3).
    """
    if asked in registered:
        return True
    if not native or redirect_uri_fault(asked, native=True) is not None:
        return False
    portless = _without_port(asked)
    return portless is not None and any(portless == _without_port(each) for each in registered)


def _without_port(uri: str) -> str | None:
    url = urlsplit(uri)
    if url.scheme != "http" or url.hostname not in _LOOPBACK:
        return None
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    # Built from the text and not from the parts: nothing but the port may differ.
    prefix = f"http://{host}"
    if not uri.startswith(prefix):
        return None
    return prefix + re.sub(r"^:\d{1,5}(?=[/?]|$)", "", uri[len(prefix) :])


def _split(uri: str) -> SplitResult | None:
    if len(uri) > MAX_URI or not _VISIBLE.fullmatch(uri.replace("%", "a").lower()):
        return None
    try:
        url = urlsplit(uri)
        _ = url.port
    except ValueError:
        return None
    return url if url.scheme and uri.startswith(url.scheme + ":") else None


def _has_dots(path: str) -> bool:
    plain = re.sub(r"%2e", ".", path, flags=re.IGNORECASE)
    return any(segment in (".", "..") for segment in re.split(r"/|%2f", plain, flags=re.IGNORECASE))
