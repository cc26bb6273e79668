"""The settings in words: the reference page, and what ``ostiary config show`` shows."""

from __future__ import annotations

from ostiary.settings.fields import Field, fields, sections
from ostiary.settings.model import Settings

_HEAD = """\
# Settings

This page is made from the code: `python -m ostiary.settings > docs/reference/settings.md`.

A setting comes from the environment, else from `ostiary.toml`, else it has its default. In the file, the settings of a
section stand in a table of that name. An empty variable counts as not set. A name that is not on this page is refused,
and everything that is wrong is reported at once, before Ostiary starts. `ostiary config check` tells without starting;
`ostiary config show` shows what is in force and where it comes from, secrets masked.

```toml
issuer = "https://login.example.com"
master_key_file = "/run/secrets/ostiary-master-key"

[database]
url = "postgresql://ostiary@db.example.com/ostiary"

[mail]
sender = "smtp"
host = "smtp.example.com"
from_address = "no-reply@example.com"
```
"""


def shown(settings: Settings) -> list[tuple[str, str, str]]:
    """Path, value and source of every setting, for people to read: secrets are masked."""
    return [
        (field.path, field.show(field.of(settings)), settings.sources.get(field.path, "default")) for field in fields()
    ]


def reference() -> str:
    """``docs/reference/settings.md``."""
    parts = [_HEAD, _table("")]
    for name, section in sections().items():
        parts += [f"## {name}\n", f"{section.__doc__}\n", _table(name)]
    return "\n".join(parts)


def _table(section: str) -> str:
    rows = "".join(_row(field) for field in fields() if field.section == section)
    return f"| setting, variable | default | what it is | what is accepted |\n| --- | --- | --- | --- |\n{rows}"


def _row(field: Field) -> str:
    default = field.show(field.default)
    cells = [
        f"`{field.name}`<br>`{field.variable}`",
        f"`{default}`" if default else "none",
        field.meta.description or "",
    ]
    return "| " + " | ".join([*cells, field.accepted]) + " |\n"
