"""Which installation a command works on: a folder that was named, the settings, or what `ostiary dev` left here."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ostiary.database import Database, pending, require_migrated
from ostiary.errors import ConfigurationError, Unavailable
from ostiary.settings import Settings, dev_settings, load

DEV_FOLDER = Path(".ostiary")
DEV_PORT = 8000
_PORT_FILE = "port"
_CONFIGURED_BY = ("OSTIARY_MASTER_KEY", "OSTIARY_MASTER_KEY_FILE", "OSTIARY_DATABASE_URL")


def settings_of(data: Path | None, *, create: bool = False, anywhere: bool = False) -> Settings:
    """The settings that a command works with.

    Args:
        data: the folder that was named, if one was.
        create: make that folder and its master key when they are missing.
        anywhere: the defaults will do where nothing is configured.

    Raises:
        ConfigurationError: names every fault, or there is nothing in the folder.
    """
    if data is None and not _configured():
        if (DEV_FOLDER / "master.key").exists():
            click.echo(f"Working on {DEV_FOLDER}, which `ostiary dev` made.", err=True)
            data = DEV_FOLDER
        elif not anywhere:
            raise ConfigurationError(
                ["there is no Ostiary here: name its folder with --data, or set it up (see --help)"]
            )
    if data is None:
        return load(*_sources())
    if not (create or (data / "master.key").exists()):
        raise ConfigurationError([f"{data}: holds no Ostiary; `ostiary dev --data {data}` makes one"])
    if create or (data / _PORT_FILE).exists():
        return dev_settings(data, _remembered_port(data), *_sources())
    return load(*_sources(), _within(data))


def settings_for_dev(data: Path, port: int) -> Settings:
    """The settings of ``ostiary dev``, which remembers its port in the folder: the links of other commands have it.

    Raises:
        ConfigurationError: names every fault.
    """
    settings = dev_settings(data, port, *_sources())
    (data / _PORT_FILE).write_text(f"{port}\n")
    return settings


async def settings_for_production(data: Path | None, *, migrate_first: bool, **server: object) -> Settings:
    """The settings of ``ostiary serve``, where all that it asks for is there.

    Args:
        migrate_first: a database behind its migrations will do.
        server: settings of the server that go over all others.

    Raises:
        ConfigurationError: names every fault of the settings, of the database and of the GeoIP database.
    """
    overrides = (_within(data) if data else {}) | {
        f"server.{name}": value for name, value in server.items() if value is not None
    }
    faults: list[str] = []
    try:
        settings = load(*_sources(), overrides, production=True)
    except ConfigurationError as refused:
        faults = refused.faults
        try:  # what is only not good enough for production still tells where the database is
            settings = load(*_sources(), overrides)
        except ConfigurationError:
            raise refused from None
    faults = faults + await _database_faults(settings, migrate_first) + _place_faults(settings)
    if faults:
        raise ConfigurationError(faults)
    return settings


async def _database_faults(settings: Settings, migrate_first: bool) -> list[str]:
    try:
        db = await Database.open(settings.database.url, pool_size=settings.database.pool)
        try:
            await (pending if migrate_first else require_migrated)(db)
        finally:
            await db.close()
    except ConfigurationError as refused:
        return refused.faults
    except Unavailable:
        return ["database.url: the database does not answer"]
    return []


def _place_faults(settings: Settings) -> list[str]:
    from ostiary.sessions.places import Places  # the room has more in it than most commands need

    try:
        Places.open(settings.geo.database).close()
    except ConfigurationError as refused:
        return refused.faults
    return []


def _sources() -> tuple[dict[str, str], Path | None]:
    named = os.environ.get("OSTIARY_CONFIG")
    file = Path(named or "ostiary.toml")
    environ = {name: value for name, value in os.environ.items() if name != "OSTIARY_CONFIG"}
    return environ, file if named or file.exists() else None


def _configured() -> bool:
    environ, file = _sources()
    return file is not None or any(environ.get(name) for name in _CONFIGURED_BY)


def _within(data: Path) -> dict[str, object]:
    folder = data.absolute()
    return {
        "master_key": None,
        "master_key_file": str(folder / "master.key"),
        "database.url": f"sqlite:///{folder / 'ostiary.db'}",
    }


def _remembered_port(data: Path) -> int:
    try:
        return int((data / _PORT_FILE).read_text("ascii"))
    except (OSError, ValueError):
        return DEV_PORT
