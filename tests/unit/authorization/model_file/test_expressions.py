"""Expressions of permissions: what they mean, and that they are shown as they are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.authorization.model_file.expressions import InvalidExpression, leaves, parse_expression, show
from ostiary.authorization.schema import Exclusion, Expression, Intersection, Named, Through, Union

_A, _B, _C = Named("a"), Named("b"), Named("c")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a", _A),
        (" ( a ) ", _A),
        ("a.b", Through("a", "b")),
        ("a-1_x.read", Through("a-1_x", "read")),
        ("a or b or c", Union((_A, _B, _C))),
        ("a and b\n and c", Intersection((_A, _B, _C))),
        ("a but not b", Exclusion(_A, _B)),
        ("(a or b) but not c", Exclusion(Union((_A, _B)), _C)),
        ("a but not (b or c)", Exclusion(_A, Union((_B, _C)))),
        ("(a or b) and c", Intersection((Union((_A, _B)), _C))),
        ("a or (b or c)", Union((_A, Union((_B, _C))))),
        ("orchid or android", Union((Named("orchid"), Named("android")))),
        ("nobody", Union(())),
    ],
)
def test_an_expression_means(text: str, meant: Expression) -> None:
    assert parse_expression(text)[0] == meant


_NAMES = st.from_regex("[a-z][a-z0-9_-]{0,5}", fullmatch=True).filter(
    lambda name: name not in {"or", "and", "but", "not", "nobody"}
)
_EXPRESSIONS = st.recursive(
    st.builds(Named, _NAMES) | st.builds(Through, _NAMES, _NAMES),
    lambda below: (
        st.builds(Union, st.lists(below, min_size=2, max_size=4).map(tuple))
        | st.builds(Intersection, st.lists(below, min_size=2, max_size=4).map(tuple))
        | st.builds(Exclusion, below, below)
    ),
    max_leaves=12,
)


@given(_EXPRESSIONS)
def test_what_is_shown_is_read_again_as_the_same(expression: Expression) -> None:
    text = show(expression)
    found, offsets = parse_expression(text)
    assert found == expression
    names = [show(leaf) for leaf, _ in leaves(expression)]
    assert [text[offset : offset + len(name)] for offset, name in zip(offsets, names, strict=True)] == names


@given(st.text("ab.()&| -or\u0000é#*", max_size=30))
def test_anything_else_is_refused_at_a_place_in_it(text: str) -> None:
    try:
        parse_expression(text)
    except InvalidExpression as refused:
        offset = refused.offset
    else:
        offset = 0
    assert 0 <= offset <= len(text)
