import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web
from standardwebhooks import WebhookVerificationError

from tests.actions.harness import Harness
from tests.actions.webhook_harness import Office, notification_events, verify
from tests.receiver import closed_port, receiving
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.actions.webhooks.manage_webhooks import (
    change_webhook,
    delete_webhook,
    resend_parked,
    rotate_secret,
)
from warmpost.actions.webhooks.post_notifications import LEASE, notify
from warmpost.adapters.webhooks import WebhookClient
from warmpost.errors import Conflict, Moved
from warmpost.rules.webhooks.webhooks import Webhook, WebhookAttempt

LONG = timedelta(days=10)


@pytest.fixture
async def office(store):
    client = WebhookClient(private=True)
    yield Office(await Harness(store).open(), client)
    await client.close()


@pytest.fixture
async def receiver():
    async with receiving() as one:
        yield one


def seconds(office, start):
    return round((office.clock.now() - start).total_seconds())


async def test_single_events_arrive_one_a_request_in_order_and_signed(office, receiver):
    _, secret = await office.webhook(receiver.url)
    await office.log_event(*notification_events(6))
    await office.queue.run(office.services)
    assert sorted(one["to"] for one in receiver.events) == [f"r{n}@example.net" for n in range(6)]
    assert len({one.id for one in receiver.received}) == 6
    for one in receiver.received:
        assert verify(one, secret, office.clock)["type"] == "delivered"
    (kept,) = await office.notifications()
    assert (kept.value.state, kept.value.results, kept.value.payloads) == ("done", "xxxxxx", b"")


async def test_arrays_hold_up_to_the_size_wanted(office, receiver):
    _, secret = await office.webhook(receiver.url, batch_size=100)
    await office.log_event(*notification_events(1050))
    await office.queue.run(office.services)
    assert sorted(len(one.events) for one in receiver.received) == [50, *[100] * 10]
    assert len({one["id"] for one in receiver.events}) == 1050
    assert len(verify(receiver.received[0], secret, office.clock)) == 100


async def test_a_receiver_that_is_down_for_a_while_loses_nothing_and_sees_the_same_ids(office, receiver):
    _, secret = await office.webhook(receiver.url)
    receiver.status = 500
    await office.log_event(*notification_events(3))
    await office.queue.run(office.services, until=timedelta(seconds=1))
    failed = {one.id for one in receiver.received}
    receiver.received.clear()
    receiver.status = 200
    await office.queue.run(office.services)
    assert {one.id for one in receiver.received} == failed
    assert sorted(one["to"] for one in receiver.events) == [
        "r0@example.net",
        "r1@example.net",
        "r2@example.net",
    ]
    for one in receiver.received:
        verify(one, secret, office.clock)


async def test_attempts_follow_the_plan_for_three_days_then_it_is_parked(office, receiver):
    id, _ = await office.webhook(receiver.url)
    start, moments = office.clock.now(), []

    async def down(request, body):
        moments.append(seconds(office, start))
        return web.Response(status=503)

    receiver.answering = down
    await office.log_event(*notification_events(1))
    await office.queue.run(office.services, until=LONG)
    assert moments[:7] == [0, 5, 65, 365, 2165, 9365, 27365]
    assert moments[-1] == 3 * 86400
    (kept,) = await office.notifications()
    assert (kept.value.state, kept.value.error) == ("parked", "status 503")
    assert len({one.id for one in receiver.received}) == 1
    webhook = await office.found(id)
    assert webhook.state == "disabled"
    assert "status 503" in webhook.disabled_reason


async def test_an_endpoint_that_nobody_is_at_is_tried_no_more_than_needed(office):
    id, _ = await office.webhook(f"http://127.0.0.1:{closed_port()}/")
    await office.log_event(*notification_events(400))
    await office.queue.run(office.services, until=timedelta(minutes=10))
    attempts = await office.store.find(WebhookAttempt, f"webhooks/{id}/attempts", order_by="at")
    assert [one.value.requests for one in attempts] == [4, 1, 1, 1]
    assert {one.value.status for one in attempts} == {0}
    assert all("Cannot connect" in one.value.error for one in attempts)
    assert (await office.found(id)).state == "failing"


async def test_one_event_that_is_never_taken_holds_up_no_other(office, receiver):
    await office.webhook(receiver.url)

    async def picky(request, body):
        return web.Response(status=500 if b"r1@" in body else 200)

    receiver.answering = picky
    await office.log_event(*notification_events(20))
    await office.queue.run(office.services, until=LONG)
    (kept,) = await office.notifications()
    assert (kept.value.state, kept.value.results) == ("parked", "x." + "x" * 18)
    taken = [one["to"] for one in receiver.events if one["to"] != "r1@example.net"]
    assert len(taken) == len(set(taken)) == 19


