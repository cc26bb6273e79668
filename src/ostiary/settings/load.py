"""Reading the settings, and naming everything that is wrong with them at once."""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ostiary.errors import ConfigurationError
from ostiary.settings.fields import fields, sections
from ostiary.settings.forms import KEY
from ostiary.settings.model import Settings

_ARGON2_MINIMUM = {1: 47_104, 2: 19_456, 3: 12_288, 4: 9_216}
"""Passes to KiB of memory (OWASP Password Storage Cheat Sheet); 7168 from five passes on."""


def load(
    environ: Mapping[str, str],
    toml: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    production: bool = False,
) -> Settings:
    """The settings that ``environ`` over the file ``toml`` over the defaults make.

    An empty variable counts as not set. A file that does not exist is a fault; pass ``None`` for no file.

    Args:
        environ: variables by name; ``OSTIARY_TEST_…`` and those without the prefix are not looked at.
        toml: the settings file.
        overrides: values by path (``server.port``) that win over both; ``None`` unsets. ``dev`` can be set only here.
        production: also refuse what :func:`production_faults` names.

    Raises:
        ConfigurationError: names every fault.
    """
    given = {path: (value, "the caller") for path, value in (overrides or {}).items() if path != "dev"}
    faults: dict[str, str] = {}
    raw = _from_toml(toml, faults) | _from_environment(environ, faults) | given
    settings = _build(raw, faults, dev=bool((overrides or {}).get("dev")))
    for path, wrong, text in [*_checks(settings), *(_production_checks(settings) if production else [])]:
        if wrong:
            faults.setdefault(path, text)  # a value that was refused is a fault once
    if faults:
        raise ConfigurationError([f"{name}: {text}" for name, text in faults.items()])
    return settings


def production_faults(settings: Settings) -> list[str]:
    """What is good enough to develop with, and not to serve people with. Each begins with the setting's path."""
    return [f"{path}: {text}" for path, wrong, text in _production_checks(settings) if wrong]


_Raw = dict[str, tuple[object, str]]
"""What was written for a setting, and where, by the setting's path."""


def _from_toml(file: Path | None, faults: dict[str, str]) -> _Raw:
    if file is None:
        return {}
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as cause:
        faults[str(file)] = f"cannot be read: {_reason(cause)}"
        return {}
    found: dict[str, object] = {}
    for name, value in document.items():
        if name in sections() and isinstance(value, dict):
            found |= {f"{name}.{inner}": member for inner, member in value.items()}
        else:
            found[name] = value
    known = {field.path for field in fields()}
    faults |= {name: _unknown(name, known, str(file)) for name in found if name not in known}
    return {name: (value, str(file)) for name, value in found.items() if name in known}


def _from_environment(environ: Mapping[str, str], faults: dict[str, str]) -> _Raw:
    known = {field.variable: field.path for field in fields()}
    ours = sorted(name for name in environ if name.startswith("OSTIARY_") and not name.startswith("OSTIARY_TEST_"))
    faults |= {name: _unknown(name, set(known), "the environment") for name in ours if name not in known}
    return {known[name]: (environ[name], name) for name in ours if name in known and environ[name]}


def _unknown(name: str, known: set[str], where: str) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"is in {where}, but there is no such setting" + (f"; did you mean {close[0]}?" if close else "")


def _build(raw: _Raw, faults: dict[str, str], *, dev: bool) -> Settings:
    """The settings, with the default where a value is refused."""
    values: dict[str, dict[str, Any]] = {section: {} for section in ("", *sections())}
    sources: dict[str, str] = {}
    for field in fields():
        given, source = raw.get(field.path, (None, ""))
        if given is None:
            continue
        try:
            values[field.section][field.name] = field.read(given)
        except (ValueError, TypeError, AttributeError):
            what = "the value" if field.form and field.form.secret else repr(given)
            faults[field.path] = f"{what} (from {source}) is not accepted; it is {field.accepted}"
        else:
            sources[field.path] = source
    top = values.pop("")
    built: dict[str, Any] = {section: sections()[section](**values[section]) for section in values}
    return _with_key_from_file(Settings(**top, **built, dev=dev, sources=sources), faults)


def _with_key_from_file(settings: Settings, faults: dict[str, str]) -> Settings:
    path = settings.master_key_file
    if path is None:
        return settings
    if settings.master_key:
        faults["master_key"] = "is set, and master_key_file too; set one of them"
        return settings
    try:
        key = KEY.read(path.read_text("ascii"))
    except OSError as cause:
        faults["master_key"] = f"{path} cannot be read: {_reason(cause)}"
    except ValueError:
        faults["master_key"] = f"{path} does not hold {KEY.words}"
    else:
        return msgspec.structs.replace(settings, master_key=key, sources=settings.sources | {"master_key": str(path)})
    return settings


def _reason(cause: Exception) -> object:
    return getattr(cause, "strerror", None) or cause


