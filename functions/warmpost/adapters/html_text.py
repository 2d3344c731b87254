"""The plain text of an HTML body, for letters that bring none (RFC 2046 section 5.1.4 wants the plainest part first)."""

from __future__ import annotations

from html2text import HTML2Text


def text_of_html(html: str) -> str:
    """Readable text with links behind their words; never raises for HTML of any quality."""
    converter = HTML2Text(bodywidth=0)
    converter.ignore_images = True
    converter.ignore_emphasis = True
    converter.ignore_tables = True
    converter.single_line_break = False
    converter.ul_item_mark = "-"
    converter.unicode_snob = True
    return converter.handle(html).strip() + "\n"
