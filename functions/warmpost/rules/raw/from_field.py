"""The one mailbox of a From field, read so that no two readers can see different ones."""

from __future__ import annotations

import re
from contextlib import suppress
from email.header import decode_header, make_header

from warmpost.rules.message.message import Mailbox
from warmpost.rules.model.addresses import Flaw, read_address

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|<[^<>"]*>|[^"<>()]+|.', re.DOTALL)
_UNQUOTE = re.compile(r"\\(.)", re.DOTALL)


def read_from(text: str) -> Mailbox | Flaw:
    """text: the unfolded value. A Flaw where there is not exactly one mailbox."""
    name: list[str] = []
    address: str | None = None
    for token in _outside_comments(text):
        if token.startswith("<") and len(token) > 1:
            if address is not None:
                return Flaw("names several mailboxes")
            address = token[1:-1].strip()
        elif address is not None and token.strip():
            return Flaw("names several mailboxes" if "," in token else "goes on behind the address")
        elif token.startswith('"') and len(token) > 1:
            name.append(_UNQUOTE.sub(r"\1", token[1:-1]))
        elif any(char in token for char in ',;:<>()"'):
            return Flaw("names several mailboxes" if "," in token else "is not one mailbox")
        else:
            name.append(token)
    if address is None:
        address = "".join(name).strip()
        name = []
    read = read_address(address)
    return read if isinstance(read, Flaw) else Mailbox(read, shown_words("".join(name)))


def _outside_comments(text: str) -> list[str]:
    """Tokens, comments (which may be nested) left out."""
    tokens: list[str] = []
    depth = 0
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token == "(":  # noqa: S105
            depth += 1
        elif token == ")" and depth:  # noqa: S105
            depth -= 1
        elif not depth:
            tokens.append(token)
    return tokens


def shown_words(text: str) -> str:
    """Encoded words decoded, white space as single blanks."""
    with suppress(ValueError, LookupError, UnicodeError):
        text = str(make_header(decode_header(text)))
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
