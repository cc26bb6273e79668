"""What is no condition, or is not supported, is refused when it is written: at its place, with a hint."""

from __future__ import annotations

import pytest

from ostiary.authorization.conditions import InvalidCondition, Window, compile_cel, parse_window

_WINDOWS = {"business_hours": parse_window("business_hours", {"time_zone": "UTC", "from": "09:00", "to": "17:00"})}

# Expression, position, what the message says, what the hint says.
_REFUSED = [
    ("", 0, "ends too early", "value"),
    ("   ", 3, "ends too early", "value"),
    ("subject.a ==", 12, "ends too early", "value"),
    ("(subject.a", 10, "ends too early", ")"),
    ("subject.a = 1", 10, "'='", "=="),
    ("subject.a & true", 10, "'&'", "&&"),
    ("subject.a | true", 10, "'|'", "||"),
    ("subject.a == 1 subject.b", 15, "'subject'", "&&"),
    ("subject.`a-b`", 8, "'`'", 'resource["the-name"]'),
    ("subject.a == 'x", 13, "no end", "'"),
    ("subject.a == 'x\ny'", 13, "no end", "'"),
    ("subject.a == '''x", 13, "no end", "'''"),
    (r"subject.a == '\q'", 14, "escape", r"\\"),
    (r"subject.a == '\ud800'", 14, "no character", ""),
    (r"subject.a == '\400'", 14, "escape", ""),
    ("subject.a == '\ud800'", 14, "surrogate", ""),
    ("1u == subject.a", 0, "Unsigned", "without u"),
    ("b'x' == subject.a", 0, "Bytes", "string"),
    ("subject.a == 1x", 13, "digit", ""),
    ("subject.a == 9223372036854775808", 13, "64 bits", ""),
    ("subject.a == -9223372036854775809", 14, "64 bits", ""),
    ("subject.a == 0xFFFFFFFFFFFFFFFFFF", 13, "64 bits", ""),
    ("department == 'x'", 0, "no variable department", "subject."),
    ("x.y", 0, "no variable x", "subject."),
    (".subject.a", 0, "'.'", "dot"),
    ("for == 1", 0, "reserved", ""),
    ("subject.in", 8, "'in'", 'resource["name"]'),
    ("subject.?a", 8, "Optional", "has("),
    ("subject[?'a']", 8, "Optional", "has("),
    ("[?subject.a] == []", 1, "Optional", "has("),
    ("subject.Duration{}", 16, "Messages", "map"),
    ("open('x')", 0, "no function open", ""),
    ("sizes(subject.a) == 1", 0, "no function sizes", "size"),
    ("subject.a.startswith('x')", 10, "no function startswith", "startsWith"),
    ("uint(1) == 1", 0, "no function uint", "int("),
    ("bytes('a') == subject.a", 0, "no function bytes", "Bytes"),
    ("type(1) == int", 0, "no function type", ""),
    ("dyn(1) == 1", 0, "no function dyn", "not needed"),
    ("startsWith(subject.a, 'b')", 0, "not called like this", "subject.email.startsWith"),
    ("subject.a.int() == 1", 10, "not called like this", "int("),
    ("size() == 1", 0, "does not take nothing", "size(subject.groups)"),
    ("size(1) == 1", 0, "does not take a whole number", "size(subject.groups)"),
    ("size('a', 'b') == 1", 0, "does not take a string, a string", ""),
    ("size('a',) == 1", 8, "argument is missing", ""),
    ("has(subject)", 4, "takes a member", "has(resource.name)"),
    ("has(subject['a'])", 4, "takes a member", "has(resource.name)"),
    ("subject.a.all(subject, true)", 14, "means something else", "another"),
    ("subject.a.all(user, true)", 14, "means something else", "another"),
    ("subject.a.all(now, true)", 14, "means something else", "another"),
    ("subject.a.all(if, true)", 14, "'if'", "name of your choice"),
    ("subject.a.all('x', true)", 14, "\"'x'\"", "name of your choice"),
    ("subject.a.all(x)", 15, "')'", ","),
    ("subject.a.all(x, y, true)", 17, "no variable y", ""),
    ("subject.a.all(x, x, x)", 10, "does not take 3 arguments", "all(x, …)"),
    ("subject.a.map(x, x) == x", 23, "no variable x", ""),
    ("subject.a.matches(subject.b)", 18, "constant", ""),
    ("subject.a.matches('(')", 18, "pattern is none", "RE2"),
    (r"subject.a.matches(r'(a)\1')", 18, "pattern is none", "RE2"),
    ("subject.a.matches('(?=a)')", 18, "pattern is none", "RE2"),
    (f"subject.a.matches('{'a' * 257}')", 18, "256", ""),
    ("within(now, 'weekend')", 12, "no window weekend", "business_hours"),
    ("within(now, subject.window)", 12, "constant", ""),
    ("within('x', 'business_hours')", 0, "does not take a string, a string", "within(now"),
    ("now.getHours('Mars/Olympus') == 1", 13, "no such time zone", ""),
    ("now.getHours('../../etc/passwd') == 1", 13, "no such time zone", ""),
    ("now.getHours('+24:00') == 1", 13, "no such time zone", ""),
    ("now < timestamp('yesterday')", 16, "timestamp is none", ""),
    ("now < timestamp('2026-02-30T00:00:00Z')", 16, "timestamp is none", ""),
    ("duration('1 day') == duration('24h')", 9, "duration is none", ""),
    ("subject", 0, "this is a map", "Compare"),
    ("'yes'", 0, "this is a string", "Compare"),
    ("1 + 1", 0, "this is a whole number", "Compare"),
    ("now", 0, "this is a timestamp", "Compare"),
    ("!1", 1, "a whole number; here belongs true or false", ""),
    ("-'a' == subject.a", 1, "a string; here belongs a whole number or a double", ""),
    ("true && 'a'", 8, "a string; here belongs true or false", ""),
    ("'a' ? true : false", 0, "a string; here belongs true or false", ""),
    ("(subject.a ? 1 : 'b') == 1", 17, "One side is a whole number, the other a string", ""),
    ("1 == 'a'", 0, "between a whole number and a string", "never equal"),
    ("now == 1", 0, "between a timestamp and a whole number", "never equal"),
    ("1 < 'a'", 0, "between a whole number and a string", "no order"),
    ("[1] < [2]", 0, "between a list and a list", "no order"),
    ("null < null", 0, "between null and null", "no order"),
    ("1 in 2", 5, "a whole number; here belongs a list or a map", ""),
    ("'a' in 'abc'", 7, "a string; here belongs a list or a map", ""),
    ("1 + 1.0 == 2.0", 0, "between a whole number and a double", "double("),
    ("1 + 'a' == 'b'", 0, "between a whole number and a string", ""),
    ("now + now == now", 0, "between a timestamp and a timestamp", ""),
    ("1.0 % 2.0 == 1.0", 0, "between a double and a double", ""),
    ("subject.a + null == 1", 0, "between anything and null", ""),
    ("'abc'[0] == 'a'", 0, "a string; here belongs a list or a map", ""),
    ("[1]['a'] == 1", 4, "a string; here belongs a whole number", ""),
    ("'abc'.length == 3", 0, "a string; here belongs a map", ""),
    ("'abc'.all(c, true)", 0, "a string; here belongs a list or a map", ""),
    ("[1].all(x, 1)", 11, "a whole number; here belongs true or false", ""),
    ("{'a': 1, 'a': 2} == {}", 9, "twice", ""),
    ("{true: 1} == {}", 1, "true or false; here belongs a string or a whole number", ""),
    ("{1.0: 1} == {}", 1, "a double; here belongs a string or a whole number", ""),
    ("{'a': 1,, 'b': 2} == {}", 8, "','", ""),
    ("[1,,2] == []", 3, "','", ""),
    ("!-1 == 1", 1, "'-'", ""),
    ("subject.a == 1;", 14, "';'", ""),
    ("subject.a == 1 # is one", 15, "'#'", ""),
    ("subject.__class__.__base__.__subclasses__()", 27, "no function __subclasses__", ""),
    ("@subject", 0, "'@'", ""),
    ("lambda: 1", 0, "no variable lambda", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "position", "message", "hint"), _REFUSED)
