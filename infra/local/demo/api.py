"""The few calls of the HTTP API that the demo makes, as any client would make them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

Json = dict[str, Any]


class Refused(Exception):
    """The API said no; the text is its own."""


class Api:
    """url and key: as `up` printed them. Use as `async with`."""

    def __init__(self, url: str, key: str) -> None:
        self._session = aiohttp.ClientSession(
            url, headers={"Authorization": f"Bearer {key}"}, timeout=aiohttp.ClientTimeout(300)
        )

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str, **query: str) -> Json:
        return await self._call("GET", path, params=query)

    async def post(self, path: str, body: Json | None = None) -> Json:
        return await self._call("POST", path, json=body or {})

    async def patch(self, path: str, body: Json) -> Json:
        return await self._call("PATCH", path, json=body)

    async def post_csv(self, path: str, content: bytes) -> Json:
        return await self._call("POST", path, data=content, headers={"Content-Type": "text/csv"})

    async def pages(self, path: str, of: str, **query: str) -> AsyncIterator[Json]:
        """Every item of a listing, page after page. of: the field that holds them."""
        cursor = ""
        while True:
            page = await self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            for item in page[of]:
                yield item
            cursor = page.get("next_cursor") or ""
            if not cursor:
                return

    async def _call(self, method: str, path: str, **options: Any) -> Json:
        try:
            async with self._session.request(method, path, **options) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Refused(f"{method} {path}: {error or type(error).__name__}") from None
        answer = _json(body)
        if response.status >= 400:
            told = answer.get("error", {})
            where = f" ({told['field']})" if told.get("field") else ""
            words = f"{told.get('code')}: {told.get('message')}{where}" if told else body.decode()[:200]
            raise Refused(f"{method} {path}: {response.status} {words}")
        return answer


def _json(body: bytes) -> Json:
    """Empty for what is none, such as the platform's own errors."""
    try:
        return dict(json.loads(body))
    except ValueError:
        return {}
