"""Whether what was measured is good mail: a sample of everybody's signatures, checked with dkimpy's verifier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import dkim


def unverified(messages: Iterable[Path], records: Mapping[str, str]) -> list[str]:
    """Names of files whose DKIM signature does not hold. records: TXT values by name, as DNS would answer."""

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        found = records.get(name.decode().rstrip("."))
        return found.encode() if found else None

    return [one.name for one in messages if not dkim.verify(one.read_bytes(), dnsfunc=look_up)]
