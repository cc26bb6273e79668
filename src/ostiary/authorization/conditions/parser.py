"""Expressions: from words to the abstract syntax, by recursive descent (cel-spec, langdef, "Syntax").

What CEL knows and Ostiary does not support is refused here by name, with a hint.
"""

from __future__ import annotations

from typing import TypeVar, cast

from ostiary.authorization.conditions.expression import (
    MACROS,
    MAX_DEPTH,
    MAX_NODES,
    NOW,
    ROOTS,
    Binaries,
    Binary,
    Call,
    Choice,
    Comprehension,
    Has,
    Index,
    ListOf,
    Literal,
    Logic,
    Logics,
    MapOf,
    Node,
    Select,
    Unaries,
    Unary,
    Variable,
    children,
)
from ostiary.authorization.conditions.faults import InvalidCondition
from ostiary.authorization.conditions.functions import find_function
from ostiary.authorization.conditions.lexer import MAX_INT, RESERVED, Token, tokens

_RELATIONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_SUMS = frozenset({"+", "-"})
_PRODUCTS = frozenset({"*", "/", "%"})
_ALIASES = {"user": "subject"}
_ATTRIBUTES = "Attributes are written subject.…, resource.…, action.… or context.…; the time of the request is now."

_AnyNode = TypeVar("_AnyNode", bound=Node)


def parse(text: str) -> Node:
    """The abstract syntax of an expression. Raises InvalidCondition."""
    return Parser(text).whole()


class Limits:
    """Counts nodes and their depth while a tree is made, so that whoever walks it later needs no limits."""

    def __init__(self) -> None:
        self._depths: dict[int, int] = {}
        self._kept: list[Node] = []

    def made(self, node: _AnyNode) -> _AnyNode:
        """``node`` itself. Raises InvalidCondition if it is one too many or too deep."""
        depth = 1 + max((self._depths[id(child)] for child in children(node)), default=-1)
        if depth > MAX_DEPTH:
            raise too_deep(node.position)
        if len(self._kept) >= MAX_NODES:
            raise InvalidCondition(
                f"A condition has at most {MAX_NODES} parts.", node.position, "Make it two policies."
            )
        self._depths[id(node)] = depth
        self._kept.append(node)
        return node


def too_deep(position: int) -> InvalidCondition:
    return InvalidCondition(f"A condition is at most {MAX_DEPTH} levels deep.", position, "Make it two policies.")


