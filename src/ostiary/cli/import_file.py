"""Files of accounts, read line by line: JSON Lines, and CSV (RFC 4180) with a heading and no line break in a value.

Neither is ever read whole, and a line that is broken spoils no other one: which is why a line break in quotes, which
would make one line of all that follow a forgotten quote, is refused.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from ostiary.accounts.import_row import ImportMembers, Refusal, Refused
from ostiary.base import strict_json
from ostiary.crypto.foreign_hashes import FirebaseParameters
from ostiary.errors import InvalidRequest

MAX_LINE = 64 * 1024
"""Bytes of a line, without its end."""

FileKind = Literal["jsonl", "csv"]
_BUFFER = 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ImportFile:
    """An open file of accounts.

    Attributes:
        lax: every value is written as text.
        size: bytes in all; ``position``: of them, how many have been read.
    """

    def __init__(self, path: Path, kind: FileKind) -> None:
        self._file = path.open("rb", buffering=_BUFFER)
        self.lax = kind == "csv"
        self.size = path.stat().st_size
        self.position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def members(self) -> Iterator[tuple[int, dict[str, Any] | Refused]]:
        """The number of each line that is not empty, and its members, or why they cannot be read.

        Raises:
            InvalidRequest: the heading of a CSV file has no line, or names a column that is not known.
        """
        lines = self._lines()
        read = _csv_reader(_heading(lines)) if self.lax else _read_json
        for number, line in lines:
            try:
                yield number, read(_text(line))
            except Refused as refused:
                yield number, refused

    def _lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Numbers and contents of the lines that are not empty; None for one that is too long."""
        number = 0
        while raw := self._file.readline(MAX_LINE + 2):
            number += 1
            self.position += len(raw)
            line: bytes | None = raw.removesuffix(b"\n").removesuffix(b"\r")
            if number == 1 and line is not None:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            if line is not None and len(line) > MAX_LINE:
                self._skip_rest(raw)
                line = None
            if line is None or line.strip():
                yield number, line

    def _skip_rest(self, raw: bytes) -> None:
        while raw and not raw.endswith(b"\n"):
            raw = self._file.readline(MAX_LINE)
            self.position += len(raw)


def _text(line: bytes | None) -> str:
    if line is None:
        raise Refused(Refusal.LINE_TOO_LONG, f"A line has at most {MAX_LINE} bytes.")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(Refusal.NOT_UTF8, "The line is not UTF-8.") from None


def _read_json(text: str) -> dict[str, Any]:
    try:
        found = strict_json.decode(text.encode())
    except InvalidRequest as refused:
        raise Refused(Refusal.INVALID_JSON, str(refused)) from None
    if not isinstance(found, dict):
        raise Refused(Refusal.INVALID_JSON, "A line is one JSON object.")
    return found


def _heading(lines: Iterator[tuple[int, bytes | None]]) -> list[str]:
    _, line = next(lines, (0, b""))
    try:
        columns = [name.strip() for name in _fields(_text(line))]
    except Refused as refused:
        raise InvalidRequest(f"The heading of the file cannot be read. {refused.detail}") from None
    unknown = [name for name in columns if name not in ImportMembers.__struct_fields__]
    if not columns or unknown or len(set(columns)) != len(columns):
        raise InvalidRequest(
            "The first line names the columns, each once; they are " + ", ".join(ImportMembers.__struct_fields__) + "."
        )
    return columns


def _csv_reader(columns: list[str]) -> Callable[[str], dict[str, Any]]:
    def read(text: str) -> dict[str, Any]:
        values = _fields(text)
        if len(values) != len(columns):
            raise Refused(Refusal.INVALID_CSV, f"The line has {len(values)} values for {len(columns)} columns.")
        return dict(zip(columns, values, strict=True))

    return read


def _fields(text: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        raise Refused(
            Refusal.INVALID_CSV, "The line is not CSV: a quote is missing, or a value has a line break."
        ) from None


_SETTING = re.compile(r"^\s*\"?(\w+)\"?\s*:\s*\"?([\w+/=-]+)\"?\s*,?\s*$", re.MULTILINE)


def read_firebase_parameters(path: Path) -> FirebaseParameters:
    """The text that Firebase's console shows as password hash parameters, saved to a file.

    Raises:
        InvalidRequest: it is something else.
    """
    try:
        found = dict(_SETTING.findall(path.read_bytes()[:MAX_LINE].decode("utf-8")))
        return FirebaseParameters(
            found["base64_signer_key"],
            found["base64_salt_separator"],
            int(found["rounds"]),
            int(found["mem_cost"]),
        )
    except (KeyError, ValueError):
        raise InvalidRequest(
            "The parameters of Firebase are base64_signer_key, base64_salt_separator, rounds and mem_cost."
        ) from None
