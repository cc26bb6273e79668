"""A session in as few bytes as it takes, for a store that is made of memory: some 70, where its JSON has 500.

Form 1, integers big-endian, times in milliseconds::

    1   form
    1   flags
    6   seen_at         \\
    4   idle, seconds    > what the script that reads a session goes by
    6   expires_at      /
    16  id
    16  account_id, where there is one
    …   MessagePack: [epoch, privilege_epoch, created_at and authenticated_at since the id was made, address, texts,
        and, where it is bound, bound_key, bound_at]

An address is 4 or 16 bytes. The texts (amr, acr, user agent, in lines) are deflated (RFC 1951) with the dictionary
below, which holds what they usually say: ten bytes are left of them.
"""

from __future__ import annotations

import socket
import struct
import zlib
from typing import Any

import msgspec

from ostiary.base.clock import SECOND
from ostiary.base.ids import id_from_bytes, id_to_bytes
from ostiary.errors import Unavailable
from ostiary.sessions.model import Session

FORM = 1
SUPERSEDED, _REMEMBERED, _ACCOUNT = 1, 2, 4

_HEAD = struct.Struct(">BBHIIHI16s")
"""Integers of 6 bytes are one of 2 and one of 4."""

_SIGNED_IN = b"pwd\naal1\nMozilla/5.0 ("
_BLINK = b") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/14"
_SAFARI = b") AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18."

# Belongs to form 1, and is never changed: another one is another form. What is most usual comes last, where it is
# nearest and costs least.
_DICTIONARY = b"".join(
    (
        b"otp mfa\naal2\nhwk user phr aal3\n SamsungBrowser/ OPR/ Vivaldi/ YaBrowser/ HeadlessChrome/ Electron/",
        b" CriOS/ FxiOS/ EdgA/ EdgiOS/ GSA/ CrOS x86_64 Ubuntu; python-requests/ python-httpx/0. curl/8. okhttp/4.",
        _SIGNED_IN + b"iPad; CPU OS 18_6 like Mac OS X" + _SAFARI,
        _SIGNED_IN + b"Android 15; Mobile; rv:14",
        _SIGNED_IN + b"X11; Linux x86_64; rv:13 .0) Gecko/20100101 Firefox/13",
        _SIGNED_IN + b"Macintosh; Intel Mac OS X 10.15; rv:14",
        _SIGNED_IN + b"Windows NT 10.0; Win64; x64; rv:14 .0) Gecko/20100101 Firefox/14",
        _SIGNED_IN + b"iPhone; CPU iPhone OS 18_6 like Mac OS X" + _SAFARI + b" Mobile/15E148 Safari/604.1",
        _SIGNED_IN + b"Macintosh; Intel Mac OS X 10_15_7" + _SAFARI + b" Safari/605.1.15",
        _SIGNED_IN + b"X11; Linux x86_64" + _BLINK,
        _SIGNED_IN + b"Macintosh; Intel Mac OS X 10_15_7" + _BLINK,
        _SIGNED_IN + b"Linux; Android 10; K" + _BLINK + b".0.0.0 Mobile Safari/537.36",
        _SIGNED_IN + b"Windows NT 10.0; Win64; x64" + _BLINK + b".0.0.0 Safari/537.36 Edg/14",
    )
)
_WINDOW = -12  # raw, over the last 4096 bytes: the dictionary and the longest user agent


def pack(session: Session) -> bytes:
    """The bytes that :func:`unpack` makes ``session`` of. Its ``id_hash`` is the key they lie under, and left out."""
    raw_id = id_to_bytes(session.id)
    flags = SUPERSEDED * session.superseded | _REMEMBERED * session.remembered
    account = b""
    if session.account_id is not None:
        flags |= _ACCOUNT
        account = id_to_bytes(session.account_id)
    head = _HEAD.pack(FORM, flags, *_six(session.seen_at), session.idle // SECOND, *_six(session.expires_at), raw_id)
    made = int.from_bytes(raw_id[:6])
    rest = [
        session.epoch,
        session.privilege_epoch,
        session.created_at - made,
        session.authenticated_at - made,
        _pack_address(session.address),
        _deflate(f"{session.amr}\n{session.acr}\n{session.user_agent}"),
    ]
    if session.bound_at:
        rest += [session.bound_key, session.bound_at]
    return head + account + msgspec.msgpack.encode(rest)


def unpack(id_hash: bytes, packed: bytes) -> Session:
    """The session that was packed.

    Raises:
        Unavailable: a newer Ostiary has packed it, which whoever asks again may reach.
    """
    if packed[0] != FORM:
        raise Unavailable("This session was written by a newer version.", retry_after=1)
    _, flags, seen_high, seen_low, idle, end_high, end_low, raw_id = _HEAD.unpack_from(packed)
    rest = _HEAD.size + 16 * bool(flags & _ACCOUNT)
    account = packed[_HEAD.size : rest]
    fields: list[Any] = msgspec.msgpack.decode(memoryview(packed)[rest:])
    epoch, privilege_epoch, created, authenticated, address, texts, *bound = fields
    amr, acr, user_agent = _inflate(texts).split("\n", 2)
    made = int.from_bytes(raw_id[:6])
    return Session(
        id=id_from_bytes("ses", raw_id),
        id_hash=id_hash,
        account_id=id_from_bytes("acc", account) if account else None,
        epoch=epoch,
        privilege_epoch=privilege_epoch,
        amr=amr,
        acr=acr,
        authenticated_at=made + authenticated,
        created_at=made + created,
        seen_at=seen_high << 32 | seen_low,
        idle=idle * SECOND,
        expires_at=end_high << 32 | end_low,
        remembered=bool(flags & _REMEMBERED),
        superseded=bool(flags & SUPERSEDED),
        address=_unpack_address(address),
        user_agent=user_agent,
        **({"bound_key": bound[0], "bound_at": bound[1]} if bound else {}),
    )


def _six(time: int) -> tuple[int, int]:
    return time >> 32, time & 0xFFFFFFFF


def _pack_address(text: str) -> bytes | str:
    """The bytes of an address that is written in its usual form; anything else stays text."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        packed = socket.inet_pton(family, text)
    except (OSError, ValueError):
        return text
    return packed if socket.inet_ntop(family, packed) == text else text


def _unpack_address(packed: bytes | str) -> str:
    if isinstance(packed, str):
        return packed
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _deflate(text: str) -> bytes:
    work = zlib.compressobj(9, zlib.DEFLATED, _WINDOW, 9, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY)
    return work.compress(text.encode("utf-8", "surrogatepass")) + work.flush()


def _inflate(packed: bytes) -> str:
    return zlib.decompressobj(_WINDOW, _DICTIONARY).decompress(packed).decode("utf-8", "surrogatepass")
