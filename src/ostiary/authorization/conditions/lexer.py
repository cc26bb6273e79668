"""The words of an expression, as in the lexis of CEL (cel-spec, langdef, "Syntax")."""

from __future__ import annotations

import re

import msgspec

from ostiary.authorization.conditions.faults import InvalidCondition

MAX_LENGTH = 4_096
MAX_INT = 2**63 - 1

RESERVED = frozenset({
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
    "namespace", "return", "var", "void", "while",
})  # fmt: skip
KEYWORDS = frozenset({"true", "false", "null", "in"})

_SPACE = re.compile(r"(?:[ \t\r\n\f]+|//[^\n]*)+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(
    r"(?:0[xX][0-9a-fA-F]+|[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+)"
)
_STRING = re.compile(r"[rR]?(\"\"\"|'''|\"|')")
_SYMBOL = re.compile(r"&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}]")
_SIMPLE_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "?": "?", '"': '"', "'": "'", "`": "`",
}  # fmt: skip
_ESCAPE_DIGITS = {"x": (2, 16), "X": (2, 16), "u": (4, 16), "U": (8, 16)}
_STRAY = {
    "=": "Equality is written ==.",
    "&": "And is written &&.",
    "|": "Or is written ||.",
    "`": 'A member with an unusual name is written resource["the-name"].',
    "@": "",
    "$": "",
}


class Token(msgspec.Struct, frozen=True):
    """A word. ``kind``: ``name``, ``keyword``, ``int``, ``double``, ``string``, ``symbol`` or ``end``."""

    kind: str
    text: str
    position: int
    value: int | float | str | None = None


def tokens(text: str) -> list[Token]:
    """All words of ``text``, the last one of kind ``end``.

    Raises:
        InvalidCondition: it is too long, or a part of it is no word.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidCondition(f"A condition has at most {MAX_LENGTH} characters.", MAX_LENGTH)
    found: list[Token] = []
    at = 0
    while True:
        if space := _SPACE.match(text, at):
            at = space.end()
        if at == len(text):
            found.append(Token("end", "", at))
            return found
        token, at = _next(text, at)
        found.append(token)


def _next(text: str, at: int) -> tuple[Token, int]:
    if _STRING.match(text, at):
        return _string(text, at)
    if (number := _NUMBER.match(text, at)) is not None:
        return _number(text, number), number.end()
    if (name := _NAME.match(text, at)) is not None:
        return _name(text, name), name.end()
    if (symbol := _SYMBOL.match(text, at)) is not None:
        return Token("symbol", symbol.group(), at), symbol.end()
    raise InvalidCondition(f"{text[at]!r} has no meaning here.", at, _STRAY.get(text[at], ""))


def _name(text: str, found: re.Match[str]) -> Token:
    name, at = found.group(), found.start()
    if text[found.end() : found.end() + 1] in ("'", '"') and name in ("b", "B", "br", "bR", "Br", "BR", "rb", "Rb"):
        raise InvalidCondition("Bytes are not supported.", at, "Write a string, without b before it.")
    return Token("keyword" if name in KEYWORDS else "name", name, at)


def _number(text: str, found: re.Match[str]) -> Token:
    number, at = found.group(), found.start()
    following = text[found.end() : found.end() + 1]
    if following in ("u", "U"):
        raise InvalidCondition("Unsigned numbers are not supported.", at, "Write the number without u.")
    if following.isalnum() or following == "_":
        raise InvalidCondition("A name cannot begin with a digit.", at)
    if number[:2] in ("0x", "0X"):
        return Token("int", number, at, _bounded(int(number, 16), at))
    if number.isdigit():
        return Token("int", number, at, _bounded(int(number) if len(number) < 40 else MAX_INT + 2, at))
    return Token("double", number, at, float(number))


def _bounded(value: int, at: int) -> int:
    # One more than the largest is a number only behind a minus; the parser knows whether there is one.
    if value > MAX_INT + 1:
        raise InvalidCondition("The number does not fit into 64 bits.", at)
    return value


def _string(text: str, start: int) -> tuple[Token, int]:
    opening = _STRING.match(text, start)
    if opening is None:
        raise AssertionError(start)
    raw, quote, at = text[start] in "rR", opening.group(1), opening.end()
    parts: list[str] = []
    while not text.startswith(quote, at):
        if at >= len(text) or (len(quote) == 1 and text[at] in "\r\n"):
            raise InvalidCondition("The string has no end.", start, f"Close it with {quote}.")
        if text[at] == "\\" and not raw:
            part, at = _escape(text, at)
        else:
            part, at = text[at], at + 1
        if "\ud800" <= part <= "\udfff":
            raise InvalidCondition("A surrogate is no character.", at - 1)
        parts.append(part)
    end = at + len(quote)
    return Token("string", text[start:end], start, "".join(parts)), end


def _escape(text: str, at: int) -> tuple[str, int]:
    """The character that the escape at ``at`` stands for, and where the text goes on."""
    kind = text[at + 1 : at + 2]
    if kind in _SIMPLE_ESCAPES:
        return _SIMPLE_ESCAPES[kind], at + 2
    if kind in _ESCAPE_DIGITS:
        count, base = _ESCAPE_DIGITS[kind]
        digits, end = text[at + 2 : at + 2 + count], at + 2 + count
        fits = re.fullmatch(f"[0-9a-fA-F]{{{count}}}", digits)
    else:
        digits, end, base = text[at + 1 : at + 4], at + 4, 8
        fits = re.fullmatch("[0-3][0-7]{2}", digits)
    if not fits:
        raise InvalidCondition("The escape is none.", at, "A backslash itself is written \\\\, or the string r'…'.")
    code = int(digits, base)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise InvalidCondition("The escape stands for no character.", at)
    return chr(code), end
