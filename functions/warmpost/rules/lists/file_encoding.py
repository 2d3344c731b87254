"""In which encoding a text file is: said by whoever sends it, by its first bytes, or found out where that is certain.

Programs of one region write files without saying how: Excel in UTF-16 or in the system's code page (Windows-1252,
GB18030, Shift_JIS). What could be read in more than one way is refused with the setting that would say it.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import pairwise

from warmpost.rules.model.addresses import Flaw

PIECE = 65536
MOST_LOOKED_AT = 200_000
"""Bytes beyond ASCII, with what stands between them, that are enough to tell code pages apart."""

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
KNOWN = {
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "us-ascii": "utf-8-sig",
    "ascii": "utf-8-sig",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "windows-1250": "cp1250",
    "windows-1251": "cp1251",
    "windows-1252": "cp1252",
    "windows-1254": "cp1254",
    "iso-8859-1": "cp1252",
    "iso-8859-2": "iso8859-2",
    "iso-8859-15": "iso8859-15",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "big5": "big5",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "windows-31j": "cp932",
    "euc-jp": "euc_jp",
    "euc-kr": "euc_kr",
    "koi8-r": "koi8-r",
}
"""Names as the IANA and the web have them, and Python's."""

WESTERN = set("äöüÄÖÜßéèêëÉÈÊËàâáãåÀÂÁÃÅçÇñÑíìîïÍÌÎÏóòôõøÓÒÔÕØúùûÚÙÛæÆœŒÿýÝ€‘’“”„–—…«»°©®´`¿¡§·ªº\xa0")


def find_encoding(body: bytes, said: str = "") -> str | Flaw:
    """Python's name of the encoding, byte order mark included. said: a name such as `windows-1252`, empty for unknown."""
    for mark, encoding in MARKS:
        if body.startswith(mark):
            return _checked(body, encoding)
    if said:
        known = KNOWN.get(said.strip().lower())
        if known is None:
            return Flaw(f"has the encoding {said[:40]!r}; known are {', '.join(KNOWN)}")
        return _checked(body, known)
    if b"\0" in body:
        return _without_mark(body)
    at = undecodable(body, "utf-8")
    if at is None:
        return "utf-8-sig"
    return _code_page(body) or _unsure(body, at)


def undecodable(body: bytes, encoding: str) -> int | None:
    """Where the first byte that does not belong stands; in pieces, as the whole text could take four times the memory."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for at in range(0, len(body) or 1, PIECE):
        state = decoder.getstate()[0]
        carried = len(state) if isinstance(state, bytes) else 0
        try:
            decoder.decode(body[at : at + PIECE], final=at + PIECE >= len(body))
        except UnicodeDecodeError as error:
            return at - carried + error.start
    return None


def _checked(body: bytes, encoding: str) -> str | Flaw:
    at = undecodable(body, encoding)
    if at is None:
        return encoding
    name = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16"}.get(encoding, encoding)
    return Flaw(f"is not {name}: {_place(body, at)}")


def _without_mark(body: bytes) -> str | Flaw:
    """UTF-16 of mostly Western text has a NUL in every second place, always the same one."""
    even, odd = body[:2000:2].count(0), body[1:2000:2].count(0)
    if max(even, odd) > 3 * min(even, odd) and max(even, odd) > len(body[:2000]) // 5:
        return _checked(body, "utf-16-le" if odd > even else "utf-16-be")
    at = body.index(0)
    return Flaw(f"is no text: {_place(body, at)}")


def _unsure(body: bytes, at: int) -> Flaw:
    return Flaw(
        f"is not UTF-8: {_place(body, at)}, and its encoding is not certain; save it in UTF-8, or say "
        "`encoding`, such as windows-1252, gb18030 or shift_jis"
    )


def _place(body: bytes, at: int) -> str:
    line = body.count(b"\n", 0, at) + 1
    return f"line {line} holds the byte 0x{body[min(at, len(body) - 1)]:02x}"


def _code_page(body: bytes) -> str | None:
    sample = b"\n".join(_telling(body))
    for encoding, is_likely in (("cp932", _is_japanese), ("gb18030", _is_chinese), ("cp1252", _is_western)):
        if undecodable(body, encoding) is None and is_likely(sample):
            return encoding
    return None


def _telling(body: bytes) -> Iterator[bytes]:
    """The lines that hold more than ASCII."""
    size = 0
    for line in body.split(b"\n"):
        if not line.isascii():
            yield line
            size += len(line)
            if size > MOST_LOOKED_AT:
                return


def _is_japanese(sample: bytes) -> bool:
    """Kana, or characters of the first level alone (0x88 to 0x98): the second is what other encodings look like, and so are
    kana of half width, which say nothing."""
    seen = usual = kana = 0
    for char in sample.decode("cp932", "replace"):
        if not char.isascii() and not "\uff61" <= char <= "\uff9f":
            raw = char.encode("cp932", "replace")
            seen += 1
            kana += "\u3040" <= char <= "\u30ff"
            usual += "\u3000" <= char <= "\u30ff" or (len(raw) == 2 and 0x88 <= raw[0] <= 0x98)
    return usual >= 0.8 * max(seen, 1) and (kana > 0 or usual >= 2)


def _is_chinese(sample: bytes) -> bool:
    """Pairs of GB 2312, most of its first level (0xB0 to 0xD7), which has nine tenths of all that is written."""
    pairs = usual = strange = 0
    at = 0
    while at < len(sample):
        lead = sample[at]
        if lead < 0x80:
            at += 1
            continue
        pair = sample[at : at + 2]
        pairs += 1
        if len(pair) == 2 and 0xA1 <= pair[1] <= 0xFE and (0xA1 <= lead <= 0xA9 or 0xB0 <= lead <= 0xF7):
            usual += lead <= 0xD7
        else:
            strange += 1
        at += 2
    return pairs > 0 and strange <= pairs // 20 and usual >= 0.7 * pairs


def _is_western(sample: bytes) -> bool:
    """Single letters of Western languages between those of ASCII, and nothing else."""
    text = sample.decode("cp1252", "replace")
    beyond = [at for at, char in enumerate(text) if not char.isascii()]
    if not beyond or not all(text[at] in WESTERN for at in beyond):
        return False
    if any(text[at] in "ÃÂ" and not text[at + 1 : at + 2].isalpha() for at in beyond):
        return False  # half of a character in UTF-8
    in_a_row = sum(after - before == 1 for before, after in pairwise(beyond))
    return in_a_row <= len(beyond) // 4
