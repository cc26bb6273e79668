"""The forms that parts of a model file have: mappings with known keys, lists of words, names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from ostiary.authorization.model_file.faults import Faults, nearest
from ostiary.authorization.model_file.reading import Mapping, Node, Place, Scalar, Sequence

SEGMENT = "[a-z][a-z0-9_-]{0,63}"
_NAME = re.compile(SEGMENT)
_TYPE = re.compile(rf"(?=.{{1,64}}$){SEGMENT}(\.{SEGMENT})*")
_ROLE = re.compile("[a-z][a-z0-9_.-]{0,63}")
_IDENTIFIER = re.compile("[a-zA-Z_][a-zA-Z0-9_]{0,63}")

NAME = (_NAME, "is written in lower case, with at most 64 letters, digits, - and _.")
TYPE = (_TYPE, "is written in lower case, with at most 64 letters, digits, -, _ and dots between.")
ROLE = (_ROLE, "is written in lower case, with at most 64 letters, digits, -, _ and dots.")
IDENTIFIER = (_IDENTIFIER, "is made of at most 64 letters, digits and _.")

MAX_DESCRIPTION = 500


class Form:
    """Reads nodes as what they should be; what they are not, becomes a fault and is left out."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def entries(self, node: Node | None, what: str) -> tuple[tuple[Scalar, Node], ...]:
        """The entries of a mapping. Nothing, as after a key without a value, is an empty one."""
        if is_nothing(node):
            return ()
        if isinstance(node, Mapping):
            return node.entries
        self.faults.add(place_of(node), f"{what} is a mapping, key: value.")
        return ()

    def fields(self, node: Node | None, what: str, known: Collection[str]) -> dict[str, Node]:
        """A mapping whose keys are among ``known``; keys without a value are left out."""
        found: dict[str, Node] = {}
        for key, value in self.entries(node, what):
            if key.text not in known:
                self.faults.add(key.place, f"{what} has no {key.text[:64]}.", nearest(key.text, known))
            elif not is_nothing(value):
                found[key.text] = value
        return found

    def require(self, fields: dict[str, Node], wanted: Iterable[str], place: Place, what: str) -> bool:
        """Whether all that has to be there is there."""
        missing = [each for each in wanted if each not in fields]
        for each in missing:
            self.faults.add(place, f"{what} needs {each}.")
        return not missing

    def items(self, node: Node | None, what: str) -> tuple[Node, ...]:
        """The items of a list."""
        if is_nothing(node):
            return ()
        if isinstance(node, Sequence):
            return node.items
        self.faults.add(place_of(node), f"{what} is a list.")
        return ()

    def word(self, node: Node | None, what: str) -> Scalar | None:
        """One word or text, and not nothing."""
        if isinstance(node, Scalar) and not node.is_null:
            return node
        self.faults.add(place_of(node), f"{what} is one word here.")
        return None

    def words(self, node: Node | None, what: str, most: int | None = None) -> tuple[Scalar, ...]:
        """A list of different words, ``most`` of them at the most; one word may stand without the list."""
        items = (node,) if isinstance(node, Scalar) and not node.is_null else self.items(node, what)
        if most is not None and len(items) > most:
            self.faults.add(items[most].place, f"{what}: there are more than {most}.")
        found: dict[str, Scalar] = {}
        for each in items[:most]:
            if (word := self.word(each, f"Each of {what}")) is None:
                continue
            if word.text in found:
                self.faults.add(word.place, f"{word.text[:64]} is here twice.")
            found.setdefault(word.text, word)
        return tuple(found.values())

    def one_of(self, node: Node | None, what: str, known: Collection[str]) -> str | None:
        """One of a few words."""
        if (word := self.word(node, what)) is None:
            return None
        if word.text in known:
            return word.text
        self.faults.add(word.place, f"{what} is not {word.text[:64]}.", nearest(word.text, known))
        return None

    def name(self, word: Scalar, what: str, form: tuple[re.Pattern[str], str] = NAME) -> str | None:
        """The word when it can name something."""
        pattern, rule = form
        if pattern.fullmatch(word.text):
            return word.text
        hint = "The name of the model is put before it by itself." if "/" in word.text else None
        self.faults.add(word.place, f"{what} {rule}", hint)
        return None

    def text(self, node: Node | None, what: str) -> str:
        """A description; nothing is an empty one."""
        if is_nothing(node) or (word := self.word(node, what)) is None:
            return ""
        if len(word.text) > MAX_DESCRIPTION:
            self.faults.add(word.place, f"{what} has at most {MAX_DESCRIPTION} characters.")
        return word.text

    def truth(self, node: Node | None, what: str) -> bool | None:
        if isinstance(node, Scalar) and not node.style and node.text in ("true", "false"):
            return node.text == "true"
        self.faults.add(place_of(node), f"{what} is true or false.")
        return None


def is_nothing(node: Node | None) -> bool:
    """Whether there is no value: a key that nothing stands after."""
    return node is None or (isinstance(node, Scalar) and node.is_null)


def place_of(node: Node | None) -> Place:
    return (1, 1) if node is None else node.place
