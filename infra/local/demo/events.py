"""`demo --events`: what becomes of a batch after the relay took it, told to a receiver that is down at first."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from rich.console import Console
from rich.markup import escape

from infra.local.clock import MovableClock
from infra.local.demo import events_tables, expected_events, mail_reader, report, scenario
from infra.local.demo.api import Api, Json, Refused
from infra.local.demo.receiver import Receiver
from infra.local.demo.relay_reports import Relay, bounce_mail, complaint_mail
from infra.local.demo.scripted_readers import ScriptedReaders, script_readers
from infra.local.stack import Options, Stack
from infra.local.supervisor import last_lines
from infra.local.up import run_until_signal

DOWN = 60.0
"""Seconds of moved time after the webhook was made."""
PER_REQUEST = 10
A_WHILE = 5
MOST_WHILES = 80


@dataclass(frozen=True, slots=True)
class Scene:
    """clock: the stack's, moved. inbox: where the batch arrives. client: of everybody who is not its owner."""

    console: Console
    readers: ScriptedReaders
    clock: MovableClock
    api: Api
    inbox: Api
    inbox_url: str
    client: aiohttp.ClientSession
    relay: Relay
    receiver: Receiver

    def step(self, what: str, said: str) -> None:
        report.step(self.console, what, said)

    async def let_pass(self, seconds: float) -> None:
        """With all the work that falls due meanwhile."""
        await self.api.post("/_local/clock", {"advance_seconds": seconds})


def run_events(_: argparse.Namespace) -> None:
    run_until_signal(events())


async def events() -> int:
    """Exit code 0 only where every event that must have been told arrived exactly once."""
    console = report.new_console()
    console.print("\n[bold]Warmpost[/]: what becomes of messages, on this machine only, with time moved\n")
    started = time.monotonic()
    async with Stack(Options()) as stack:
        info = stack.info()
        report.step(console, "stack", f"{info['url']}  [dim]in {time.monotonic() - started:.1f} s[/]")
        try:
            with MovableClock(stack.data / "clock") as clock:
                right = await _tell(console, clock, info)
        except Refused as refusal:
            log = last_lines(stack.data / "logs" / "functions-1.log")
            console.print(f" [red]✗[/] {escape(str(refusal))}[dim]{escape(log)}[/]")
            right = False
    console.print(f" [dim]All in {time.monotonic() - started:.0f} s; the stack has ended.[/]\n")
    return 0 if right else 1


async def _tell(console: Console, clock: MovableClock, info: Json) -> bool:
    async with (
        Api(info["url"], info["api_key"]) as api,
        Api(info["inbox_url"], "") as inbox,
        aiohttp.ClientSession() as client,
        Receiver(clock.timestamp) as receiver,
    ):
        relay = Relay(client, info["url"], info["event_secret"], clock.timestamp)
        scene = Scene(
            console, script_readers(), clock, api, inbox, info["inbox_url"], client, relay, receiver
        )
        webhook = await _prepare(scene)
        first = await _send(scene, "Letter no. 48")
        await _come_back(scene, webhook)
        await _report(scene, first)
        await _read(scene)
        second = await _send(scene, "Letter no. 49")
        ending, wrong = await _settle(scene, (first, second))
        await _show(scene, webhook, ending)
    events_tables.show_verdict(console, wrong, len(ending.told))
    return not wrong


async def _prepare(scene: Scene) -> str:
    """The webhook's id."""
    await scenario.verify_domain(scene.api)
    await scene.api.patch(f"/manage/domains/{scenario.DOMAIN}", {"warmup": False})
    scene.step("domain", f"{scenario.DOMAIN} verified  [dim]without warm-up[/]")
    await scenario.store_template(scene.api)
    made = await scene.api.post("/manage/webhooks", {"url": scene.receiver.url, "batch_size": PER_REQUEST})
    scene.receiver.secret = made["secret"]
    scene.receiver.down_until = scene.clock.timestamp() + DOWN
    scene.receiver.lost_answers = 1
    scene.step(
        "webhook", f"{scene.receiver.url}  [dim]all kinds, {PER_REQUEST} to a request; down for a minute[/]"
    )
    return str(made["id"])


async def _send(scene: Scene, name: str) -> Json:
    order = {
        "name": name,
        "from": scenario.SENDER,
        "template": "winter-letter",
        "recipients": [{"to": one} for one in scene.readers.everybody],
        "data": scenario.BLANK,
        "unsubscribe": True,
    }
    submitted = await scene.api.post("/batch-submit", order)
    with report.new_progress(scene.console) as progress:
        bar = progress.add_task("", total=len(scene.readers.everybody), detail="")

        def show(batch: Json) -> None:
            through, detail = report.done_in(batch)
            progress.update(bar, completed=through, detail=detail)

        return await scenario.watch(scene.api, f"/batch-submit/{submitted['id']}", show)


async def _come_back(scene: Scene, webhook: str) -> None:
    """The receiver's minute passes; the first request afterwards is taken, but the answer is lost."""
    await scene.let_pass(A_WHILE)
    state = (await scene.api.get(f"/manage/webhooks/{webhook}"))["state"]
    scene.step("down", f"{scene.receiver.turned_away} requests turned away  [dim]the webhook is {state}[/]")
    await scene.let_pass(3600)
    told = len(scene.receiver.events)
    scene.step(
        "up", f"an hour on, it has heard of {told} events  [dim]mail that was put off is through, too[/]"
    )


def _deliveries(readers: ScriptedReaders, batch: Json, at: str) -> bytes:
    positions = {one: position for position, one in enumerate(readers.everybody)}
    return json.dumps(
        [
            {"type": "delivered", "at": at, "batch": batch["id"], "position": positions[one], "to": one}
            for one in expected_events.delivered(readers)
        ]
    ).encode()


