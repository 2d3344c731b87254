"""The text part of a template that brings HTML alone, made once, as a template, wherever that gives the same words.

A conversion costs milliseconds, a rendering microseconds.
"""

from __future__ import annotations

import re

from jinja2 import nodes

from warmpost.adapters.templates.sandbox import Sandbox
from warmpost.adapters.templates.source import parse, variables_of
from warmpost.rules.html.hidden import DependsOnValues
from warmpost.rules.html.text import LONGEST_HTML, text_of_html

_OPEN, _CLOSE = "\ue000", "\ue001"  # around the number of a template tag while its HTML is converted
_TAG = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
_STATEMENT_LINE = re.compile(f"^((?:{_OPEN}[0-9]*[13579]{_CLOSE})+)[ \t]*\n\\s*", re.MULTILINE)
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


def text_template_of_html(html: Sandbox, source: str) -> str | None:
    """None where only a rendered body can be converted: where it is long, where its tags decide about more than words,
    where values may be markup, or the template does more than write values, choose and repeat.
    """
    if len(source) > LONGEST_HTML:
        return None
    tree = parse(html, source)
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _PLAIN_NODES) or (
            isinstance(node, nodes.Filter) and node.name in _MARKUP_FILTERS
        ):
            return None
    if _OPEN in source or any(kind == "raw_begin" for _, kind, _ in html.lex(html.preprocess(source))):
        return None
    marked, tags = _mark_tags(html, source)
    try:
        text = text_of_html(marked, marked=True)
    except DependsOnValues:
        return None
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
    known: dict[str, int] = {}
    tag: list[str] = []
    for _, kind, text in html.lex(html.preprocess(source)):
        if kind == "data":
            marked.append(text)
        elif not kind.startswith("comment"):
            tag.append(text)
        if kind in ("variable_end", "block_end"):
            written = "".join(tag)
            number = 2 * len(tags) + (kind == "block_end")
            if kind == "variable_end":
                number = known.setdefault(written, number)
            tags[number] = written
            marked.append(f"{_OPEN}{number}{_CLOSE}")
            tag.clear()
    return "".join(marked), tags
