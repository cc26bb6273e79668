"""Logs of the servers: plain lines in development, one JSON object a line in production; both on standard error."""

from __future__ import annotations

import logging

import msgspec

from ostiary.base.clock import SECOND, rfc3339


class JSONFormatter(logging.Formatter):
    """``time`` (RFC 3339, UTC), ``level``, ``logger``, ``message``, and ``exception`` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": rfc3339(int(record.created * SECOND)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def log_as_json() -> None:
    _log_to_stderr(JSONFormatter(), logging.INFO)


def log_as_text() -> None:
    _log_to_stderr(logging.Formatter("%(levelname)s %(name)s: %(message)s"), logging.WARNING)


def _log_to_stderr(formatter: logging.Formatter, level: int) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level)
    # What broken or hostile clients send is answered, and is no news.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
