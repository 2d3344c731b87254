"""Leaves of a message re-encoded so that every relay can carry them: quoted-printable for text, base64 for the rest."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import replace

from warmpost.rules.message.quoted_printable import encode_base64
from warmpost.rules.raw.entities import Entity
from warmpost.rules.raw.fields import Field, make_field

ENCODING = b"Content-Transfer-Encoding"

_LONE_LF = re.compile(rb"(?<!\r)\n")
_HIGH = bytes(range(128, 256))
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")


def content_of(leaf: Entity) -> bytes:
    """What a leaf's body stands for, read leniently."""
    if leaf.encoding == b"quoted-printable":
        return binascii.a2b_qp(leaf.body)
    if leaf.encoding == b"base64":
        text = _NOT_BASE64.sub(b"", leaf.body).replace(b"=", b"")
        text = text[: len(text) - (len(text) % 4 == 1)]
        return base64.b64decode(text + b"=" * (-len(text) % 4))
    return leaf.body


def encoded(leaf: Entity) -> Entity:
    """The same content in short lines of ASCII."""
    content = content_of(leaf)
    as_text = leaf.media_type.startswith((b"text/", b"message/")) and leaf.encoding != b"base64"
    if as_text and 3 * (len(content) - len(content.translate(None, _HIGH))) < len(content):
        body = _LONE_LF.sub(b"\r\n", binascii.b2a_qp(content, istext=True))
        return with_encoding(leaf, b"quoted-printable", body)
    return with_encoding(leaf, b"base64", encode_base64(content))


def with_encoding(entity: Entity, encoding: bytes, body: bytes | None = None) -> Entity:
    """Its one field Content-Transfer-Encoding stands where the first stood, or last."""
    fields: list[Field] = []
    field = make_field(ENCODING, encoding)
    for one in entity.fields:
        if one.low_name != ENCODING.lower():
            fields.append(one)
        elif field not in fields:
            fields.append(field)
    if field not in fields:
        fields.append(field)
    gap = entity.gap or b"\r\n"
    return replace(entity, fields=tuple(fields), gap=gap, body=entity.body if body is None else body)


def seven_bit(entity: Entity) -> Entity | None:
    """The same message without an octet above 127 in its bodies; None where a sealed part has some (RFC 6152)."""
    if not entity.parts:
        if entity.body.isascii():
            return entity
        return None if entity.sealed else encoded(entity)
    parts: list[Entity | bytes] = []
    for part in entity.parts:
        made = seven_bit(part) if isinstance(part, Entity) else part
        if made is None or (isinstance(made, bytes) and not made.isascii()):
            return None
        parts.append(made)
    plain = replace(entity, parts=tuple(parts))
    return plain if entity.encoding == b"7bit" else with_encoding(plain, b"7bit")
