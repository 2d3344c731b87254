"""What end-to-end tests do over and over: set up a sender, wait, read the inbox, count what a stack holds."""

from __future__ import annotations

import asyncio
import email
import email.policy
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import dkim
import httpx

from infra.local.inbox.maildir import Maildir, take_apart
from tests.adapters.message import independent_dkim
from tests.running_stack import RunningStack

Json = dict[str, Any]

ENDED = ("done", "cancelled", "failed")
PATIENCE = 120.0  # seconds that a busy machine may need; nothing waits that long where all is well


@dataclass(frozen=True)
class Sender:
    """A verified domain. records: the TXT values it published, by name, for whoever verifies its signatures."""

    domain: str
    address: str
    records: Mapping[str, str]


async def make_sender(
    client: httpx.AsyncClient, domain: str, *, warmup: bool = False, **dkim: bool
) -> Sender:
    """A domain whose records are published and verified, and `hello@` as its address."""
    created = await ok(client.post("/manage/domains", json={"domain": domain, "dkim": dkim}))
    records = {one["name"]: one["expected"] for one in created["records"]}
    await publish(client, created["records"])
    verified = await ok(client.post(f"/manage/domains/{domain}/verify"))
    assert verified["status"] == "verified", verified
    await ok(client.patch(f"/manage/domains/{domain}", json={"warmup": warmup}))
    address = f"hello@{created['domain']}"
    await ok(client.post("/manage/addresses", json={"address": address, "name": "The News"}))
    return Sender(created["domain"], address, records)


async def publish(client: httpx.AsyncClient, records: Iterable[Json]) -> None:
    for one in records:
        record = {"name": one["name"], "type": one["type"], "values": [one["expected"]]}
        await ok(client.post("/_local/dns", json=record))


async def ok(answering: Any) -> Json:
    """The JSON of an answer that has to be a success."""
    answer: httpx.Response = await answering
    assert answer.is_success, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    )
    return cast(Json, answer.json())


async def read(client: httpx.AsyncClient, path: str, **query: str) -> Json:
    """A GET that a process killed meanwhile may cost its connection, but not its answer."""
    for _ in range(20):
        try:
            return await ok(client.get(path, params=query))
        except httpx.TransportError:
            await asyncio.sleep(0.05)
    return await ok(client.get(path, params=query))


def csv_of(count: int, domain: str = "inbox.example") -> bytes:
    """Recipients `r0@` to `r<count-1>@` with a name each."""
    return ("email,name\n" + "".join(f"r{n}@{domain},Reader {n}\n" for n in range(count))).encode()


async def make_list(client: httpx.AsyncClient, name: str, content: bytes) -> int:
    made = await ok(client.post("/manage/lists", json={"name": name}))
    path = f"/manage/lists/{made['id']}/recipients"
    await ok(client.post(path, content=content, headers={"Content-Type": "text/csv"}))
    number: int = made["id"]
    return number


async def submit_to(client: httpx.AsyncClient, sender: Sender, name: str, count: int, **fields: Any) -> Json:
    """A batch of a small template of its own to `count` recipients `r…@` of a list of its own."""
    template = {"name": name, "subject": "Dear {{ name }}", "text": "Good to see you, {{ name }}.\n"}
    await ok(client.post("/manage/templates", json=template))
    recipients = await make_list(client, name, csv_of(count))
    order = {"name": name, "from": sender.address, "template": name, "list": recipients, **fields}
    submitted = await ok(client.post("/batch-submit", json=order))
    assert submitted["recipients"] == count
    return submitted


async def watch(
    client: httpx.AsyncClient, batch: int, *, until: Any = None, within: float = PATIENCE
) -> Json:
    """The batch once it has ended, or once `until(batch)`; on the way its counts must add up at every look."""
    deadline = time.monotonic() + within
    while True:
        shown = await look(client, batch)
        if until(shown) if until else shown["status"] in ENDED:
            return shown
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {shown}"
        await asyncio.sleep(0.05)


async def look(client: httpx.AsyncClient, batch: int) -> Json:
    """A batch's progress; every recipient is in exactly one state whenever one looks."""
    shown = await read(client, f"/batch-submit/{batch}")
    counts = shown["counts"]
    assert all(number >= 0 for number in counts.values()), shown
    assert sum(counts.values()) == shown["recipients"], shown
    return shown