class Parser:
    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._at = 0
        self._open = 0
        self._variables: list[str] = []
        self._limits = Limits()

    def whole(self) -> Node:
        node = self._expression()
        if self._now.kind != "end":
            raise self._unexpected("An operator such as && is missing before it, or a bracket is.")
        return node

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _is(self, *symbols: str) -> bool:
        return self._now.kind == "symbol" and self._now.text in symbols

    def _expect(self, symbol: str) -> Token:
        if not self._is(symbol):
            raise self._unexpected(f"Here belongs {symbol}")
        return self._take()

    def _unexpected(self, hint: str) -> InvalidCondition:
        token = self._now
        if token.kind == "end":
            return InvalidCondition("The condition ends too early.", token.position, hint)
        return InvalidCondition(f"{token.text!r} is not expected here.", token.position, hint)

    def _expression(self) -> Node:
        self._open += 1
        if self._open > MAX_DEPTH + 1:
            raise too_deep(self._now.position)
        test = self._logic("||")
        if self._is("?"):
            self._take()
            then = self._logic("||")
            self._expect(":")
            otherwise = self._expression()
            test = self._limits.made(Choice(test.position, test, then, otherwise))
        self._open -= 1
        return test

    def _logic(self, operator: Logics) -> Node:
        operands = [self._logic("&&") if operator == "||" else self._relation()]
        while self._is(operator):
            self._take()
            operands.append(self._logic("&&") if operator == "||" else self._relation())
        if len(operands) == 1:
            return operands[0]
        return self._limits.made(Logic(operands[0].position, operator, tuple(operands)))

    def _relation(self) -> Node:
        left = self._sum(_SUMS)
        while self._is(*_RELATIONS) or (self._now.kind == "keyword" and self._now.text == "in"):
            operator = cast("Binaries", self._take().text)
            left = self._limits.made(Binary(left.position, operator, left, self._sum(_SUMS)))
        return left

    def _sum(self, operators: frozenset[str]) -> Node:
        left = self._sum(_PRODUCTS) if operators is _SUMS else self._unary()
        while self._is(*operators):
            operator = cast("Binaries", self._take().text)
            right = self._sum(_PRODUCTS) if operators is _SUMS else self._unary()
            left = self._limits.made(Binary(left.position, operator, left, right))
        return left

    def _unary(self) -> Node:
        signs: list[Token] = []
        while self._is("!", "-") and (not signs or self._now.text == signs[0].text):
            signs.append(self._take())
        negative = None
        if signs and signs[-1].text == "-" and self._now.kind in ("int", "double"):
            negative = signs.pop()
        node = self._member(negative)
        for sign in reversed(signs):
            node = self._limits.made(Unary(sign.position, cast("Unaries", sign.text), node))
        return node

    def _member(self, negative: Token | None) -> Node:
        node = self._primary(negative)
        while True:
            if self._is("."):
                self._take()
                node = self._selected(node)
            elif self._is("["):
                self._take()
                self._refuse_optional()
                key = self._expression()
                self._expect("]")
                node = self._limits.made(Index(node.position, node, key))
            elif self._is("{"):
                raise InvalidCondition(
                    "Messages are not supported.", self._now.position, "Write a map: {'key': value}."
                )
            else:
                return node

    def _refuse_optional(self) -> None:
        if self._is("?"):
            raise InvalidCondition("Optional values are not supported.", self._now.position, "Test with has(…) before.")

    def _selected(self, operand: Node) -> Node:
        self._refuse_optional()
        name = self._now
        if name.kind != "name":
            raise self._unexpected('A member with such a name is written resource["name"].')
        self._take()
        if not self._is("("):
            return self._limits.made(Select(operand.position, operand, name.text))
        self._take()
        if name.text in MACROS:
            return self._comprehension(name, operand)
        function = find_function(name.text, name.position, method=True)
        return self._call(function, name.position, (operand, *self._arguments()))

    def _call(self, function: str, position: int, arguments: tuple[Node, ...]) -> Node:
        return self._limits.made(Call(position, function, arguments))

    def _arguments(self, closing: str = ")") -> list[Node]:
        """Expressions with commas between, up to the closing bracket, which is taken as well."""
        found: list[Node] = []
        while not self._is(closing):
            self._refuse_optional()
            found.append(self._expression())
            if not self._is(","):
                break
            comma = self._take()
            if self._is(closing) and closing == ")":
                raise InvalidCondition("An argument is missing.", comma.position)
        self._expect(closing)
        return found

    def _comprehension(self, macro: Token, over: Node) -> Node:
        variable = self._now
        if variable.kind != "name" or variable.text in RESERVED:
            raise self._unexpected(f"Write {macro.text}(x, …), where x is a name of your choice.")
        if variable.text in (*ROOTS, *_ALIASES, NOW):
            raise InvalidCondition(
                f"{variable.text} means something else already.", variable.position, "Choose another."
            )
        self._take()
        self._expect(",")
        self._variables.append(variable.text)
        parts = self._arguments()
        self._variables.pop()
        if len(parts) == 1:
            made = Comprehension(macro.position, macro.text, over, variable.text, parts[0])
        elif len(parts) == 2 and macro.text == "map":
            made = Comprehension(macro.position, macro.text, over, variable.text, parts[1], parts[0])
        else:
            raise InvalidCondition(
                f"{macro.text} does not take {1 + len(parts)} arguments.", macro.position, f"Write {macro.text}(x, …)."
            )
        return self._limits.made(made)

    def _primary(self, negative: Token | None) -> Node:
        token = self._now
        if token.kind in ("int", "double"):
            return self._number(negative)
        if token.kind == "string":
            self._take()
            return self._limits.made(Literal(token.position, token.value))
        if token.kind == "keyword" and token.text != "in":
            self._take()
            value = {"true": True, "false": False, "null": None}[token.text]
            return self._limits.made(Literal(token.position, value))
        if token.kind == "name":
            return self._named()
        return self._bracketed()

    def _bracketed(self) -> Node:
        token = self._now
        if self._is("("):
            self._take()
            node = self._expression()
            self._expect(")")
            return node
        if self._is("["):
            self._take()
            return self._limits.made(ListOf(token.position, tuple(self._arguments("]"))))
        if self._is("{"):
            self._take()
            return self._map(token.position)
        if self._is("."):
            raise self._unexpected("Write names without a dot before them.")
        raise self._unexpected("Here belongs a value.")

    def _number(self, negative: Token | None) -> Node:
        token = self._take()
        if not isinstance(token.value, int | float):
            raise AssertionError(token)
        if negative is not None:
            return self._limits.made(Literal(negative.position, -token.value))
        if token.value == MAX_INT + 1 and isinstance(token.value, int):
            raise InvalidCondition("The number does not fit into 64 bits.", token.position)
        return self._limits.made(Literal(token.position, token.value))

    def _map(self, position: int) -> Node:
        entries: list[tuple[Node, Node]] = []
        while not self._is("}"):
            self._refuse_optional()
            key = self._expression()
            self._expect(":")
            entries.append((key, self._expression()))
            if not self._is(","):
                break
            self._take()
        self._expect("}")
        return self._limits.made(MapOf(position, tuple(entries)))

    def _named(self) -> Node:
        name = self._take()
        if name.text in RESERVED:
            raise InvalidCondition(f"{name.text} is a reserved word.", name.position)
        if self._is("("):
            self._take()
            return self._has(name) if name.text == "has" else self._function(name)
        meant = _ALIASES.get(name.text, name.text)
        if name.text in self._variables or meant in (*ROOTS, NOW):
            return self._limits.made(Variable(name.position, meant))
        raise InvalidCondition(f"There is no variable {name.text}.", name.position, _ATTRIBUTES)

    def _function(self, name: Token) -> Node:
        function = find_function(name.text, name.position, method=False)
        return self._call(function, name.position, tuple(self._arguments()))

    def _has(self, name: Token) -> Node:
        argument = self._expression()
        self._expect(")")
        if not isinstance(argument, Select):
            raise InvalidCondition("has() takes a member.", argument.position, "Write has(resource.name).")
        return self._limits.made(Has(name.position, argument.operand, argument.name))
