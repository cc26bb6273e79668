"""YAML as nodes with places: no aliases, anchors or tags, no key twice, nothing deep, nothing large.

The scanner is libyaml's by way of PyYAML; what a plain word means is decided here, by the core schema of YAML 1.2
(section 10.3.2): ``no`` is a word and ``10:30`` is not a number, which they would be in YAML 1.1.
"""

from __future__ import annotations

import math
import re

import msgspec
import yaml

from ostiary.authorization.model_file.faults import Faults

MAX_SIZE = 1_048_576
"""Bytes of UTF-8."""
MAX_DEPTH = 32
_MAX_INTEGER = 2**63
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile("[-+]?[0-9]{1,20}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_ESCAPED = re.compile(r"\\(?:x..|u.{4}|U.{8}|.)|.", re.DOTALL)
_INVISIBLE_ESCAPES = frozenset(f"\\{each}" for each in " \tnNLPrtv\n_")

Place = tuple[int, int]
"""Line and column, counted from 1."""
Plain = str | int | float | bool | list["Plain"] | dict[str, "Plain"] | None


class Scalar(msgspec.Struct, frozen=True):
    """A word or a text.

    Attributes:
        style: empty for a plain one, else the sign that it begins with: a quote, ``|`` or ``>``.
        raw: as it stands in the file.
    """

    text: str
    place: Place
    style: str = ""
    raw: str = ""

    @property
    def is_null(self) -> bool:
        return not self.style and self.text in _NULL

    def at(self, offset: int) -> Place:
        """Where the character ``offset`` of ``text`` stands in the file, whatever the style folds or escapes."""
        wanted = sum(not each.isspace() for each in self.text[:offset])
        position = self._visible(wanted)
        before = self.raw[:position]
        line = before.count("\n")
        if line == 0:
            return self.place[0], self.place[1] + position
        return self.place[0] + line, position - before.rfind("\n")

    def _visible(self, count: int) -> int:
        """Where in ``raw`` the character stands that has ``count`` others before it that can be seen."""
        start = self.raw.find("\n") + 1 if self.style in ("|", ">") else len(self.style)
        body = self.raw[start:]
        if self.style == '"':
            signs = [(each.start(), _is_visible(each[0])) for each in _ESCAPED.finditer(body)]
        elif self.style == "'":
            signs = [(each.start(), True) for each in re.finditer("''|.", body, re.DOTALL)]
        else:
            signs = [(index, True) for index in range(len(body))]
        seen = [index for index, visible in signs if visible and not body[index].isspace()]
        if count < len(seen):
            return start + seen[count]
        return start + (seen[-1] + 1 if seen else 0)


class Sequence(msgspec.Struct, frozen=True):
    items: tuple[Node, ...]
    place: Place


class Mapping(msgspec.Struct, frozen=True):
    """``entries`` in the order of the file; no key is there twice."""

    entries: tuple[tuple[Scalar, Node], ...]
    place: Place

    def get(self, key: str) -> Node | None:
        return next((value for name, value in self.entries if name.text == key), None)


Node = Scalar | Sequence | Mapping


def read(text: str, faults: Faults) -> Node | None:
    """The document's root; ``None`` where there is none. Reading goes on after a fault where it can.

    Raises:
        InvalidModel: it is not YAML, too large or too deep, so that nothing more can be said.
    """
    if len(text) > MAX_SIZE or len(text.encode("utf-8", "surrogatepass")) > MAX_SIZE:
        faults.add((1, 1), f"A model file has at most {MAX_SIZE} bytes.")
        faults.raise_any()
    text = text.removeprefix("\ufeff")
    if found := re.search("[\ud800-\udfff]", text):
        faults.add(_place_in(text, found.start()), "This is half of a surrogate pair, and no character.")
        faults.raise_any()
    builder = _Builder(text, faults)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if not builder.take(event):
                break
    except yaml.YAMLError as error:
        faults.add(*_not_yaml(text, error))
        faults.raise_any()
    return builder.root


def plain(node: Node, faults: Faults) -> Plain:
    """The value that a node stands for, as in JSON."""
    if isinstance(node, Sequence):
        return [plain(each, faults) for each in node.items]
    if isinstance(node, Mapping):
        return {key.text: plain(value, faults) for key, value in node.entries}
    return node.text if node.style else _plain_scalar(node, faults)


def _plain_scalar(node: Scalar, faults: Faults) -> str | int | float | bool | None:
    text = node.text
    if text in _NULL:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _INTEGER.fullmatch(text) and abs(int(text)) < _MAX_INTEGER:
        return int(text)
    if _NUMBER.fullmatch(text):
        if not math.isinf(number := float(text)) and not _is_integer(text):
            return number
        faults.add(node.place, "This number is too large.", "Write it in quotes if it is a text.")
    return text


def _is_integer(text: str) -> bool:
    return text.lstrip("+-").isdigit()


class _Open(msgspec.Struct):
    """A collection that is being read."""

    place: Place
    is_mapping: bool
    items: list[Node]
    entries: list[tuple[Scalar, Node]]
    lines: dict[str, int]
    key: Node | None = None


class _Builder:
    """Puts events together, without recursion."""

    def __init__(self, text: str, faults: Faults) -> None:
        self.root: Node | None = None
        self._text = text
        self._faults = faults
        self._open: list[_Open] = []

    def take(self, event: yaml.Event) -> bool:
        """Whether to read on."""
        start, end = event.start_mark, event.end_mark
        if start is None or end is None:
            raise TypeError("events have marks")
        place = (start.line + 1, start.column + 1)
        if isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            self._faults.add(place, "A model file is one document.", "Remove the line ---.")
            return False
        if isinstance(event, yaml.AliasEvent):
            self._faults.add(
                place, "Aliases (*name) are not read here.", 'Write what it stands for; a * goes in quotes: "*".'
            )
            self._put(Scalar("", place))
        elif isinstance(event, yaml.ScalarEvent):
            self._check(event, place)
            raw = self._text[start.index : end.index]
            self._put(Scalar(event.value, place, event.style or "", raw))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._check(event, place)
            return self._begin(event, place)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end(self._open.pop())
        return True

    def _check(self, event: yaml.NodeEvent, place: Place) -> None:
        if event.anchor is not None:
            self._faults.add(place, "Anchors (&name) are not read here.", "Write it where it is needed.")
        if getattr(event, "tag", None) is not None:
            self._faults.add(place, "Tags (!name) are not read here.", "Put a text that begins with ! in quotes.")

    def _begin(self, event: yaml.Event, place: Place) -> bool:
        if len(self._open) >= MAX_DEPTH:
            self._faults.add(place, f"A model file is at most {MAX_DEPTH} levels deep.")
            self._faults.raise_any()
        self._open.append(_Open(place, isinstance(event, yaml.MappingStartEvent), [], [], {}))
        return True

    def _end(self, done: _Open) -> None:
        if done.is_mapping:
            self._put(Mapping(tuple(done.entries), done.place))
        else:
            self._put(Sequence(tuple(done.items), done.place))

    def _put(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        within = self._open[-1]
        if not within.is_mapping:
            within.items.append(node)
        elif within.key is None:
            within.key = node
        else:
            key, within.key = within.key, None
            self._enter(within, key, node)

    def _enter(self, within: _Open, key: Node, value: Node) -> None:
        if not isinstance(key, Scalar):
            self._faults.add(key.place, "A key is a word.")
        elif key.text in within.lines:
            self._faults.add(
                key.place, f"The key {key.text} is here twice.", f"The first is in line {within.lines[key.text]}."
            )
        else:
            within.lines[key.text] = key.place[0]
            within.entries.append((key, value))


def _not_yaml(text: str, error: yaml.YAMLError) -> tuple[Place, str, str | None]:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.context_mark if _is_reference(error) else error.problem_mark or error.context_mark
        place = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
        return place, f"This is not YAML: {error.problem or error.context}.", _advice(text, place, error)
    if isinstance(error, yaml.reader.ReaderError):
        found = re.search("[^\t\n\r\x20-\x7e\x85\xa0-\ufffd\U00010000-\U0010ffff]", text)
        return _place_in(text, found.start() if found else 0), "Control characters do not belong here.", None
    return (1, 1), "This is not YAML.", None


def _advice(text: str, place: Place, error: yaml.MarkedYAMLError) -> str | None:
    line = text.splitlines()[place[0] - 1 : place[0]]
    if _is_reference(error):
        return 'Put what begins with * or & in quotes: "*".'
    if line and line[0][place[1] - 1 : place[1]] == "\t":
        return "Indent with spaces."
    if "mapping values" in (error.problem or ""):
        return "Put a text that has a colon and a space in it in quotes."
    return None


def _is_reference(error: yaml.MarkedYAMLError) -> bool:
    """Whether a word begins with ``*`` or ``&``, and was taken for what it is not meant as."""
    return error.context in ("while scanning an alias", "while scanning an anchor")


def _is_visible(sign: str) -> bool:
    """Whether a sign of a text in double quotes, perhaps an escape, stands for a character that is no space."""
    if sign[0] != "\\":
        return not sign.isspace()
    digits = sign[2:]
    return sign not in _INVISIBLE_ESCAPES and not (digits and chr(int(digits, 16)).isspace())


def _place_in(text: str, index: int) -> Place:
    before = text[:index]
    return before.count("\n") + 1, index - before.rfind("\n")
