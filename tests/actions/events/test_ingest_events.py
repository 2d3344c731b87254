"""Events in any order, number and grouping, through crashes and rivals: each is applied exactly once."""

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.faults import STORE_VERBS, Fate, Mortal
from tests.actions.harness import (
    DOMAIN,
    IN_DOUBT,
    POLICY,
    POSTPONED,
    REFUSED,
    Harness,
    address,
    perform,
    sent,
)
from tests.actions.report_builders import (
    FULL,
    NO_USER,
    SPAM,
    all_statistics,
    batch_counts,
    batch_lines,
    day_counters_of,
    fresh,
    ingest,
    lines_of_message,
    of_batch,
    of_message,
    recount,
    report,
    suppressions,
    without_totals,
)
from warmpost.actions.events.ingest_events import ingest_events
from warmpost.actions.events.ingest_step import LONGEST_WAIT
from warmpost.actions.outbox.event_log import log_events
from warmpost.errors import Unavailable
from warmpost.rules.events.documents import EventLog
from warmpost.rules.model.events import Target
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.model.writes import Update

SIZE = 12


REPORTING = replace(POLICY, shared_pool=Pool("shared", (Relay("r1", "127.0.0.1", 25, reports="events"),)))


KINDS = (
    "delivered",
    "bounced",
    "deferred",
    "complained",
    "opened",
    "clicked",
    "unsubscribed",
    "resubscribed",
)


class Scene:
    """A batch in two chunks and two single sends, delivered: most are sent, some refused, some in doubt."""

    def __init__(self, harness):
        self.harness = harness
        self.batch = ""
        self.messages = []

    async def build(self):
        for number in (1, 7):
            self.harness.relays.say(address(number), REFUSED)
        for number in (2, 8):
            self.harness.relays.say(address(number), IN_DOUBT)
        self.batch = await self.harness.submit_list(await self.harness.list_of(SIZE, pages=2))
        await self.harness.queue.run(self.harness.services, until=timedelta(minutes=1))
        for to in (("m0@gmail.com", "m1@qq.com"), ("m2@example.org",)):
            self.messages.append(await sent(self.harness, *to))
        await self.harness.queue.run(self.harness.services, until=timedelta(minutes=1))
        return self

    def target(self, number):
        if number < SIZE:
            return of_batch(self.batch, number)
        return (
            of_message(self.messages[0], number - SIZE) if number < SIZE + 2 else of_message(self.messages[1])
        )

    def reports(self, dice, count):
        """Of everybody, of strangers, and one that names only an address."""
        made = []
        for number in range(count):
            kind = dice.choice(KINDS)
            words = dice.choice((NO_USER, FULL, SPAM)) if kind == "bounced" else {}
            who = dice.randrange(SIZE + 3)
            made.append((kind, who, float(number % 7), words, dice.random() < 0.3))
        return made

    def events(self, reports):
        made = [
            report(kind, self.target(who), seconds, machine=machine, **words)
            for kind, who, seconds, words, machine in reports
        ]
        return [
            *made,
            report("bounced", Target(batch="77", position=1), **NO_USER),
            report("bounced", of_batch(self.batch, 5000), **NO_USER),
            report("delivered", of_message("nobody")),
            report("complained", Target(address="m2@example.org")),
            report("complained", Target(address="stranger@example.org")),
        ]

    async def end(self):
        """All that can be seen."""
        messages = [await lines_of_message(self.harness, one) for one in self.messages]
        return {
            "lines": await batch_lines(self.harness, self.batch),
            "counts": await batch_counts(self.harness, self.batch),
            "messages": messages,
            "suppressions": await suppressions(self.harness),
            "statistics": await all_statistics(self.harness),
            "figures": await day_counters_of(self.harness, DOMAIN),
        }


async def scene(store, policy=POLICY):
    return await Scene(await Harness(fresh(store), policy=policy).open()).build()


async def log_in_groups(scene, events, dice):
    while events:
        cut = dice.randint(1, len(events))
        await log_events(scene.harness.services, "test", events[:cut])
        events = events[cut:]


class TestSameEnd:
    @pytest.mark.parametrize("policy", [POLICY, REPORTING], ids=["relay reports nothing", "relay reports"])
    async def test_any_order_repetition_and_grouping_of_events_ends_the_same(self, store, policy):
        dice = random.Random(4)
        first = await scene(store, policy)
        reports = first.reports(dice, 60)
        await ingest(first.harness, *first.events(reports))
        expected = await first.end()
        for _ in range(3):
            other = await scene(store, policy)
            events = other.events(reports)
            events += dice.choices(events, k=30)
            dice.shuffle(events)
            await log_in_groups(other, events, dice)
            await other.harness.queue.run(other.harness.services, until=timedelta(days=1))
            assert await other.end() == expected

    async def test_folding_between_and_replaying_every_log_changes_nothing(self, store):
        dice = random.Random(5)
        first, second = await scene(store), await scene(store)
        reports = first.reports(dice, 40)
        await ingest(first.harness, *first.events(reports))
        expected = await first.end()
        events = second.events(reports)
        dice.shuffle(events)
        for one in range(0, len(events), 9):
            await ingest(second.harness, *events[one : one + 9])
        assert await second.end() == expected
        for log in await second.harness.store.find(EventLog, "events"):
            await second.harness.store.commit(Update(log.path, {"applied": 0, "due": 1.0}))
        await ingest_events(second.harness.services)
        assert await second.end() == expected

    async def test_counts_add_up_and_statistics_are_the_sum_over_recipients(self, store):
        dice = random.Random(6)
        one = await scene(store, REPORTING)
        await ingest(one.harness, *one.events(one.reports(dice, 80)))
        end = await one.end()
        assert sum(end["counts"].values()) == SIZE
        statuses = [line.status for line in end["lines"]]
        assert end["counts"] == {status: statuses.count(status) for status in set(statuses)}
        singles = [line for lines in end["messages"] for line in lines]
        expected = recount(DOMAIN, one.batch, end["lines"]) | recount(DOMAIN, "send", singles)
        assert without_totals(end["statistics"]) == expected


