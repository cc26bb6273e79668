"""What goes wrong with a condition: it is not one, or it has no answer for this request."""

from __future__ import annotations


class InvalidCondition(Exception):
    """The text is no condition that is supported; said when it is compiled, never later.

    Attributes:
        message: what is wrong, in one sentence.
        position: offset in the text, in characters from 0; of the JSON form always 0.
        hint: what to write instead; empty where there is nothing to say.
        path: the member of the JSON form, such as ``condition.resource.amount``; empty for a text.
    """

    def __init__(self, message: str, position: int = 0, hint: str = "", path: str = "") -> None:
        where = path or f"position {position}"
        super().__init__(f"{message} ({where}){' ' + hint if hint else ''}")
        self.message = message
        self.position = position
        self.hint = hint
        self.path = path


class Undetermined(Exception):
    """The condition neither holds nor fails to: an attribute is missing, a type does not fit, a number is out of range.

    Attributes:
        path: the attribute at fault, such as ``resource.classification``; empty where there is no single one.
        why: the cause, in words, without values.
    """

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}" if path else why)
        self.path = path
        self.why = why


class Exhausted(Exception):
    """The work of one evaluation has reached its limit. No operator absorbs this."""
