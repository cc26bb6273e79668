"""The settings of ``ostiary dev``: everything in one folder, nothing to set."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ostiary.errors import ConfigurationError
from ostiary.settings.load import load, phonenumbers_installed
from ostiary.settings.model import LimitSettings, Settings


def dev_settings(
    data: Path | str,
    port: int = 8000,
    environ: Mapping[str, str] | None = None,
    toml: Path | None = None,
    *,
    path: str = "",
) -> Settings:
    """Settings for development: http on localhost, SQLite and the master key in the folder ``data``, generous limits.

    Both folder and key are made when they are missing. Mail and SMS stay in the outbox. What else ``environ`` and
    ``toml`` set holds here too.

    Args:
        path: that of the issuer, ``"/auth"``: where an application that embeds Ostiary has it.

    Raises:
        ConfigurationError: the folder cannot be written, or a setting is at fault.
    """
    data = Path(data).absolute()
    key_file = data / "master.key"
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(data, os.W_OK | os.X_OK):
            raise PermissionError(13, "permission denied")
        if not key_file.exists():
            _make_key(key_file)
    except OSError as cause:
        reason = f"{cause.strerror}; choose another folder with --data"
        raise ConfigurationError([f"{data}: cannot be used to keep data in: {reason}"]) from cause
    settings = load(
        environ or {},
        toml,
        {
            "dev": True,
            "issuer": f"http://localhost:{port}{path}",
            "server.port": port,
            "master_key": None,
            "master_key_file": str(key_file),
            "database.url": f"sqlite:///{data / 'ostiary.db'}",
            "mail.sender": "outbox",
            "sms.sender": "outbox" if phonenumbers_installed() else "off",
            # What a browser would not take on http://localhost.
            **dict.fromkeys(("cookies.domain", "cookies.partitioned", "cookies.prefix", "cookies.same_site")),
        },
    )
    set_limits = any(path.startswith("limits.") for path in settings.sources)
    return settings if set_limits else msgspec.structs.replace(settings, limits=LimitSettings().for_dev())


def _make_key(path: Path) -> None:
    # Written aside and linked into place: of two processes that start at once one wins, and a killed one leaves no
    # half of a key.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".master.key.") as aside:  # mode 0600
        aside.write(secrets.token_hex(32) + "\n")
        aside.flush()
        os.fsync(aside.fileno())
        try:
            os.link(aside.name, path)
        except FileExistsError:
            return
