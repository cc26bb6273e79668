"""Our own style sheet, scripts and pictures: few, versioned by content, cached for good."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from starlette.responses import Response

from ostiary.errors import NotFound

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
}


class StaticFiles:
    """Serves what is in the package, by a list made at first use: no path of a request ever reaches the file system."""

    def __init__(self) -> None:
        self._content: dict[str, bytes] = {}
        self._versions: dict[str, str] = {}

    def version(self, path: str) -> str:
        """A digest of the file's content."""
        if path not in self._versions:
            self._versions[path] = hashlib.sha256(self._read(path)).hexdigest()[:12]
        return self._versions[path]

    def response(self, path: str) -> Response:
        """The file, to be kept by caches under its versioned address.

        Raises:
            NotFound: there is no such file.
        """
        kind = _TYPES.get(path.rpartition(".")[2])
        if kind is None:
            raise NotFound
        response = Response(self._read(path), media_type=kind)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response

    def _read(self, path: str) -> bytes:
        if path not in _listed():
            raise NotFound
        if path not in self._content:
            self._content[path] = (_FOLDER / path).read_bytes()
        return self._content[path]


@cache
def _listed() -> frozenset[str]:
    return frozenset(file.relative_to(_FOLDER).as_posix() for file in _FOLDER.rglob("*") if file.is_file())
