"""What the demo does, step by step, with nothing printed: a domain, a template, a list, a batch, and its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.demo.api import Api, Json, Refused

DOMAIN = "news.harbour-coffee.example"
SENDER = f"letter@{DOMAIN}"
SENDER_NAME = "Harbour Coffee Roasters"
SUBJECT = "{% if name %}{{ name }}, the{% else %}The{% endif %} winter coffees are in"
# Columns that the newsletter uses, for lists that lack them.
BLANK = {"name": "", "city": "", "plan": "none", "points": "0", "last_order": ""}
UNDER_WAY = ("held", "queued", "sending")
TROUBLE = ("bounced", "deferred", "uncertain", "failed", "suppressed")
STANDSTILL = 90.0  # seconds without any change after which something is wrong
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Imported:
    """rejected: rows with their line, value and reason; duplicates are among them."""

    list_id: int
    added: int
    duplicates: int
    rejected: Sequence[Json]

    @property
    def faulty(self) -> int:
        return len(self.rejected) - self.duplicates


@dataclass(frozen=True, slots=True)
class Trouble:
    """A recipient that was not simply sent to, with the relay's words, or ours where no relay spoke."""

    status: str
    address: str
    words: str


@dataclass(frozen=True, slots=True)
class Ending:
    """counts: recipients by status. seconds: from the submission to the last first try. writes: to Firestore meanwhile.

    taken_later: recipients deferred at first and taken within the hour that was let pass. simulated: recipients at the
    simulator among the sent. arrived: messages that came into the inbox.
    """

    recipients: int
    counts: dict[str, int]
    seconds: float
    writes: int
    trouble: Sequence[Trouble]
    taken_later: int
    simulated: int
    arrived: int
    per_million: float | None = None

    @property
    def writes_per_thousand(self) -> float:
        return self.writes * 1000 / max(self.recipients, 1)

    @property
    def per_second(self) -> float:
        return self.recipients / max(self.seconds, 0.001)


async def verify_domain(api: Api) -> list[str]:
    """Publish the records the domain needs, let them be looked up; what they are for. Raises Refused."""
    domain = await api.post("/manage/domains", {"domain": DOMAIN})
    for record in domain["records"]:
        values = [record["expected"]]
        await api.post("/_local/dns", {"name": record["name"], "type": record["type"], "values": values})
    verified = await api.post(f"/manage/domains/{DOMAIN}/verify")
    if verified["status"] != "verified":
        raise Refused(f"the domain is {verified['status']}: {verified['records']}")
    await api.post("/manage/addresses", {"address": SENDER, "name": SENDER_NAME})
    return [record["purpose"] for record in verified["records"]]


async def store_template(api: Api) -> Json:
    html, text = ((HERE / f"newsletter.{kind}").read_text() for kind in ("html", "txt"))
    body = {"name": "winter-letter", "subject": SUBJECT, "html": html, "text": text}
    return await api.post("/manage/templates", body)


async def import_list(api: Api, name: str, parts: Sequence[bytes]) -> Imported:
    """One request per part; line numbers are those of the parts put together."""
    made = await api.post("/manage/lists", {"name": name})
    added = duplicates = earlier_lines = 0
    rejected: list[Json] = []
    for content in parts:
        answer = await api.post_csv(f"/manage/lists/{made['id']}/recipients", content)
        added += answer["added"]
        duplicates += answer["duplicates"]
        rejected += [{**row, "line": row["line"] + earlier_lines} for row in answer["rejected"]]
        earlier_lines += content.count(b"\n") - 1  # without the repeated header
    return Imported(made["id"], added, duplicates, rejected)


