"""How settings that are more than a string or a number are written: durations, rates, networks, keys, URLs."""

from __future__ import annotations

import binascii
import hmac
import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Secret:
    """Text that no ``repr``, log line or error message shows; :meth:`reveal` is the only way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "********"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)


class Rate(msgspec.Struct, frozen=True):
    """At most ``count`` in ``seconds``; written ``10/1m``."""

    count: int
    seconds: int

    def __str__(self) -> str:
        return f"{self.count}/{duration_text(self.seconds)}"


class Form(NamedTuple):
    """How a kind of value is written.

    Attributes:
        read: makes the value from what TOML or the environment holds; raises ValueError, or TypeError or
            AttributeError where that is of an altogether wrong type.
        words: what may be written.
        show: the value as text that may be shown to anybody.
        secret: what was written is not repeated when it is refused.
    """

    read: Callable[[Any], Any]
    words: str
    show: Callable[[Any], str] = str
    secret: bool = False


def setting(description: str, form: Form | None = None, **limits: Any) -> msgspec.Meta:
    """What stands beside a field: what it is, how it is written, and the limits that msgspec holds."""
    return msgspec.Meta(description=description, extra={"form": form}, **limits)


_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def _read_duration(raw: int | str) -> int:
    found = re.fullmatch(r"(\d{1,9})([smhd]?)", raw) if isinstance(raw, str) else None
    if found is None:
        return int(raw) if type(raw) is int else _refuse()
    return int(found[1]) * _UNITS[found[2] or "s"]


def duration_text(seconds: int) -> str:
    """``86400`` to ``1d``, as it may be written."""
    unit = next(unit for unit, size in _UNITS.items() if (seconds % size == 0 and seconds >= size) or unit == "s")
    return f"{seconds // _UNITS[unit]}{unit}"


def _read_rate(raw: str) -> Rate:
    count, _, duration = raw.partition("/")
    rate = Rate(int(count), _read_duration(duration))
    return rate if rate.count > 0 and rate.seconds > 0 else _refuse()


def _read_networks(raw: str | list[str]) -> tuple[Network, ...]:
    items = raw.split(",") if isinstance(raw, str) else raw
    return tuple(ipaddress.ip_network(item.strip()) for item in items)


def _read_key(raw: str) -> Secret:
    # Only the shape: what the 32 bytes are is for the room of cryptography to know.
    text = raw.strip()
    return Secret(text) if re.fullmatch(r"[0-9A-Fa-f]{64}|[0-9A-Za-z+/_-]{43}=?", text) else _refuse()


def _read_secret(raw: object) -> Secret:
    return Secret(raw) if isinstance(raw, str) else _refuse()


def _read_address(raw: str) -> str:
    return raw if re.fullmatch(r"[^@\s<>,]+@[^@\s<>,]+", raw) else _refuse()


def _read_issuer(raw: str) -> str:
    url = urlsplit(raw)
    clean = not (url.query or url.fragment or "@" in url.netloc or raw.endswith(("/", "?", "#")))
    if not raw.startswith(("http://", "https://")) or not url.hostname or not clean or not re.fullmatch(r"[!-~]+", raw):
        _refuse()
    return raw if url.port != 0 else _refuse()


def _read_database_url(raw: str) -> str:
    return raw if re.match(r"sqlite:///.|postgresql://.", raw) else _refuse()


def _read_redis_url(raw: str) -> str:
    return raw if re.match(r"(rediss?|rediss?\+sentinel|rediss?\+cluster)://[^/]", raw) else _refuse()


def _read_web_url(raw: str) -> str:
    url = urlsplit(raw)
    clean = not (url.fragment or "@" in url.netloc or raw.endswith("#")) and re.fullmatch(r"[!-~]+", raw)
    return raw if url.scheme in ("http", "https") and url.hostname and clean and url.port != 0 else _refuse()


def _read_regions(raw: str | list[str]) -> tuple[str, ...]:
    items = raw.split(",") if isinstance(raw, str) else raw
    codes = tuple(item.strip().upper() for item in items)
    return codes if all(re.fullmatch("[A-Z]{2}", code) for code in codes) else _refuse()


def _read_webhook_key(raw: str) -> Secret:
    key = binascii.a2b_base64(raw.strip().removeprefix("whsec_"), strict_mode=True)
    return Secret(raw.strip()) if raw.strip().startswith("whsec_") and 24 <= len(key) <= 64 else _refuse()


def _read_cookie_name(raw: str) -> str:
    return raw if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", raw) else _refuse()  # RFC 9110 section 5.6.2


def _read_cookie_domain(raw: str) -> str:
    label = r"[0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?"
    domain = raw.lower().removeprefix(".")  # RFC 6265 section 5.2.3
    return domain if re.fullmatch(rf"({label}\.)*{label}", domain) else _refuse()


def _read_cookie_path(raw: str) -> str:
    return raw if re.fullmatch(r"/[!-:<-~]*", raw) else _refuse()


def _read_origins(raw: str | list[str]) -> tuple[str, ...]:
    items = raw.split(",") if isinstance(raw, str) else raw
    return tuple(_read_origin(item.strip().lower()) for item in items)


def _read_origin(text: str) -> str:
    url = urlsplit(_read_web_url(text))
    if url.path or url.query or "?" in text:
        _refuse()
    return text.removesuffix({"http": ":80", "https": ":443"}[url.scheme])


def _read_aaguids(raw: str | list[str]) -> tuple[str, ...]:
    items = raw.split(",") if isinstance(raw, str) else raw
    names = tuple(item.strip().lower() for item in items)
    return (
        names if all(re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name) for name in names) else _refuse()
    )


def _read_hosts(raw: str | list[str]) -> tuple[str, ...]:
    items = raw.split(",") if isinstance(raw, str) else raw
    return tuple(_read_cookie_domain(item.strip()) for item in items)


def masked_url(url: str) -> str:
    """``url`` without the passwords in it, if it holds any."""
    return re.sub(r"(?<=password=)[^&]*", "********", re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:********@", url))


def _refuse() -> Any:
    raise ValueError


DURATION = Form(_read_duration, 'seconds, or like `"10m"`, `"24h"`, `"30d"`', duration_text)
RATE = Form(_read_rate, 'a number in a time, like `"10/1m"`')
NETWORKS = Form(
    _read_networks,
    'networks, like `["10.0.0.0/8"]`; comma-separated in the environment',
    lambda networks: ", ".join(map(str, networks)),
)
KEY = Form(_read_key, "32 random bytes in hex or base64, as `openssl rand -hex 32` prints", secret=True)
SECRET = Form(_read_secret, "a string", secret=True)
ADDRESS = Form(_read_address, "an e-mail address")
PATH = Form(lambda raw: Path(raw).expanduser(), "the path of a file")
ISSUER = Form(
    _read_issuer, "an absolute http or https URL without trailing slash, query, fragment or user, with a path or none"
)
DATABASE_URL = Form(
    _read_database_url,
    "`sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user:password@host/name`",
    masked_url,
    secret=True,
)
REDIS_URL = Form(
    _read_redis_url,
    "`redis://host:6379/0`, `redis+sentinel://host:26379,host:26379/master/0` or "
    "`redis+cluster://host:6379,host:6379`; with TLS `rediss` instead of `redis`",
    masked_url,
    secret=True,
)
WEB_URL = Form(_read_web_url, "an https URL without user or fragment; http on a loopback address only")
REGIONS = Form(
    _read_regions,
    'two-letter codes of countries (ISO 3166-1), like `["DE", "AT"]`; comma-separated in the environment',
    ", ".join,
)
WEBHOOK_KEY = Form(_read_webhook_key, "`whsec_` and 24 to 64 random bytes in base64", secret=True)
COOKIE_NAME = Form(_read_cookie_name, "letters, digits and `_`, up to 64 characters")
COOKIE_DOMAIN = Form(_read_cookie_domain, "the name of a domain")
COOKIE_PATH = Form(_read_cookie_path, "a path that begins with a slash")
RP_ID = Form(_read_cookie_domain, "the name of a domain")
ORIGINS = Form(
    _read_origins,
    'origins without path, like `["https://example.co"]`; comma-separated in the environment',
    ", ".join,
)
AAGUIDS = Form(
    _read_aaguids,
    'AAGUIDs, like `["2fc0579f-8113-47ea-b116-bb5a8db9202a"]`; comma-separated in the environment',
    ", ".join,
)
HOSTS = Form(_read_hosts, 'names, like `["auth.intranet.example"]`; comma-separated in the environment', ", ".join)
HEADER = Form(lambda raw: _read_cookie_name(raw).lower(), "the name of a header")