async def statuses(client: httpx.AsyncClient, batch: int) -> dict[str, str]:
    """Every recipient's status by address, read page by page."""
    found: dict[str, str] = {}
    cursor = ""
    while True:
        query = {"limit": "1000", **({"cursor": cursor} if cursor else {})}
        page = await read(client, f"/batch-submit/{batch}/recipients", **query)
        for line in page["items"]:
            assert line["to"] not in found, f"{line['to']} is listed twice"
            found[line["to"]] = line["status"]
        cursor = page["next_cursor"]
        if not cursor:
            return found


async def message_once_done(client: httpx.AsyncClient, message: str) -> Json:
    """A single send when nothing is left to do for it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        shown = await read(client, f"/send/{message}")
        if shown["status"] not in ("queued", "sending"):
            return shown
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Received:
    """One message of the inbox. wire: the octets its sender wrote."""

    recipient: str
    return_path: str
    wire: bytes

    @cached_property
    def message(self) -> EmailMessage:
        """Parsed by the standard library, which must find nothing wrong with it, but for encoded words in `name`: against
        RFC 2047, and the one way in which mailboxes without RFC 2231 read names beyond ASCII.
        """
        parsed = email.message_from_bytes(self.wire, policy=email.policy.default)
        for part in parsed.walk():
            assert not part.defects, part.defects
            for name, value in part.items():
                if "name" not in getattr(value, "params", ()) or part.get_filename("").isascii():
                    assert not getattr(value, "defects", ()), (name, value)
        return parsed

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    def body(self, kind: str) -> str:
        """The decoded text of its `plain` or `html` body, with line ends of a single character."""
        part = self.message.get_body((kind,))
        assert part is not None, f"no {kind} body"
        text: str = part.get_content()
        return text.replace("\r\n", "\n")

    def assert_signed(self, records: Mapping[str, str], *algorithms: str) -> None:
        """Two verifiers that share no code agree that the signatures hold; dkimpy judges each by its position."""
        wanted = sorted(algorithms or ("rsa-sha256",))
        assert sorted(independent_dkim.verified(self.wire, records)) == wanted
        judge = dkim.DKIM(self.wire)
        for index in range(len(wanted)):
            assert judge.verify(index, dnsfunc=lambda name, **_: _record(records, name)), self.wire[:600]


def _record(records: Mapping[str, str], name: bytes | str) -> bytes:
    text = name.decode() if isinstance(name, bytes) else name
    return records[text.rstrip(".")].encode()


def inbox(stack: RunningStack, *, domain: str = "") -> list[Received]:
    """What the Maildir holds, read from its files; domain: of the recipients, all where empty."""
    found = []
    for file in Maildir(Path(stack.info["inbox_dir"])).scan().values():
        stored = take_apart(file.read_bytes())
        if not domain or stored.delivered_to.endswith(f"@{domain}"):
            found.append(Received(stored.delivered_to, stored.return_path, stored.wire))
    return found


def assert_nobody_twice(received: Iterable[Received]) -> None:
    """No recipient has a message with the same Message-ID twice."""
    seen = Counter((one.recipient, id_line(one.wire)) for one in received)
    assert not [pair for pair, times in seen.items() if times > 1]


def id_line(wire: bytes) -> bytes:
    """Much faster than parsing thousands of messages whole."""
    head = wire.partition(b"\r\n\r\n")[0]
    return next(line for line in head.split(b"\r\n") if line.lower().startswith(b"message-id:"))


def documents(stack: RunningStack) -> set[str]:
    """The path of every document there is."""
    base = f"http://{stack.info['firestore']}/v1/projects/{stack.info['project']}/databases/(default)"
    names = {"fields": [{"fieldPath": "__name__"}]}
    query = {"structuredQuery": {"from": [{"allDescendants": True}], "select": names}}
    answer = httpx.post(f"{base}/documents:runQuery", json=query, timeout=60, trust_env=False)
    rows = answer.raise_for_status().json()
    return {row["document"]["name"].partition("/documents/")[2] for row in rows if "document" in row}