async def send_batch(
    api: Api, inbox: Api, imported: Imported, show: Callable[[Json], None]
) -> tuple[int, Ending]:
    """Submit, watch until nobody waits any more, let an hour pass for those whom the relay put off, gather what became
    of everybody. show: called with each progress."""
    before, arrived_before = await writes(api), await arrived(inbox)
    started = time.monotonic()
    letter = {"name": "Letter no. 48", "from": SENDER, "template": "winter-letter", "data": BLANK}
    submitted = await api.post("/batch-submit", {**letter, "list": imported.list_id})
    path = f"/batch-submit/{submitted['id']}"
    batch = await watch(api, path, show)
    seconds = time.monotonic() - started
    written = await writes(api) - before
    deferred = batch["counts"]["deferred"]
    if deferred:
        await api.post("/_local/clock", {"advance_seconds": 3600})
        batch = await watch(api, path, show)
    trouble = [
        one for status in TROUBLE if batch["counts"][status] for one in await _trouble(api, path, status)
    ]
    ending = Ending(
        recipients=batch["recipients"],
        counts=batch["counts"],
        seconds=seconds,
        writes=written,
        trouble=trouble,
        taken_later=deferred - batch["counts"]["deferred"],
        simulated=await _simulated(api, path),
        arrived=await arrived(inbox) - arrived_before,
        per_million=(batch["cost"]["per_million"] or {}).get("without_relay"),
    )
    return submitted["id"], ending


async def watch(api: Api, path: str, show: Callable[[Json], None]) -> Json:
    """Raises Refused when nothing moves any more."""
    last: dict[str, int] = {}
    changed = time.monotonic()
    while True:
        batch = await api.get(path)
        show(batch)
        counts = batch["counts"]
        planned = batch["status"] != "planning"
        if planned and not any(counts[status] for status in UNDER_WAY):
            return batch
        if batch["status"] in ("failed", "cancelled"):
            raise Refused(f"the batch is {batch['status']}: {batch}")
        if counts != last:
            last, changed = counts, time.monotonic()
        elif time.monotonic() - changed > STANDSTILL:
            raise Refused(f"nothing has moved for {STANDSTILL:.0f} s: {batch}")
        await asyncio.sleep(0.2)


async def _trouble(api: Api, path: str, status: str) -> list[Trouble]:
    lines = api.pages(f"{path}/recipients", "items", status=status, limit="1000")
    return [trouble_of(status, line) async for line in lines]


def trouble_of(status: str, line: Json) -> Trouble:
    """line: a recipient as the API shows it."""
    return Trouble(status, line["to"], _words(line).replace(f"<{line['to']}>: ", ""))


def _words(line: Json) -> str:
    """The last thing that was said about a recipient."""
    notes: Sequence[Any] = line.get("history") or [{}]
    note = notes[-1]
    said = (note.get("code"), note.get("enhanced_code"), note.get("text"))
    return " ".join(str(part) for part in said if part)


async def _simulated(api: Api, path: str) -> int:
    lines = [
        line
        for status in ("sent", "delivered")
        async for line in api.pages(f"{path}/recipients", "items", status=status, limit="1000")
    ]
    return sum(line["to"].endswith("@simulator.invalid") for line in lines)


async def writes(api: Api) -> int:
    counted: int = (await api.get("/_local/operations"))["firestore"]["writes"]
    return counted


async def arrived(inbox: Api) -> int:
    counted: int = (await inbox.get("/api/count"))["count"]
    return counted


def unaccounted(imported: Imported, ending: Ending) -> list[str]:
    """What does not add up, in sentences; empty where every recipient is accounted for."""
    wrong = []
    total = sum(ending.counts.values())
    if not imported.added == ending.recipients == total:
        wrong.append(f"{imported.added} on the list, {ending.recipients} in the batch, {total} in its counts")
    if told := [status for status in UNDER_WAY if ending.counts[status]]:
        wrong.append(f"still {', '.join(told)}")
    handed = ending.counts["sent"] + ending.counts["delivered"] - ending.simulated
    if not handed <= ending.arrived <= handed + ending.counts["uncertain"]:
        wrong.append(f"{handed} were sent, {ending.arrived} arrived in the inbox")
    return wrong
