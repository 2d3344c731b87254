"""Finds the links of an HTML body by their places in its source, so that nothing but them is ever touched.

Reads as browsers do (WHATWG HTML section 13.2.5) as far as places of attributes need it: comments, raw text, quoting.
Templates come with marks in place of their tags. Conditional comments are read too: Outlook shows what is in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

EXPRESSION, STATEMENT = "\ue000", "\ue001"
"""Stand for a value that is written, and for a tag that writes nothing itself."""

_SPACE = r"[ \t\n\f\r]"
_MARKUP = re.compile(r"<(?:!--|[!?/]|(?=[A-Za-z]))")
_TAG_NAME = re.compile(r"[A-Za-z][^ \t\n\f\r/>]*")
_BETWEEN = re.compile(rf"[ \t\n\f\r/{STATEMENT}]*")
_NAME = re.compile(rf"=?[^ \t\n\f\r/>={STATEMENT}]*")
_EQUALS = re.compile(rf"{_SPACE}*={_SPACE}*")
_UNQUOTED = re.compile(r"[^ \t\n\f\r>]*")
_COMMENT_END = re.compile(r"--!?>")
_CONDITION = re.compile(r"\[if[^\]]*\]>", re.IGNORECASE)
_RAW_TEXT = frozenset(
    {"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "plaintext"}
)


@dataclass(frozen=True, slots=True)
class Href:
    """The value of an href attribute is source[start:end]. quote: what stands around it, empty for nothing."""

    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Found:
    """body_end: where the last `</body>` begins, None where there is none."""

    hrefs: tuple[Href, ...]
    body_end: int | None


@dataclass(frozen=True, slots=True)
class _Attribute:
    name: str
    start: int
    end: int
    quote: str


def find_links(source: str) -> Found:
    """Of `a`, `area` and VML elements, in order; those marked `data-track="off"` are left out."""
    hrefs: list[Href] = []
    ends: list[int] = []
    for name, start, attributes in _tags(source, 0, len(source)):
        if name == "/body":
            ends.append(start)
        elif name in ("a", "area") or name.startswith("v:"):
            hrefs += _hrefs_of(source, attributes)
    return Found(tuple(hrefs), ends[-1] if ends else None)


def _hrefs_of(source: str, attributes: list[_Attribute]) -> Iterator[Href]:
    """The first counts, as for browsers, unless a template chooses between several."""
    for one in attributes:
        if one.name == "data-track":
            value = source[one.start : one.end].strip().lower()
            if value == "off" or EXPRESSION in value or STATEMENT in value:
                return
    several = STATEMENT in source[attributes[0].start : attributes[-1].end] if attributes else False
    for one in attributes:
        if one.name == "href":
            if one.start < one.end:
                yield Href(one.start, one.end, one.quote)
            if not several:
                return


def _tags(source: str, at: int, end: int) -> Iterator[tuple[str, int, list[_Attribute]]]:
    """Start tags by their name, end tags by `/` and their name, both in lower case, with where they begin."""
    while found := _MARKUP.search(source, at, end):
        start, kind = found.start(), found[0]
        if kind == "<!--":
            close = _comment_end(source, found.end(), end)
            if close is None:
                return
            condition = _CONDITION.match(source, found.end(), close[0])
            if condition:
                yield from (tag for tag in _tags(source, condition.end(), close[0]) if tag[0] != "/body")
            at = close[1]
            continue
        name = _TAG_NAME.match(source, found.end(), end) if kind in ("<", "</") else None
        if name is None:  # a declaration, or what browsers take for a comment
            at = source.find(">", found.end(), end) + 1
            if not at:
                return
            continue
        read = _attributes(source, name.end(), end)
        if read is None:
            return
        attributes, at = read
        low = name[0].lower()
        yield ("/" if kind == "</" else "") + low, start, attributes
        if kind == "<" and low in _RAW_TEXT:
            closing = re.compile(rf"</{low}(?=[ \t\n\f\r/>])", re.IGNORECASE).search(source, at, end)
            if closing is None:
                return
            at = closing.start()


def _comment_end(source: str, at: int, end: int) -> tuple[int, int] | None:
    """Where a comment's text ends, and where the comment does."""
    for empty in (">", "->"):
        if source.startswith(empty, at, end):
            return at, at + len(empty)
    close = _COMMENT_END.search(source, at, end)
    return (close.start(), close.end()) if close else None


def _attributes(source: str, at: int, end: int) -> tuple[list[_Attribute], int] | None:
    """A tag's attributes and where the tag ends; None where it does not, and so is no tag."""
    found: list[_Attribute] = []
    while True:
        at = _end_of(_BETWEEN, source, at, end)
        if at >= end:
            return None
        if source[at] == ">":
            return found, at + 1
        name_end = _end_of(_NAME, source, at, end)
        name = source[at:name_end].lower()
        equals = _EQUALS.match(source, name_end, end)
        if equals is None:
            found.append(_Attribute(name, name_end, name_end, ""))
            at = name_end
            continue
        start = equals.end()
        quote = source[start : start + 1]
        if quote in ('"', "'") and start < end:
            close = source.find(quote, start + 1, end)
            if close < 0:
                return None
            found.append(_Attribute(name, start + 1, close, quote))
            at = close + 1
        else:
            at = _end_of(_UNQUOTED, source, start, end)
            found.append(_Attribute(name, start, at, ""))


def _end_of(pattern: re.Pattern[str], source: str, at: int, end: int) -> int:
    match = pattern.match(source, at, end)
    return match.end() if match else at
