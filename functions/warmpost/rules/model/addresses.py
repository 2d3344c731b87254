"""Mail addresses and domain names as people write them, brought into the one form that is stored and sent.

Domains come out in A-labels and lower case (RFC 5890), local parts as they were written (RFC 5321 section 2.4).
Names reserved for documentation and tests (`.test`, `.invalid`, example.com) are as good as others here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MOST_ADDRESS_BYTES = 254
MOST_LOCAL_BYTES = 64
MOST_DOMAIN_BYTES = 253

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?")
_PLAIN_ADDRESS = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?P<domain>{_PLAIN_DOMAIN.pattern})")
_ATEXT = re.compile(_ATOM)
_ASCII_LABEL = re.compile(_LABEL)
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
_NOT_PRINTED = ("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp")
_IN_LABELS = ("Ll", "Lo", "Lm", "Mn", "Mc", "Nd")
_IGNORABLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why something cannot be used: the rest of a sentence about it, for people."""

    reason: str


def read_address(text: str) -> str | Flaw:
    """An address without display name. Non-ASCII local parts are kept in NFC: they need SMTPUTF8 (RFC 6531)."""
    if len(text) > MOST_ADDRESS_BYTES:
        return Flaw(f"is longer than {MOST_ADDRESS_BYTES} bytes")
    plain = _PLAIN_ADDRESS.fullmatch(text)
    if plain and "xn--" not in text and "XN--" not in text:
        local, domain = plain["local"], plain["domain"].lower()
        return _too_long(local, domain) or f"{local}@{domain}"
    if not text:
        return Flaw("is empty")
    local, at, rest = text.rpartition("@")
    if not at:
        return Flaw("has no @")
    local = unicodedata.normalize("NFC", local)
    if reason := _local_flaw(local):
        return Flaw(reason)
    found = read_domain(rest)
    if isinstance(found, Flaw):
        return Flaw(f"has a domain that {found.reason}")
    return _too_long(local, found) or f"{local}@{found}"


def _too_long(local: str, domain: str) -> Flaw | None:
    size = len(local) if local.isascii() else len(local.encode())
    if size > MOST_LOCAL_BYTES:
        return Flaw(f"has more than {MOST_LOCAL_BYTES} bytes before the @")
    if size + 1 + len(domain) > MOST_ADDRESS_BYTES:
        return Flaw(f"is longer than {MOST_ADDRESS_BYTES} bytes")
    return None


def _local_flaw(local: str) -> str:
    if not local:
        return "has nothing before the @"
    if local.startswith('"'):
        return "has a quoted part before the @, which is not supported"
    for atom in local.split("."):
        if not atom:
            return "has a dot too many before the @"
        for char in _ATEXT.sub("", atom):
            if char.isascii() or unicodedata.category(char) in _NOT_PRINTED:
                return f"has {_shown(char)} before the @"
    return ""


def _shown(char: str) -> str:
    if char.isspace():
        return "white space"
    return repr(char) if char.isprintable() else f"the character U+{ord(char):04X}"


def read_domain(text: str) -> str | Flaw:
    """A full domain name, in A-labels and without a last dot."""
    if len(text) > MOST_DOMAIN_BYTES + 1:
        return Flaw(f"is longer than {MOST_DOMAIN_BYTES} bytes")
    labels = _DOTS.split(text)
    if len(labels) > 1 and not labels[-1]:
        labels.pop()
    if len(labels) < 2:
        return Flaw("has no dot")
    found: list[str] = []
    for label in labels:
        read = _a_label(label)
        if isinstance(read, Flaw):
            return read
        found.append(read)
    if not found[-1][0].isalpha():
        return Flaw("ends in a number")
    name = ".".join(found)
    return name if len(name) <= MOST_DOMAIN_BYTES else Flaw(f"is longer than {MOST_DOMAIN_BYTES} bytes")


def _a_label(label: str) -> str | Flaw:
    if not label:
        return Flaw("has a dot too many")
    if label.isascii():
        lower = label.lower()
        if not _ASCII_LABEL.fullmatch(label):
            return Flaw(
                f"has the part {label[:63]!r}: letters, digits and inner hyphens are possible, 63 at most"
            )
        if not lower.startswith("xn--"):
            return lower
        try:
            shown = lower[4:].encode().decode("punycode")
        except (UnicodeError, ValueError):
            return Flaw(f"has the part {label!r}, which is no valid A-label")
        again = "" if shown.isascii() else _a_label(shown)
        return lower if again == lower else Flaw(f"has the part {label!r}, which is no valid A-label")
    mapped = _mapped(label)
    if mapped.isascii():
        return _a_label(mapped)
    outside = [char for char in mapped if char != "-" and not _may_be_in_label(char)]
    if outside or mapped[0] == "-" or mapped[-1] == "-" or unicodedata.category(mapped[0]).startswith("M"):
        return Flaw(f"has the part {label[:63]!r} with characters that domain names may not have there")
    encoded = "xn--" + mapped.encode("punycode").decode()
    return (
        encoded if len(encoded) <= 63 else Flaw(f"has the part {label[:63]!r}, which is longer than 63 bytes")
    )


def _mapped(label: str) -> str:
    """Case and compatibility forms taken out as UTS 46 does in its non-transitional form: ß and ς stay what they are."""
    folded = "".join(char if char in "ßς" else "ß" if char == "ẞ" else char.casefold() for char in label)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", folded))


def _may_be_in_label(char: str) -> bool:
    if char.isascii():
        return char.isdigit() or "a" <= char <= "z"
    return unicodedata.category(char) in _IN_LABELS and not _IGNORABLE.match(char)


def domain_of(address: str) -> str:
    return address.rpartition("@")[2]


def address_key(address: str) -> str:
    """What identifies an address, whatever its upper and lower case; fit to be the last part of a document's path."""
    return address.lower().replace("%", "%25").replace("/", "%2F")
