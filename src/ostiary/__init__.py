"""Ostiary answers two questions about every request: who are you, and what may you do?

Owns the public names of the package, and depends on everything only when a name is first used: importing ``ostiary``
loads nothing, so that an application pays for what it uses. What is not here or in ``ostiary.integrations`` is free to
change.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.authorization import Caller, Decision, Resource
    from ostiary.errors import OstiaryError
    from ostiary.settings import Settings, dev_settings
    from ostiary.settings import load as load_settings

    __version__: str

__all__ = [
    "Caller",
    "Decision",
    "Ostiary",
    "OstiaryError",
    "Resource",
    "Settings",
    "__version__",
    "dev_settings",
    "load_settings",
]

_PLACES = {
    "Caller": ("ostiary.authorization", "Caller"),
    "Decision": ("ostiary.authorization", "Decision"),
    "Ostiary": ("ostiary.app", "Ostiary"),
    "OstiaryError": ("ostiary.errors", "OstiaryError"),
    "Resource": ("ostiary.authorization", "Resource"),
    "Settings": ("ostiary.settings", "Settings"),
    "dev_settings": ("ostiary.settings", "dev_settings"),
    "load_settings": ("ostiary.settings", "load"),
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("ostiary")
    if name not in _PLACES:
        raise AttributeError(f"module 'ostiary' has no attribute {name!r}")
    module, attribute = _PLACES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
