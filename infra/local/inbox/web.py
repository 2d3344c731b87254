"""The inbox's page: the list, a message beside it, and nothing that a message could do harm with.

A message's HTML is a document of its own, shown in a sandboxed frame: its origin is opaque, scripts, forms and
plug-ins are off, nothing is loaded from anywhere unless the reader asks for remote images. Attachments are only
ever downloads. The page itself runs one script and one style sheet of its own and nothing inline.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import urllib.parse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from infra.local.inbox.api import Api
from infra.local.inbox.index import Index, Summary
from infra.local.inbox.maildir import Stored
from infra.local.inbox.parsed_message import ParsedMessage, html_for_reading, parse_message
from infra.local.inbox.verdict import KeyLookup, Verdict, judge

VIEWS = ("html", "text", "headers", "source")
LONGEST_SOURCE = 512 * 1024  # octets shown on the page; the rest is a download away
PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SANDBOX = (
    "sandbox allow-popups allow-popups-to-escape-sandbox"  # a link that is clicked opens a tab of its own
)
MESSAGE_CSP = (
    f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    f"frame-ancestors 'self'; {_SANDBOX}"
)
MESSAGE_WITH_IMAGES_CSP = MESSAGE_CSP.replace("img-src data:", "img-src data: http: https:")
FILE_CSP = "default-src 'none'; frame-ancestors 'none'; sandbox"

_REMOTE_IMAGE = re.compile(
    r"""(?:src|srcset|background|poster)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?\s*https?:""", re.I
)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_HERE = Path(__file__).parent
_ASSETS = {"inbox.css": "text/css", "inbox.js": "text/javascript", "mark.svg": "image/svg+xml"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Opened:
    """All that the message pane shows."""

    summary: Summary
    stored: Stored
    message: ParsedMessage
    verdicts: tuple[Verdict, ...]
    view: str

    @property
    def has_remote_images(self) -> bool:
        return bool(self.message.html and _REMOTE_IMAGE.search(self.message.html))

    @property
    def source(self) -> str:
        return self.stored.wire[:LONGEST_SOURCE].decode(errors="replace")

    @property
    def source_is_cut(self) -> bool:
        return len(self.stored.wire) > LONGEST_SOURCE


class Web:
    """The routes of the page over one index. console: where what is sent is decided about, empty for nowhere."""

    def __init__(self, index: Index, look_up: KeyLookup, console: str = "") -> None:
        self._index = index
        self._look_up = look_up
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"octets": octets, "moment": moment, "full_moment": full_moment}
        self._templates.globals |= {"link": link, "console": console}

    def application(self) -> web.Application:
        application = web.Application(middlewares=[_guarded])
        application.add_routes(Api(self._index, self._look_up).routes())
        application.add_routes(
            [
                web.get("/", self.page),
                web.get("/list", self.list),
                web.get("/messages/{id}", self.page),
                web.get("/messages/{id}/pane", self.pane),
                web.get("/messages/{id}/html", self.html),
                web.get("/messages/{id}/attachments/{number:\\d{1,6}}", self.attachment),
                web.get("/assets/{name}", self.asset),
            ]
        )
        return application

    async def page(self, request: web.Request) -> web.Response:
        """The whole page, with the message named in the address opened beside the list."""
        id = request.match_info.get("id", "")
        opened = await asyncio.to_thread(self._open, id, request.query.get("view", "")) if id else None
        listing = await asyncio.to_thread(self._listing, request, id)
        text = self._templates.get_template("page.html").render(**listing, opened=opened)
        return _html(text, status=404 if id and opened is None else 200)

    async def list(self, request: web.Request) -> web.Response:
        """The list alone, for the script that keeps it fresh; 304 while nothing came."""
        listing = await asyncio.to_thread(self._listing, request, request.query.get("open", ""))
        text = self._templates.get_template("list.html").render(**listing)
        tag = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]
        if request.headers.get("If-None-Match") == f'"{tag}"':
            return web.Response(status=304)
        response = _html(text)
        response.etag = tag
        return response

    async def pane(self, request: web.Request) -> web.Response:
        """The message alone, for the script that opens it without loading the list again."""
        opened = await asyncio.to_thread(self._open, request.match_info["id"], request.query.get("view", ""))
        text = self._templates.get_template("message.html").render(
            opened=opened, q=request.query.get("q", ""), cursor=request.query.get("cursor", "")
        )
        return _html(text, status=200 if opened else 404)

    async def html(self, request: web.Request) -> web.Response:
        """The message's HTML for its frame; `?images=1` lets it load remote images."""
        message = await self._message(request)
        body = html_for_reading(message)
        head = _HEAD.search(body)
        at = head.end() if head else 0
        text = f'{body[:at]}<base target="_blank">{body[at:]}'
        csp = MESSAGE_WITH_IMAGES_CSP if request.query.get("images") == "1" else MESSAGE_CSP
        return _html(text, csp=csp)

    async def attachment(self, request: web.Request) -> web.Response:
        message = await self._message(request)
        number = int(request.match_info["number"])
        if number >= len(message.attachments):
            raise web.HTTPNotFound(text="The message has no such attachment.")
        part = message.attachments[number]
        name = re.sub(r"[\x00-\x1f\x7f/\\]", "_", part.filename)
        quoted = urllib.parse.quote(name, safe="", errors="replace")
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quoted}",
        }
        return web.Response(body=part.content, headers=headers)

    async def asset(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in _ASSETS:
            raise web.HTTPNotFound(text="No such file.")
        content = await asyncio.to_thread((_HERE / "assets" / name).read_bytes)
        return web.Response(body=content, content_type=_ASSETS[name], charset="utf-8")

    async def _message(self, request: web.Request) -> ParsedMessage:
        stored = await asyncio.to_thread(self._index.read, request.match_info["id"])
        if stored is None:
            raise web.HTTPNotFound(text="There is no such message.")
        return await asyncio.to_thread(parse_message, stored.wire)

    def _listing(self, request: web.Request, open_id: str) -> dict[str, Any]:
        q, cursor = request.query.get("q", ""), request.query.get("cursor", "")
        page = self._index.page(text=q, cursor=cursor or None)
        return {"page": page, "count": self._index.count(), "q": q, "cursor": cursor, "open_id": open_id}

    def _open(self, id: str, view: str) -> Opened | None:
        summary, stored = self._index.summary(id), self._index.read(id)
        if summary is None or stored is None:
            return None
        message = parse_message(stored.wire)
        if view not in VIEWS or (view == "html" and message.html is None):
            view = "html" if message.html is not None else "text"
        return Opened(summary, stored, message, judge(stored.wire, self._look_up), view)


def link(path: str, **query: str) -> str:
    """An address of this site; empty query values are left out."""
    given = urllib.parse.urlencode({name: value for name, value in query.items() if value}, errors="replace")
    return path + ("?" + given if given else "")


def octets(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def moment(when: datetime) -> str:
    """As short as a list needs it, in this machine's time zone."""
    local, now = when.astimezone(), datetime.now().astimezone()
    if local.date() == now.date():
        return f"{local:%H:%M}"
    return f"{local.day} {local:%b}" if local.year == now.year else f"{local.day} {local:%b %Y}"


def full_moment(when: datetime) -> str:
    local = when.astimezone()
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S %Z}"


def _html(text: str, *, status: int = 200, csp: str = PAGE_CSP) -> web.Response:
    body = text.encode(errors="replace")
    headers = {"Content-Security-Policy": csp, "Content-Type": "text/html; charset=utf-8"}
    return web.Response(body=body, status=status, headers=headers)


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What every answer carries: no sniffing, no referrer, no cache; files can do nothing where they are opened."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = web.Response(status=error.status, text=error.text)
    response.headers.setdefault("Content-Security-Policy", FILE_CSP)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-cache"
    return response
