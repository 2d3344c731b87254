"""Content that may be large or nested, as one field of bytes: compact JSON, deflated."""

from __future__ import annotations

import json
import zlib
from typing import Any


def deflate(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), 1)


def inflate(packed: bytes) -> Any:
    return json.loads(zlib.decompress(packed))
