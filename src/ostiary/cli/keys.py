"""`ostiary keys`: what signs tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ostiary.cli.command import Group
from ostiary.cli.operation import operation

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.crypto import SigningKey

_COLUMNS = ("kid", "algorithm", "state", "created_at", "signs_from", "signs_until", "expires_at")


@click.group(cls=Group)
def keys() -> None:
    """See and rotate the keys that sign tokens."""


@keys.command("list")
@operation(*_COLUMNS)
async def list_(ostiary: Ostiary) -> object:
    """List the keys, the oldest first."""
    return _shown(ostiary, await ostiary.use.signing_keys.list(ostiary.operator()))


@keys.command()
@operation(*_COLUMNS)
async def rotate(ostiary: Ostiary) -> object:
    """Make the next key of each algorithm.

    It is published at once and signs after tokens.key_publish_lead; the one before stays published until its last
    token has expired.
    """
    return _shown(ostiary, await ostiary.use.signing_keys.rotate(ostiary.operator()))


def _shown(ostiary: Ostiary, found: Sequence[SigningKey]) -> object:
    from ostiary.base.clock import rfc3339

    now = ostiary.use.clock()

    def moment(at: int | None) -> str | None:
        return None if at is None else rfc3339(at)

    items = [
        {
            "kid": key.kid,
            "algorithm": key.algorithm,
            "state": key.state(now),
            "created_at": moment(key.created_at),
            "signs_from": moment(key.signs_from),
            "signs_until": moment(key.signs_until),
            "expires_at": moment(key.expires_at),
        }
        for key in found
    ]
    return {"items": items, "next": None}
