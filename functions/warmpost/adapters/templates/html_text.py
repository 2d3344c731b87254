"""The plain text of an HTML body, for messages that bring none (RFC 2046 section 5.1.4: the plainest part comes first).

html2text reads layout tables line by line, where inscriptis keeps them as wide columns. A conversion costs
milliseconds, so a template is converted once, as a template, wherever that gives the same words.
"""

from __future__ import annotations

import re

from html2text import HTML2Text
from jinja2 import nodes

from warmpost.adapters.templates.sandbox import Sandbox
from warmpost.adapters.templates.source import parse, variables_of

_CELL_END = re.compile(r"</t[dh]\s*>", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")
_ESCAPES = re.compile(r"\\(?=[.+()\[\]-])")  # Markdown's
_LINE_END = re.compile(r"[ \t]+$", re.MULTILINE)

_OPEN, _CLOSE = "\ue000", "\ue001"  # around the number of a template tag while its HTML is converted
_TAG = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
_STATEMENT_LINE = re.compile(f"({_OPEN}[0-9]*[13579]{_CLOSE})[ \t]*\n\\s*")
_AT_LINE_START = re.compile(f"^((?:{_OPEN}[0-9]*[13579]{_CLOSE})+)[ \t]+", re.MULTILINE)
_PLAIN_NODES = (
    nodes.Template,
    nodes.Output,
    nodes.For,
    nodes.If,
    nodes.Expr,
    nodes.Operand,
    nodes.Pair,
    nodes.Keyword,
)
_MARKUP_FILTERS = frozenset(
    {"e", "escape", "forceescape", "safe", "string", "striptags", "tojson", "replace", "join"}
)


def text_of_html(html: str) -> str:
    """Readable text with links behind their words; takes HTML of any quality."""
    converter = HTML2Text(bodywidth=0)
    converter.ignore_emphasis = True
    converter.ignore_images = True
    converter.ignore_tables = True
    converter.ul_item_mark = "-"
    converter.unicode_snob = True
    text = _ESCAPES.sub("", converter.handle(_CELL_END.sub(r" \g<0>", html)))
    return _BLANK_LINES.sub("\n\n", _LINE_END.sub("", text)).strip() + "\n"


def text_template_of_html(html: Sandbox, source: str) -> str | None:
    """The same for a template: one whose text needs no HTML. None where only a rendered body can be converted.

    That is where values may be markup, or the template does more than write values, choose and repeat.
    """
    tree = parse(html, source)
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _PLAIN_NODES) or (
            isinstance(node, nodes.Filter) and node.name in _MARKUP_FILTERS
        ):
            return None
    if _OPEN in source or any(kind == "raw_begin" for _, kind, _ in html.lex(source)):
        return None
    marked, tags = _mark_tags(html, source)
    text = text_of_html(marked)
    if "{{" in text or "{%" in text or "{#" in text:
        return None
    derived = _TAG.sub(
        lambda found: tags[int(found[1])], _AT_LINE_START.sub(r"\1", _STATEMENT_LINE.sub(r"\1", text))
    )
    try:
        needed, _ = variables_of(parse(html, derived))
    except Exception:
        return None  # a tag was left without its other half
    return derived if needed <= variables_of(tree)[0] else None


def _mark_tags(html: Sandbox, source: str) -> tuple[str, dict[int, str]]:
    """The source with each tag replaced by a number, even for values and odd for statements, and what they stand for."""
    marked: list[str] = []
    tags: dict[int, str] = {}
    tag: list[str] = []
    for _, kind, text in html.lex(source):
        if kind == "data":
            marked.append(text)
        elif not kind.startswith("comment"):
            tag.append(text)
        if kind in ("variable_end", "block_end"):
            number = 2 * len(tags) + (kind == "block_end")
            tags[number] = "".join(tag)
            marked.append(f"{_OPEN}{number}{_CLOSE}")
            tag.clear()
    return "".join(marked), tags
