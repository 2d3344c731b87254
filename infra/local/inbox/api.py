"""The inbox as JSON, for tests and scripts.

GET    /api/messages?to=&q=&limit=&cursor=   {messages[{id, to, from, subject, date, received, size}], next_cursor, total}
GET    /api/messages/{id}                    the same fields and return_path, headers, text, html, attachments, dkim
GET    /api/messages/{id}/source             the octets received over the wire, without what the inbox put before them
GET    /api/count?to=&q=                     {count}
DELETE /api/messages                         {deleted}
GET    /healthz                              {status}
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

from aiohttp import web

from infra.local.inbox.index import Index, Summary
from infra.local.inbox.parsed_message import ParsedMessage, parse_message
from infra.local.inbox.verdict import KeyLookup, Verdict, judge

LARGEST_PAGE = 500


class Api:
    """JSON routes over one index. Times are RFC 3339; a missing message is 404 `message_not_found`."""

    def __init__(self, index: Index, look_up: KeyLookup) -> None:
        self._index = index
        self._look_up = look_up

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.get("/api/messages", self.list),
            web.delete("/api/messages", self.clear),
            web.get("/api/messages/{id}", self.message),
            web.get("/api/messages/{id}/source", self.source),
            web.get("/api/count", self.count),
            web.get("/healthz", self.health),
        ]

    async def list(self, request: web.Request) -> web.Response:
        limit = request.query.get("limit", "50")
        if not limit.isdecimal() or not 1 <= int(limit) <= LARGEST_PAGE:
            return _problem(400, "invalid_limit", f"limit is a number from 1 to {LARGEST_PAGE}.", "limit")
        page = await asyncio.to_thread(
            self._index.page,
            to=request.query.get("to", ""),
            text=request.query.get("q", ""),
            limit=int(limit),
            cursor=request.query.get("cursor") or None,
        )
        messages = [_line(summary) for summary in page.messages]
        return _json({"messages": messages, "next_cursor": page.next_cursor, "total": page.total})

    async def message(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]

        def gather() -> dict[str, Any] | None:
            summary, stored = self._index.summary(id), self._index.read(id)
            if summary is None or stored is None:
                return None
            verdicts = judge(stored.wire, self._look_up)
            details = _details(id, parse_message(stored.wire), verdicts)
            return {**_line(summary), "return_path": stored.return_path, **details}

        found = await asyncio.to_thread(gather)
        return _json(found) if found else _not_found(id)

    async def source(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        stored = await asyncio.to_thread(self._index.read, id)
        if stored is None:
            return _not_found(id)
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if "download" in request.query:
            headers["Content-Disposition"] = 'attachment; filename="message.eml"'
        return web.Response(body=stored.wire, headers=headers)

    async def count(self, request: web.Request) -> web.Response:
        to, text = request.query.get("to", ""), request.query.get("q", "")
        if to or text:
            page = await asyncio.to_thread(self._index.page, to=to, text=text, limit=0)
            return _json({"count": page.total})
        return _json({"count": await asyncio.to_thread(self._index.count)})

    async def clear(self, request: web.Request) -> web.Response:
        return _json({"deleted": await asyncio.to_thread(self._index.clear)})

    async def health(self, request: web.Request) -> web.Response:
        return _json({"status": "ok"})


def _line(summary: Summary) -> dict[str, Any]:
    return {
        "id": summary.id,
        "to": summary.to,
        "from": summary.sender,
        "subject": summary.subject,
        "date": _instant(summary.date),
        "received": _instant(summary.received),
        "size": summary.size,
    }


def _details(id: str, message: ParsedMessage, verdicts: tuple[Verdict, ...]) -> dict[str, Any]:
    return {
        "headers": [{"name": name, "value": value} for name, value in message.headers],
        "text": message.text,
        "html": message.html,
        "attachments": [
            {
                "filename": part.filename,
                "content_type": part.content_type,
                "content_id": part.content_id,
                "size": len(part.content),
                "url": f"/messages/{id}/attachments/{number}",
            }
            for number, part in enumerate(message.attachments)
        ],
        "dkim": [
            {
                "result": "pass" if verdict.passed else "fail",
                "domain": verdict.domain,
                "selector": verdict.selector,
                "algorithm": verdict.algorithm,
                "aligned": verdict.aligned,
                "reason": verdict.reason,
            }
            for verdict in verdicts
        ],
    }


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _json(content: object, status: int = 200) -> web.Response:
    text = json.dumps(content, ensure_ascii=False).encode(errors="replace").decode()
    return web.Response(text=text, status=status, content_type="application/json")


def _problem(status: int, code: str, message: str, field: str) -> web.Response:
    return _json({"error": {"code": code, "message": message, "field": field}}, status)


def _not_found(id: str) -> web.Response:
    return _problem(404, "message_not_found", f"There is no message {id}.", "id")