async def _report(scene: Scene, batch: Json) -> None:
    """Deliveries twice, as relays do when an answer was lost; bounces of mail that was delivered; complaints; a forgery."""
    readers, relay = scene.readers, scene.relay
    at = datetime.fromtimestamp(scene.clock.timestamp(), UTC).isoformat()
    body = _deliveries(readers, batch, at)
    answers = [await relay.report("warmpost", body), await relay.report("warmpost", body)]
    forged = await relay.report("warmpost", body.replace(b"delivered", b"bounced"), forged=True)
    await scene.let_pass(A_WHILE)
    found = await mail_reader.mails(scene.inbox, (*readers.late_bounces, *readers.complaining))
    for one in readers.late_bounces:
        mail = found[one]
        report_mail = bounce_mail(mail.return_path, one, await _source(scene, mail.id))
        answers.append(await relay.report("dsn", report_mail, envelope_to=mail.return_path))
    for one in readers.complaining:
        mail = found[one]
        report_mail = complaint_mail(mail.return_path, one, await _source(scene, mail.id))
        answers.append(await relay.report("arf", report_mail))
    if answers != [202] * len(answers) or forged != 401:
        raise Refused(f"the reports were answered {answers}, the forged one {forged}")
    scene.step(
        "relay",
        f"{len(expected_events.delivered(readers))} deliveries, reported twice; the same forged: {forged}",
    )
    scene.step(
        "reports",
        f"{len(readers.late_bounces)} late bounces (RFC 3464), {len(readers.complaining)} complaints (RFC 5965)",
    )
    await scene.let_pass(A_WHILE)


async def _source(scene: Scene, id: str) -> bytes:
    async with scene.client.get(f"{scene.inbox_url}/api/messages/{id}/source") as response:
        return await response.read()


async def _read(scene: Scene) -> None:
    readers, reader = scene.readers, mail_reader.Readers(scene.client)
    leaving = (*readers.one_click, *readers.by_button, *readers.undecided)
    found = await mail_reader.mails(
        scene.inbox,
        (*readers.opening, *readers.prefetched, *readers.scanned, *leaving),
    )
    await reader.read(readers, found)
    scene.step(
        "readers",
        f"{len(readers.opening)} open, {len(readers.returning)} of them twice; {len(readers.clicking)} click  "
        f"[dim]and {len(readers.prefetched) + len(readers.scanned)} programs[/]",
    )
    await reader.unsubscribe(readers, found)
    ways = f"{len(readers.one_click)} with one click (RFC 8058), {len(readers.by_button)} by the page"
    scene.step("leaving", f"{len(leaving)} unsubscribe: {ways}, {len(readers.undecided)} takes it back")


async def _settle(scene: Scene, batches: Sequence[Json]) -> tuple[expected_events.Ending, list[str]]:
    """Time passes until nothing is missing, and once more: what came twice would show then."""
    agreed = False
    for _ in range(MOST_WHILES):
        await scene.let_pass(A_WHILE)
        ending = await _ending(scene, batches)
        wrong = expected_events.mistakes(scene.readers, ending)
        if agreed and not wrong:
            break
        agreed = not wrong
    return ending, [*wrong, *scene.receiver.refused]


async def _ending(scene: Scene, batches: Sequence[Json]) -> expected_events.Ending:
    put_off: Counter[str] = Counter()
    for batch in batches:
        path = f"/batch-submit/{batch['id']}/recipients"
        async for line in scene.api.pages(path, "items", limit="1000"):
            if line["to"] in expected_events.PUT_OFF:
                put_off[line["to"]] += sum(note["status"] == "deferred" for note in line["history"])
    suppressions = [one async for one in scene.api.pages("/manage/suppressions", "items", limit="100")]
    figures: Counter[str] = Counter()
    for row in (await scene.api.get("/manage/statistics", by="provider"))["items"]:
        figures.update({name: number for name, number in row.items() if isinstance(number, int)})
    return expected_events.Ending(
        told=scene.receiver.events,
        put_off=put_off,
        suppressed={one["address"]: one["reason"] for one in suppressions},
        figures=figures,
        arrived=await mail_reader.count_by_recipient(scene.inbox),
        second=await scene.api.get(f"/batch-submit/{batches[-1]['id']}"),
    )


async def _show(scene: Scene, webhook: str, ending: expected_events.Ending) -> None:
    left_out = ending.second["counts"]["suppressed"]
    scene.step("second", f"a second batch leaves out {left_out} of {ending.second['recipients']}")
    scene.console.print()
    events_tables.show_told(scene.console, scene.readers, ending, scene.receiver)
    attempts = [
        one async for one in scene.api.pages(f"/manage/webhooks/{webhook}/attempts", "items", limit="100")
    ]
    events_tables.show_attempts(scene.console, _hardest(attempts))
    rows = (await scene.api.get("/manage/statistics", by="provider"))["items"]
    simulator = await scene.api.get("/manage/statistics", by="provider", provider="simulator")
    events_tables.show_statistics(scene.console, [*rows, *simulator["items"]])
    found = [one async for one in scene.api.pages("/manage/suppressions", "items", limit="100")]
    events_tables.show_suppressions(scene.console, found)


def _hardest(attempts: Sequence[Json]) -> list[Json]:
    """All of the notification that needed the most; of several the first."""
    oldest_first: list[Json] = sorted(attempts, key=lambda one: str(one["at"]))
    numbers: Mapping[str, int] = Counter(one["notification"] for one in oldest_first)
    hardest = max(oldest_first, key=lambda one: numbers[one["notification"]])["notification"]
    return [one for one in oldest_first if one["notification"] == hardest]
