"""The door of the queue: for the queue alone, and patient with what is not stored yet."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from tests.actions.harness import Harness, address, sent
from tests.problems import problem
from warmpost.errors import Unauthorized
from warmpost.gateways.http.app import answer
from warmpost.gateways.tasks.work import MOST_LOOKS, SOON, work
from warmpost.rules.delivery.documents import Message
from warmpost.rules.model.writes import Create, Delete


class OnlyTheQueue:
    async def check(self, token):
        if token != "the queue's":
            raise Unauthorized("wrong_token", "Somebody else's token.")


@pytest.fixture
async def harness(store):
    return await Harness(store).open()


@pytest.fixture
async def queue(harness):
    async def door(scope, receive, send):
        request = Request(scope, receive)
        response = await answer(request, lambda asked: work(asked, harness.services, OnlyTheQueue()))
        await response(scope, receive, send)

    transport = httpx.ASGITransport(Starlette(routes=[Mount("/work", app=door)]))
    headers = {"Authorization": "Bearer the queue's"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test/work", headers=headers) as client:
        yield client


async def test_a_task_is_done_and_said_to_be(harness, queue):
    message = await sent(harness)
    response = await queue.post("/deliver", json={"message": message})
    assert (response.status_code, response.json()) == (200, {"done": True})
    assert harness.relays.times_handed == {address(0): 1}


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer another", "Basic the queue's"])
async def test_nobody_else_may_call(harness, queue, authorization):
    message = await sent(harness)
    headers = {"Authorization": authorization}
    response = await queue.post("/deliver", json={"message": message}, headers=headers)
    assert response.status_code == 401
    assert not harness.relays.claim_batches


@pytest.mark.parametrize(
    ("verb", "body"),
    [("deliver", {"message": "none"}), ("deliver", {"batch": "9", "chunk": "000000", "end": 1})]
    + [(verb, {"batch": "9"}) for verb in ("plan", "release")],
)
async def test_what_is_not_there_yet_is_waited_for_but_not_for_ever(queue, verb, body):
    for retries, status in ((0, 409), (MOST_LOOKS - 1, 409), (MOST_LOOKS, 200)):
        headers = {"X-CloudTasks-TaskRetryCount": str(retries)}
        assert (await queue.post(f"/{verb}", json=body, headers=headers)).status_code == status


async def test_what_is_stored_a_moment_after_its_task_came_is_done_by_that_task(harness, queue):
    message = await sent(harness)
    stored = await harness.store.get(Message, f"messages/{message}")
    await harness.store.commit(Delete(stored.path))
    response = asyncio.create_task(queue.post("/deliver", json={"message": message}))
    await asyncio.sleep(SOON[0])
    await harness.store.commit(Create(stored.path, stored.value))
    assert (await response).status_code == 200
    assert harness.relays.times_handed == {address(0): 1}


@pytest.mark.parametrize("verb", ["", "nothing", "deliver/x"])
async def test_there_are_no_other_tasks(queue, verb):
    assert problem(await queue.post(f"/{verb}", json={}))[0] == 404
    assert problem(await queue.get("/deliver"))[0] == 404


@pytest.mark.parametrize("body", [b"", b"[]", b'{"batch": 1}', b'{"surprise": 1}'])
async def test_a_body_that_is_no_task_is_refused(queue, body):
    assert (await queue.post("/deliver", content=body)).status_code in (400, 422)
