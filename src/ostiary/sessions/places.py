"""Where in the world a network address is, as far as a GeoIP database knows: for people, to know their sign-ins by."""

from __future__ import annotations

import logging
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from ostiary.errors import ConfigurationError

if TYPE_CHECKING:
    from maxminddb import Reader

_log = logging.getLogger("ostiary")

_REMEMBERED = 4096  # addresses: half a millisecond each to look up, about 1 MiB to keep all
_SAMPLE = 100  # records at the beginning, one of which has to name a place


class Places:
    """The names of places, read from a file that may be replaced at any time.

    The file is read piece by piece. Mapped into memory, whoever overwrites it would end this process (SIGBUS); copied
    into memory, it would be there in each process, with all its size. Once it has changed it is opened anew at the
    next question, so that an update needs no restart; what is asked in the middle of one may have no answer.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp: object = None
        self._reader: Reader | None = None
        self._remembered: dict[str, str | None] = {}

    @classmethod
    def open(cls, path: Path | None) -> Places:
        """Places from the database at ``path``; without one, no place is known.

        Raises:
            ConfigurationError: it cannot be read, names no places, or the extra ``geo`` is not installed.
        """
        places = cls(path)
        if path is not None:
            places._read(path, _stamp(path))
        return places

    def of(self, address: str) -> str | None:
        """``Lyon, France`` or ``France``; None for what the database does not know, like a private network."""
        if self._path is None:
            return None
        if (stamp := _stamp(self._path)) != self._stamp:
            self._read_anew(self._path, stamp)
        if address not in self._remembered:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[address] = self._look_up(address)
        return self._remembered[address]

    def close(self) -> None:
        """Close the file; no place is known any more."""
        self._path = None
        self._forget()

    def _read(self, path: Path, stamp: object) -> None:
        self._stamp = stamp  # of before it is opened: what is written meanwhile is a change
        self._reader = _opened(path)

    def _read_anew(self, path: Path, stamp: object) -> None:
        self._forget()
        try:
            self._read(path, stamp)
        except ConfigurationError as cause:
            _log.warning("sign-ins are listed without places until this is put right: %s", cause)

    def _forget(self) -> None:
        self._remembered.clear()
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    def _look_up(self, address: str) -> str | None:
        if self._reader is None:
            return None
        try:
            return _name(self._reader.get(ip_address(address)))
        except Exception:  # noqa: BLE001 - no address; or a file that is being overwritten, which can fail in any way
            return None


def _stamp(path: Path) -> object:
    """Another one when the file is another one, or was written to; None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    if not S_ISREG(found.st_mode):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _opened(path: Path) -> Reader:
    try:
        from maxminddb import MODE_FILE, open_database
    except ImportError as cause:
        raise ConfigurationError(["geo.database: needs a reader: pip install 'ostiary[geo]'"]) from cause
    if _stamp(path) is None:
        raise _refused(path, "is not there, or no file")
    try:
        reader = open_database(path, MODE_FILE)
    except PermissionError as cause:
        raise _refused(path, "may not be read by the user that Ostiary runs as") from cause
    except Exception as cause:
        raise _refused(path, "is no database in the MaxMind DB format") from cause
    if not _names_places(reader):
        reader.close()
        raise _refused(path, "names no cities or countries in English")
    return reader


def _refused(path: Path, fault: str) -> ConfigurationError:
    return ConfigurationError([f"geo.database: {path} {fault}; it takes a GeoIP2 or GeoLite2 City or Country database"])


def _names_places(reader: Reader) -> bool:
    try:
        return any(_name(record) for _, record in islice(reader, _SAMPLE))
    except Exception:  # noqa: BLE001 - what is damaged can fail in any way
        return False


def _name(record: object) -> str | None:
    """Of a record as GeoIP2 City or Country has it."""
    names = [name for member in ("city", "country") if (name := _english(record, member))]
    return ", ".join(dict.fromkeys(names)) or None  # Singapore is in Singapore


def _english(record: object, member: str) -> str | None:
    for step in (member, "names", "en"):
        record = record.get(step) if isinstance(record, dict) else None
    return record if isinstance(record, str) else None
