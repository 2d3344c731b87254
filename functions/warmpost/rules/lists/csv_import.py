"""Recipients as people bring them, from a CSV file or JSON: good rows and rejected ones, each with its place.

Both sources can be iterated again and again and hold no more than a row at a time.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from warmpost.rules.lists.columns import ADDRESS_COLUMNS, Columns, has_left, read_columns, variable_name
from warmpost.rules.lists.file_encoding import find_encoding
from warmpost.rules.lists.file_kinds import other_kind
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.addresses import MOST_ADDRESS_BYTES, Flaw, read_address
from warmpost.rules.requests.limits import MOST_RECIPIENT_DATA
from warmpost.rules.requests.mailboxes import split_mailbox

DELIMITERS = {
    ",": ",",
    ";": ";",
    "|": "|",
    "\t": "\t",
    "tab": "\t",
    "comma": ",",
    "semicolon": ";",
    "pipe": "|",
}
MOST_HEADER = 65_536
"""Characters in which the header has to end."""
SURELY_SMALL = 1000
"""Characters of names and values: they cannot come near MOST_RECIPIENT_DATA however they are written down."""


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


class Rows(Protocol):
    """Can be iterated again and again. renamed: columns under other names than they came with, see `Columns`."""

    @property
    def renamed(self) -> Mapping[str, str]: ...

    def __iter__(self) -> Iterator[Row | Rejected]: ...


def read_row(line: int, address: str, data: Mapping[str, object]) -> Row | Rejected:
    """A name before the address becomes the variable `name`, where the row has none."""
    given = address.strip()
    if given.endswith(">"):
        name, given = split_mailbox(given)
        data = {"name": name, **data} if name else data
    found = read_address(given)
    if isinstance(found, Flaw):
        return rejected(line, address, f"the address {found.reason}")
    if not _is_small(data) and _size(data) > MOST_RECIPIENT_DATA:
        return rejected(line, found, f"the row's data is longer than {MOST_RECIPIENT_DATA:,} bytes")
    return Row(line, Recipient(found, data))


def _size(data: Mapping[str, object]) -> int:
    return len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"))


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
            yield read_row(place, address, {variable_name(name): value for name, value in data.items()})

    @property
    def renamed(self) -> Mapping[str, str]:
        names = {name for _, data in self.recipients for name in data}
        return {name: variable_name(name) for name in sorted(names) if variable_name(name) != name}


@dataclass(frozen=True, slots=True)
class RowsAsNamed:
    """Variables keep their names, whatever those are. recipients: as in JsonRows."""

    recipients: Sequence[tuple[str, Mapping[str, object]]]
    renamed: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Row | Rejected]:
        for place, (address, data) in enumerate(self.recipients, 1):
            yield read_row(place, address, data)


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """What the sender of a file says of it; what is empty is found out.

    delimiter: one of DELIMITERS. encoding: see `file_encoding`. address_column: as it stands in the header.
    """

    delimiter: str = ""
    encoding: str = ""
    address_column: str = ""


@dataclass(frozen=True, slots=True)
class CsvRows:
    """Rows of a file whose header was found good; see `open_csv`.

    encoding: Python's name. start: lines before the header. spaced: blanks follow the delimiters and mean nothing.
    """

    body: bytes
    encoding: str
    delimiter: str
    columns: Columns
    start: int = 0
    spaced: bool = False

    @property
    def renamed(self) -> Mapping[str, str]:
        return self.columns.renamed

    def __iter__(self) -> Iterator[Row | Rejected]:
        columns = self.columns
        for line, last, cells in _records(self, skip_header=True):
            if isinstance(cells, Flaw):
                where = "" if last == line else f", which took in all up to line {last}"
                yield rejected(line, "", f"{cells.reason}{where}")
                continue
            if len(cells) > columns.count and not any(cells[columns.count :]):
                cells = cells[: columns.count]
            email = cells[columns.address] if columns.address < len(cells) else ""
            if len(cells) != columns.count:
                yield rejected(line, email, f"{_columns(len(cells))} where the header has {columns.count}")
            elif reason := columns.consent and has_left(columns, cells):
                yield rejected(line, email, reason)
            else:
                data = {name: _value(name, cells[at]) for at, name in columns.names.items()}
                yield read_row(line, plain(email), data)


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"


def _value(name: str, cell: str) -> object:
    """The column `attributes` of listmonk's exports holds a JSON object."""
    if name == "attributes" and cell.startswith("{"):
        try:
            return json.loads(cell)
        except ValueError:
            return cell
    return plain(cell) if cell[:1] == "'" else cell


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet takes for a formula."""


def harmless(cell: str) -> str:
    """A cell that no spreadsheet runs; `plain` takes the apostrophe off again."""
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA) else cell


def plain(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell.lstrip("'").startswith(FORMULA) else cell


def open_csv(
    body: bytes, options: CsvOptions = CsvOptions(), address_columns: Sequence[str] = ADDRESS_COLUMNS
) -> CsvRows | Flaw:
    """A file with a header row (RFC 4180), as spreadsheets of all countries write it.

    One column holds the address, by a usual name or as said; all others are variables. A line `sep=;` before the header
    says the delimiter (Excel).
    """
    if kind := other_kind(body):
        return Flaw(kind)
    encoding = find_encoding(body, options.encoding)
    if isinstance(encoding, Flaw):
        return encoding
    said = DELIMITERS.get(options.delimiter.lower())
    if options.delimiter and said is None:
        return Flaw(
            f"has the delimiter {options.delimiter[:20]!r}; possible are {', '.join(map(repr, DELIMITERS))}"
        )
    start, first = _first_line(body, encoding)
    if first is None:
        return Flaw(f"is empty; it needs a header row with the column `{address_columns[0]}`")
    if first[:4].lower() == "sep=" and len(first.rstrip('"')) <= 5:
        said = said or first[4:5] or ","
        start, first = _first_line(body, encoding, start)
    return _with_header(body, encoding, said, start, first or "", options.address_column, address_columns)


def _first_line(body: bytes, encoding: str, after: int = 0) -> tuple[int, str | None]:
    """The first line that is not blank, and the number of lines up to its end; None where there is none."""
    text = io.TextIOWrapper(io.BytesIO(body), encoding, newline="")
    for number, line in enumerate(iter(lambda: text.readline(MOST_HEADER), ""), 1):
        if number > after and line.strip():
            return number, line.strip("\r\n")
    return 0, None


EMPTY = Flaw("a header of empty cells names no column")


def _with_header(
    body: bytes,
    encoding: str,
    said: str | None,
    start: int,
    first: str,
    named: str,
    address_columns: Sequence[str],
) -> CsvRows | Flaw:
    """The delimiter is the one that leaves an address column and cuts most; a comma where none does either."""
    found: list[CsvRows] = []
    flaws: list[tuple[int, Flaw]] = []
    for delimiter in (said,) if said else (",", ";", "\t", "|"):
        spaced = f"{delimiter} " in first
        rows = CsvRows(body, encoding, delimiter, Columns(0, 0, {}, {}, {}), start - 1, spaced)
        cells = next((cells for _, _, cells in _records(rows)), EMPTY)
        if isinstance(cells, Flaw):
            flaws.append((0, Flaw(f"has a header that cannot be read: {cells.reason}")))
            continue
        columns = read_columns(cells, address_columns, named)
        if isinstance(columns, Flaw):
            flaws.append((len(cells), columns))
        else:
            found.append(replace(rows, columns=columns))
    best = max(found, key=lambda one: one.columns.count, default=None)
    return best or max(flaws, key=lambda one: one[0])[1]


def _records(rows: CsvRows, skip_header: bool = False) -> Iterator[tuple[int, int, list[str] | Flaw]]:
    """First line, last line and cells of each record from the header on; rows without any value are none."""
    text = io.TextIOWrapper(io.BytesIO(rows.body), rows.encoding, newline="")
    for _ in range(rows.start):
        text.readline()
    reader = csv.reader(text, strict=True, delimiter=rows.delimiter, skipinitialspace=rows.spaced)
    wanted = not skip_header
    while True:
        line = rows.start + reader.line_num + 1
        cells: list[str] | Flaw
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells = Flaw(_csv_reason(str(error)))
        if isinstance(cells, Flaw) or any(map(str.strip, cells)):
            if wanted:
                yield line, rows.start + reader.line_num, cells
            wanted = True


def _csv_reason(error: str) -> str:
    if "unexpected end of data" in error:
        return "a quotation mark is opened here and never closed"
    if "field limit" in error:
        return "a field is longer than 128 KiB, or a quotation mark is opened here and never closed"
    if "expected after" in error:
        return "a quoted field goes on after its closing quotation mark; double the marks within it"
    return f"the row cannot be read: {error}"
