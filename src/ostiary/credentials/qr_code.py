"""QR codes as SVG, for pages and for clients of the API."""

from __future__ import annotations

import io


def qr_code_svg(text: str, title: str) -> str:
    """An ``<svg>`` element that shows ``text``; ``title`` is what it is called where it cannot be seen.

    It is dark on light with its quiet zone in light and in dark mode, since many cameras read no other (ISO/IEC 18004
    section 9.1), takes the size that its page gives it, and has no style of its own, which a Content-Security-Policy
    would refuse.

    Args:
        text: at most 2953 bytes.
    """
    import segno  # 80 ms, for an answer that an account asks for once or twice in its life

    out = io.BytesIO()
    segno.make(text, error="l", micro=False).save(
        out,
        kind="svg",
        dark="#000",
        light="#fff",
        border=4,
        title=title,
        xmldecl=False,
        omitsize=True,
        svgclass=None,
        lineclass=None,
        nl=False,
    )
    return out.getvalue().decode().replace("<svg ", '<svg role="img" shape-rendering="crispEdges" ', 1)
