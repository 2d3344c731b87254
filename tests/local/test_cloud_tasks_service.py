from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core.exceptions import AlreadyExists, InvalidArgument, MethodNotImplemented, NotFound
from google.cloud.tasks_v2 import Queue, Task
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from tests.local.cloud_tasks_emulator import PARENT, Emulator

URL = "http://127.0.0.1:9/nowhere"
numbers = itertools.count(1)


@pytest.fixture
async def queue(client):
    """A paused queue of the test's own."""
    name = f"{PARENT}/queues/own{next(numbers)}"
    await client.create_queue(parent=PARENT, queue={"name": name})
    return (await client.pause_queue(name=name)).name


def in_days(emulator, days):
    return emulator.clock.now() + timedelta(days=days)


async def test_a_new_queue_gets_the_services_defaults(client):
    queue = await client.create_queue(parent=PARENT, queue={"name": f"{PARENT}/queues/defaults"})
    assert queue.state == Queue.State.RUNNING
    assert queue.rate_limits.max_dispatches_per_second == 500
    assert queue.rate_limits.max_burst_size == 100
    assert queue.rate_limits.max_concurrent_dispatches == 1000
    assert queue.retry_config.max_attempts == 100
    assert queue.retry_config.min_backoff == timedelta(milliseconds=100)
    assert queue.retry_config.max_backoff == timedelta(hours=1)
    assert queue.retry_config.max_doublings == 16


async def test_a_queue_is_created_read_listed_and_deleted(client):
    parent = "projects/other/locations/l"
    names = [f"{parent}/queues/q{number}" for number in range(5)]
    for name in names:
        await client.create_queue(parent=parent, queue={"name": name})
    with pytest.raises(AlreadyExists, match="Queue already exists"):
        await client.create_queue(parent=parent, queue={"name": names[0]})
    pages = await client.list_queues(request={"parent": parent, "page_size": 2})
    assert [queue.name async for queue in pages] == names
    await client.delete_queue(name=names[0])
    with pytest.raises(NotFound, match=r"Queue does not exist\. If you just created the queue"):
        await client.get_queue(name=names[0])
    with pytest.raises(NotFound, match="Requested entity was not found"):
        await client.delete_queue(name=names[0])
    assert (await client.get_queue(name=names[1])).name == names[1]


async def test_an_update_touches_only_the_fields_of_its_mask(client, queue):
    wanted = Queue(
        name=queue, rate_limits={"max_dispatches_per_second": 50}, retry_config={"max_attempts": 7}
    )
    mask = FieldMask(paths=["rate_limits.max_dispatches_per_second"])
    updated = await client.update_queue(queue=wanted, update_mask=mask)
    assert updated.rate_limits.max_dispatches_per_second == 50
    assert updated.retry_config.max_attempts == 100
    assert updated.state == Queue.State.PAUSED
    assert (await client.update_queue(queue=wanted)).retry_config.max_attempts == 7


async def test_updating_a_queue_that_does_not_exist_creates_it(client):
    name = f"{PARENT}/queues/upserted"
    await client.update_queue(queue=Queue(name=name, retry_config={"max_attempts": 3}))
    assert (await client.get_queue(name=name)).retry_config.max_attempts == 3


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        ({"name": f"{PARENT}/queues/has space"}, "Queue name must be formatted"),
        ({"name": "projects/x/locations/l/queues/q"}, "must begin with projects/p/locations/l"),
        ({"rate_limits": {"max_dispatches_per_second": 501}}, "must be less than or equal to 500"),
        ({"rate_limits": {"max_dispatches_per_second": -1}}, "cannot be negative"),
        ({"rate_limits": {"max_concurrent_dispatches": 5001}}, "must be less than or equal to 5000"),
        ({"rate_limits": {"max_concurrent_dispatches": -1}}, "cannot be negative"),
        ({"retry_config": {"max_attempts": -2}}, "must be greater or equal to -1"),
        ({"retry_config": {"max_doublings": -1}}, "maxDoublings cannot be negative"),
        ({"retry_config": {"min_backoff": Duration(seconds=-1)}}, "minBackoff cannot be negative"),
        ({"retry_config": {"max_backoff": Duration(seconds=-1)}}, "maxBackoff cannot be negative"),
        (
            {"retry_config": {"min_backoff": Duration(seconds=9), "max_backoff": Duration(seconds=8)}},
            "minBackoff must be less than or equal to RetryConfig.maxBackoff",
        ),
    ],
)
async def test_a_queue_the_service_would_refuse_is_refused(client, queue, message):
    with pytest.raises(InvalidArgument, match=message):
        await client.create_queue(parent=PARENT, queue={"name": f"{PARENT}/queues/refused"} | queue)
    with pytest.raises(NotFound):
        await client.get_queue(name=f"{PARENT}/queues/refused")