async def test_four_that_fail_together_hold_up_no_other_either(office, receiver):
    await office.webhook(receiver.url)
    bad = {f"r{n}@example.net".encode() for n in range(4)}

    async def picky(request, body):
        return web.Response(status=500 if any(one in body for one in bad) else 200)

    receiver.answering = picky
    await office.log_event(*notification_events(10))
    await office.queue.run(office.services, until=timedelta(hours=1))
    (kept,) = await office.notifications()
    assert kept.value.results == "....xxxxxx"


async def test_success_ends_the_failing(office, receiver):
    id, _ = await office.webhook(receiver.url)
    receiver.status = 500
    await office.log_event(*notification_events(1))
    await office.queue.run(office.services, until=timedelta(minutes=2))
    assert (await office.found(id)).state == "failing"
    receiver.status = 200
    await office.queue.run(office.services)
    assert (await office.found(id)).state == "active"


async def test_gone_disables_at_once_and_parks_what_waits(office, receiver):
    id, _ = await office.webhook(receiver.url)
    receiver.status = 410
    await office.log_event(*notification_events(1))
    await office.log_event(*notification_events(1, "opened"))
    await office.queue.run(office.services, until=LONG)
    assert len(receiver.received) == 1
    assert "410" in (await office.found(id)).disabled_reason
    assert [one.value.state for one in await office.notifications()] == ["parked", "parked"]


async def test_parked_ones_are_sent_again_with_the_ids_they_had(office, receiver):
    id, _ = await office.webhook(receiver.url)
    receiver.status = 410
    await office.log_event(*notification_events(2))
    await office.queue.run(office.services)
    before = {one.id for one in receiver.received}
    receiver.received.clear()
    receiver.status = 200
    with pytest.raises(Conflict):
        await resend_parked(office.services, id)
    await change_webhook(office.services, id, {"enabled": True})
    assert await resend_parked(office.services, id) == 1
    await office.queue.run(office.services)
    assert {one.id for one in receiver.received} == before
    assert await resend_parked(office.services, id) == 0
    assert (await office.found(id)).state == "active"


async def test_an_endpoint_may_ask_for_time(office, receiver):
    await office.webhook(receiver.url)
    start, moments = office.clock.now(), []

    async def busy(request, body):
        moments.append(seconds(office, start))
        return web.Response(status=429, headers={"Retry-After": "40"})

    receiver.answering = busy
    await office.log_event(*notification_events(1))
    await office.queue.run(office.services, until=timedelta(minutes=1))
    assert moments == [0, 40]


async def test_both_secrets_sign_for_a_day_after_a_rotation(office, receiver):
    id, old = await office.webhook(receiver.url)
    new = (await rotate_secret(office.services, id)).secret
    await office.log_event(*notification_events(1))
    await office.queue.run(office.services)
    office.clock.advance(86401)
    await office.log_event(*notification_events(1, "opened"))
    await office.queue.run(office.services, until=LONG)
    during, after = receiver.received
    assert len(during.headers["webhook-signature"].split()) == 2
    assert len(after.headers["webhook-signature"].split()) == 1
    office.clock.advance(-86401)
    assert verify(during, old, office.clock) == verify(during, new, office.clock)
    office.clock.advance(86401)
    verify(after, new, office.clock)
    with pytest.raises(WebhookVerificationError):
        verify(after, old, office.clock)


async def test_a_task_delivered_twice_sends_nothing_twice(office, receiver):
    await office.webhook(receiver.url)
    await office.log_event(*notification_events(3))
    await office.queue.run(office.services, times=3)
    assert len(receiver.received) == 3


async def test_two_workers_at_the_same_task_send_it_once(office, receiver):
    await office.webhook(receiver.url)
    queued = await office.log_event(*notification_events(1))
    id = str(queued.tasks[0].body["notification"])
    let_go, at_it = asyncio.Event(), asyncio.Event()

    async def slow(request, body):
        at_it.set()
        await let_go.wait()
        return web.Response()

    receiver.answering = slow
    first = asyncio.create_task(notify(office.services, id, 1))
    await at_it.wait()
    with pytest.raises(Conflict):
        await notify(office.worker("two"), id, 1)
    let_go.set()
    await first
    await notify(office.worker("two"), id, 1)
    assert len(receiver.received) == 1


