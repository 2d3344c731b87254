"""Style, script and picture of the console: read once, packed, and kept by browsers until their content changes."""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from warmpost.errors import NotFound

FOLDER = Path(__file__).parent / "assets"
TYPES = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "csv.js": "text/javascript; charset=utf-8",
    "htmx.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
    "inter.woff2": "font/woff2",
}
IN_BASE64 = ("inter.woff2",)
"""As text, since what is uploaded with the functions has to be text."""


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    packed: bytes
    tag: str


@cache
def _read(name: str) -> Asset:
    is_text = name not in IN_BASE64
    content = (FOLDER / (name if is_text else f"{name}.b64")).read_bytes()
    content = content if is_text else base64.b64decode(content)
    return Asset(content, gzip.compress(content, 9, mtime=0), f'"{hashlib.sha256(content).hexdigest()[:16]}"')


def serve(request: Request, name: str) -> Response:
    """Raises NotFound."""
    if name not in TYPES:
        raise NotFound("not_found", f"There is nothing at /console/assets/{name[:100]}.")
    asset = _read(name)
    headers = {
        "Cache-Control": "public, max-age=300, stale-while-revalidate=86400",
        "ETag": asset.tag,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if request.headers.get("if-none-match") == asset.tag:
        return Response(status_code=304, headers=headers)
    is_packed = "gzip" in request.headers.get("accept-encoding", "") and name not in IN_BASE64
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    return Response(asset.packed if is_packed else asset.content, 200, headers, TYPES[name])
