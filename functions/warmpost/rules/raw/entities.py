"""The tree of a message's parts (RFC 2046), in which every octet keeps its place: written out again it is the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from warmpost.rules.raw.fields import BrokenHeader, Field, among, read_fields, split_entity

DEEPEST = 20
MOST_PARTS = 2000

_SEALED = (b"multipart/signed", b"multipart/encrypted")
_PARAMETER = re.compile(
    rb';[ \t]*([!#-\'*+\-.0-9A-Z^-~]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s;"]*)', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Entity:
    """A message or one of its parts.

    body: of a leaf. parts: of a container, in order, with what stands between them as octets. sealed: it is part of
    something signed or encrypted, where every octet counts.
    """

    fields: tuple[Field, ...]
    gap: bytes
    body: bytes = b""
    parts: tuple[Entity | bytes, ...] = ()
    sealed: bool = False

    @property
    def media_type(self) -> bytes:
        """In lower case; `text/plain` where none is given (RFC 2045 section 5.2)."""
        found = among(self.fields, b"content-type")
        value = found[0].value.partition(b";")[0].strip().lower() if found else b""
        return value if b"/" in value else b"text/plain"

    @property
    def encoding(self) -> bytes:
        found = among(self.fields, b"content-transfer-encoding")
        return found[0].value.partition(b";")[0].strip().lower() if found else b"7bit"

    def parameter(self, key: bytes, name: bytes) -> bytes:
        """Of the field `key`, empty where there is none."""
        for field in among(self.fields, key)[:1]:
            for found in _PARAMETER.finditer(field.value):
                if found[1].lower() == name:
                    value = found[2]
                    return re.sub(rb"\\(.)", rb"\1", value[1:-1]) if value[:1] == b'"' else value
        return b""

    @property
    def octets(self) -> bytes:
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        for field in self.fields:
            yield field.octets
        yield self.gap
        if not self.parts:
            yield self.body
        for part in self.parts:
            if isinstance(part, bytes):
                yield part
            else:
                yield from part.pieces()

    def leaves(self) -> Iterator[Entity]:
        if not self.parts:
            yield self
        for part in self.parts:
            if isinstance(part, Entity):
                yield from part.leaves()


class TooManyParts(ValueError):
    pass


def read_entity(content: bytes) -> Entity:
    """A whole message. Raises BrokenHeader for its own header, TooManyParts; what is odd further in stays a leaf."""
    return _Reading().entity(content, sealed=False, depth=0)


class _Reading:
    def __init__(self) -> None:
        self._parts = 0

    def entity(self, content: bytes, *, sealed: bool, depth: int) -> Entity:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise TooManyParts(f"a message has {MOST_PARTS:,} parts at most")
        header, gap, body = split_entity(content)
        leaf = Entity(read_fields(header), gap, body, (), sealed)
        if depth >= DEEPEST:
            return leaf
        kind = leaf.media_type
        parts: tuple[Entity | bytes, ...] = ()
        if kind.startswith(b"multipart/"):
            parts = self._divided(leaf, sealed=sealed or kind in _SEALED, depth=depth + 1)
        elif kind == b"message/rfc822" and leaf.encoding in (b"7bit", b"8bit", b"binary"):
            parts = (self._part(body, sealed=sealed, depth=depth + 1),)
        return Entity(leaf.fields, gap, b"", parts, sealed) if parts else leaf

    def _divided(self, leaf: Entity, *, sealed: bool, depth: int) -> tuple[Entity | bytes, ...]:
        boundary = leaf.parameter(b"content-type", b"boundary")
        if not boundary:
            return ()
        line = re.compile(rb"(?:\A|\r\n)--%b(--)?[ \t]*(?:\r\n|\Z)" % re.escape(boundary))
        parts: list[Entity | bytes] = []
        body, at = leaf.body, 0
        found = line.search(body)
        if found is None:
            return ()
        while found:
            parts.append(body[at : found.end()])
            at = found.end()
            if found[1]:
                return (*parts, body[at:])
            # the line end of one delimiter may begin the next
            following = line.search(body, max(at - 2, 0))
            end = max(following.start(), at) if following else len(body)
            parts.append(self._part(body[at:end], sealed=sealed, depth=depth))
            at, found = end, following
        return tuple(parts)

    def _part(self, content: bytes, *, sealed: bool, depth: int) -> Entity | bytes:
        try:
            return self.entity(content, sealed=sealed, depth=depth)
        except BrokenHeader:
            return content
