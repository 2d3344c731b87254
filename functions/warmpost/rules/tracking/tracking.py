"""What of a message is made to tell of its reader: which links are rewritten, and what stands behind them.

Off unless asked for in messages to single people, on in batches. Where a link leads is never looked up: it is part of
the link, signed (see `tokens`), so that links outlive the records of the messages they were in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from html.entities import html5
from urllib.parse import quote

from warmpost.rules.model.addresses import read_domain
from warmpost.rules.model.events import Target
from warmpost.rules.tracking.tokens import Signer, name_of

_HOST = re.compile(r"(https?://(?:[^/\\?#@]*@)?)([^/\\?#@:]+)(:[0-9]*)?", re.IGNORECASE).match
_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|([A-Za-z][A-Za-z0-9]*)(;?))")
_UNSEEN = re.compile(r"[\t\n\r]")  # readers take these out of a URL
_AROUND = "".join(map(chr, range(0x21)))  # and these off its ends
_IMPOSSIBLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]").search
_BEYOND = re.compile(r"[^!-~]+")


@dataclass(frozen=True, slots=True)
class Track:
    opens: bool = False
    clicks: bool = False

    def __bool__(self) -> bool:
        return self.opens or self.clicks


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """headers: List-Unsubscribe and List-Unsubscribe-Post. footer: a link below the bodies.

    language: of the footer and of the page behind all links; empty for English and for the reader's own.
    """

    headers: bool = False
    footer: bool = False
    language: str = ""


NOTHING = Track()
EVERYTHING = Track(opens=True, clicks=True)


@dataclass(frozen=True, slots=True)
class Marks:
    """What is put into the bodies of a message, the same for all its recipients. base: where `track` answers."""

    base: str
    track: Track
    footer: bool = False
    language: str = ""

    def __bool__(self) -> bool:
        return bool(self.track) or self.footer

    @property
    def page_language(self) -> str:
        """What is behind an unsubscribe token."""
        return f"?lang={self.language}" if self.language else ""


UNMARKED = Marks("", NOTHING)


class Reader:
    """Whom one message is for, as the maker of its tokens."""

    def __init__(self, signer: Signer, target: Target, sent_at: float) -> None:
        self._signer = signer
        self._name = name_of(target, sent_at)

    def opened(self) -> str:
        return self._signer.write("open", self._name)

    def unsubscribe(self) -> str:
        return self._signer.write("unsubscribe", self._name)

    def clicked(self, link: int, destination: str) -> str:
        """The token but for its end, which is `.` and the destination."""
        return self._signer.write_click(self._name, link, destination)


def destination_of(href: str, base: str) -> str | None:
    """Where an `href` as it stands in HTML leads to, or None where it is to be left alone.

    Left alone: whatever does not begin with http:// or https://, links to where `track` answers, and the sender's own
    unsubscribe links, which have that word in their URL (tencent-ses.md section 12).
    """
    url = _UNSEEN.sub("", unescape_attribute(href)).strip(_AROUND)
    found = _HOST(url)
    if not found or _IMPOSSIBLE(url) or "unsubscribe" in url.lower():
        return None
    return None if _authority(found) == _authority_of(base) else url


@lru_cache(maxsize=8)
def _authority_of(base: str) -> str:
    found = _HOST(base)
    return _authority(found) if found else ""


def _authority(found: re.Match[str]) -> str:
    return (found[2] + (found[3] or "")).lower()


def unescape_attribute(text: str) -> str:
    """Character references as HTML reads them inside attributes, where `&copy=1` is no reference but `&copy;=1` is.

    WHATWG HTML section 13.2.5.73. What stands for no character becomes NUL.
    """
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    name, end = found[1], found[2]
    if name is None:
        return unescape(found[0]) or "\0"
    followed_by_equals = not end and found.string[found.end() : found.end() + 1] == "="
    return found[0] if followed_by_equals else html5.get(name + end, found[0])


def location_of(destination: str) -> str:
    """The value of a Location field: the URL unchanged, but ASCII only (RFC 3986 section 2.1, RFC 3987 section 3.1).

    Readers encode the rest in the same way before they ask for it, so the server behind is asked the same.
    """
    if destination.isascii() and " " not in destination:
        return destination
    if found := _HOST(destination):
        host = read_domain(found[2])
        if isinstance(host, str) and not found[2].isascii():
            destination = found[1] + host + destination[found.end(2) :]
    return _BEYOND.sub(lambda beyond: quote(beyond[0], safe=""), destination)


@dataclass(frozen=True, slots=True)
class Links:
    """Where readers' links lead, and who signs them. base: an http(s) URL without a last slash."""

    base: str
    signer: Signer

    def marks(self, track: Track, unsubscribe: Unsubscribe) -> Marks:
        return Marks(self.base, track, unsubscribe.footer, unsubscribe.language)

    def reader(self, target: Target, sent_at: float) -> Reader:
        return Reader(self.signer, target, sent_at)

    def unsubscribe_fields(self, reader: Reader, language: str, domain: str) -> tuple[tuple[str, str], ...]:
        """Two header fields (RFC 2369, RFC 8058 section 3.1): one https URI, and one for mail to the sender domain."""
        token = reader.unsubscribe()
        asked = f"?lang={language}" if language else ""
        mail = f"mailto:{unsubscribe_address(token, domain)}?subject=unsubscribe"
        return (
            ("List-Unsubscribe", f"<{self.base}/u/{token}{asked}>, <{mail}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        )


def unsubscribe_address(token: str, domain: str) -> str:
    """At most 64 octets of local part (RFC 5321 section 4.5.3.1.1)."""
    return f"unsubscribe+{token}@{domain}"


def read_unsubscribe_address(address: str, signer: Signer) -> Target | None:
    """Who asks by mail (RFC 2369 section 3.2) to be left out; None for any other address."""
    local = address.strip().strip("<>").rpartition("@")[0]
    name, _, written = local.partition("+")
    token = signer.read("unsubscribe", written) if name.lower() == "unsubscribe" and written else None
    return token.target if token else None
