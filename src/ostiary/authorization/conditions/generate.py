"""From the abstract syntax to one Python function.

Names are made here and never come from the text; constants of the text are constants there. :mod:`.python_tree` holds
the finished tree to that.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

from ostiary.authorization.conditions import calls, operations
from ostiary.authorization.conditions.check import Checker, fold
from ostiary.authorization.conditions.expression import (
    NOW,
    ROOTS,
    Binary,
    Call,
    Choice,
    Comprehension,
    Has,
    Index,
    ListOf,
    Literal,
    Logic,
    MapOf,
    Node,
    Select,
    Unary,
    Variable,
    path_of,
    steps_of,
    texts_of,
)
from ostiary.authorization.conditions.faults import InvalidCondition, Undetermined
from ostiary.authorization.conditions.functions import ANY, BOOL, DOUBLE, DURATION, INT, TIMESTAMP
from ostiary.authorization.conditions.patterns import searcher
from ostiary.authorization.conditions.python_tree import (
    assign,
    call,
    compare,
    constant,
    function_of,
    name,
    negated,
    throw,
)
from ostiary.authorization.conditions.windows import Window

# Python nests at most 20 blocks, and a handler counts as two.
MAX_BLOCKS = 16

_NUMBERS = frozenset({INT, DOUBLE})
_QUANTIFIERS = frozenset({"all", "exists"})
_DIRECT = (frozenset({TIMESTAMP}), frozenset({DURATION}), _NUMBERS, frozenset({INT}), frozenset({DOUBLE}))
_COMPARISONS: Mapping[str, type[ast.cmpop]] = {"<": ast.Lt, "<=": ast.LtE, ">": ast.Gt, ">=": ast.GtE}
_ARITHMETIC = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "remainder"}
_RUNTIME: Mapping[str, object] = {
    "Undetermined": Undetermined,
    "KeyError": KeyError,
    "type": type,
    "str": str,
    "int": int,
    **{
        name: getattr(operations, name)
        for name in (
            "charge", "missing", "kept", "again", "moment", "truth", "invert", "select", "has", "index", "new_map",
            "equal", "member", "less", "at_most", "negate", "add", "subtract", "multiply", "divide", "remainder",
            "each",
        )
    },
}  # fmt: skip

Compiled = Callable[[Mapping[str, object], Mapping[str, object], Mapping[str, object], Mapping[str, object], int], bool]


def generate(node: Node, windows: Mapping[str, Window]) -> Compiled:
    """The function that decides ``node``; it raises Undetermined and Exhausted.

    Raises:
        InvalidCondition: the expression could never have an answer, or nests too deeply.
    """
    checker = Checker(windows)
    checker.check(node)
    return _Generator(checker.kinds, windows).function(node)


def generate_value(node: Node, windows: Mapping[str, Window]) -> Callable[..., object]:
    """The function that works out ``node``, whatever kind of value it has; else as :func:`generate`."""
    checker = Checker(windows)
    checker.kind(node)
    return _Generator(checker.kinds, windows).value(node)


class _Generator:
    def __init__(self, kinds: Mapping[int, str], windows: Mapping[str, Window]) -> None:
        self._kinds = kinds
        self._windows = windows
        self._names: dict[str, object] = dict(_RUNTIME)
        self._scope: list[tuple[str, str]] = []
        self._block: list[ast.stmt] = []
        self._counter = 0
        self._blocks = 0
        self._used: set[str] = set()

    def function(self, node: Node) -> Compiled:
        return cast("Compiled", self._returning(self._truth(node)))

    def value(self, node: Node) -> Callable[..., object]:
        return self._returning(self._value(node))

    def _returning(self, result: ast.expr) -> Callable[..., object]:
        body = [*self._preamble(), *self._block, ast.Return(result)]
        return function_of(body, (*ROOTS, NOW), self._names)

    def _preamble(self) -> Iterator[ast.stmt]:
        if "work" in self._used:
            yield assign("work", ast.List([constant(operations.MAX_WORK)], ast.Load()))
        if "moment_now" in self._used:
            yield assign("moment_now", call("moment", name(NOW)))

    # What is made on the way

    def _new(self, prefix: str) -> str:
        self._counter += 1
        return f"{prefix}_{self._counter}"

    def _put(self, value: object) -> ast.expr:
        """A constant that Python has no literal for."""
        made = self._new("constant")
        self._names[made] = value
        return name(made)

    def _work(self) -> ast.expr:
        self._used.add("work")
        return name("work")

    def _hold(self, value: ast.expr) -> ast.expr:
        """A name for ``value``, so that it is worked out once."""
        if isinstance(value, ast.Name | ast.Constant):
            return value
        held = self._new("held")
        self._block.append(assign(held, value))
        return name(held)

    @contextmanager
    def _into(self, block: list[ast.stmt]) -> Iterator[None]:
        outer, self._block = self._block, block
        yield
        self._block = outer

    @contextmanager
    def _nested(self, node: Node, blocks: int) -> Iterator[None]:
        self._blocks += blocks
        if self._blocks > MAX_BLOCKS:
            raise InvalidCondition("&&, || and macros are nested too deeply.", node.position, "Make it two policies.")
        yield
        self._blocks -= blocks

    def _kind(self, node: Node) -> str:
        return self._kinds[id(node)]

    # One kind of node after the other: each appends what has to be done before, and gives an expression

    def _value(self, node: Node) -> ast.expr:
        match node:
            case Literal():
                return constant(node.value)
            case Variable():
                return self._variable(node)
            case Select():
                return self._select(node)
            case Has():
                path = path_of(Select(node.position, node.operand, node.name))
                return call("has", constant(path), self._value(node.operand), constant(node.name))
            case Index() | ListOf() | MapOf():
                return self._collection(node)
            case Call():
                return self._function_call(node)
            case Comprehension():
                return self._loop(node)
            case Unary() | Binary() | Logic() | Choice():
                return self._operator(node)

    def _collection(self, node: Index | ListOf | MapOf) -> ast.expr:
        match node:
            case Index():
                path = constant(path_of(node) or path_of(node.operand))
                return self._hold(call("index", path, self._value(node.operand), self._value(node.key)))
            case ListOf():
                return self._list(node)
            case MapOf():
                parts = (self._value(part) for entry in node.entries for part in entry)
                return self._hold(call("new_map", *[self._hold(part) for part in parts]))

    def _operator(self, node: Unary | Binary | Logic | Choice) -> ast.expr:
        match node:
            case Unary(operator="!"):
                return negated(self._truth(node.operand))
            case Unary():
                return self._hold(call("negate", constant(path_of(node.operand)), self._value(node.operand)))
            case Logic():
                return self._logic(node)
            case Choice():
                return self._choice(node)
            case Binary(operator="==" | "!="):
                equal = self._equality(node)
                return equal if node.operator == "==" else negated(equal)
            case Binary(operator="in"):
                return self._membership(node)
            case Binary(operator="<" | "<=" | ">" | ">="):
                return self._order(node)
            case Binary():
                return self._arithmetic(node)

    def _truth(self, node: Node) -> ast.expr:
        value = self._value(node)
        return value if self._kind(node) == BOOL else call("truth", constant(path_of(node)), value)

    def _variable(self, node: Variable) -> ast.expr:
        for written, made in reversed(self._scope):
            if written == node.name:
                return name(made)
        if node.name == NOW:
            self._used.add("moment_now")
            return name("moment_now")
        return name(node.name)

    def _select(self, node: Select) -> ast.expr:
        path = path_of(node)
        if not (isinstance(node.operand, Variable) and node.operand.name in ROOTS):
            return self._hold(call("select", constant(path), self._value(node.operand), constant(node.name)))
        found = self._new("held")
        subscript = ast.Subscript(name(node.operand.name), constant(node.name), ast.Load())
        handler = ast.ExceptHandler(name("KeyError"), None, [throw(call("missing", constant(path)))])
        self._block.append(ast.Try([assign(found, subscript)], [handler], [], []))
        return name(found)

    def _list(self, node: ListOf) -> ast.expr:
        values = [item.value for item in node.items if isinstance(item, Literal)]
        if len(values) == len(node.items):
            return self._put(values)
        return ast.List([self._hold(self._value(item)) for item in node.items], ast.Load())

    def _equality(self, node: Binary) -> ast.expr:
        left, right = node.left, node.right
        if isinstance(left, Literal):
            left, right = right, left
        mine = self._hold(self._value(left))
        if isinstance(right, Literal):
            return self._equals_constant(mine, right, self._kind(left))
        other = self._hold(self._value(right))
        kinds = {self._kind(left), self._kind(right)}
        if any(kinds <= direct for direct in _DIRECT):
            return compare(mine, ast.Eq(), other)
        return call("equal", self._work(), mine, other)

    def _equals_constant(self, value: ast.expr, literal: Literal, kind: str) -> ast.expr:
        """Where Python's ``==`` with a constant is CEL's: ``True == 1`` is the one exception."""
        if isinstance(value, ast.Constant):
            # Python warns of `1 is True`.
            value = self._put(value.value)
        if literal.value is None or isinstance(literal.value, bool):
            return compare(value, ast.Is(), constant(literal.value))
        equal = compare(value, ast.Eq(), constant(literal.value))
        if kind == ANY and not isinstance(literal.value, str) and literal.value in (0, 1):
            never = compare(value, ast.IsNot(), constant(bool(literal.value)))
            return ast.BoolOp(ast.And(), [equal, never])
        return equal

    def _membership(self, node: Binary) -> ast.expr:
        item = self._hold(self._value(node.left))
        path = constant(path_of(node.right) or path_of(node.left))
        slow = call("member", self._work(), path, item, self._value(node.right))
        texts = texts_of(node.right)
        if texts is None:
            return self._hold(slow)
        is_text = compare(call("type", item), ast.Is(), name("str"))
        return ast.IfExp(is_text, compare(item, ast.In(), self._put(texts)), slow)

    def _order(self, node: Binary) -> ast.expr:
        left, right = self._hold(self._value(node.left)), self._hold(self._value(node.right))
        direct = compare(left, _COMPARISONS[node.operator](), right)
        kinds = {self._kind(node.left), self._kind(node.right)}
        if any(kinds <= each for each in _DIRECT):
            return direct
        path = constant(path_of(node.left) or path_of(node.right))
        first, second = (left, right) if node.operator in ("<", "<=") else (right, left)
        slow = call("less" if node.operator in ("<", ">") else "at_most", self._work(), path, first, second)
        if kinds & _NUMBERS:
            unknown = left if self._kind(node.left) == ANY else right
            return ast.IfExp(compare(call("type", unknown), ast.Is(), name("int")), direct, slow)
        return slow

    def _arithmetic(self, node: Binary) -> ast.expr:
        left, right = self._hold(self._value(node.left)), self._hold(self._value(node.right))
        function = _ARITHMETIC[node.operator]
        work = [self._work()] if function == "add" else []
        return self._hold(call(function, *work, constant(path_of(node.left) or path_of(node.right)), left, right))

    def _function_call(self, node: Call) -> ast.expr:
        if (folded := fold(node)) is not None:
            return self._put(folded)
        arguments = [self._hold(self._value(argument)) for argument in node.arguments]
        last = node.arguments[-1]
        if node.function == "matches" and isinstance(last, Literal):
            arguments[-1] = self._put(searcher(cast("str", last.value)))
        if node.function == "within" and isinstance(last, Literal):
            arguments[-1] = self._put(self._windows[cast("str", last.value)])
        function = f"function_{list(calls.FUNCTIONS).index(node.function)}"
        self._names[function] = calls.FUNCTIONS[node.function]
        return self._hold(call(function, self._work(), constant(path_of(node.arguments[0])), *arguments))

    def _choice(self, node: Choice) -> ast.expr:
        test, result = self._truth(node.test), self._new("held")
        then: list[ast.stmt] = []
        with self._into(then):
            then.append(assign(result, self._value(node.then)))
        otherwise: list[ast.stmt] = []
        with self._into(otherwise):
            otherwise.append(assign(result, self._value(node.otherwise)))
        self._block.append(ast.If(test, then, otherwise))
        return name(result)

    # && and ||, all() and exists(): a fault counts only if nothing else has settled the answer

    def _logic(self, node: Logic) -> ast.expr:
        result, fault, neutral = self._new("held"), self._new("fault"), node.operator == "&&"
        self._block.extend((assign(result, constant(neutral)), assign(fault, constant(None))))
        for position, operand in enumerate(node.operands):
            attempt = self._attempt(node, operand, result, fault)
            if position:
                attempt = ast.If(self._undecided(result, neutral), [attempt], [])
            self._block.append(attempt)
        self._settle(result, fault, neutral)
        return name(result)

    def _attempt(self, node: Node, operand: Node, result: str, fault: str) -> ast.stmt:
        """Put the operand's truth into ``result``, or the first fault into ``fault``."""
        body: list[ast.stmt] = []
        with self._into(body), self._nested(node, 1):
            body.append(assign(result, self._truth(operand)))
        caught = self._new("caught")
        keep = ast.If(compare(name(fault), ast.Is(), constant(None)), [assign(fault, call("kept", name(caught)))], [])
        return ast.Try(body, [ast.ExceptHandler(name("Undetermined"), caught, [keep])], [], [])

    def _undecided(self, result: str, neutral: bool) -> ast.expr:
        return name(result) if neutral else negated(name(result))

    def _settle(self, result: str, fault: str, neutral: bool) -> None:
        faulty = compare(name(fault), ast.IsNot(), constant(None))
        undecided = ast.BoolOp(ast.And(), [self._undecided(result, neutral), faulty])
        self._block.append(ast.If(undecided, [throw(call("again", name(fault)))], []))

    def _loop(self, node: Comprehension) -> ast.expr:
        """``result`` is what has come of the rounds so far: an answer, a list, or how many fit."""
        over = call("each", constant(path_of(node.over)), self._value(node.over))
        result, fault, variable = self._new("held"), self._new("fault"), self._new("variable")
        self._block.append(assign(result, self._before(node.macro)))
        if node.macro in _QUANTIFIERS:
            self._block.append(assign(fault, constant(None)))
        body: list[ast.stmt] = [ast.Expr(call("charge", self._work(), constant(steps_of(node))))]
        self._scope.append((node.variable, variable))
        with self._into(body), self._nested(node, 1):
            self._round(node, result, fault, variable)
        self._scope.pop()
        self._block.append(ast.For(ast.Name(variable, ast.Store()), over, body, []))
        if node.macro in _QUANTIFIERS:
            self._settle(result, fault, node.macro == "all")
        return compare(name(result), ast.Eq(), constant(1)) if node.macro == "exists_one" else name(result)

    def _before(self, macro: str) -> ast.expr:
        if macro in _QUANTIFIERS:
            return constant(macro == "all")
        return constant(0) if macro == "exists_one" else ast.List([], ast.Load())

    def _round(self, node: Comprehension, result: str, fault: str, variable: str) -> None:
        """What is done with one member, at the end of the current block."""
        if node.macro in _QUANTIFIERS:
            self._block.append(self._attempt(node, node.body, result, fault))
            decided = negated(self._undecided(result, node.macro == "all"))
            self._block.append(ast.If(decided, [ast.Break()], []))
            return
        test = node.test if node.macro == "map" else node.body
        within = self._block
        if test is not None:
            fits: list[ast.stmt] = []
            within.append(ast.If(self._truth(test), fits, []))
            within = fits
        with self._into(within):
            if node.macro == "exists_one":
                step: ast.expr = constant(1)
            else:
                value = self._value(node.body) if node.macro == "map" else name(variable)
                step = ast.List([value], ast.Load())
            within.append(ast.AugAssign(ast.Name(result, ast.Store()), ast.Add(), step))