def test_what_is_not_supported_is_refused_at_its_place(text: str, position: int, message: str, hint: str) -> None:
    with pytest.raises(InvalidCondition) as refused:
        compile_cel(text, _WINDOWS)
    fault = refused.value
    assert (fault.position, fault.path) == (position, "")
    assert message in fault.message
    assert hint in fault.hint
    assert str(fault) == f"{fault.message} (position {position}){' ' + fault.hint if fault.hint else ''}"


@pytest.mark.parametrize(
    "text",
    [
        "subject.a", "user.a", "subject['a-b']", "subject.for == 1", "// why\nsubject.a // how\n", "has(subject.a)",
        "r'\\d' == subject.a", '"""a"b""" == subject.a', "'\\x41\\u00e9\\U0001F600\\101' == subject.a",
        "subject.a == 0x1F",
        "-9223372036854775808 == subject.a", ".5 == subject.a", "[1, 2,] == subject.a", "{'a': 1,} == subject.a",
        "matches(subject.a, 'b')", "subject.a.map(x, x > 1, x) == [2]", "1 == 1.0", "subject.a == null",
        "--subject.a == 1",        "within(now, 'business_hours')", "within(now - duration('1h'), 'business_hours')",
        "now.getHours('Etc/GMT-1') == 1",
    ],
)  # fmt: skip
def test_what_is_supported_is_taken(text: str) -> None:
    assert compile_cel(text, _WINDOWS).text == text


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"from": "09:00", "to": "17:00"}, "window.w.time_zone"),
        ({"time_zone": "Mars/Olympus", "from": "09:00", "to": "17:00"}, "window.w.time_zone"),
        ({"time_zone": "/etc/passwd", "from": "09:00", "to": "17:00"}, "window.w.time_zone"),
        ({"time_zone": 1, "from": "09:00", "to": "17:00"}, "window.w.time_zone"),
        ({"time_zone": "UTC", "from": "9:00", "to": "17:00"}, "window.w.from"),
        ({"time_zone": "UTC", "from": "09:00", "to": "24:01"}, "window.w.to"),
        ({"time_zone": "UTC", "from": "09:00"}, "window.w.to"),
        ({"time_zone": "UTC", "from": "09:00", "to": "09:00"}, "window.w.to"),
        ({"time_zone": "UTC", "from": "24:00", "to": "09:00"}, "window.w.to"),
        ({"time_zone": "UTC", "from": "09:00", "to": "17:00", "days": []}, "window.w.days"),
        ({"time_zone": "UTC", "from": "09:00", "to": "17:00", "days": ["monday"]}, "window.w.days"),
        ({"time_zone": "UTC", "from": "09:00", "to": "17:00", "days": [["mon"]]}, "window.w.days"),
        ({"time_zone": "UTC", "from": "09:00", "to": "17:00", "until": 1}, "window.w.until"),
    ],
)
def test_a_window_that_is_none_is_refused_by_its_member(data: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidCondition) as refused:
        parse_window("w", data)
    assert refused.value.path == path


@pytest.mark.parametrize("name", ["", "Business", "a b", "a" * 65, "1a"])
def test_a_window_has_a_plain_name(name: str) -> None:
    with pytest.raises(InvalidCondition):
        parse_window(name, {"time_zone": "UTC", "from": "09:00", "to": "17:00"})


def test_a_window_is_what_its_data_says() -> None:
    data = {"time_zone": "Europe/Berlin", "days": ["mon", "fri"], "from": "22:00", "to": "06:00"}
    assert parse_window("night", data) == Window("night", "Europe/Berlin", frozenset({0, 4}), 22 * 60, 30 * 60)
    assert parse_window("day", {"time_zone": "UTC", "from": "00:00", "to": "24:00"}).ends == 24 * 60
