"""The expressions that say who has a permission: ``(viewer or owner or folder.read) but not banned``.

```
expression = operand {"or" operand} | operand {"and" operand} | operand "but" "not" operand | "nobody"
operand    = name | name "." name | "(" expression ")"
```

Different words between operands take parentheses: which of ``or`` and ``and`` binds closer, readers disagree about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ostiary.authorization.schema import Exclusion, Expression, Intersection, Named, Through, Union

MAX_LENGTH = 4096
MAX_NESTING = 32
NOBODY = "nobody"
RESERVED = frozenset({"or", "and", "but", "not", NOBODY})

_TOKEN = re.compile(r"\s*(?:(?P<name>[a-z][a-z0-9_-]*(?:\.[a-z][a-z0-9_-]*)*)|(?P<sign>[()])|(?P<other>\S))")
_MEANT = {"|": "or", "&": "and", "!": "but not", "-": "but not", "+": "or", ",": "or", "OR": "or", "AND": "and"}


class InvalidExpression(Exception):
    """``offset`` counts characters from the beginning of the expression."""

    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint


class _Token:
    __slots__ = ("offset", "text")

    def __init__(self, text: str, offset: int) -> None:
        self.text = text
        self.offset = offset


def parse_expression(text: str) -> tuple[Expression, tuple[int, ...]]:
    """The expression, and where each of its leaves (:func:`leaves`) begins in ``text``.

    Raises:
        InvalidExpression: it is none.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidExpression(f"An expression has at most {MAX_LENGTH} characters.", 0, "Name parts of it.")
    tokens = _tokens(text)
    if [token.text for token in tokens] == [NOBODY]:
        return Union(()), ()
    return _Parser(tokens, len(text.rstrip())).parse()


def show(expression: Expression) -> str:
    """The expression as it would be written; reading it again gives the same."""
    if isinstance(expression, Named):
        return expression.name
    if isinstance(expression, Through):
        return f"{expression.relation}.{expression.name}"
    if isinstance(expression, Exclusion):
        return f"{_operand(expression.base)} but not {_operand(expression.without)}"
    if isinstance(expression, Union | Intersection):
        word = " or " if isinstance(expression, Union) else " and "
        return word.join(_operand(each) for each in expression.of) or NOBODY
    raise TypeError(expression)


def leaves(expression: Expression, taken: bool = False) -> Iterator[tuple[Named | Through, bool]]:
    """The names in an expression in the order they are written, each with whether it stands after a ``but not``."""
    if isinstance(expression, Named | Through):
        yield expression, taken
    elif isinstance(expression, Exclusion):
        yield from leaves(expression.base, taken)
        yield from leaves(expression.without, True)
    elif isinstance(expression, Union | Intersection):
        for each in expression.of:
            yield from leaves(each, taken)


def _operand(expression: Expression) -> str:
    return show(expression) if isinstance(expression, Named | Through) else f"({show(expression)})"


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position = 0
    while match := _TOKEN.match(text, position):
        kind = match.lastgroup or ""
        start = match.start(kind)
        if kind == "other":
            raise _unknown(text, start)
        found.append(_Token(match[kind], start))
        position = match.end()
    return found


def _unknown(text: str, offset: int) -> InvalidExpression:
    word = re.match(r"[\w.*:#@-]+|\W", text[offset:])
    sign = word[0] if word else text[offset]
    meant = _MEANT.get(sign) or _MEANT.get(sign[0])
    hint = f"Write {meant}." if meant else "Names are lower-case letters, digits, - and _, and begin with a letter."
    if not sign.isprintable():
        return InvalidExpression("An expression is made of names, or, and, but not, and parentheses.", offset)
    return InvalidExpression(f"{sign[:64]} means nothing in an expression.", offset, hint)


class _Parser:
    """Reads by recursive descent; the leaves' places are kept in their order, which is that of ``leaves``."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens = tokens
        self._end = end
        self._next = 0
        self._places: list[int] = []

    def parse(self) -> tuple[Expression, tuple[int, ...]]:
        found = self._expression(0)
        if (token := self._peek()) is not None:
            raise self._surplus(token)
        return found, tuple(self._places)

    def _expression(self, depth: int) -> Expression:
        if depth > MAX_NESTING:
            raise InvalidExpression(f"Parentheses are nested at most {MAX_NESTING} deep.", self._offset())
        first = self._operand(depth)
        token = self._peek()
        if token is None or token.text not in ("or", "and", "but"):
            return first
        if token.text == "but":
            return self._exclusion(first, depth)
        operands = [first]
        while (following := self._peek()) is not None and following.text == token.text:
            self._next += 1
            operands.append(self._operand(depth))
        self._forbid_mixing(token.text)
        return Union(tuple(operands)) if token.text == "or" else Intersection(tuple(operands))

    def _exclusion(self, base: Expression, depth: int) -> Expression:
        self._next += 1
        token = self._peek()
        if token is None or token.text != "not":
            raise InvalidExpression("After but comes not.", self._offset(), "Write but not.")
        self._next += 1
        found = Exclusion(base, self._operand(depth))
        self._forbid_mixing("but not")
        return found

    def _forbid_mixing(self, word: str) -> None:
        token = self._peek()
        if token is None or token.text not in ("or", "and", "but"):
            return
        other = "but not" if token.text == "but" else token.text
        if other == word:
            raise InvalidExpression(
                "Two but not in a row can be read in two ways.", token.offset, "Write a but not (b or c)."
            )
        raise InvalidExpression(
            f"{word} and {other} side by side can be read in two ways.",
            token.offset,
            f"Write (a {word} b) {other} c, or a {word} (b {other} c).",
        )

    def _operand(self, depth: int) -> Expression:
        token = self._peek()
        if token is None:
            raise InvalidExpression("Here the name of a relation or a permission is missing.", self._end)
        self._next += 1
        if token.text == "(":
            return self._parenthesis(token, depth)
        if token.text == ")":
            raise InvalidExpression("Here the name of a relation or a permission is missing.", token.offset)
        return self._leaf(token)

    def _parenthesis(self, opening: _Token, depth: int) -> Expression:
        found = self._expression(depth + 1)
        token = self._peek()
        if token is None:
            raise InvalidExpression("This parenthesis is not closed.", opening.offset)
        if token.text != ")":
            raise self._surplus(token)
        self._next += 1
        return found

    def _leaf(self, token: _Token) -> Expression:
        names = token.text.split(".")
        if token.text == NOBODY:
            raise InvalidExpression("nobody stands alone.", token.offset)
        if not RESERVED.isdisjoint(names):
            hint = "Write everybody first that it is taken from: a but not b." if token.text == "not" else None
            raise InvalidExpression(
                f"Here the name of a relation or a permission is missing before {token.text}.", token.offset, hint
            )
        if len(names) > 2:
            raise InvalidExpression(
                f"{token.text} leads through more than one object.",
                token.offset,
                f"Give the type behind {names[0]} a permission that says {'.'.join(names[1:])}, and name that.",
            )
        self._places.append(token.offset)
        return Named(names[0]) if len(names) == 1 else Through(names[0], names[1])

    def _surplus(self, token: _Token) -> InvalidExpression:
        if token.text == ")":
            return InvalidExpression("This parenthesis was never opened.", token.offset)
        if token.text == "not":
            return InvalidExpression("not does not stand alone.", token.offset, "Write but not.")
        return InvalidExpression("Between two names stands or, and, or but not.", token.offset)

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _offset(self) -> int:
        token = self._peek()
        return self._end if token is None else token.offset
