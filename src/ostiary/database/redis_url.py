"""What a URL of Redis says: one server, servers behind Sentinels, or a cluster."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, cast
from urllib.parse import parse_qsl, unquote

import msgspec

from ostiary.errors import ConfigurationError

_SCHEME = re.compile(r"redis(?P<tls>s?)(?:\+(?P<kind>sentinel|cluster))?")
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:\s]+))(?::(?P<port>\d{1,5}))?")
_FILES = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
_OF_SENTINELS = {"sentinel_username", "sentinel_password"}

Kind = Literal["server", "sentinel", "cluster"]


class RedisUrl(msgspec.Struct, frozen=True):
    """Where Redis is, and how to get in.

    Attributes:
        hosts: name or address, and port: of the server, of the Sentinels, or of some nodes of the cluster.
        master: the name by which the Sentinels know the servers; empty without them.
        db: the number of the database.
        options: what stands after ``?``. With TLS ``ssl_ca_certs``, ``ssl_certfile`` and ``ssl_keyfile``, paths of PEM
            files; with Sentinels ``sentinel_username`` and ``sentinel_password``.
    """

    kind: Kind
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    username: str | None
    password: str | None
    master: str
    db: int
    options: dict[str, str]

    def __repr__(self) -> str:
        return f"RedisUrl(kind={self.kind!r}, hosts={self.hosts!r})"


def parse_redis_url(url: str) -> RedisUrl:
    """Read ``redis://user:password@host:6379/0``, ``redis+sentinel://host:26379,host:26379/master/0`` or
    ``redis+cluster://host:6379,host:6379``; with TLS ``rediss`` instead of ``redis``. Parts may be percent-encoded.

    Raises:
        ConfigurationError: says which part is wrong, and shows no other.
    """
    scheme, _, rest = url.partition("://")
    found = _SCHEME.fullmatch(scheme)
    if found is None:
        raise _fault("must begin with redis://, redis+sentinel:// or redis+cluster://, or rediss instead of redis")
    tls, kind = bool(found["tls"]), cast("Kind", found["kind"] or "server")
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    credentials, _, hosts = authority.rpartition("@")
    username, _, password = credentials.partition(":")
    master, db = _path(kind, path)
    return RedisUrl(
        kind=kind,
        tls=tls,
        hosts=_hosts(kind, hosts),
        username=unquote(username) or None,
        password=unquote(password) or None,
        master=master,
        db=db,
        options=_options(query, (_FILES if tls else set()) | (_OF_SENTINELS if kind == "sentinel" else set())),
    )


def _fault(what: str) -> ConfigurationError:
    return ConfigurationError([f"the Redis URL {what}"])


def _hosts(kind: str, text: str) -> tuple[tuple[str, int], ...]:
    default = 26379 if kind == "sentinel" else 6379
    found = [_HOST.fullmatch(host) for host in text.split(",")]
    hosts = tuple((host["v6"] or host["name"], int(host["port"] or default)) for host in found if host)
    if len(hosts) < len(found) or not all(0 < port < 65536 for _, port in hosts):
        raise _fault("has a host that can not be read")
    if kind == "server" and len(hosts) > 1:
        raise _fault("has more than one host; write redis+sentinel:// or redis+cluster://")
    return hosts


def _path(kind: str, path: str) -> tuple[str, int]:
    master, _, number = path.partition("/") if kind == "sentinel" else ("", "", path)
    if kind == "sentinel" and not master:
        raise _fault("needs the name of the master: redis+sentinel://host:26379/master/0")
    if not re.fullmatch(r"\d{0,6}", number):
        raise _fault("has a path that is not the number of a database")
    if kind == "cluster" and int(number or 0):
        raise _fault("names a database; a cluster has only one")
    return unquote(master), int(number or 0)


def _options(query: str, known: set[str]) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := options.keys() - known:
        raise _fault("has an option that this form of it does not have: " + ", ".join(sorted(unknown)))
    if absent := [name for name in options.keys() & _FILES if not Path(options[name]).is_file()]:
        raise _fault("names a file that is not there: " + ", ".join(sorted(absent)))
    return options
