"""What may be handed to a CBOR decoder: plain data of a bounded depth (CTAP 2.2 section 8, RFC 8949).

Decoders make more of CBOR than authenticators ever send: tags that compile patterns, parse mails and raise numbers to
powers, strings and lists without end. All of that is refused here, before anything is decoded.
"""

from __future__ import annotations

_DEEPEST = 5
_SIZES = {24: 1, 25: 2, 26: 4, 27: 8}
_PLAIN = frozenset({20, 21, 22})
"""The simple values false, true and null."""


def end_of_item(data: bytes, start: int = 0, depth: int = 0) -> int:
    """Where the data item that begins at ``start`` ends.

    Raises:
        ValueError: it is cut short, nests deeper than 5 levels, or holds a tag, a float, a simple value other than
            false, true and null, or something of indefinite length.
    """
    if depth > _DEEPEST or start >= len(data):
        raise ValueError("CBOR that is cut short or nests too deep")
    major, info = data[start] >> 5, data[start] & 31
    position = start + 1
    if major == 7 and info in _PLAIN:
        return position
    if major >= 6 or info > 27:
        raise ValueError("CBOR that no authenticator sends")
    size = _SIZES.get(info, 0)
    value = int.from_bytes(data[position : position + size]) if size else info
    position += size
    if major in (2, 3):
        position += value
    elif major in (4, 5):
        # A list of a billion items in nine bytes runs into the end of the data with its first item.
        for _ in range(value if major == 4 else value * 2):
            position = end_of_item(data, position, depth + 1)
    if position > len(data):
        raise ValueError("CBOR that is cut short")
    return position


def check_item(data: bytes) -> bytes:
    """``data``, which is exactly one item.

    Raises:
        ValueError: it is not.
    """
    if end_of_item(data) != len(data):
        raise ValueError("more than one CBOR item")
    return data
