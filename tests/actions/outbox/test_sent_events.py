"""What a relay said when it took a message: in the history of single sends, and told to whoever asks for `sent`."""

import json
import zlib
from dataclasses import replace

from tests.actions.harness import ACCEPTED, START, sent
from tests.actions.report_builders import lines_of_message
from warmpost.rules.delivery.envelope import Reply
from warmpost.rules.model.writes import Put
from warmpost.rules.webhooks.notifications import Notification
from warmpost.rules.webhooks.webhooks import Webhook

QUEUED = replace(ACCEPTED, reply=Reply(250, "2.0.0", "Ok: queued as 4XyZ"))


async def with_webhook(harness, *events):
    """Switched off by hand it would be as good as none: given up, what it misses is parked for it."""
    hook = Webhook(
        "https://x.example.com", b"sealed", START, events=events, disabled_at=START, disabled_reason="down"
    )
    await harness.store.commit(Put("webhooks/w1", hook))


async def told(harness):
    found = await harness.store.find(Notification, "notifications")
    return [json.loads(line) for one in found for line in zlib.decompress(one.value.payloads).split(b"\n")]


async def test_a_message_keeps_the_words_by_which_its_relay_took_it(harness):
    harness.relays.everybody = QUEUED
    message = await sent(harness)
    await harness.queue.run(harness.services)
    (line,) = await lines_of_message(harness, message)
    assert (line.notes[-1].text, line.notes[-1].code) == ("Ok: queued as 4XyZ", 250)


async def test_whoever_asks_for_sent_is_told_with_those_words(harness):
    await with_webhook(harness, "sent")
    harness.relays.everybody = QUEUED
    message = await sent(harness)
    batch = await harness.submit(5)
    await harness.queue.run(harness.services)
    events = await told(harness)
    assert {one["type"] for one in events} == {"sent"}
    assert len(events) == 6
    assert all(one["reply"]["text"] == "Ok: queued as 4XyZ" for one in events)
    assert {one.get("batch") or one.get("message") for one in events} == {batch, message}


async def test_a_task_delivered_twice_tells_it_once(harness):
    await with_webhook(harness, "sent")
    await harness.submit(5)
    await harness.queue.run(harness.services, harness.worker("two"), times=2)
    assert len({one["id"] for one in await told(harness)}) == len(await told(harness)) == 5


async def test_whoever_asks_for_everything_is_not_told(harness):
    await with_webhook(harness)
    await sent(harness)
    await harness.queue.run(harness.services)
    assert await told(harness) == []


async def test_the_subject_of_a_batch_is_what_each_recipient_read(harness):
    await with_webhook(harness, "sent")
    await harness.submit(2, name="November")
    await harness.queue.run(harness.services)
    assert sorted(one["subject"] for one in await told(harness)) == ["Hello N0", "Hello N1"]
