"""Files that are no text, by how they begin, so that they can be called by their name."""

from __future__ import annotations

LOOKED_AT = 4096


def other_kind(body: bytes) -> str:
    """The rest of a sentence about a file that is no CSV; empty where it may be one."""
    if body.startswith(b"PK\x03\x04"):
        return f"is {_archive(body[:LOOKED_AT])}; save it as CSV in UTF-8"
    for start, name in KINDS:
        if body.startswith(start):
            return f"is {name}; save it as CSV in UTF-8"
    if body[:200].lstrip()[:9].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<table")):
        return "is a web page or XML, not CSV; save it as CSV in UTF-8"
    return ""


KINDS = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (xls)"),
    (b"%PDF-", "a PDF"),
    (b"{\\rtf", "a text document (RTF)"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3", "an SQLite database"),
)


def _archive(start: bytes) -> str:
    if b"opendocument.spreadsheet" in start:
        return "an OpenDocument spreadsheet (ods)"
    if b"[Content_Types].xml" in start or b"xl/" in start or b"_rels/" in start or start[6:8] == b"\x06\x00":
        return "an Excel workbook (xlsx)"
    return "a ZIP archive"
