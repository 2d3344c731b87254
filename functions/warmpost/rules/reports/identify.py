"""Whom a report is about: its own envelope, the headers of the message it returns, and what is quoted in its text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from warmpost.rules.reports.lenient_mime import Headers, Mail, Part, read_fields, split_head
from warmpost.rules.reports.reports import Naming
from warmpost.rules.reports.verp import find_return_path, read_message_id, read_return_path

ENVELOPE = ("x-original-to", "delivered-to", "envelope-to", "x-envelope-to", "x-delivered-to", "to", "cc")
"""Where the receiving system and its forwarders note the address a report was sent to, best first."""
RETURN = ("return-path", "x-return-path", "errors-to", "x-envelope-from", "envelope-from", "x-mailfrom")

RETURNED = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "text/rfc822",
    "message/rfc822-headers",
    "message/global-headers",
)
_MESSAGE_ID = re.compile(
    r"^[ \t>]*(?:x-original-)?message-id:\s{0,5}(<[^<>\s]{3,400}>)", re.IGNORECASE | re.MULTILINE
)


def read_naming(mail: Mail, key: bytes, *more: str) -> Naming:
    """more: further addresses that may be a return path of ours, asked first."""
    for address in (*more, *mail.headers.every(*ENVELOPE)[:50]):
        if target := read_return_path(address[:1000], key):
            return Naming(signed=target)
    originals = tuple(returned_headers(mail))
    signed = find_return_path((value for each in originals for value in each.every(*RETURN)[:20]), key)
    if signed is None:
        signed = find_return_path((part.text for part in mail.parts), key)
    if signed is not None:
        return Naming(signed=signed)
    for text in _message_ids(mail, originals):
        if target := read_message_id(text):
            return Naming(unsigned=target)
    return Naming()


def returned_headers(mail: Mail) -> Iterator[Headers]:
    """Of the messages a report returns, whole or headers only."""
    for part in mail.parts:
        if part.content_type in RETURNED:
            yield _headers_of(part)


def _headers_of(part: Part) -> Headers:
    headers, _ = split_head(part.content.lstrip(b"\r\n"))
    return headers or read_fields(part.content)


def _message_ids(mail: Mail, originals: tuple[Headers, ...]) -> Iterator[str]:
    for each in originals:
        yield from each.every("message-id", "x-original-message-id")[:5]
    for value in mail.headers.every("in-reply-to", "references", "x-original-message-id")[:10]:
        yield from value.split()[:20]
    for part in mail.parts:
        for count, match in enumerate(_MESSAGE_ID.finditer(part.text)):
            if count == 20:
                break
            yield match[1]
