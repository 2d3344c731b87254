"""The tags of an HTML text by their places in its source, read as browsers do (WHATWG HTML section 13.2.5) as far as
places of attributes need it: comments, raw text, quoting. In time that grows with the length alone.

Templates come with marks in place of their tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from html.entities import html5

EXPRESSION, STATEMENT = "\ue000", "\ue001"
"""Stand for a value that is written, and for a tag that writes nothing itself."""

RAW_TEXT = frozenset(
    {"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "plaintext"}
)

_SPACE = r"[ \t\n\f\r]"
_MARKUP = re.compile(r"<(?:!--|[!?/]|(?=[A-Za-z]))")
_TAG_NAME = re.compile(r"[A-Za-z][^ \t\n\f\r/>]*")
_BETWEEN = re.compile(rf"[ \t\n\f\r/{STATEMENT}]*")
_NAME = re.compile(rf"=?[^ \t\n\f\r/>={STATEMENT}]*")
_EQUALS = re.compile(rf"{_SPACE}*={_SPACE}*")
_UNQUOTED = re.compile(r"[^ \t\n\f\r>]*")
_COMMENT_END = re.compile(r"--!?>")
_CONDITION = re.compile(r"\[if[^\]]*\]>", re.IGNORECASE)
_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]{0,31};?)")


@dataclass(frozen=True, slots=True)
class Attribute:
    """The value is source[start:end]. quote: what stands around it, empty for nothing."""

    name: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Tag:
    """source[start:end]; what stands between two tags is text. name: in lower case, of end tags after `/`, empty for
    comments, declarations and what is left of a source after the last tag that ends.
    """

    name: str
    start: int
    end: int
    attributes: tuple[Attribute, ...] = ()


def read_tags(source: str, conditions: bool = False) -> Iterator[Tag]:
    """In order, the last one ending where the source does. conditions: what conditional comments hold is read too:
    Outlook shows it.
    """
    yield from _read(source, 0, len(source), conditions)


def _read(source: str, at: int, end: int, conditions: bool) -> Iterator[Tag]:
    while found := _MARKUP.search(source, at, end):
        if found[0] == "<!--":
            for tag in _comment(source, found.start(), end, conditions):
                yield tag
                at = tag.end
            continue
        tag = _tag(source, found, end)
        yield tag
        at = tag.end
        if tag.name in RAW_TEXT:
            pattern = re.compile(rf"</{tag.name}(?=[ \t\n\f\r/>])", re.IGNORECASE)
            closing = pattern.search(source, at, end)
            at = closing.start() if closing else end
    yield Tag("", end, end)


def _comment(source: str, start: int, end: int, conditions: bool) -> Iterator[Tag]:
    """What a conditional one holds, where that is asked for, and at last the comment itself."""
    begin = start + len("<!--")
    close = _comment_end(source, begin, end)
    if close is None:
        yield Tag("", start, end)
        return
    condition = _CONDITION.match(source, begin, close[0]) if conditions else None
    if condition:
        inner = _read(source, condition.end(), close[0], conditions)
        yield from (tag for tag in inner if tag.name != "/body")
    yield Tag("", start, close[1])


def _tag(source: str, found: re.Match[str], end: int) -> Tag:
    start, kind = found.start(), found[0]
    name = _TAG_NAME.match(source, found.end(), end) if kind in ("<", "</") else None
    if name is None:  # a declaration, or what browsers take for a comment
        return Tag("", start, source.find(">", found.end(), end) + 1 or end)
    read = _attributes(source, name.end(), end)
    if read is None:
        return Tag("", start, end)
    return Tag(("/" if kind == "</" else "") + name[0].lower(), start, read[1], tuple(read[0]))


def attribute_value(source: str, attribute: Attribute) -> str:
    """With its references resolved as in attributes: `&copy=1` is left alone (section 13.2.5.73)."""
    value = source[attribute.start : attribute.end]
    return _REFERENCE.sub(_referred, value) if "&" in value else value


def _referred(found: re.Match[str]) -> str:
    name = found[0][1:]
    if name[0] == "#":
        return unescape(found[0])
    following = found.string[found.end() : found.end() + 1]
    if name not in html5 or (name[-1] != ";" and following in ("=", EXPRESSION) and following):
        return found[0]
    return html5[name]


def _comment_end(source: str, at: int, end: int) -> tuple[int, int] | None:
    """Where a comment's text ends, and where the comment does."""
    for empty in (">", "->"):
        if source.startswith(empty, at, end):
            return at, at + len(empty)
    close = _COMMENT_END.search(source, at, end)
    return (close.start(), close.end()) if close else None


def _attributes(source: str, at: int, end: int) -> tuple[list[Attribute], int] | None:
    """A tag's attributes and where the tag ends; None where it does not, and so is no tag."""
    found: list[Attribute] = []
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
            found.append(Attribute(name, name_end, name_end, ""))
            at = name_end
            continue
        start = equals.end()
        quote = source[start : start + 1]
        if quote in ('"', "'") and start < end:
            close = source.find(quote, start + 1, end)
            if close < 0:
                return None
            found.append(Attribute(name, start + 1, close, quote))
            at = close + 1
        else:
            at = _end_of(_UNQUOTED, source, start, end)
            found.append(Attribute(name, start, at, ""))


def _end_of(pattern: re.Pattern[str], source: str, at: int, end: int) -> int:
    match = pattern.match(source, at, end)
    return match.end() if match else at
