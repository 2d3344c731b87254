"""The demo's list: the CSV that ships, one's own, or a longer one made from either."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

SHIPPED = Path(__file__).with_name("recipients.csv")
MOST_ROWS = 50_000  # in one import
# Whoever has an everyday address: no scripted failure, no simulator, nothing that an import would reject.
EVERYDAY = re.compile(r"\w{1,30}(?:\.\w{1,30})?@(?:\w{1,30}\.){1,3}(?!invalid)\w{1,30}")

Row = list[str]


def imports(file: Path, count: int = 0) -> list[bytes]:
    """What to post, one request after the other: the file as it is, or `count` rows made from it.

    A longer list repeats the file's everyday rows with `+2`, `+3` … in the address. Raises ValueError where that cannot
    be done.
    """
    content = file.read_bytes()
    if not count:
        return [content]
    try:
        header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    except (ValueError, csv.Error):
        raise ValueError(f"{file} is no CSV file in UTF-8 with a header row") from None
    if "email" not in header:
        raise ValueError(f"{file} has no column `email` in its header")
    endless = itertools.chain(rows, _variations(header, rows))
    lengthened = list(itertools.islice(endless, count))
    if len(lengthened) < count:
        raise ValueError(f"{file} has no row with an everyday address from which a longer list could be made")
    return [
        _written([header, *lengthened[at : at + MOST_ROWS]]) for at in range(0, len(lengthened), MOST_ROWS)
    ]


def _variations(header: Row, rows: list[Row]) -> Iterator[Row]:
    at = header.index("email")
    whole = (row for row in rows if len(row) == len(header))
    everyday = {row[at].lower(): row for row in whole if EVERYDAY.fullmatch(row[at])}
    for turn in itertools.count(2) if everyday else ():
        for address, row in everyday.items():
            local, _, domain = address.partition("@")
            yield [*row[:at], f"{local}+{turn}@{domain}", *row[at + 1 :]]


def _written(rows: list[Row]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
