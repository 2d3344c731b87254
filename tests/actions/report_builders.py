"""Reports about what a harness has sent, and everything that can be seen to follow from them."""

from collections import Counter
from dataclasses import asdict, replace
from datetime import timedelta

from tests.actions.harness import START, unique
from warmpost.actions.batches.report import RecipientQuery, count_batch, list_recipients, message_statuses
from warmpost.actions.delivery.find import find_batch, find_message
from warmpost.actions.outbox.event_log import log_events
from warmpost.actions.statistics.statistics import StatisticsQuery, ask_statistics
from warmpost.actions.warmup.day_counters import read_day_counters
from warmpost.rules.delivery.mailbox_providers import SIMULATOR, provider_of
from warmpost.rules.model.events import Event, Target
from warmpost.rules.suppressions.documents import Suppression

NO_USER = {"code": 550, "enhanced_code": "5.1.1", "text": "No such user"}
FULL = {"code": 552, "enhanced_code": "5.2.2", "text": "Mailbox full"}
SPAM = {"code": 554, "enhanced_code": "5.7.1", "text": "Message rejected as spam"}
LATER = timedelta(days=40)
TODAY = START.date()
GRAINS = ("day", "domain", "provider", "batch")


def report(kind, target, seconds=60.0, **others):
    """seconds: after the beginning. The same arguments make the same report."""
    words = {"at": START.timestamp() + seconds, "source": "test"} | others
    name = f"{kind} {target} {sorted(words.items())}"
    return Event(id=name, kind=kind, target=target, **words)


def of_batch(batch, position):
    return Target(batch=batch, position=position)


def of_message(message, position=0):
    return Target(message=message, position=position)


async def ingest(harness, *events, source="test", until=LATER):
    """Logged as one request and ingested, with everything that follows."""
    await log_events(harness.services, source, events)
    await harness.queue.run(harness.services, until=until)


async def batch_lines(harness, batch):
    lines, cursor = [], ""
    while True:
        some, cursor = await list_recipients(harness.services, batch, RecipientQuery(), cursor, 400)
        lines += some
        if not cursor:
            return lines


async def lines_of_message(harness, message):
    return await message_statuses(harness.services, await find_message(harness.services, message))


async def batch_counts(harness, batch):
    """Those that are not zero."""
    counts = await count_batch(harness.services, await find_batch(harness.services, batch))
    return {name: number for name, number in counts.items() if number}


async def suppressions(harness):
    """As they hold or not; what was before that is history."""
    found = await harness.store.find(Suppression, "suppressions")
    return {(one.value.address, one.value.scope): _as_it_holds(one.value) for one in found}


def _as_it_holds(one):
    if one.lifted:
        return replace(one, changed_at=None, since=one.lifted_at)
    return replace(one, changed_at=None, lifted_at=None, lifted_note="")


async def suppressed_for(harness):
    """Reason by address, of those that hold."""
    found = await suppressions(harness)
    return {address: one.reason for (address, _), one in found.items() if not one.lifted}


async def statistics(harness, by=GRAINS, **filters):
    """Figures by labels, without zeros."""
    question = StatisticsQuery(TODAY, (START + timedelta(days=2)).date(), by, **filters)
    rows = await ask_statistics(harness.services, question)
    return {
        tuple(row.labels.values()): {name: number for name, number in row.figures.items() if number}
        for row in rows
    }


async def all_statistics(harness, by=GRAINS):
    return await statistics(harness, by) | await statistics(harness, by, provider=SIMULATOR)


async def day_counters_of(harness, domain, day=TODAY):
    return {
        name: number
        for name, number in asdict(await read_day_counters(harness.store, domain, day.isoformat())).items()
        if number
    }


def recount(domain, name, lines, simulator="simulator.invalid", day=TODAY):
    """The statistics of lines, counted by hand."""
    found = {}
    for line in lines:
        simulated = line.to.endswith(f"@{simulator}")
        provider = SIMULATOR if simulated else provider_of(line.to)
        figures = found.setdefault((day.isoformat(), domain, provider, name), Counter())
        figures["requested"] += 1
        figures[line.status] += 1
        for reader in ("opened", "clicked", "unsubscribed"):
            figures[reader] += getattr(line, reader)
    return {labels: {name: n for name, n in one.items() if n} for labels, one in found.items()}


def without_totals(figures):
    """Only what `recount` knows of."""
    return {
        labels: {
            name: number
            for name, number in one.items()
            if not name.endswith("_total") and not name.startswith(("machine_", "bounced_"))
        }
        for labels, one in figures.items()
    }


def fresh(store):
    """Another database."""
    return type(store)(f"test-{unique()}")
