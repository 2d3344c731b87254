"""Mail addresses and domain names as people write them, brought into the one form that is stored and sent.

Domains come out in A-labels and lower case (RFC 5890), local parts as they were written (RFC 5321 section 2.4).
Names reserved for documentation and tests (`.test`, `.invalid`, example.com) are as good as others here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import idna

MOST_ADDRESS_BYTES = 254
MOST_LOCAL_BYTES = 64
MOST_DOMAIN_BYTES = 253

ERASED = "erased@erased.invalid"
"""Stands where an address stood that was erased (RFC 2606 section 2: no such domain will ever be there)."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?")
_PLAIN_ADDRESS = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?P<domain>{_PLAIN_DOMAIN.pattern})")
_ATEXT = re.compile(_ATOM)
_ASCII_LABEL = re.compile(_LABEL)
_NOT_PRINTED = ("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp")


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
    mapped = text.lower() if text.isascii() else _mapped(text)
    if isinstance(mapped, Flaw):
        return mapped
    labels = mapped.split(".")
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


def _mapped(text: str) -> str | Flaw:
    """Case, width and other spellings taken out (UTS 46, non-transitional: ß and ς stay what they are)."""
    import idna  # 8 ms that ASCII does without

    try:
        return idna.uts46_remap(text)
    except idna.IDNAError as error:
        return Flaw(_why_not(error, text))


def _a_label(label: str) -> str | Flaw:
    """label: as mapped."""
    if not label:
        return Flaw("has a dot too many")
    if label.isascii() and not _ASCII_LABEL.fullmatch(label):
        return Flaw(
            f"has the part {label[:63]!r}: letters, digits and inner hyphens are possible, 63 at most"
        )
    if label.isascii() and not label.startswith("xn--"):
        return label
    import idna

    try:
        return idna.alabel(label).decode()
    except idna.IDNAError as error:
        valid = ", which is no valid A-label" if label.isascii() else ""
        return Flaw(f"has the part {label[:63]!r}{valid}" if valid else _why_not(error, label))


def _why_not(error: idna.IDNAError, text: str) -> str:
    if error.codepoint is not None:
        return f"has {_shown(chr(error.codepoint))} where domain names may not have it (IDNA2008)"
    if error.code == "label_too_long":
        return f"has the part {text[:63]!r}, which is longer than 63 bytes"
    reason = str(error).removeprefix("Label ").rstrip(".")
    return f"has the part {text[:63]!r}, which is no domain label: {reason[:1].lower()}{reason[1:]}"


def domain_of(address: str) -> str:
    return address.rpartition("@")[2]


def address_key(address: str) -> str:
    """What identifies an address, whatever its upper and lower case; fit to be the last part of a document's path."""
    return address.lower().replace("%", "%25").replace("/", "%2F")