async def test_a_task_is_created_read_listed_and_deleted(client, queue):
    task = {"http_request": {"url": URL, "body": b"hello", "headers": {"X-Own": "1"}}}
    created = await client.create_task(parent=queue, task=task)
    assert created.name.startswith(f"{queue}/tasks/")
    assert created.schedule_time == created.create_time
    assert created.dispatch_deadline == timedelta(minutes=10)
    assert created.http_request.http_method.name == "POST"
    assert dict(created.http_request.headers) == {"X-Own": "1", "User-Agent": "Google-Cloud-Tasks"}
    assert await client.get_task(name=created.name) == created
    assert [task.name async for task in await client.list_tasks(parent=queue)] == [created.name]
    await client.delete_task(name=created.name)
    assert [task.name async for task in await client.list_tasks(parent=queue)] == []
    with pytest.raises(
        NotFound, match="The task no longer exists, though a task with this name existed recently"
    ):
        await client.get_task(name=created.name)
    with pytest.raises(NotFound, match="Requested entity was not found"):
        await client.get_task(name=f"{queue}/tasks/never")


async def test_a_body_is_shown_in_the_full_view_only(client, queue):
    created = await client.create_task(parent=queue, task={"http_request": {"url": URL, "body": b"hello"}})
    assert (created.view, created.http_request.body) == (Task.View.BASIC, b"")
    full = await client.get_task(request={"name": created.name, "response_view": Task.View.FULL})
    assert (full.view, full.http_request.body) == (Task.View.FULL, b"hello")


async def test_many_tasks_come_in_pages(client, queue):
    names = {f"{queue}/tasks/t{number:02}" for number in range(25)}
    creations = [
        client.create_task(parent=queue, task={"name": name, "http_request": {"url": URL}}) for name in names
    ]
    await asyncio.gather(*creations)
    pages = await client.list_tasks(request={"parent": queue, "page_size": 10})
    sizes = [len(page.tasks) async for page in pages.pages]
    assert sizes == [10, 10, 5]
    listed = [task.name async for task in await client.list_tasks(request={"parent": queue, "page_size": 7})]
    assert listed == sorted(names)


async def test_a_name_is_refused_while_its_task_lives(client, queue):
    task = {"name": f"{queue}/tasks/once", "http_request": {"url": URL}}
    await client.create_task(parent=queue, task=task)
    with pytest.raises(AlreadyExists, match="Requested entity already exists"):
        await client.create_task(parent=queue, task=task)


async def test_only_one_of_many_creations_at_once_gets_the_name(client, queue):
    task = {"name": f"{queue}/tasks/once", "http_request": {"url": URL}}
    creations = (client.create_task(parent=queue, task=task) for _ in range(20))
    answers = await asyncio.gather(*creations, return_exceptions=True)
    assert sum(isinstance(answer, Task) for answer in answers) == 1
    assert sum(isinstance(answer, AlreadyExists) for answer in answers) == 19


async def test_a_task_goes_at_most_30_days_ahead(client, emulator, queue):
    soon_enough = {"http_request": {"url": URL}, "schedule_time": in_days(emulator, 29.99)}
    created = await client.create_task(parent=queue, task=soon_enough)
    assert created.schedule_time == soon_enough["schedule_time"]
    too_far = {"http_request": {"url": URL}, "schedule_time": in_days(emulator, 30.01)}
    with pytest.raises(
        InvalidArgument, match=r"is too far in the future\. Schedule time must be no more than 720h"
    ):
        await client.create_task(parent=queue, task=too_far)