class TestAccidents:
    async def test_two_folds_at_once_apply_everything_once(self, store):
        dice = random.Random(7)
        first, second = await scene(store), await scene(store)
        reports = first.reports(dice, 60)
        await ingest(first.harness, *first.events(reports))
        await log_in_groups(second, second.events(reports), dice)
        rivals = [second.harness.worker(name) for name in ("two", "three")]
        await asyncio.gather(*(ingest_events(one) for one in (second.harness.services, *rivals)))
        await second.harness.queue.run(second.harness.services, *rivals, until=timedelta(days=1))
        assert await second.end() == await first.end()

    async def test_a_fold_that_ends_at_any_step_and_comes_again_applies_everything_once(
        self, store, monkeypatch
    ):
        monkeypatch.setattr("warmpost.actions.events.ingest_step.EVENTS_PER_COMMIT", 8)
        dice = random.Random(8)
        first = await scene(store)
        reports = first.reports(dice, 20)
        await ingest(first.harness, *first.events(reports))
        expected = await first.end()
        second = await scene(store)
        await log_events(second.harness.services, "test", second.events(reports))
        crashes = 0
        for step in range(1, 500):
            fate = Fate(step)
            worker = second.harness.worker(
                f"w{step}",
                store=Mortal(second.harness.store, fate, *STORE_VERBS),
                tasks=Mortal(second.harness.queue, fate, "enqueue"),
            )
            try:
                await ingest_events(worker)
            except asyncio.CancelledError:
                crashes += 1
                continue
            break
        assert crashes > 10
        assert await second.end() == expected

    async def test_a_store_that_does_not_answer_brings_the_task_again(self, harness):
        message = await sent(harness)
        await harness.queue.run(harness.services, until=timedelta(minutes=1))
        await log_events(harness.services, "test", [report("delivered", of_message(message))])

        class Broken:
            def __getattr__(self, name):
                async def fail(*arguments, **named):
                    raise Unavailable("store_unavailable", "no answer")

                return fail

        with pytest.raises(Unavailable):
            await ingest_events(harness.worker("two", store=Broken()))
        await ingest_events(harness.services)
        assert (await lines_of_message(harness, message))[0].status == "delivered"

    async def test_a_log_that_cannot_be_read_holds_up_no_other(self, harness, caplog):
        message = await sent(harness)
        await harness.queue.run(harness.services, until=timedelta(minutes=1))
        await log_events(harness.services, "test", [report("opened", of_message(message))])
        (log,) = await harness.store.find(EventLog, "events")
        await harness.store.commit(Update(log.path, {"content": b"scrambled"}))
        await log_events(harness.services, "test", [report("delivered", of_message(message))])
        await ingest_events(harness.services)
        assert (await lines_of_message(harness, message))[0].status == "delivered"
        again = await harness.store.get(EventLog, log.path)
        assert (again.value.due, again.value.tries) == (harness.clock.timestamp() + LONGEST_WAIT, 1)
        assert log.path in caplog.text


class TestWaiting:
    async def test_what_overtakes_the_worker_waits_for_it(self, harness):
        message = await sent(harness)
        await log_events(harness.services, "test", [report("delivered", of_message(message))])
        await ingest_events(harness.services)
        assert (await lines_of_message(harness, message))[0].status == "queued"
        await harness.queue.run(harness.services, until=timedelta(minutes=2))
        assert (await lines_of_message(harness, message))[0].status == "delivered"

    async def test_it_waits_while_the_message_is_put_off_for_hours_and_few_tasks_are_needed(self, harness):
        harness.relays.say(address(0), *[POSTPONED] * 8, IN_DOUBT)
        batch = await harness.submit(1)
        await harness.queue.run(harness.services, until=timedelta(seconds=30))
        ingests = len(harness.queue.of("ingest"))
        await ingest(harness, report("delivered", of_batch(batch, 0)), until=timedelta(days=2))
        assert [line.status for line in await batch_lines(harness, batch)] == ["delivered"]
        assert await batch_counts(harness, batch) == {"delivered": 1}
        assert len(harness.queue.of("ingest")) - ingests < 60

    async def test_nothing_is_left_waiting_for_ever(self, harness, monkeypatch):
        monkeypatch.setattr("warmpost.actions.events.ingest_events.MOST_TRIES", 3)
        monkeypatch.setattr("warmpost.actions.events.ingest_step.MOST_TRIES", 3)
        message = await sent(harness)
        harness.queue.waiting.clear()
        await ingest(harness, report("delivered", of_message(message)), until=timedelta(days=2))
        logs = await harness.store.find(EventLog, "events")
        assert [log.value.due for log in logs] == [None] * 4


async def test_the_verb_is_served(harness):
    message = await sent(harness)
    await harness.queue.run(harness.services, until=timedelta(minutes=1))
    await log_events(harness.services, "test", [report("delivered", of_message(message))])
    (task,) = [one for one in harness.queue.waiting if one.verb == "ingest"]
    await perform(harness.services, task)
    assert (await lines_of_message(harness, message))[0].status == "delivered"
