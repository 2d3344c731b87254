"""Content types of attachments (RFC 2045 section 5.1): read with their parameters, guessed, and told their charset."""

from __future__ import annotations

import mimetypes
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass

from warmpost.rules.message.message import Attachment

OCTETS = "application/octet-stream"
CALENDAR = "text/calendar"
NOT_IN_BASE64 = ("message/", "multipart/")
"""RFC 2046 section 5.2: what holds parts of its own."""

_METHOD = re.compile(rb"(?im)^METHOD:([A-Z-]{1,30})[ \t]*\r?$")
_WHERE_METHOD_STANDS = 4096  # octets

_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"  # noqa: S105
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_PARAMETER = re.compile(rf'[ \t]*;[ \t]*(?:({_TOKEN})=({_TOKEN}|"(?:[ !#-\[\]-~]|\\[ -~])*"))?')
_LEFT_OUT = frozenset({"name", "boundary"})
"""Parameters that the file's name and the structure of the message say."""


@dataclass(frozen=True, slots=True)
class ContentType:
    """kind: `type/subtype` in lower case. parameters: names in lower case, values as they are written in a header."""

    kind: str
    parameters: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        return next((value.strip('"') for known, value in self.parameters if known == name), "")

    def folded(self) -> str:
        """As a header has it, each parameter on a line of its own."""
        return ";\r\n ".join([self.kind, *(f"{name}={value}" for name, value in self.parameters)])


def read_content_type(text: str) -> ContentType | None:
    """None where it is none: `type/subtype`, then `; name=value` with values as tokens or in quotes, each name once."""
    kind = _TYPE.match(text)
    if kind is None:
        return None
    parameters: dict[str, str] = {}
    at = kind.end()
    rest = text.rstrip(" \t")
    while at < len(rest):
        found = _PARAMETER.match(rest, at)
        if found is None or (found[1] or "").lower() in parameters:
            return None
        if found[1]:
            parameters[found[1].lower()] = found[2]
        at = found.end()
    return ContentType(kind[0].lower(), tuple(parameters.items()))


def content_type_of(attachment: Attachment) -> str:
    """As given or guessed from the name; octets where base64 would not be allowed (RFC 2046 section 5.2)."""
    given = _known(attachment)
    if given.kind.startswith(NOT_IN_BASE64):
        return OCTETS
    parameters = tuple(one for one in given.parameters if one[0] not in _LEFT_OUT)
    if given.kind.startswith("text/") and not given.get("charset"):
        charset = _charset_of(attachment.content)
        parameters += (("charset", charset),) if charset else ()
    if given.kind == CALENDAR and not given.get("method") and (method := _method_of(attachment.content)):
        parameters += (("method", method),)
    return ContentType(given.kind, parameters).folded()


def is_invitation(attachment: Attachment) -> bool:
    """Whether it asks or answers something (RFC 5546): a calendar whose content type or content names its method.

    One that only publishes is a file, unless its content type says how it is meant.
    """
    given = _known(attachment)
    if given.kind != CALENDAR:
        return False
    return bool(given.get("method")) or _method_of(attachment.content) not in ("", "PUBLISH")


def _known(attachment: Attachment) -> ContentType:
    text = attachment.content_type or mimetypes.guess_type(attachment.filename)[0] or ""
    return read_content_type(text) or ContentType(OCTETS)


def _method_of(calendar: bytes) -> str:
    """What iTIP asks for (RFC 5546 section 1.4), empty for none; it stands before the first event."""
    found = _METHOD.search(calendar[:_WHERE_METHOD_STANDS])
    return found[1].decode().upper() if found else ""


def _charset_of(content: bytes) -> str:
    """Empty where it cannot be told."""
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "utf-16"
    try:
        content.decode()
    except UnicodeDecodeError:
        return ""
    return "utf-8"
