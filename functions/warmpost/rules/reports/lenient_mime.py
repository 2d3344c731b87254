"""Mails that report something, cut into parts: tolerant of everything broken, and bounded in time and memory.

Reports are written by every kind of software there ever was; what does not follow RFC 2045 is read as far as it goes.
Nothing here raises for content; only a mail that is too large is refused.
"""

from __future__ import annotations

import base64
import binascii
import html
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header

from warmpost.errors import TooLarge

MOST_REPORT_BYTES = 25 * 1024 * 1024
MOST_PARTS = 20
MOST_DEPTH = 5
MOST_HEAD = 128 * 1024
MOST_BODY = 128 * 1024
"""Bytes of one part that are decoded; what a report says stands at its beginning."""

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_BLANK = re.compile(rb"\r?\n[ \t]*\r?\n")
_FIELD = re.compile(r"([!-9;-~]{1,100})[ \t]*:[ \t]*(.*)", re.DOTALL)
_PARAMETER = re.compile(r';\s*([\w*-]{1,50})\s*=\s*("[^"]{0,300}"|[^\s;"]{1,300})')
_CHARSETS = re.compile(
    r"utf-?8|(?:us-)?ascii|iso-8859-\d{1,2}|latin-?\d|windows-\d{3,4}|cp\d{3,4}|gbk|gb2312|gb18030|big5(?:-?hkscs)?"
    r"|euc-?(?:jp|kr|cn)|iso-2022-(?:jp|kr)|shift_?jis|sjis|ks_c_5601-1987|koi8-[ru]|tis-620",
    re.IGNORECASE,
)
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_BREAK = re.compile(r"<(?:br|/?p|/?div|/?tr|/?table|/?h\d|/?li|/?ul|/?pre)\b[^<>]{0,1000}>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z!][^<>@]{0,2000}>", re.IGNORECASE)


