"""Header fields as octets: folded (RFC 5322 section 2.2.3), encoded (RFC 2047), and safe from what a value may hold.

Every field made here is folded at single spaces only and holds no runs of white space, so that DKIM's relaxed
canonicalisation of it (RFC 6376 section 3.4.2) is the field with its CRLFs taken out.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache

from warmpost.rules.message.errors import CannotCompose
from warmpost.rules.message.message import Mailbox

LONGEST_LINE = 998  # octets, RFC 5322 section 2.1.1
LONGEST_SUBJECT = 998

_COLUMNS = 76
_B_WORD = b"=?utf-8?B?%b?="
_Q_WORD = b"=?utf-8?q?%b?="
_LONGEST_B = 45  # octets of text, 60 characters of base64
_LONGEST_Q = 62
_FOLD = b"\r\n "

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]+")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SHORT_PLAIN = re.compile(r"[!-<>-~](?:[ !-<>-~]{0,64}[!-<>-~])?").fullmatch  # no `=`: no encoded word
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*").fullmatch
_ATOM = r"[^\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff()<>\[\]:;@\\,\"]"
_ADDRESS = re.compile(
    rf'(?:{_ATOM}+|"(?:[^\x00-\x1f\x7f-\x9f\ud800-\udfff"\\]|\\[ -~])*")@{_ATOM}+'
).fullmatch
_MESSAGE_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.:\[\]-]+").fullmatch
_Q_LITERAL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


def one_line(subject: str) -> str:
    """A subject as it is sent: what cells of spreadsheets bring along (line breaks, NUL) is a space, none at its ends."""
    return _BREAKS.sub(" ", subject).strip(" ")


@lru_cache(maxsize=256)
def encode_subject(text: str) -> bytes:
    """The value of a Subject field. Raises CannotCompose for half characters and overlong ones."""
    if _SHORT_PLAIN(text) and "  " not in text:
        return text.encode("ascii")
    text = one_line(text)
    if _LONE_SURROGATE.search(text):
        raise CannotCompose("the subject holds half a character, which cannot be sent")
    if (length := len(text.encode())) > LONGEST_SUBJECT:
        raise CannotCompose(f"the subject has {length} bytes; {LONGEST_SUBJECT} are allowed")
    return encode_unstructured(text, len("Subject: "))


def encode_unstructured(text: str, column: int) -> bytes:
    """A field's value of free text: as it is where it is ASCII that folds well, otherwise as encoded words.

    column: where on its first line the value begins.
    """
    words = text.split(" ")
    if (
        text.isascii()
        and "=?" not in text
        and "\t" not in text
        and all(words)
        and max(map(len, words)) < _COLUMNS - column
    ):
        return fold(text.encode("ascii"), column)
    return fold(b" ".join(encode_words(text, column)), column) if text else b""


@lru_cache(maxsize=64)
def encode_structured(value: str, column: int) -> bytes:
    """A value that is syntax (URLs, identifiers) and therefore never encoded: folded at its spaces.

    Raises CannotCompose for control characters, anything beyond ASCII and words longer than a line.
    """
    if not value.isascii() or _CONTROLS.search(value):
        raise CannotCompose(f"the header value {value[:80]!r} holds characters a header cannot")
    folded = fold(" ".join(value.split()).encode("ascii"), column)
    if max(map(len, folded.split(b"\r\n"))) + column > LONGEST_LINE:
        raise CannotCompose(f"the header value {value[:80]!r} … holds a word that does not fit into a line")
    return folded


def fold(value: bytes, column: int) -> bytes:
    """Break a value at single spaces so that lines stay within 76 octets where words allow it."""
    if column + len(value) <= _COLUMNS:
        return value
    lines: list[bytes] = []
    line = b""
    for word in value.split(b" "):
        if line and column + len(line) + 1 + len(word) > _COLUMNS:
            lines.append(line)
            line, column = word, 1
        else:
            line = line + b" " + word if line else word
    return _FOLD.join([*lines, line])


def encode_address(address: str) -> bytes:
    """An addr-spec, raw (UTF-8 for an internationalised local part, RFC 6532); raises CannotCompose if it is none."""
    if not _ADDRESS(address) or len(address) > 320:
        raise CannotCompose(f"{address[:80]!r} is not an e-mail address")
    return address.encode()


def encode_message_id(identifier: str) -> bytes:
    """A Message-ID field's value (RFC 5322 section 3.6.4); identifier comes without angle brackets."""
    if not _MESSAGE_ID(identifier) or len(identifier) > LONGEST_LINE - 20:
        raise CannotCompose(f"{identifier[:80]!r} is not a message identifier")
    return b"<%b>" % identifier.encode("ascii")


def encode_mailboxes(mailboxes: Iterable[Mailbox], column: int) -> bytes:
    """A list of mailboxes, folded where it does not fit into a line. column: where the value begins."""
    return fold(b", ".join([_encode_mailbox(mailbox, column) for mailbox in mailboxes]), column)


def _encode_mailbox(mailbox: Mailbox, column: int) -> bytes:
    """`Name <address>` with the name as atoms, a quoted string or encoded words."""
    address = encode_address(mailbox.address)
    name = " ".join(mailbox.name.split())
    if not name:
        return address
    if _CONTROLS.search(name) or _LONE_SURROGATE.search(name):
        raise CannotCompose(f"the name of {mailbox.address} holds a character no header can")
    if len(name.encode()) > LONGEST_SUBJECT // 2:
        raise CannotCompose(f"the name of {mailbox.address} is too long")
    if not name.isascii() or "=?" in name or max(map(len, name.split(" "))) > 60:
        phrase = b" ".join(encode_words(name, column))
    elif _PHRASE(name):
        phrase = name.encode()
    else:
        phrase = b'"%b"' % re.sub(r'(["\\])', r"\\\1", name).encode()
    return b"%b <%b>" % (phrase, address)


@lru_cache(maxsize=64)
def encode_date(second: int) -> bytes:
    """A Date field's value in UTC for epoch seconds; messages of one second share it."""
    return formatdate(second, localtime=False, usegmt=False).replace("-0000", "+0000").encode("ascii")


def unfold(value: bytes) -> bytes:
    """The relaxed canonicalisation of a value made here."""
    return value.replace(b"\r\n", b"") if b"\r\n" in value else value


def encode_words(text: str, column: int) -> list[bytes]:
    """Encoded words (RFC 2047) of whole characters, in whichever encoding is shorter; the first fits its line."""
    octets = text.encode()
    literal = sum(octet in _Q_LITERAL or octet == 32 for octet in octets)
    if 3 * (len(octets) - literal) + literal <= len(octets) * 4 / 3:
        return _q_words(text, column)
    words = []
    room = max(12, (_COLUMNS - column - len(_B_WORD % b"")) // 4 * 3)
    while octets:
        cut = min(room, len(octets))
        while cut < len(octets) and octets[cut] & 0xC0 == 0x80:
            cut -= 1
        words.append(_B_WORD % b2a_base64(octets[:cut], newline=False))
        octets, room = octets[cut:], _LONGEST_B
    return words


def _q_words(text: str, column: int) -> list[bytes]:
    words: list[bytes] = []
    word = b""
    room = max(12, _COLUMNS - column - len(_Q_WORD % b""))
    for character in text:
        encoded = b"".join(
            b"_" if octet == 32 else bytes([octet]) if octet in _Q_LITERAL else b"=%02X" % octet
            for octet in character.encode()
        )
        if len(word) + len(encoded) > room:
            words.append(_Q_WORD % word)
            word, room = b"", _LONGEST_Q
        word += encoded
    return [*words, _Q_WORD % word]
