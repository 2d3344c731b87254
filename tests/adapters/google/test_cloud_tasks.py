"""Tasks through the stock client: what is asked of the queue, and what its errors become."""

import json
from datetime import UTC, datetime

import grpc
import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud import tasks_v2

from warmpost.adapters.google.cloud_tasks import CloudTasks
from warmpost.adapters.google.metering import Metering
from warmpost.errors import Unavailable
from warmpost.rules.model.tasks import Task
from warmpost.rules.model.usage import REST

QUEUES = "projects/p/locations/l/queues"


class Service:
    """The service's one method that is used, over gRPC as the client speaks it. says: status codes to fail with."""

    def __init__(self):
        self.asked = []
        self.names = set()
        self.says = []

    async def __aenter__(self):
        self._server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(
            self._create,
            request_deserializer=tasks_v2.CreateTaskRequest.deserialize,
            response_serializer=tasks_v2.Task.serialize,
        )
        self._server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    "google.cloud.tasks.v2.CloudTasks", {"CreateTask": handler}
                )
            ]
        )
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        self.address = f"127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_):
        await self._server.stop(0)

    async def _create(self, request, context):
        if self.says:
            code = self.says.pop(0)
            if code is not None:
                await context.abort(code, "as told")
        if request.task.name in self.names:
            await context.abort(grpc.StatusCode.ALREADY_EXISTS, "known")
        if request.task.name:
            self.names.add(request.task.name)
        self.asked.append(request)
        return request.task


@pytest.fixture
async def service():
    async with Service() as service:
        yield service


@pytest.fixture
def metering():
    return Metering()


@pytest.fixture
def tasks(service, metering):
    return CloudTasks("p", "l", "https://mail.example.com", "queue@p.example", service.address, metering)


async def test_a_task_calls_work_with_its_body_and_the_invokers_token(service, tasks):
    await tasks.enqueue(Task("deliver", {"batch": "1", "end": 5}, "abc-1", queue="deliver"))
    (request,) = service.asked
    assert request.parent == f"{QUEUES}/deliver"
    assert request.task.name == f"{QUEUES}/deliver/tasks/abc-1"
    call = request.task.http_request
    assert (call.url, call.http_method.name) == ("https://mail.example.com/work/deliver", "POST")
    assert json.loads(call.body) == {"batch": "1", "end": 5}
    assert call.headers["Content-Type"] == "application/json"
    assert call.oidc_token.service_account_email == "queue@p.example"
    assert call.oidc_token.audience == "https://mail.example.com/work"
    assert request.task.dispatch_deadline.total_seconds() == 600
    assert not request.task.schedule_time


async def test_a_task_for_later_waits_until_then(service, tasks):
    at = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
    await tasks.enqueue(Task("release", {}, at=at))
    (request,) = service.asked
    assert request.task.schedule_time == at
    assert not request.task.name


async def test_a_name_that_another_process_used_counts_as_queued_though_it_costs_a_call(
    service, tasks, metering
):
    other = CloudTasks("p", "l", "https://mail.example.com", "queue@p.example", service.address)
    task = Task("plan", {}, "same")
    await other.enqueue(task)
    await tasks.enqueue(task)
    assert len(service.asked) == 1
    assert metering.kept[REST].tasks == 1


async def test_a_name_that_this_process_has_queued_is_not_queued_again(service, tasks, metering):
    for _ in range(3):
        await tasks.enqueue(Task("plan", {}, "same"))
    assert metering.kept[REST].tasks == 1


async def test_a_name_whose_queueing_failed_is_queued_the_next_time(service, tasks):
    service.says = [grpc.StatusCode.UNAVAILABLE] * 20
    with pytest.raises(Unavailable):
        await tasks.enqueue(Task("plan", {}, "same"))
    service.says = []
    await tasks.enqueue(Task("plan", {}, "same"))
    assert len(service.asked) == 1


async def test_many_tasks_are_all_queued(service, tasks, metering):
    await tasks.enqueue(*(Task("deliver", {"chunk": str(n)}, f"t{n}") for n in range(120)))
    assert {json.loads(one.task.http_request.body)["chunk"] for one in service.asked} == set(
        map(str, range(120))
    )
    assert metering.kept[REST].tasks == 120


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
    ],
)
async def test_a_queue_in_trouble_is_unavailable(service, tasks, code):
    service.says = [code] * 50
    with pytest.raises(Unavailable) as unavailable:
        await tasks.enqueue(Task("plan", {}, "one"))
    assert unavailable.value.code == "queue_unavailable"
    assert unavailable.value.retry_after


async def test_one_failure_among_many_tasks_is_told(service, tasks):
    service.says = [None, None, grpc.StatusCode.INTERNAL]
    with pytest.raises(Unavailable):
        await tasks.enqueue(*(Task("deliver", {}, f"t{n}") for n in range(5)))


async def test_a_queue_that_cannot_be_reached_is_unavailable(monkeypatch):
    monkeypatch.setattr("warmpost.adapters.google.cloud_tasks.TIMEOUT", 0.3)
    lost = CloudTasks("p", "l", "https://mail.example.com", "queue@p.example", "127.0.0.1:9")
    with pytest.raises(Unavailable):
        await lost.enqueue(Task("plan", {}))


async def test_no_tasks_need_no_queue():
    await CloudTasks("p", "l", "https://mail.example.com", "q@p.example", "127.0.0.1:9").enqueue()


async def test_a_fault_of_ours_is_not_hidden_as_trouble_of_the_queue(service, tasks):
    service.says = [grpc.StatusCode.INVALID_ARGUMENT]
    with pytest.raises(InvalidArgument):
        await tasks.enqueue(Task("plan", {}))
