"""Finds the links of an HTML letter by their places in its source, so that nothing but them is ever touched.

Conditional comments are read too: Outlook shows what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from warmpost.rules.html.tags import EXPRESSION, STATEMENT, Attribute, read_tags


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


def find_links(source: str) -> Found:
    """Of `a`, `area` and VML elements, in order; those marked `data-track="off"` are left out."""
    hrefs: list[Href] = []
    ends: list[int] = []
    for tag in read_tags(source, conditions=True):
        if tag.name == "/body":
            ends.append(tag.start)
        elif tag.name in ("a", "area") or tag.name.startswith("v:"):
            hrefs += _hrefs_of(source, tag.attributes)
    return Found(tuple(hrefs), ends[-1] if ends else None)


def _hrefs_of(source: str, attributes: Sequence[Attribute]) -> Iterator[Href]:
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
