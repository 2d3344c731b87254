"""Bodies as quoted-printable or base64 (RFC 2045 sections 6.7 and 6.8), made so that nothing on the way changes them.

Quoted-printable is made in pieces that can be joined in any order: what is constant in a template is encoded once,
what differs is encoded for each message. No piece holds what relays, mailboxes or DKIM's relaxed body canonicalisation
(RFC 6376 section 3.4.4) would touch: a line that begins with a dot or `From `, white space at a line's end, tabs,
runs of spaces, bare CR or LF, a line of more than 76 octets.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, b2a_qp

from warmpost.rules.message.errors import CannotCompose

SOFT_BREAK = b"=\r\n"  # joins pieces

_LONGEST = 73  # octets of a line; leaves room for a protected first character and the soft break

_PLAIN = re.compile(r"(?!From )[!#$%()*+,/-;?-~-][ !#$%()*+,./-;?-~-]{0,70}+").fullmatch
_WORD = re.compile(rb"[!-<>-~]+").fullmatch  # such as a URL without `=`
_OCTETS = [bytes([n]) if 32 <= n <= 126 and n != ord("=") else b"=%02X" % n for n in range(256)]
_OCTETS[10] = b"\n"
_SEGMENT = re.compile(rb".{1,%d}(?<!=)(?<!=[0-9A-F])" % _LONGEST).findall
_STARTS_BADLY = re.compile(rb"\.|From ").match


def encode_plain(text: str) -> bytes | None:
    """The piece of a text that is its own encoding, also in HTML, or None: most names, numbers and addresses are."""
    if _PLAIN(text) and "  " not in text and text[-1] != " ":
        return text.encode("ascii")
    return None


def encode_piece(text: str) -> bytes:
    """Encode one piece; join pieces with SOFT_BREAK. Any line end becomes CRLF.

    Raises CannotCompose where text is no Unicode text (lone surrogates) or holds NUL.
    """
    octets = text_octets(text)
    if len(octets) <= _LONGEST:
        encoded = b2a_qp(octets)
        if len(encoded) <= _LONGEST and not _needs_care(encoded):
            return encoded
    elif _WORD(octets):
        return _encode_line(octets)
    octets = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    escaped = b"".join([_OCTETS[octet] for octet in octets]).replace(b"  ", b" =20")
    return b"\r\n".join([_encode_line(line) for line in escaped.split(b"\n")])


def encode_base64(octets: bytes) -> bytes:
    """Base64 in lines of 76 characters, without a line end after the last."""
    encoded = b2a_base64(octets, newline=False)
    return b"\r\n".join([encoded[at : at + 76] for at in range(0, len(encoded), 76)])


def encode_text_base64(text: str) -> bytes:
    """Text with CRLF line ends in base64; raises as `encode_piece` does."""
    octets = text_octets(text)
    if b"\r" in octets:
        octets = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return encode_base64(octets.replace(b"\n", b"\r\n"))


def text_octets(text: str) -> bytes:
    """UTF-8; raises CannotCompose for what no mail can carry."""
    try:
        octets = text.encode()
    except UnicodeEncodeError as error:
        raise CannotCompose(
            f"the text holds half a character (U+{ord(text[error.start]):04X}), which cannot be sent"
        ) from None
    if b"\0" in octets:
        raise CannotCompose("the text holds a NUL character, which mail cannot carry")
    return octets


def _needs_care(encoded: bytes) -> bool:
    """Whether what the standard library made of a short text holds more than one line or something not to be left."""
    return (
        b"\n" in encoded
        or b"\r" in encoded
        or b"  " in encoded
        or b"\t" in encoded
        or encoded.startswith((b".", b"From "))
    )


def _encode_line(escaped: bytes) -> bytes:
    if escaped.endswith(b" "):
        escaped = escaped[:-1] + b"=20"
    segments = [escaped] if len(escaped) <= _LONGEST else _SEGMENT(escaped)
    return SOFT_BREAK.join(
        [b"=%02X%b" % (line[0], line[1:]) if _STARTS_BADLY(line) else line for line in segments]
    )
