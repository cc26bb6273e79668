"""The one list of all settings that loading, the reference and ``ostiary config show`` go by."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from ostiary.settings.forms import Form
from ostiary.settings.model import Settings


class Field(msgspec.Struct, frozen=True):
    """One setting.

    Attributes:
        section: the table it stands in; empty at the top level.
        name: its name there.
        type: what the value has to be, with its limits.
        meta: its description, limits and form.
        default: its value when nobody sets it.
    """

    section: str
    name: str
    type: Any
    meta: msgspec.Meta
    default: object

    @property
    def path(self) -> str:
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def variable(self) -> str:
        return "OSTIARY_" + self.path.replace(".", "_").upper()

    @property
    def form(self) -> Form | None:
        return (self.meta.extra or {}).get("form")

    def read(self, raw: object) -> object:
        """The value that ``raw``, from TOML or the environment, stands for.

        Raises:
            ValueError: it stands for none (:class:`msgspec.ValidationError` is one).
        """
        value = self.form.read(raw) if self.form else raw
        if self.form is None or isinstance(value, int):
            value = msgspec.convert(value, self.type, strict=not isinstance(raw, str))
        return value

    def of(self, settings: Settings) -> object:
        section = getattr(settings, self.section) if self.section else settings
        return getattr(section, self.name)

    @property
    def accepted(self) -> str:
        """In words, what may be written."""
        words = self.form.words if self.form else _words(get_args(self.type)[0])
        if self.meta.max_length is not None:
            return f"{words} of at most {self.meta.max_length} characters"
        low, high = self.meta.ge, self.meta.le
        if low is not None and high is not None:
            return f"{words}; from {self.show(low)} to {self.show(high)}"
        return words if low is None else f"{words}; at least {self.show(low)}"

    def show(self, value: object) -> str:
        """``value`` as text, without what is secret in it; empty for none."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return str(value).lower()
        return self.form.show(value) if self.form else str(value)


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(f'`"{choice}"`' for choice in get_args(kind))
    return {bool: "`true` or `false`", int: "a whole number"}.get(kind, "a string")


@cache
def fields() -> tuple[Field, ...]:
    """Every setting, in the order of the reference: the top level first, then section by section."""
    top = [found for info in msgspec.structs.fields(Settings) if (found := _field("", info))]
    return (*top, *(field for section in sections() for field in _section_fields(section)))


@cache
def sections() -> dict[str, type[msgspec.Struct]]:
    """The sections by the name of their table."""
    found = {info.name: info.type for info in msgspec.structs.fields(Settings)}
    return {name: kind for name, kind in found.items() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)}


def _section_fields(section: str) -> list[Field]:
    return [found for info in msgspec.structs.fields(sections()[section]) if (found := _field(section, info))]


def _field(section: str, info: msgspec.structs.FieldInfo) -> Field | None:
    if get_origin(info.type) is not Annotated:  # a section, or what only code sets
        return None
    return Field(section, info.name, info.type, get_args(info.type)[1], info.default)
