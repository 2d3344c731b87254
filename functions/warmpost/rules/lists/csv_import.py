"""Recipients as people bring them, from a CSV file or JSON: good rows and rejected ones, each with its place.

Both sources can be iterated again and again and hold no more than a row at a time.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from warmpost.rules.message.message import Recipient
from warmpost.rules.model.addresses import MOST_ADDRESS_BYTES, Flaw, read_address
from warmpost.rules.model.names import MOST_CHARACTERS, has_controls

MOST_DATA_BYTES = 8192
"""Of a recipient's variables as JSON."""
MOST_COLUMNS = 200
PIECE = 65536
ADDRESS_COLUMNS = ("email", "to")
SURELY_SMALL = 1000
"""Characters of names and values: they cannot come near MOST_DATA_BYTES however they are written down."""


@dataclass(frozen=True, slots=True)
class Row:
    """line: in a file, the physical line where the row begins; else the recipient's place, from 1."""

    line: int
    recipient: Recipient


@dataclass(frozen=True, slots=True)
class Rejected:
    """email: as it was given, cut where it is overlong."""

    line: int
    email: str
    reason: str


Rows = Iterable[Row | Rejected]


def read_row(line: int, address: str, data: Mapping[str, object]) -> Row | Rejected:
    found = read_address(address.strip())
    if isinstance(found, Flaw):
        return rejected(line, address, f"the address {found.reason}")
    if not _is_small(data) and len(json.dumps(data, ensure_ascii=False).encode()) > MOST_DATA_BYTES:
        return rejected(line, found, f"the row's data is longer than {MOST_DATA_BYTES:,} bytes")
    return Row(line, Recipient(found, data))


def rejected(line: int, email: str, reason: str) -> Rejected:
    return Rejected(line, email[:MOST_ADDRESS_BYTES], reason)


def _is_small(data: Mapping[str, object]) -> bool:
    size = 0
    for name, value in data.items():
        if not isinstance(value, str):
            return False
        size += len(name) + len(value)
    return size + 8 * len(data) <= SURELY_SMALL


@dataclass(frozen=True, slots=True)
class JsonRows:
    """recipients: address and variables of each."""

    recipients: Sequence[tuple[str, Mapping[str, object]]]

    def __iter__(self) -> Iterator[Row | Rejected]:
        for place, (address, data) in enumerate(self.recipients, 1):
            yield read_row(place, address, data)


@dataclass(frozen=True, slots=True)
class CsvRows:
    """Rows of a file whose header was found good; see `open_csv`. columns: None where the address stands."""

    body: bytes
    columns: tuple[str | None, ...]

    def __iter__(self) -> Iterator[Row | Rejected]:
        address_at = self.columns.index(None)
        variables = [(at, name) for at, name in enumerate(self.columns) if name is not None]
        for line, last, cells in _records(self.body, skip_header=True):
            if isinstance(cells, Flaw):
                where = "" if last == line else f", which took in all up to line {last}"
                yield rejected(line, "", f"{cells.reason}{where}")
            elif len(cells) != len(self.columns):
                email = cells[address_at] if address_at < len(cells) else ""
                reason = f"{_columns(len(cells))} where the header has {len(self.columns)}"
                yield rejected(line, email, reason)
            else:
                yield read_row(line, cells[address_at], {name: cells[at] for at, name in variables})


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"


def open_csv(body: bytes, address_columns: Sequence[str] = ADDRESS_COLUMNS) -> CsvRows | Flaw:
    """A file with a header row (RFC 4180), in UTF-8 with or without a byte order mark.

    One column is named `email` or `to` (or as said), in any case; all others are variables.
    """
    if body.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in body:
        return Flaw("is not UTF-8 but looks like UTF-16; save it as CSV in UTF-8")
    at = _undecodable(body)
    if at is not None:
        line = body.count(b"\n", 0, at) + 1
        return Flaw(f"is not UTF-8: line {line} holds the byte 0x{body[at]:02x}; save it as CSV in UTF-8")
    header = next(_records(body), None)
    if header is None:
        return Flaw(f"is empty; it needs a header row with the column `{address_columns[0]}`")
    cells = header[2]
    if isinstance(cells, Flaw):
        return Flaw(f"has a header that cannot be read: {cells.reason}")
    columns = _header(cells, address_columns)
    return columns if isinstance(columns, Flaw) else CsvRows(body, columns)


def _undecodable(body: bytes) -> int | None:
    """Where the first byte that is no UTF-8 stands; found in pieces, as the whole text could take four times the memory."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(0, len(body), PIECE):
        carried = len(decoder.getstate()[0])
        try:
            decoder.decode(body[at : at + PIECE], final=at + PIECE >= len(body))
        except UnicodeDecodeError as error:
            return at - carried + error.start
    return None


def _header(cells: Sequence[str], address_columns: Sequence[str]) -> tuple[str | None, ...] | Flaw:
    names = [cell.strip() for cell in cells]
    addresses = [at for at, name in enumerate(names) if name.lower() in address_columns]
    if not addresses:
        other = next((mark for mark in ";\t|" if mark in cells[0]), None)
        hint = f"; columns are separated by commas, not by {other!r}" if other else ""
        return Flaw(f"has no column `{address_columns[0]}` in its header{hint}")
    if len(addresses) > 1:
        either = " or ".join(f"`{name}`" for name in address_columns)
        return Flaw(f"has several columns for the address in its header; {either} may stand there once")
    if len(names) > MOST_COLUMNS:
        return Flaw(f"has {len(names)} columns; {MOST_COLUMNS} are possible")
    for at, name in enumerate(names):
        if not name:
            return Flaw(f"has no name for column {at + 1} in its header")
        if len(name) > MOST_CHARACTERS or has_controls(name):
            return Flaw(
                f"has a name in column {at + 1} of its header that is longer than {MOST_CHARACTERS} characters "
                "or holds control characters"
            )
        if name in names[:at]:
            return Flaw(f"has the column {name!r} twice in its header")
    return tuple(None if at == addresses[0] else name for at, name in enumerate(names))


def _records(body: bytes, skip_header: bool = False) -> Iterator[tuple[int, int, list[str] | Flaw]]:
    """First line, last line and cells of each record; blank lines are none."""
    text = io.TextIOWrapper(io.BytesIO(body), "utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    wanted = not skip_header
    while True:
        line = reader.line_num + 1
        cells: list[str] | Flaw
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells = Flaw(_csv_reason(str(error)))
        if isinstance(cells, Flaw) or any(cells) or len(cells) > 1:
            if wanted:
                yield line, reader.line_num, cells
            wanted = True


def _csv_reason(error: str) -> str:
    if "unexpected end of data" in error:
        return "a quotation mark is opened here and never closed"
    if "field limit" in error:
        return "a field is longer than 128 KiB, or a quotation mark is opened here and never closed"
    if "expected after" in error:
        return "a quoted field goes on after its closing quotation mark; double the marks within it"
    return f"the row cannot be read: {error}"
