"""Names that people give to things."""

from __future__ import annotations

import re
import unicodedata
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from warmpost.rules.model.addresses import Flaw

MOST_CHARACTERS = 100
_ENCODED_WORD = r"=\?[^?\s]+\?[bBqQ]\?[^?]*\?="
_ENCODED_WORDS = re.compile(rf"{_ENCODED_WORD}(?:\s+{_ENCODED_WORD})*", re.ASCII)
_POOL = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")


def read_name(text: str) -> str | Flaw:
    """A name without outer white space. Digits alone are refused: they would be taken for an id."""
    name = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(name) <= MOST_CHARACTERS:
        return Flaw(f"must have 1 to {MOST_CHARACTERS} characters")
    if has_controls(name):
        return Flaw("must not hold control characters or line breaks")
    if name.isascii() and name.isdigit():
        return Flaw("must not be a number, which would be taken for an id")
    return name


def read_display_name(text: str) -> str | Flaw:
    """What stands before a sender's address; empty for none."""
    name = unicodedata.normalize("NFC", decode_words(text)).strip()
    if len(name) > MOST_CHARACTERS:
        return Flaw(f"must have {MOST_CHARACTERS} characters at most")
    if has_controls(name):
        return Flaw("must not hold control characters or line breaks")
    return name


def decode_words(name: str) -> str:
    """A name that came as encoded words (RFC 2047), as programs that make headers themselves give it; others as is."""
    return _ENCODED_WORDS.sub(_decoded, name) if "=?" in name else name


def _decoded(words: re.Match[str]) -> str:
    try:
        return str(make_header(decode_header(words[0])))
    except (HeaderParseError, LookupError, ValueError):
        return words[0]


def has_controls(text: str) -> bool:
    """Control characters, line breaks of every script, and halves of characters that no encoding can hold."""
    return any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text)


def is_pool_name(text: str) -> bool:
    """Lower-case letters, digits, dots, hyphens and underscores, 63 at most: a pool's name is its id."""
    return _POOL.fullmatch(text) is not None
