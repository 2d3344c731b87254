"""Readers of the demo: they open the mails in the inbox, follow the links they find there, and unsubscribe."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass

import aiohttp

from infra.local.demo.api import Api, Json, Refused
from infra.local.demo.scripted_readers import ScriptedReaders

PERSON = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Thunderbird/140.0"
PREFETCHER = "Mozilla/5.0"  # all that Apple Mail Privacy Protection says of itself
SCANNER = "Mozilla/5.0 (compatible; Barracuda Sentinel)"

_PIXEL = re.compile(r'src="(http[^"]+/o/[^"]+\.gif)"')
_LINK = re.compile(r'href="(http[^"]+/c/[^"]+)"')
_UNSUBSCRIBE = re.compile(r"<(http[^>]+)>")


@dataclass(frozen=True, slots=True)
class Mail:
    """What a reader finds in it. unsubscribe: the https part of List-Unsubscribe."""

    id: str
    return_path: str
    pixel: str
    link: str
    unsubscribe: str


async def mails(inbox: Api, addresses: Iterable[str]) -> dict[str, Mail]:
    """By recipient. Raises Refused where one has got none, or one without links."""
    wanted = set(addresses)
    found: dict[str, Mail] = {}
    async for line in _messages(inbox):
        to = line["to"]
        if to in wanted:
            found[to] = _mail(await inbox.get(f"/api/messages/{line['id']}"))
    if missing := wanted - found.keys():
        raise Refused(f"no mail came for {', '.join(sorted(missing))}")
    return found


async def count_by_recipient(inbox: Api) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    async for line in _messages(inbox):
        to = line["to"]
        counts[to] = counts.get(to, 0) + 1
    return counts


def _messages(inbox: Api) -> AsyncIterator[Json]:
    return inbox.pages("/api/messages", "messages", limit="500")


def _mail(message: Json) -> Mail:
    headers = {one["name"]: one["value"] for one in message["headers"]}
    pixel, link = _PIXEL.search(message["html"]), _LINK.search(message["html"])
    unsubscribe = _UNSUBSCRIBE.match(headers.get("List-Unsubscribe", ""))
    if not (pixel and link and unsubscribe):
        raise Refused(f"the mail {message['id']} lacks a pixel, a tracked link or List-Unsubscribe")
    return Mail(message["id"], message["return_path"], pixel[1], link[1], unsubscribe[1])


class Readers:
    """client: without anything of ours; whoever holds a link may follow it."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client

    async def read(self, readers: ScriptedReaders, found: Mapping[str, Mail]) -> None:
        """Raises Refused where a link does not answer as it should."""
        for one in (*readers.opening, *readers.returning):
            await self._get(found[one].pixel, PERSON, 200)
        for one in readers.prefetched:
            await self._get(found[one].pixel, PREFETCHER, 200)
        for one in readers.clicking:
            await self._get(found[one].link, PERSON, 302)
        for one in readers.scanned:
            await self._get(found[one].link, SCANNER, 302)

    async def unsubscribe(self, readers: ScriptedReaders, found: Mapping[str, Mail]) -> None:
        """By the mailbox provider (RFC 8058), by the button of the page, and by one who then takes it back."""
        for one in readers.one_click:
            await self._post(found[one].unsubscribe, {"List-Unsubscribe": "One-Click"})
        for one in (*readers.by_button, *readers.undecided):
            await self._get(found[one].unsubscribe, PERSON, 200)
            await self._post(found[one].unsubscribe, {"confirm": "yes"})
        for one in readers.undecided:
            url, mark, query = found[one].unsubscribe.partition("?")
            await self._post(f"{url}/undo{mark}{query}", {"confirm": "yes"})

    async def _get(self, url: str, agent: str, status: int) -> None:
        headers = {"User-Agent": agent}
        async with self._client.get(url, headers=headers, allow_redirects=False) as response:
            await _expect(response, status)

    async def _post(self, url: str, form: Mapping[str, str]) -> None:
        async with self._client.post(url, data=form, headers={"User-Agent": PERSON}) as response:
            await _expect(response, 200)


async def _expect(response: aiohttp.ClientResponse, status: int) -> None:
    await response.read()
    if response.status != status:
        raise Refused(f"{response.method} {response.url}: {response.status} instead of {status}")
