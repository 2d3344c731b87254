"""Header fields of messages that others wrote: split without a change, read, and canonicalised for DKIM."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_FIELD = re.compile(rb"(?P<name>[!-9;-~]+):[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n")
_BLANKS = re.compile(rb"[ \t]+")

BROKEN_HEADER = "broken_header"


@dataclass(frozen=True, slots=True)
class Field:
    """octets: the whole field as it stands in the message, its CRLF included."""

    name: bytes
    octets: bytes

    @property
    def low_name(self) -> bytes:
        return self.name.lower()

    @property
    def value(self) -> bytes:
        """Unfolded, without the blanks around it."""
        return self.octets[len(self.name) + 1 :].replace(b"\r\n", b"").strip(b" \t")

    @property
    def text(self) -> str:
        """The value as characters: UTF-8 where it is that, each octet one otherwise."""
        return decoded(self.value)


class BrokenHeader(ValueError):
    """The text says which line is no header field."""


def make_field(name: bytes, value: bytes) -> Field:
    return Field(name, b"%b: %b\r\n" % (name, value))


def decoded(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def split_entity(content: bytes) -> tuple[bytes, bytes, bytes]:
    """Header, the empty line if there is one, and body; together they are the content."""
    if content.startswith(b"\r\n"):
        return b"", b"\r\n", content[2:]
    end = content.find(b"\r\n\r\n")
    if end < 0:
        return content, b"", b""
    return content[: end + 2], b"\r\n", content[end + 4 :]


def read_fields(header: bytes) -> tuple[Field, ...]:
    """Raises BrokenHeader."""
    fields: list[Field] = []
    at = 0
    while at < len(header):
        found = _FIELD.match(header, at)
        if found is None:
            line = header[at:].split(b"\r\n", 1)[0][:60].decode("ascii", "replace")
            number = header.count(b"\n", 0, at) + 1
            raise BrokenHeader(f"line {number} of the header is no header field: {line!r}")
        fields.append(Field(found["name"], found[0]))
        at = found.end()
    return tuple(fields)


def among(fields: Iterable[Field], low_name: bytes) -> list[Field]:
    """All of one name, given in lower case."""
    return [one for one in fields if one.low_name == low_name]


def relaxed_header(field: Field) -> bytes:
    """RFC 6376 section 3.4.2, with its CRLF."""
    return b"%b:%b\r\n" % (field.low_name, _BLANKS.sub(b" ", field.value).strip(b" "))


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376 section 3.4.4: runs of blanks are one, none ends a line, no empty line ends the body."""
    if b"\t" in body or b"  " in body or b" \r\n" in body or body.endswith(b" "):
        body = _BLANKS.sub(b" ", body).replace(b" \r\n", b"\r\n").removesuffix(b" ")
    body = body.rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def signed_fields(
    fields: Sequence[Field], names: Iterable[bytes], twice: Iterable[bytes]
) -> tuple[list[bytes], bytes]:
    """The names for `h=` and the octets hashed for them: every field of `names`, repeated ones from the bottom up.

    twice: names listed once more than they occur, so that nobody can add another (RFC 6376 section 8.15).
    """
    listed: list[bytes] = []
    hashed: list[bytes] = []
    for name in names:
        for one in reversed(among(fields, name)):
            listed.append(name)
            hashed.append(relaxed_header(one))
    return [*listed, *twice], b"".join(hashed)
