"""Takes one mail from Postfix's pipe transport and brings it to `event_webhook`: `python3 -m relay.forward dsn ADDRESS`.

Postfix reads the exit status (sysexits.h) and what is printed: 75 keeps the report in the queue and tries again later.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .posting import CONFIGURATION, Refused, Source, Unavailable, post, read_door

MOST_BYTES = 1_000_000
"""Of a report; what it says stands at its beginning, the rest is the message it returns."""
EX_DATAERR, EX_TEMPFAIL = os.EX_DATAERR, os.EX_TEMPFAIL


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="forward")
    parser.add_argument(
        "source", choices=["dsn", "arf"], help="what comes to this address, unless it says otherwise"
    )
    parser.add_argument("recipient", help="whom the report was sent to")
    parser.add_argument("--config", type=Path, default=CONFIGURATION)
    parser.add_argument("--patience", type=float, default=20.0, help="seconds before Postfix has to keep it")
    given = parser.parse_args(arguments)
    raw = sys.stdin.buffer.read(MOST_BYTES)
    sys.stdin.buffer.close()
    try:
        source = source_of(raw, given.source)
        post(read_door(given.config), source, raw, envelope_to=given.recipient, patience=given.patience)
    except Unavailable as problem:
        print(problem)
        return EX_TEMPFAIL
    except Refused as problem:
        print(problem)
        return EX_DATAERR
    return os.EX_OK


def source_of(raw: bytes, usual: Source) -> Source:
    """A report that says what it is (RFC 6522) is believed, whichever address it came to."""
    head = raw[:50_000].replace(b"\r\n", b"\n").partition(b"\n\n")[0].lower()
    if b"report-type=feedback-report" in head or b'report-type="feedback-report"' in head:
        return "arf"
    if b"report-type=delivery-status" in head or b'report-type="delivery-status"' in head:
        return "dsn"
    return usual


if __name__ == "__main__":
    sys.exit(main())
