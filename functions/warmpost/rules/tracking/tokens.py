"""Signed names of a message and of a link in it, as they stand in URLs: nothing to look up, nothing to make up.

A token is base64url (RFC 4648 section 5, no padding) of what it names and of an HMAC-SHA256 (RFC 2104) cut to 96 bits.
It holds no address. A click's token carries where it leads to, under the same signature: the link works for as long as
the deployment keeps its master key, even after the message it was in is forgotten, and can lead nowhere else.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32decode, b32encode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Literal

from warmpost.rules.model.events import Target

TokenKind = Literal["open", "click", "unsubscribe"]

LONGEST_DESTINATION = 1500
"""Octets. Some readers and gateways cut URLs at 2,048 characters; what is longer stays as it was written."""

_KINDS: tuple[TokenKind, ...] = ("open", "click", "unsubscribe")
_BATCH, _MESSAGE = 0x10, 0x20
_MAC = 12
_MESSAGE_ID = 15  # octets of 24 characters of base32
_TIME = 4
_LONGEST_PAYLOAD = 0xFF
"""Its length is one octet of what is signed."""
_SPELLING = re.compile(r"[A-Za-z0-9_-]*").fullmatch


@dataclass(frozen=True, slots=True)
class Token:
    """What a valid token says. sent_at: epoch seconds. link, destination: of a click."""

    kind: TokenKind
    target: Target
    sent_at: int
    link: int = 0
    destination: str = ""


def derive_key(master: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, so that no signature made for one is good for another."""
    return hmac.digest(master, b"warmpost " + purpose.encode(), "sha256")


class Signer:
    """Writes and reads tokens under one key."""

    def __init__(self, key: bytes) -> None:
        # Begun once and copied for each token: what depends on the key alone is computed once.
        self._begun = hmac.new(key, digestmod="sha256")

    def write(self, kind: TokenKind, name: bytes) -> str:
        """The token of a message. name: from `name_of`."""
        return self._signed(_KINDS.index(kind), name, b"")

    def write_click(self, name: bytes, link: int, destination: str) -> str:
        """All of a click's token but its end, which is `.` and the destination.

        destination: from `pack_destination`. link: its number in the message.
        """
        return self._signed(1, name + _varint(link), destination.encode("ascii"))

    def read(self, kind: TokenKind, token: str) -> Token | None:
        """None for anything that was not written here as exactly this."""
        head, dot, packed = token.partition(".")
        if bool(dot) != (kind == "click") or not packed.isascii():
            return None
        octets = _decoded(head)
        if octets is None or not 1 + _TIME <= len(octets) - _MAC <= _LONGEST_PAYLOAD:
            return None
        payload, mac = octets[:-_MAC], octets[-_MAC:]
        if not hmac.compare_digest(mac, self._mac(payload, packed.encode("ascii"))):
            return None
        if payload[0] & 0x0F != _KINDS.index(kind):
            return None
        return _parsed(kind, payload, packed)

    def _signed(self, kind: int, name: bytes, destination: bytes) -> str:
        payload = bytes((name[0] | kind,)) + name[1:]
        return _encoded(payload + self._mac(payload, destination))

    def _mac(self, payload: bytes, destination: bytes) -> bytes:
        mac = self._begun.copy()
        mac.update(b"%c%b%b" % (len(payload), payload, destination))
        return mac.digest()[:_MAC]


def name_of(target: Target, sent_at: float) -> bytes:
    """What all tokens of a message share; made once for each message."""
    time = (int(sent_at) & 0xFFFF_FFFF).to_bytes(_TIME, "big")
    if target.message:
        octets = b32decode(target.message.upper())
        return b"%c%b%b%b" % (_MESSAGE, time, octets, _varint(target.position))
    return b"%c%b%b%b" % (_BATCH, time, _varint(int(target.batch)), _varint(target.position))


def pack_destination(url: str) -> str | None:
    """A URL as the end of a click's token, or None where it is too long for one."""
    octets = url.encode()
    return _encoded(octets) if len(octets) <= LONGEST_DESTINATION else None


def _parsed(kind: TokenKind, payload: bytes, packed: str) -> Token | None:
    sent_at, at = int.from_bytes(payload[1 : 1 + _TIME], "big"), 1 + _TIME
    message = batch = ""
    if payload[0] & _MESSAGE:
        message = b32encode(payload[at : at + _MESSAGE_ID]).decode().lower()
        at += _MESSAGE_ID
    else:
        number, at = _read_varint(payload, at)
        batch = str(number)
    position, at = _read_varint(payload, at)
    target = Target(batch, message, position)
    if kind != "click":
        return Token(kind, target, sent_at)
    link, at = _read_varint(payload, at)
    octets = _decoded(packed)
    return None if octets is None else Token(kind, target, sent_at, link, octets.decode())


def _encoded(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode("ascii").rstrip("=")


def _decoded(text: str) -> bytes | None:
    """None unless encoding gives the same text again: no second spelling is good."""
    if len(text) % 4 == 1 or not _SPELLING(text):
        return None
    octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return octets if _encoded(octets) == text else None


def _varint(number: int) -> bytes:
    """LEB128: seven bits an octet, the lowest first."""
    if number < 0x80:
        return b"%c" % number
    octets = bytearray()
    while number >= 0x80:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _read_varint(octets: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while octets[at] & 0x80:
        number |= (octets[at] & 0x7F) << shift
        shift += 7
        at += 1
    return number | octets[at] << shift, at + 1
