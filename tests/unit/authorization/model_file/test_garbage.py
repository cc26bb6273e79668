"""Whatever is sent as a model, the answer is a model or InvalidModel, soon."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostiary.authorization.compiled import Model
from ostiary.authorization.model_file import InvalidModel, differences, model_tests, read_model
from ostiary.authorization.model_file.faults import MAX_FAULTS
from ostiary.authorization.model_file.reading import MAX_SIZE
from ostiary.authorization.schema import BUILT_IN
from tests.unit.authorization.model_file.shop import SHOP

_VOCABULARY = """
    model types accounts roles windows policies tests relations permissions parents owner acl attributes
    accounts_by email member holder user group role anyone user:* anyone:* group#member role#holder document
    folder reader writer document.read document.* * ostiary.* administrator parent viewer read write nobody
    read.read parent.read name facts check who_can what_can subject action resource type allowed context at
    grants effect allow deny permission on until includes description condition when time any not time_zone
    days from to mon 09:00 24:00 true string stored source document:1#viewer@user:ada user:ada document:1
    2026-01-05T10:00:00Z 1e999 0 -1 null ~
"""
_WORDS = st.sampled_from(_VOCABULARY.split())
_EXPRESSIONS = st.lists(
    st.sampled_from(["or", "and", "but", "not", "(", ")", "read", "viewer", "parent.read", "nobody", "a.b.c", "|", "é"])
).map(" ".join)
_SCALARS = st.one_of(_WORDS, _EXPRESSIONS, st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
_TREES = st.recursive(
    _SCALARS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(_WORDS | st.text(max_size=4), below, max_size=5),
    max_leaves=40,
)
_SECTIONS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("model", "types", "accounts", "roles", "windows", "policies", "tests", "other"), _TREES),
)


def _is_read_or_refused(text: str) -> None:
    refused = None
    try:
        model = read_model(text)
        assert differences(model, model) == ()
        Model([BUILT_IN, model])
        model_tests(text)
    except InvalidModel as fault:
        refused = fault
    if refused is not None:
        lines = len(re.findall("[\n\r\x85\u2028\u2029]", text)) + 2
        assert 0 < len(refused.faults) <= MAX_FAULTS
        assert all(1 <= fault.line <= lines and fault.column >= 1 and fault.message for fault in refused.faults)


@given(st.text())
@settings(deadline=None)
def test_any_text(text: str) -> None:
    _is_read_or_refused(text)


@given(_TREES | _SECTIONS)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_tree_with_the_words_of_a_model(tree: object) -> None:
    _is_read_or_refused(json.dumps(tree, ensure_ascii=False))


@given(
    st.integers(0, len(SHOP)),
    st.integers(0, 40),
    st.one_of(_WORDS, _EXPRESSIONS, st.text(max_size=6), st.sampled_from("{}[],:\n #&*!|>'\"\\\t")),
)
@settings(max_examples=300, deadline=None)
def test_a_model_with_something_else_in_its_midst(start: int, length: int, instead: str) -> None:
    _is_read_or_refused(SHOP[:start] + instead + SHOP[start + length :])


_LONG = "types:\n" + "".join(f" t{n}: {{permissions: {{read: nobody}}}}\n" for n in range(900))
_CHAIN = "".join(f"   p{n}: p{n + 1}\n" for n in range(20_000)) + "   p20000: nobody\n"


_LARGE = {
    "brackets": "[" * 500_000,
    "braces": "{a: " * 100_000,
    "dashes": "- " * 400_000,
    "question marks": "? " * 400_000,
    "quotes": "a: 'x" + "''" * 400_000,
    "escapes": '"' + "\\u0041" * 150_000,
    "anchors": "- &a x\n" * 100_000,
    "one long word": "a: " + "x " * 400_000,
    "too large": "x" * (MAX_SIZE + 1),
    "too large in bytes": "é" * (MAX_SIZE // 2 + 1),
    "keys twice": "a: 1\n" * 100_000,
    "types": "types:\n" + "".join(f" t{n}: {{}}\n" for n in range(60_000)),
    "unknown permissions": f"{_LONG}roles: {{r: {{permissions: [{', '.join(f't{n}.raed' for n in range(500))}]}}}}",
    "a chain of permissions": f"types:\n a:\n  permissions:\n{_CHAIN}",
    "parentheses": "types: {a: {permissions: {read: " + "(" * 2000 + "read}}}",
    "long expressions": "types:\n a:\n  relations: {r: [user]}\n  permissions:\n"
    + "".join(f"   p{n}: {' or '.join(['r'] * 800)}\n" for n in range(250)),
    "faults in long expressions": "types:\n a:\n  permissions:\n"
    + "".join(f"   p{n}: {' or '.join(['r'] * 800)}\n" for n in range(250)),
    "policies": "policies:\n" + "- {}\n" * 100_000,
    "conditions": "types: {a: {permissions: [b]}}\npolicies:\n"
    + "".join(
        f" - {{name: n{n}, effect: deny, action: b, resource: a, when: '{' && '.join(['user.x > 1'] * 60)}'}}\n"
        for n in range(1000)
    ),
    "a long name": "types: {a: {relations: {r: ['" + "x" * 900_000 + "']}}}",
    "wide types": "types:\n a:\n  relations:\n"
    + "".join(f"   r{n}: [user]\n" for n in range(20_000))
    + "  permissions:\n"
    + "".join(f"   p{n}: s{n}\n" for n in range(20_000)),
    "tests": "tests:\n" + "- {name: a, check: [{subject: user:1, action: x, type: group, allowed: true}]}\n" * 13_000,
    "through many types": _LONG + " a:\n  relations: {r: [" + ", ".join(f"t{n}" for n in range(100)) + "]}\n"
    "  permissions:\n" + "".join(f"   p{n}: {' or '.join(['r.read'] * 400)}\n" for n in range(200)),
}


@pytest.mark.parametrize("name", _LARGE)
def test_what_is_large_is_answered_soon(name: str) -> None:
    """Bounds the work, in CPU time: a file of a megabyte at the most, whatever it holds."""
    began = time.process_time()
    with suppress(InvalidModel):
        read_model(_LARGE[name])
    assert time.process_time() - began < 10
