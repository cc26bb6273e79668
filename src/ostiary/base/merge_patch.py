"""JSON merge patch (RFC 7396 section 2)."""

from __future__ import annotations

from typing import Any


def merge(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    """``target`` with ``patch`` applied: a null removes a member, an object is merged, anything else replaces."""
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = merge(result.get(name), value)
        else:
            result[name] = value
    return result