class Headers(dict[str, list[str]]):
    """Values by lower-case name, in order, unfolded."""

    def first(self, *names: str) -> str:
        return next((self[name][0] for name in names if name in self), "")

    def every(self, *names: str) -> list[str]:
        return [value for name in names for value in self.get(name, ())]


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of the mail. content_type: lower case, without parameters. body: as transferred."""

    headers: Headers
    content_type: str
    body: bytes
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Decoded, line ends as `\\n`; HTML without its tags."""
        text = (
            decode(self.content, self.parameters.get("charset", "")).replace("\r\n", "\n").replace("\r", "\n")
        )
        return _plain(text) if self.content_type == "text/html" else text

    @property
    def content(self) -> bytes:
        """The first MOST_BODY bytes, without the transfer encoding."""
        body = self.body[:MOST_BODY]
        match self.headers.first("content-transfer-encoding").strip().lower():
            case "base64":
                compact = _NOT_BASE64.sub(b"", body)
                try:
                    return base64.b64decode(compact[: len(compact) // 4 * 4] + _padded(compact))
                except binascii.Error:
                    return body
            case "quoted-printable":
                return quopri.decodestring(body)
        return body


@dataclass(frozen=True, slots=True)
class Mail:
    """headers: of the mail itself. parts: all leaves, in order, through every multipart."""

    headers: Headers
    parts: tuple[Part, ...]

    @property
    def content_type(self) -> str:
        return self.headers.first("content-type").partition(";")[0].strip().lower()

    @property
    def subject(self) -> str:
        return decode_words(self.headers.first("subject"))


def read_mail(raw: bytes) -> Mail:
    """Raises TooLarge above MOST_REPORT_BYTES."""
    if len(raw) > MOST_REPORT_BYTES:
        raise TooLarge("report_too_large", f"A report may have {MOST_REPORT_BYTES:,} bytes at most.")
    if raw.startswith(b"From "):
        raw = raw.partition(b"\n")[2]
    headers, body = split_head(raw)
    return Mail(headers, tuple(_leaves(headers, body, MOST_DEPTH, [MOST_PARTS])))


def split_head(raw: bytes) -> tuple[Headers, bytes]:
    """Headers and what follows the first empty line."""
    if raw.startswith((b"\n", b"\r\n")):
        return Headers(), raw.partition(b"\n")[2]
    match = _BLANK.search(raw, 0, MOST_HEAD)
    if match is None:
        return read_fields(raw[:MOST_HEAD]), b""
    return read_fields(raw[: match.start()]), raw[match.end() :]


def read_fields(head: bytes) -> Headers:
    """`Name: value` lines with their continuations; lines that are none are passed over."""
    headers = Headers()
    for line in _FOLD.sub(b"", head[:MOST_HEAD]).splitlines():
        if match := _FIELD.match(decode(line, "")):
            headers.setdefault(match[1].lower(), []).append(match[2].strip())
    return headers


def blocks(part: Part) -> list[Headers]:
    """Groups of fields separated by empty lines (RFC 3464 section 2.1)."""
    return [found for each in _BLANK.split(part.content, 1000)[:1000] if (found := read_fields(each))]


def _leaves(headers: Headers, body: bytes, depth: int, left: list[int]) -> Iterator[Part]:
    written = headers.first("content-type")
    kind = written.partition(";")[0].strip().lower() or "text/plain"
    parameters = {name.lower(): value.strip('"') for name, value in _PARAMETER.findall(written[:2000])}
    boundary = parameters.get("boundary", "").encode("utf-8", "replace")
    inner = (
        list(_between(body, b"--" + boundary)) if kind.startswith("multipart/") and boundary and depth else []
    )
    for piece in inner:
        if left[0] > 0:
            yield from _leaves(*split_head(piece), depth - 1, left)
    if not inner and left[0] > 0:
        left[0] -= 1
        yield Part(headers, "text/plain" if kind.startswith("multipart/") else kind, body, parameters)


def _between(body: bytes, delimiter: bytes) -> Iterator[bytes]:
    """What stands between delimiter lines; the end of a torn mail ends its last part."""
    line = re.compile(rb"\n" + re.escape(delimiter) + rb"(--)?[ \t]{0,99}\r?(?=\n|\Z)")
    # The delimiter may be the first line: one that stands alone there is matched as if a line end came before it.
    first = line.match(b"\n" + body[: len(delimiter) + 200])
    match = first or line.search(body)
    end = 0 if match is None else match.end() - (1 if first else 0)
    for _ in range(MOST_PARTS):
        if match is None or match[1]:
            return
        match = line.search(body, end)
        yield body[end + 1 : match.start() + 1 if match else len(body)]
        end = match.end() if match else len(body)


def decode(raw: bytes, charset: str) -> str:
    """In the charset if it is a known one and fits, else as UTF-8, GB 18030 or Latin-1, whichever fits first."""
    names = [charset] if _CHARSETS.fullmatch(charset) else []
    for name in (*names, "utf-8", "gb18030"):
        try:
            return raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode(names[0], "replace") if names and _is_known(names[0]) else raw.decode("latin-1")


def _is_known(name: str) -> bool:
    try:
        return bool("".encode(name) or True)
    except LookupError:
        return False


def decode_words(text: str) -> str:
    """Encoded words of a header made readable (RFC 2047)."""
    try:
        pieces = decode_header(text[:1000])
    except (HeaderParseError, ValueError):
        return text[:1000]
    return "".join(each if isinstance(each, str) else decode(each, name or "") for each, name in pieces)


def _padded(compact: bytes) -> bytes:
    rest = compact[len(compact) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def _plain(text: str) -> str:
    for name in ("style", "script"):
        text = _without_element(text, name)
    return html.unescape(_TAG.sub(" ", _BREAK.sub("\n", text)))


def _without_element(text: str, name: str) -> str:
    lower = text.lower()
    kept: list[str] = []
    end = 0
    while (start := lower.find(f"<{name}", end)) >= 0 and (close := lower.find(f"</{name}", start)) >= 0:
        kept.append(text[end:start])
        end = close
    return "".join((*kept, text[end:]))