async def test_a_worker_that_died_is_followed_by_another_when_its_lease_is_over(office, receiver):
    await office.webhook(receiver.url)
    queued = await office.log_event(*notification_events(1))
    id = str(queued.tasks[0].body["notification"])

    class Dead:
        async def post(self, url, body, headers):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await notify(replace(office.services, webhooks=Dead()), id, 1)
    with pytest.raises(Conflict):
        await notify(office.services, id, 1)
    office.clock.advance(LEASE.total_seconds() + 1)
    await notify(office.services, id, 1)
    assert len(receiver.received) == 1


async def test_a_task_before_its_document_comes_again(office):
    with pytest.raises(NotStoredYetError):
        await notify(office.services, "nothing", 1)


async def test_work_that_takes_too_long_goes_on_in_another_task(office, receiver):
    await office.webhook(receiver.url)

    async def slow(request, body):
        office.clock.advance(20)
        return web.Response()

    receiver.answering = slow
    await office.log_event(*notification_events(12))
    await office.queue.run(office.services)
    assert len(office.queue.of("notify")) == 2
    assert len({one["to"] for one in receiver.events}) == len(receiver.events) == 12


async def test_what_waits_for_a_deleted_webhook_is_dropped(office, receiver):
    id, _ = await office.webhook(receiver.url)
    await office.log_event(*notification_events(1))
    await delete_webhook(office.services, id)
    await office.queue.run(office.services)
    assert receiver.received == []
    assert await office.notifications() == []


async def test_switching_off_parks_what_waits(office, receiver):
    id, _ = await office.webhook(receiver.url)
    await office.log_event(*notification_events(1))
    await change_webhook(office.services, id, {"enabled": False})
    await office.queue.run(office.services)
    (kept,) = await office.notifications()
    assert (kept.value.state, receiver.received) == ("parked", [])


async def test_a_change_of_size_leaves_bodies_as_they_were(office, receiver):
    id, _ = await office.webhook(receiver.url, batch_size=2)
    receiver.status = 500
    await office.log_event(*notification_events(4))
    await office.queue.run(office.services, until=timedelta(seconds=1))
    await change_webhook(office.services, id, {"batch_size": 1})
    before = {one.id: one.body for one in receiver.received}
    receiver.received.clear()
    receiver.status = 200
    await office.queue.run(office.services)
    assert {one.id: one.body for one in receiver.received} == before


async def test_attempts_are_kept_with_what_came_of_them(office, receiver):
    id, _ = await office.webhook(receiver.url)
    await office.log_event(*notification_events(5))
    await office.queue.run(office.services)
    (one,) = await office.store.find(WebhookAttempt, f"webhooks/{id}/attempts")
    kept = one.value
    assert (kept.requests, kept.events, kept.status, kept.error, kept.attempt) == (5, 5, 204, "", 1)


async def test_a_healthy_webhook_is_never_written(office, receiver):
    id, _ = await office.webhook(receiver.url)
    before = await office.store.get(Webhook, f"webhooks/{id}")
    await office.log_event(*notification_events(5))
    await office.queue.run(office.services)
    after = await office.store.get(Webhook, f"webhooks/{id}")
    assert before.version == after.version


async def test_an_endpoint_that_hangs_holds_few_attempts_and_the_others_come_again(office, receiver):
    await office.webhook(receiver.url)
    free = asyncio.Event()

    async def hanging(request, body):
        await free.wait()
        return web.Response()

    receiver.answering = hanging
    ids = [await notification_of(office, number) for number in range(10)]
    attempts = [asyncio.create_task(notify(office.services, id, 1)) for id in ids]
    done, under_way = await asyncio.wait(attempts, timeout=1)
    assert (len(done), len(under_way)) == (6, 4)
    assert all(task.exception() is None for task in done)
    assert len({task.at for task in office.queue.of("notify")}) > 1
    free.set()
    await asyncio.gather(*attempts)
    await office.queue.run(office.services)
    assert {one.value.state for one in await office.notifications()} == {"done"}
    assert len(receiver.received) == len({one.id for one in receiver.received}) == 10


async def notification_of(office, number):
    queued = await office.log_event(*notification_events(1, batch=str(number)))
    return queued.writes[0].path.rpartition("/")[2]


async def test_a_lease_whose_answer_is_lost_is_still_held(office, receiver):
    await office.webhook(receiver.url)
    id = await notification_of(office, 1)
    worker = replace(office.worker("two"), store=LosingFirst(office.store))
    await notify(worker, id, 1)
    assert len(receiver.received) == 1
    assert [one.value.state for one in await office.notifications()] == ["done"]


class LosingFirst:
    """A store whose first commit is applied and then refused, as the client repeats what it heard no answer to."""

    def __init__(self, store):
        self._store = store
        self._lost = False

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def commit(self, *writes):
        versions = await self._store.commit(*writes)
        if not self._lost:
            self._lost = True
            raise Moved("the document is not as it was read")
        return versions
