"""Mailboxes as callers write them: `local@domain` or `Name <local@domain>` (RFC 5322 section 3.4)."""

from __future__ import annotations

import re

from warmpost.errors import Invalid
from warmpost.rules.message.message import Mailbox
from warmpost.rules.model.addresses import Flaw, read_address
from warmpost.rules.model.names import decode_words, has_controls

MOST_NAME = 200


def read_mailbox(text: str, field: str) -> Mailbox:
    """The name without its quotes and encoding. Raises Invalid that names the field, the reason and what would be right."""
    name, written = split_mailbox(text.strip())
    if has_controls(text) or has_controls(name):
        raise Invalid("header_injection", "An address has no line breaks or control characters.", field)
    if len(name) > MOST_NAME:
        raise Invalid("name_too_long", f"A name before an address has {MOST_NAME} characters at most.", field)
    address = read_address(written)
    if isinstance(address, Flaw):
        raise Invalid(
            "invalid_address",
            f"{written[:100]!r} is not a mail address: it {address.reason}. Right would be name@example.com.",
            field,
        )
    return Mailbox(address, name)


def split_mailbox(text: str) -> tuple[str, str]:
    """Name without its quotes and encoding, and address as written; in time that grows with the length alone."""
    name, bracket, rest = text.rpartition("<")
    if not bracket or not rest.endswith(">"):
        return "", text
    name = name.strip()
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return decode_words(name), rest[:-1].strip()
