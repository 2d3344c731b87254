"""The one part of a foreign message that tracking may change: its HTML, found and cut out."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from warmpost.rules.raw.encodings import content_of
from warmpost.rules.raw.entities import Entity
from warmpost.rules.raw.fields import Field


@dataclass(frozen=True, slots=True)
class HtmlPart:
    """before, after: everything around the part. fields: its header but for what describes its octets.

    is_top: the message is nothing else, so that its fields are the message's.
    """

    before: bytes
    fields: tuple[Field, ...]
    html: str
    after: bytes
    is_top: bool


def find_html(whole: Entity) -> HtmlPart | None:
    """The first HTML that is shown and not sealed; None where there is none that can be read."""
    for leaf in whole.leaves():
        shown = not leaf.parameter(b"content-disposition", b"filename") and not leaf.sealed
        if leaf.media_type == b"text/html" and shown:
            html = _text_of(leaf)
            if html is None:
                return None
            before, after = _around(whole, leaf)
            kept = tuple(
                one
                for one in leaf.fields
                if one.low_name not in (b"content-type", b"content-transfer-encoding")
            )
            return HtmlPart(before, kept, html, after, leaf is whole)
    return None


def _text_of(leaf: Entity) -> str | None:
    charset = leaf.parameter(b"content-type", b"charset").decode("ascii", "replace") or "utf-8"
    try:
        return codecs.decode(content_of(leaf), charset)
    except (LookupError, ValueError, TypeError):
        return None


def _around(whole: Entity, leaf: Entity) -> tuple[bytes, bytes]:
    before: list[bytes] = []
    after: list[bytes] = []
    _walk(whole, leaf, before, after)
    return b"".join(before), b"".join(after)


def _walk(
    entity: Entity, leaf: Entity, before: list[bytes], after: list[bytes], passed: bool = False
) -> bool:
    """Whether the leaf has been passed; pieces go to either side of it."""
    if entity is leaf:
        return True
    if not entity.parts:
        (after if passed else before).extend(entity.pieces())
        return passed
    (after if passed else before).extend([*(one.octets for one in entity.fields), entity.gap])
    for part in entity.parts:
        if isinstance(part, bytes):
            (after if passed else before).append(part)
        else:
            passed = _walk(part, leaf, before, after, passed)
    return passed