_Check = tuple[str, bool, str]
"""The path of a setting, whether it is at fault, and the fault in words."""


def _checks(settings: Settings) -> list[_Check]:
    """What one setting alone cannot tell: one row a rule."""
    mail, passwords, sessions, tokens = settings.mail, settings.passwords, settings.sessions, settings.tokens
    smtp = mail.sender == "smtp"
    memory = _ARGON2_MINIMUM.get(passwords.passes, 7_168)
    return [
        ("issuer", settings.dev and not _on_loopback(settings.issuer), "development mode is for loopback addresses"),
        ("mail.host", smtp and not mail.host, 'is needed with mail.sender = "smtp"'),
        ("mail.from_address", smtp and not mail.from_address, 'is needed with mail.sender = "smtp"'),
        (
            "mail.password",
            bool(mail.username) != bool(mail.password),
            "set mail.username and mail.password, or neither",
        ),
        (
            "passwords.memory_kib",
            passwords.memory_kib < memory,
            f"OWASP's minimum with passwords.passes = {passwords.passes} is {memory}",
        ),
        ("sessions.idle", sessions.idle > sessions.absolute, "is longer than sessions.absolute"),
        (
            "sessions.remember_idle",
            sessions.remember_idle > sessions.remember_absolute,
            "is longer than sessions.remember_absolute",
        ),
        ("redis.url", sessions.store == "redis" and not settings.redis.url, 'is needed with sessions.store = "redis"'),
        (
            "tokens.refresh_idle",
            tokens.refresh_idle > tokens.refresh_absolute,
            "is longer than tokens.refresh_absolute",
        ),
        (
            "oauth.registration_token",
            settings.oauth.registration == "token" and not settings.oauth.registration_token,
            'is needed with oauth.registration = "token"',
        ),
        (
            "oauth.certificate_header",
            settings.oauth.certificate_header is not None and not settings.server.trusted_proxies,
            "is read from server.trusted_proxies only, and there are none",
        ),
        *_sms_checks(settings),
        *_breach_checks(settings),
        *_passkey_checks(settings),
        *_cookie_checks(settings),
    ]


def _sms_checks(settings: Settings) -> list[_Check]:
    sms = settings.sms
    webhook, installed = sms.sender == "webhook", phonenumbers_installed()
    return [
        (
            "sms.sender",
            sms.sender != "off" and not installed,
            "needs a reader of numbers: pip install 'ostiary[phone]'",
        ),
        ("sms.url", webhook and not sms.url, 'is needed with sms.sender = "webhook"'),
        ("sms.url", _in_clear(sms.url), "would send numbers and codes in clear text; make it https"),
        ("sms.regions", bool(unknown := _unknown_regions(sms.regions)), f"{unknown} is no country with numbers"),
    ]


def _breach_checks(settings: Settings) -> list[_Check]:
    url, required = settings.passwords.breach_url, settings.passwords.breach_required
    return [
        ("passwords.breach_url", _in_clear(url), "would tell the network about passwords; make it https"),
        ("passwords.breach_url", "?" in (url or ""), "has a query, where the digits of the hash are to be added"),
        ("passwords.breach_required", required and not url, "needs passwords.breach_url"),
    ]


def _passkey_checks(settings: Settings) -> list[_Check]:
    """What browsers refuse (WebAuthn section 5.1.2), and what would be set and not in force."""
    passkeys, host = settings.passkeys, urlsplit(settings.issuer).hostname or ""
    domain, enterprise = passkeys.rp_id, passkeys.attestation == "enterprise"
    in_clear = ", ".join(filter(_in_clear, passkeys.origins))
    return [
        (
            "passkeys.rp_id",
            domain is not None and (_is_address(host) or not f".{host}".endswith(f".{domain}")),
            f"{domain} is neither {host}, the host of the issuer, nor a domain above it; name one of them or unset it",
        ),
        (
            "passkeys.rp_id",
            domain is not None and domain != host and "." not in domain,
            "passkeys belong to no top-level domain; name the host of the issuer or unset it",
        ),
        ("passkeys.origins", bool(in_clear), f"browsers let no page use passkeys over http; make {in_clear} https"),
        ("passkeys.aaguids", enterprise and not passkeys.aaguids, 'is needed with passkeys.attestation = "enterprise"'),
        ("passkeys.roots", enterprise and not passkeys.roots, 'is needed with passkeys.attestation = "enterprise"'),
        (
            "passkeys.roots",
            not _has_certificate(passkeys.roots),
            f"{passkeys.roots} is no file with certificates (PEM)",
        ),
        (
            "passkeys.attestation",
            not enterprise and bool(passkeys.aaguids or passkeys.roots),
            'takes authenticators of every make; set it to "enterprise", or unset passkeys.aaguids and passkeys.roots',
        ),
    ]


