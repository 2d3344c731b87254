import random
from datetime import timedelta

from tests.actions.harness import START
from tests.actions.report_builders import of_batch, of_message, report
from warmpost.actions.outbox.event_log import ask_for_ingest, log_events, log_writes
from warmpost.rules.events.documents import EventLog
from warmpost.rules.events.event_packing import MOST_PACKED, unpack_events
from warmpost.rules.events.reported_status import MOST_TEXT


def logs(harness, source, events):
    return [one.value for one in log_writes(harness.services, source, events)]


async def test_all_events_of_a_request_are_kept_in_one_write(harness):
    events = [report("delivered", of_batch("1", number)) for number in range(3000)]
    assert len(logs(harness, "kumomta", events)) == 1
    await log_events(harness.services, "kumomta", events)
    (log,) = await harness.store.find(EventLog, "events")
    assert (log.value.source, log.value.count, log.value.received_at) == ("kumomta", 3000, START)
    assert unpack_events(log.value.content) == events


async def test_nothing_is_written_where_nothing_is_reported(harness):
    await log_events(harness.services, "kumomta", [])
    assert await harness.store.find(EventLog, "events") == []
    assert harness.queue.made == []


async def test_what_is_too_much_for_a_document_becomes_several_in_the_same_commit(harness):
    dice = random.Random(1)
    events = [
        report("bounced", of_batch("1", number), text=dice.randbytes(250).hex()) for number in range(3000)
    ]
    found = logs(harness, "kumomta", events)
    assert 1 < len(found) < 5
    assert all(len(one.content) <= MOST_PACKED for one in found)
    assert [event for one in found for event in unpack_events(one.content)] == events
    await log_events(harness.services, "kumomta", events)


async def test_events_about_the_same_recipients_stand_together(harness):
    events = [report(kind, of_batch("2", at)) for kind in ("delivered", "deferred") for at in (1, 700, 2)]
    events += [report("delivered", of_message("m")), report("delivered", of_batch("1", 5))]
    (log,) = logs(harness, "test", events)
    places = [
        (one.target.batch, one.target.position, one.target.message) for one in unpack_events(log.content)
    ]
    assert places == sorted(places, key=lambda place: (place[0], place[2], place[1]))


async def test_what_has_consequences_waits_in_another_queue_than_what_readers_do(harness):
    kinds = ("opened", "delivered", "bounced", "clicked", "complained", "unsubscribed")
    found = logs(harness, "test", [report(kind, of_batch("2", 1)) for kind in kinds])
    kept = {one.queue: [event.kind for event in unpack_events(one.content)] for one in found}
    assert kept == {
        "readers-1": ["opened", "clicked"],
        "deliveries-1": ["delivered"],
        "consequences-1": ["bounced", "complained", "unsubscribed"],
    }


async def test_logs_about_different_recipients_go_to_different_queues(harness):
    queues = {
        one.queue
        for number in range(40)
        for one in logs(harness, "test", [report("opened", of_message(f"m{number}"))])
    }
    assert queues == {f"readers-{shard}" for shard in range(4)}


async def test_numbers_and_texts_from_outside_are_bounded(harness):
    events = [report("bounced", of_batch("1", 0), at=at, text="x" * 10_000) for at in (-1e300, 1e300)]
    (log,) = logs(harness, "test", events)
    kept = unpack_events(log.content)
    assert [one.at for one in kept] == [0.0, 4e9]
    assert {len(one.text) for one in kept} == {MOST_TEXT}


async def test_one_fold_serves_all_events_of_a_second(harness):
    for _ in range(5):
        await log_events(harness.services, "test", [report("delivered", of_message("m"))])
        harness.clock.advance(0.1)
    ingests = harness.queue.of("ingest")
    assert len(ingests) == 1
    harness.clock.advance(1)
    await ask_for_ingest(harness.services, ["deliveries-0"])
    assert len(harness.queue.of("ingest")) == 2


async def test_a_fold_comes_so_late_that_a_clock_a_second_ahead_cannot_make_it_miss_an_event(harness):
    harness.clock.advance(0.99)
    await log_events(harness.services, "test", [report("delivered", of_message("m"))])
    (task,) = harness.queue.of("ingest")
    assert task.at - harness.clock.now() >= timedelta(seconds=1)
    assert task.at - harness.clock.now() <= timedelta(seconds=2)
