"""The trees of Python's ``ast`` that a condition may become, and the one way from a tree to a function.

Only the few kinds of nodes in :data:`_ALLOWED` get through: no attributes, imports, lambdas or comprehensions. A name
is a parameter, one that was made here (``held_3``), or one of the functions that come along; there are no builtins.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType

_ALLOWED = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign, ast.For, ast.If,
    ast.Raise, ast.Try, ast.ExceptHandler, ast.Expr, ast.Break, ast.BoolOp, ast.And, ast.UnaryOp, ast.Not, ast.IfExp,
    ast.Compare, ast.Call, ast.Constant, ast.Subscript, ast.Name, ast.List, ast.Load, ast.Store, ast.Eq, ast.NotEq,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot, ast.In, ast.Add,
)  # fmt: skip
_MADE = re.compile(r"[a-z]+_[a-z0-9]+|work")


def name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def constant(value: str | bool | int | float | None) -> ast.expr:
    return ast.Constant(value)


def call(function: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(name(function), list(arguments), [])


def compare(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> ast.expr:
    return ast.Compare(left, [operator], [right])


def assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def throw(value: ast.expr) -> ast.stmt:
    return ast.Raise(value, ast.Constant(None))


def negated(value: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), value)


def function_of(
    body: list[ast.stmt], parameters: tuple[str, ...], names: Mapping[str, object]
) -> Callable[..., object]:
    """The function with that body; ``names`` is all that it can reach.

    Raises:
        AssertionError: the tree holds what none of a condition may.
    """
    function = ast.FunctionDef("condition_0", _arguments(parameters), body, [])
    # What Python 3.12 demands, and 3.11 does not know.
    vars(function)["type_params"] = []
    module = ast.fix_missing_locations(ast.Module([function], []))
    _verify(module, {*parameters, *names})
    compiled = compile(module, "<condition>", "exec", dont_inherit=True, optimize=0)
    code = next(each for each in compiled.co_consts if isinstance(each, CodeType))
    return FunctionType(code, {**names, "__builtins__": {}}, "condition")


def _arguments(names: tuple[str, ...]) -> ast.arguments:
    return ast.arguments(
        posonlyargs=[], args=[ast.arg(each) for each in names], kwonlyargs=[], kw_defaults=[], defaults=[]
    )


def _verify(module: ast.Module, known: set[str]) -> None:
    for part in ast.walk(module):
        if not isinstance(part, _ALLOWED):
            raise AssertionError(type(part))
        if isinstance(part, ast.Name) and part.id not in known and not _MADE.fullmatch(part.id):
            raise AssertionError(part.id)