def _has_certificate(file: Path | None) -> bool:
    try:
        return file is None or b"-----BEGIN CERTIFICATE-----" in file.read_bytes()
    except OSError:
        return False


def _in_clear(url: str | None) -> bool:
    return url is not None and urlsplit(url).scheme == "http" and not _on_loopback(url)


def phonenumbers_installed() -> bool:
    """Whether telephone numbers can be read: the package is an extra, ``phone``."""
    return find_spec("phonenumbers") is not None


def _unknown_regions(regions: tuple[str, ...]) -> str:
    """Those that no number can be in: with a typing error in the list, everybody there would be refused."""
    if not regions or not phonenumbers_installed():
        return ""
    from phonenumbers import SUPPORTED_REGIONS  # 90 ms that nobody spends who sends no SMS

    return ", ".join(sorted(set(regions) - set(SUPPORTED_REGIONS)))


def _cookie_checks(settings: Settings) -> list[_Check]:
    """What browsers drop (RFC 6265bis section 5.7): one row a rule."""
    cookies, secure, url = settings.cookies, settings.secure_cookies, urlsplit(settings.issuer)
    why = "the issuer is not https" if cookies.secure == "auto" else f'cookies.secure is "{cookies.secure}"'
    return [
        (
            "cookies.name",
            bool(re.match("__(host|secure|http)-|http-", cookies.name, re.IGNORECASE)),
            "begins with what browsers take for a prefix; choose another, and set cookies.prefix",
        ),
        (
            "cookies.secure",
            cookies.secure == "always" and url.scheme == "http" and not _on_loopback(settings.issuer),
            'browsers take no Secure cookie from an http issuer; make that https, or set this to "auto"',
        ),
        (
            "cookies.prefix",
            cookies.prefix == "__Host-" and not (secure and cookies.domain is None and cookies.path == "/"),
            '"__Host-" needs Secure cookies, no cookies.domain, and cookies.path = "/"; "auto" takes what fits',
        ),
        (
            "cookies.prefix",
            cookies.prefix == "__Secure-" and not secure,
            f'"__Secure-" needs Secure cookies, but {why}; "auto" takes what fits',
        ),
        (
            "cookies.same_site",
            cookies.same_site == "none" and not secure,
            f'"none" needs Secure cookies, but {why}; set it to "lax"',
        ),
        ("cookies.partitioned", cookies.partitioned and not secure, f"needs Secure cookies, but {why}; unset it"),
        *_cookie_scope_checks(settings, url.hostname or "", settings.base_path or "/"),
    ]


def _cookie_scope_checks(settings: Settings, host: str, path: str) -> list[_Check]:
    """What browsers drop, or never send back to ``host`` and ``path``, which are the issuer's."""
    cookies, domain = settings.cookies, settings.cookies.domain
    return [
        ("issuer", ";" in path, "has a semicolon in its path, where the path of a cookie would end"),
        (
            "cookies.domain",
            domain is not None and ("." not in domain or _is_address(domain)),
            "browsers share no cookie below an address, nor below a name without a dot, like localhost; unset it",
        ),
        (
            "cookies.domain",
            domain is not None and (_is_address(host) or not f".{host}".endswith(f".{domain}")),
            f"{domain} is neither {host}, the host of the issuer, nor a domain above it; name one of them or unset it",
        ),
        (
            "cookies.path",
            not _path_matches(path, cookies.path),
            f'{path}, the path of the issuer, is not in it, so browsers would not send the cookies back; set it to "/"',
        ),
    ]


def _production_checks(settings: Settings) -> list[_Check]:
    mail, networks = settings.mail, settings.server.trusted_proxies
    return [
        ("dev", settings.dev, "development mode is on"),
        ("issuer", urlsplit(settings.issuer).scheme != "https", f"{settings.issuer} is not https"),
        ("master_key", settings.master_key is None, f"is not set, nor is master_key_file; it is {KEY.words}"),
        ("mail.sender", mail.sender == "outbox", 'mail would stay in the outbox; set it to "smtp"'),
        (
            "sms.sender",
            settings.sms.sender == "outbox",
            'SMS would stay in the outbox; set it to "webhook" or "off"',
        ),
        (
            "mail.security",
            mail.security == "none" and bool(mail.password),
            "would send mail.password in clear text",
        ),
        (
            "server.trusted_proxies",
            any(network.prefixlen == 0 for network in networks),
            "trusts everybody to say what address they come from",
        ),
        (
            # Browsers would take them; to develop behind a proxy with TLS it has its uses.
            "cookies.secure",
            settings.cookies.secure == "never",
            'would send session cookies in clear text to whoever provokes an http request; set it to "auto"',
        ),
    ]


def _path_matches(path: str, cookie_path: str) -> bool:
    """Whether browsers send a cookie of ``cookie_path`` to ``path`` (RFC 6265 section 5.1.4)."""
    return path == cookie_path or path.startswith(cookie_path.removesuffix("/") + "/")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _on_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
