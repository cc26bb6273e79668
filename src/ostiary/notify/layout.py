"""How a mail looks: the same few blocks as text and as HTML, in light and in dark."""

from __future__ import annotations

import textwrap
from html import escape

import msgspec


class Mail(msgspec.Struct, frozen=True):
    """A mail without its envelope."""

    subject: str
    text: str
    html: str

    def __repr__(self) -> str:
        return "Mail(…)"  # links and codes do not belong in logs


class Code(msgspec.Struct, frozen=True):
    """What somebody types elsewhere."""

    text: str


class Link(msgspec.Struct, frozen=True):
    """Where to go; the bare URL stands below it, for those who do not press buttons in mails."""

    label: str
    url: str


Block = str | Code | Link

# Styles stand in the elements because many mail readers drop <style>; what must differ in dark mode stands there too,
# for those that keep it. The others invert the colours by themselves.
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{subject}</title>
<style>
:root {{ color-scheme: light dark; }}
@media (prefers-color-scheme: dark) {{
  body, .page {{ background: #14161a !important; }}
  .card {{ background: #1e2127 !important; border-color: #343943 !important; }}
  .text, .site {{ color: #e7e9ed !important; }}
  .bare, .bare a {{ color: #a3abb8 !important; }}
  .code {{ background: #2a2f38 !important; color: #ffffff !important; }}
  .button {{ background: #7aa5ff !important; color: #0d1526 !important; }}
}}
</style>
</head>
<body class="page" style="margin:0;padding:0;background:#f3f4f6">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" class="page" \
style="background:#f3f4f6"><tr><td align="center" style="padding:32px 16px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" class="card" \
style="max-width:560px;background:#ffffff;border:1px solid #dfe2e7;border-radius:12px;text-align:left">\
<tr><td style="padding:32px;font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
<p class="site" style="margin:0 0 24px;font-weight:700;font-size:18px;color:#14161a">{site_name}</p>
{blocks}
</td></tr></table>
</td></tr></table>
</body>
</html>
"""


def lay_out(subject: str, site_name: str, *blocks: Block) -> Mail:
    """The mail that says ``blocks`` in this order."""
    text = "\n\n".join(_as_text(block) for block in blocks)
    html = "\n".join(_as_html(block) for block in blocks)
    page = _PAGE.format(subject=escape(subject), site_name=escape(site_name), blocks=html)
    return Mail(subject, f"{text}\n\n-- \n{site_name}\n", page)


def _as_text(block: Block) -> str:
    if isinstance(block, Code):
        return f"    {block.text}"
    if isinstance(block, Link):
        return f"{block.label}:\n{block.url}"
    return textwrap.fill(block, 72, break_long_words=False, break_on_hyphens=False)


def _as_html(block: Block) -> str:
    if isinstance(block, Code):
        return (
            '<p class="code" style="margin:0 0 20px;padding:12px 20px;background:#f3f4f6;color:#14161a;'
            "border-radius:8px;font:600 28px/1.3 ui-monospace,Menlo,Consolas,monospace;"
            'letter-spacing:6px;text-align:center">'
            f"{escape(block.text)}</p>"
        )
    if isinstance(block, Link):
        url = escape(block.url)
        return (
            f'<p style="margin:0 0 12px"><a class="button" href="{url}" style="display:inline-block;padding:11px 22px;'
            'background:#1d4ed8;color:#ffffff;border-radius:8px;font-weight:600;text-decoration:none">'
            f"{escape(block.label)}</a></p>\n"
            '<p class="bare" style="margin:0 0 20px;font-size:13px;color:#5b6472;word-break:break-all">'
            f'<a href="{url}" style="color:#5b6472">{url}</a></p>'
        )
    return f'<p class="text" style="margin:0 0 20px;color:#14161a">{escape(block)}</p>'