async def test_a_task_holds_at_most_a_megabyte(client, queue):
    await client.create_task(parent=queue, task={"http_request": {"url": URL, "body": bytes(999_900)}})
    with pytest.raises(InvalidArgument, match="Task size too large"):
        await client.create_task(parent=queue, task={"http_request": {"url": URL, "body": bytes(1_000_000)}})


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"http_request": {}}, "HttpRequest.url is required"),
        ({"http_request": {"url": "ftp://x/"}}, "HttpTarget.url must start with 'http://' or 'https://'"),
        ({"http_request": {"url": URL, "http_method": "GET", "body": b"x"}}, "body is allowed only"),
        ({"name": "t", "http_request": {"url": URL}}, "Task name must be formatted"),
        (
            {"name": f"{PARENT}/queues/other/tasks/t", "http_request": {"url": URL}},
            "must be the same as the queue",
        ),
        (
            {"http_request": {"url": URL}, "dispatch_deadline": Duration(seconds=14)},
            r"Task.dispatchDeadline must be between \[15s, 30m\]",
        ),
        ({"http_request": {"url": URL}, "dispatch_deadline": Duration(seconds=1801)}, "must be between"),
        ({"http_request": {"url": URL}, "retry_config": {"max_attempts": -2}}, "greater or equal to -1"),
    ],
)
async def test_a_task_the_service_would_refuse_is_refused(client, queue, task, message):
    with pytest.raises(InvalidArgument, match=message):
        await client.create_task(parent=queue, task=task)
    assert [task async for task in await client.list_tasks(parent=queue)] == []


async def test_task_ids_hold_letters_digits_hyphens_and_underscores(client, queue):
    for task_id in ("a b", "ü", "x" * 501, "a/b"):
        with pytest.raises(InvalidArgument, match="can contain only letters"):
            task = {"name": f"{queue}/tasks/{task_id}", "http_request": {"url": URL}}
            await client.create_task(parent=queue, task=task)


async def test_a_task_needs_a_queue_that_exists(client):
    with pytest.raises(NotFound, match="Queue does not exist"):
        await client.create_task(parent=f"{PARENT}/queues/missing", task={"http_request": {"url": URL}})


async def test_the_blocking_client_is_served_too(emulator, queue):
    client = emulator.blocking_client()

    def use() -> list[str]:
        moment = datetime.now(UTC) + timedelta(hours=1)
        task = {"name": f"{queue}/tasks/t", "http_request": {"url": URL}, "schedule_time": moment}
        client.create_task(parent=queue, task=task)
        with pytest.raises(AlreadyExists):
            client.create_task(parent=queue, task=task)
        listed = [task.name for task in client.list_tasks(parent=queue)]
        client.delete_task(name=f"{queue}/tasks/t")
        client.transport.close()
        return listed

    assert await asyncio.to_thread(use) == [f"{queue}/tasks/t"]


async def test_a_call_the_emulator_does_not_speak_is_refused_by_name(client, queue):
    with pytest.raises(MethodNotImplemented):
        await client.get_iam_policy(request={"resource": queue})


async def test_a_reset_forgets_queues_tasks_names_and_counts(tmp_path):
    emulator = Emulator(tmp_path)
    try:
        client, queue = emulator.client(), f"{PARENT}/queues/q"
        for _ in range(2):
            await client.create_queue(parent=PARENT, queue={"name": queue})
            await client.pause_queue(name=queue)
            await client.create_task(
                parent=queue, task={"name": f"{queue}/tasks/t", "http_request": {"url": URL}}
            )
            assert await emulator.get("/operations") == {"created": 1, "dispatched": 0, "repeated": 0}
            (await emulator.post("/reset")).raise_for_status()
            assert await emulator.get("/operations") == {"created": 0, "dispatched": 0, "repeated": 0}
            assert await emulator.get("/queues") == {}
    finally:
        await emulator.stop()
