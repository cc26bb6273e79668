"""A compiled condition: what it says, what it reads, and whether it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ostiary.authorization.conditions.expression import Node, reads_of
from ostiary.authorization.conditions.faults import Exhausted, InvalidCondition, Undetermined
from ostiary.authorization.conditions.generate import generate, generate_value
from ostiary.authorization.conditions.json_form import parse_json, placed
from ostiary.authorization.conditions.parser import parse
from ostiary.authorization.conditions.rendering import write
from ostiary.authorization.conditions.windows import Window

_NO_WINDOWS: Mapping[str, Window] = MappingProxyType({})


class Condition:
    """Immutable, and safe to be used by many threads at once.

    Attributes:
        text: the condition in CEL.
        expression: its abstract syntax.
        reads: each attribute that it reads, as (``resource``, ``amount``); ``*`` where it uses a whole map.
    """

    __slots__ = ("_compiled", "_parts", "_windows", "expression", "reads", "text")

    def __init__(self, text: str, expression: Node, windows: Mapping[str, Window] = _NO_WINDOWS) -> None:
        self.text = text
        self.expression = expression
        self.reads = reads_of(expression)
        self._windows = windows
        self._parts: dict[int, tuple[Node, Callable[..., object]]] = {}
        self._compiled = generate(expression, windows)

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def holds(
        self,
        subject: Mapping[str, object],
        resource: Mapping[str, object],
        action: Mapping[str, object],
        context: Mapping[str, object],
        now: int,
    ) -> bool:
        """Whether it holds for these attributes, which are as JSON has them, at ``now`` (milliseconds since 1970).

        Raises:
            Undetermined: there is no answer. Whoever asks must not take that for a yes.
        """
        try:
            return self._compiled(subject, resource, action, context, now)
        except Exhausted:
            raise Undetermined("", "it takes too much work") from None
        except RecursionError:
            raise Undetermined("", "the attributes are nested too deeply") from None

    def value_of(
        self,
        part: Node,
        subject: Mapping[str, object],
        resource: Mapping[str, object],
        action: Mapping[str, object],
        context: Mapping[str, object],
        now: int,
    ) -> object:
        """What a part of its expression comes to, one that is in no macro.

        Raises:
            Undetermined: there is no answer; Exhausted: the whole condition has none then.
        """
        try:
            found = self._parts.get(id(part))
            if found is None:
                # The part is kept as well, so that its id is nobody else's.
                found = self._parts[id(part)] = (part, generate_value(part, self._windows))
            return found[1](subject, resource, action, context, now)
        except RecursionError:
            raise Undetermined("", "the attributes are nested too deeply") from None

    def values(
        self,
        subject: Mapping[str, object],
        resource: Mapping[str, object],
        action: Mapping[str, object],
        context: Mapping[str, object],
        now: int,
    ) -> dict[str, object]:
        """What it reads and what is there, as ``{"resource.amount": 500}``; what is missing is left out.

        A map that is used as a whole is there under its own name. ``now`` (milliseconds) is not among the attributes.
        """
        maps = {"subject": subject, "resource": resource, "action": action, "context": context}
        found: dict[str, object] = {}
        for root, name in sorted(self.reads):
            if name == "*":
                found[root] = maps[root]
            elif name in maps[root]:
                found[f"{root}.{name}"] = maps[root][name]
        return found


def compile_cel(text: str, windows: Mapping[str, Window] = _NO_WINDOWS) -> Condition:
    """A condition in CEL; ``windows`` are those that ``within`` may name.

    Raises:
        InvalidCondition: the text is none, says something that is not supported, or is too large.
    """
    try:
        expression = parse(text)
        return Condition(text, expression, windows)
    except RecursionError:
        raise InvalidCondition("The condition is nested too deeply.", hint="Make it two policies.") from None


def compile_json(value: object, windows: Mapping[str, Window] = _NO_WINDOWS) -> Condition:
    """A condition as JSON; ``windows`` are those that ``time`` may name.

    Raises:
        InvalidCondition: the value is none, or too large.
    """
    try:
        expression, paths = parse_json(value)
        with placed(paths):
            return Condition(write(expression), expression, windows)
    except RecursionError:
        raise InvalidCondition("The condition is nested too deeply.", path="condition") from None
