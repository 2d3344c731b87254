"""Header fields that no relay could carry, made right: raw octets above 127 encoded, lines over 998 octets folded."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from warmpost.rules.message.headers import LONGEST_LINE, encode_unstructured, fold
from warmpost.rules.model.addresses import read_address
from warmpost.rules.raw.fields import Field

_WITH_ADDRESSES = frozenset(
    b"from sender reply-to to cc bcc resent-from resent-sender resent-to resent-cc disposition-notification-to".split()
)
_WITH_PARAMETERS = frozenset((b"content-type", b"content-disposition"))
_STRUCTURED = _WITH_PARAMETERS | frozenset(
    b"message-id in-reply-to references content-id content-transfer-encoding mime-version date received "
    b"dkim-signature list-unsubscribe list-id list-help list-post authentication-results".split()
)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|<[^>]*>|\((?:[^()\\]|\\.)*\)|[,;:]|[^",;:<(]+|.', re.DOTALL)
_PIECE = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^;"]|")+', re.DOTALL)
_PARAMETER = re.compile(r"\s*([^=\s]+)\s*=\s*(.*?)\s*", re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def is_sound(field: Field) -> bool:
    octets = field.octets
    return octets.isascii() and (len(octets) <= LONGEST_LINE or _longest_line(octets) <= LONGEST_LINE)


def repaired_field(field: Field) -> Field | None:
    """The same meaning in lines that every relay carries, or None where that cannot be."""
    column = len(field.name) + 2
    text = _CONTROLS.sub(" ", field.text)
    if field.low_name in _WITH_ADDRESSES:
        value = fold(_addresses(text).encode(), column)
    elif field.low_name in _WITH_PARAMETERS:
        value = fold(_parameters(text), column)
    elif field.low_name in _STRUCTURED and text.isascii():
        value = fold(" ".join(text.split()).encode(), column)
    else:
        value = encode_unstructured(" ".join(text.split()), column)
    made = Field(field.name, b"%b: %b\r\n" % (field.name, value))
    return made if _longest_line(made.octets) <= LONGEST_LINE else None


def _longest_line(octets: bytes) -> int:
    return max(map(len, octets.split(b"\r\n")))


def _addresses(text: str) -> str:
    """Names as encoded words, domains as A-labels, a blank behind each comma."""
    made: list[str] = []
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token.startswith("<"):
            made.append(f"<{_ascii_domain(token[1:-1].strip())}>")
        elif token.startswith('"') and not token.isascii():
            made.append(_words(re.sub(r"\\(.)", r"\1", token[1:-1])))
        elif token in (",", ";"):
            made.append(token + " ")
        elif token.isascii():
            made.append(token)
        elif "@" in token:
            made.append(_around(token, _ascii_domain))
        else:
            made.append(_around(token, _words))
    return " ".join("".join(made).split())


def _around(token: str, change: Callable[[str], str]) -> str:
    """With the blanks that the token had about it."""
    before, after = token[: len(token) - len(token.lstrip())], token[len(token.rstrip()) :]
    return before + change(token.strip()) + after


def _words(text: str) -> str:
    if text.startswith("("):
        return f"({_words(text[1:-1])})"
    return encode_unstructured(" ".join(text.split()), 20).decode("ascii").replace("\r\n", "")


def _ascii_domain(address: str) -> str:
    if address.isascii():
        return address
    read = read_address(address)
    return read if isinstance(read, str) else address


def _parameters(text: str) -> bytes:
    """Values beyond ASCII in the extended form (RFC 2231), which every current reader knows."""
    pieces = _PIECE.findall(text) or [""]
    made = [pieces[0].strip().encode("ascii", "replace")]
    for piece in pieces[1:]:
        found = _PARAMETER.fullmatch(piece)
        if found is None:
            continue
        name, value = found[1], found[2]
        if value.isascii() and name.isascii():
            made.append(f"{name}={value}".encode())
            continue
        plain = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        made.append(f"{name}*=utf-8''{quote(plain, safe='')}".encode("ascii", "replace"))
    return b"; ".join(made)
