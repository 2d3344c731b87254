"""What a request uses up is counted around its door: the invocation, the instance's time, and the answer's bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from warmpost.actions.context import Services
from warmpost.actions.statistics.flush_usage import flush_usage
from warmpost.gateways.http.app import answer
from warmpost.rules.model.usage import Usage, task_operations

Guard = TypeVar("Guard")
HEADER = 4
"""Bytes of a header line beside its name and value."""


async def serve(
    request: Request,
    door: Callable[[Request, Services, Guard], Awaitable[Response]],
    services: Callable[[], Services],
    guard: Callable[[], Guard],
) -> Response:
    """services, guard: made within, so that a setting that is wrong is an answer too."""
    return await answer(request, lambda asked: metered(door, asked, services(), guard()), door.__name__)


async def metered(
    door: Callable[[Request, Services, Guard], Awaitable[Response]],
    request: Request,
    services: Services,
    guard: Guard,
) -> Response:
    """door: named as the function is. Answers to the queue and the scheduler stay inside the platform."""
    with services.metering.invocation(door.__name__):
        if "x-cloudtasks-taskname" in request.headers:
            size = request.headers.get("content-length", "0")
            operations = task_operations(int(size) if size.isascii() and size.isdigit() else 0)
            services.metering.add(Usage(tasks=operations))
        response = await door(request, services, guard)
        if door.__name__ not in ("work", "daily"):
            headers = sum(len(name) + len(value) + HEADER for name, value in response.raw_headers)
            services.metering.add(Usage(egress=headers))
            _count_body(services, response)
    await flush_usage(services)
    return response


def _count_body(services: Services, response: Response) -> None:
    """What is streamed leaves after the invocation, a page at a time."""
    if not isinstance(response, StreamingResponse):
        services.metering.add(Usage(egress=len(response.body)))
        return
    pages = response.body_iterator

    async def counted() -> AsyncIterator[str | bytes | memoryview]:
        async for page in pages:
            services.metering.add(Usage(egress=len(page)))
            yield page

    response.body_iterator = counted()
