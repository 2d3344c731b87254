"""What Cloud Tasks refuses: its limits, with the status codes and the words of the real service."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import grpc

MAX_TASK_BYTES = 1_000_000
MAX_LEAD = 30 * 86400.0
MAX_RATE = 500.0
MAX_CONCURRENT = 5000
DEADLINES = 15.0, 1800.0

QUEUE_NOT_FOUND = (
    "Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize."
)
TASK_ENDED = (
    "The task no longer exists, though a task with this name existed recently. "
    "The task either successfully completed or was deleted."
)
NAME_USED = (
    "The task cannot be created because a task with this name existed too recently. "
    "For more information about task de-duplication see https://cloud.google.com/tasks/docs/reference/rest/v2/"
    "projects.locations.queues.tasks/create#body.request_body.FIELDS.task."
)

_QUEUE_NAME = re.compile(r"projects/[A-Za-z0-9.:-]+/locations/[A-Za-z0-9-]+/queues/[A-Za-z0-9-]{1,100}")
_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")
_METHODS_WITH_BODY = frozenset({0, 1, 4, 6})
_PACIFIC = ZoneInfo("America/Los_Angeles")


class Refused(Exception):
    """A request that the service answers with an error: a gRPC status code and its message."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def not_found(message: str) -> Refused:
    return Refused(grpc.StatusCode.NOT_FOUND, message)


def already_exists(message: str) -> Refused:
    return Refused(grpc.StatusCode.ALREADY_EXISTS, message)


def _invalid(message: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, message)


def seconds(time: Any) -> float:
    """A protobuf Timestamp or Duration as seconds."""
    return float(time.seconds + time.nanos / 1e9)


def check_queue(parent: str, queue: Any) -> None:
    """Raise Refused unless the Queue message may be created or updated under `parent`."""
    if not _QUEUE_NAME.fullmatch(queue.name):
        pattern = "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>"
        raise _invalid(f'Queue name must be formatted: "{pattern}".')
    if not queue.name.startswith(f"{parent}/queues/"):
        raise _invalid(f"{queue.name} must begin with {parent}.")
    _check_rates(queue.rate_limits)
    _check_retries(queue.retry_config)


def _check_rates(rates: Any) -> None:
    if rates.max_dispatches_per_second < 0:
        raise _invalid("RateLimits.maxDispatchesPerSecond cannot be negative.")
    if rates.max_dispatches_per_second > MAX_RATE:
        raise _invalid("RateLimits.maxDispatchesPerSecond must be less than or equal to 500.")
    if rates.max_concurrent_dispatches < 0:
        raise _invalid("RateLimits.maxConcurrentDispatches cannot be negative.")
    if rates.max_concurrent_dispatches > MAX_CONCURRENT:
        raise _invalid("RateLimits.maxConcurrentDispatches must be less than or equal to 5000.")


def _check_retries(retries: Any) -> None:
    if retries.max_attempts < -1:
        raise _invalid("RetryConfig.maxAttempts must be greater or equal to -1.")
    if retries.max_doublings < 0:
        raise _invalid("RetryConfig.maxDoublings cannot be negative.")
    shortest, longest = seconds(retries.min_backoff), seconds(retries.max_backoff)
    if shortest < 0:
        raise _invalid("RetryConfig.minBackoff cannot be negative.")
    if longest < 0:
        raise _invalid("RetryConfig.maxBackoff cannot be negative.")
    if retries.HasField("min_backoff") and retries.HasField("max_backoff") and shortest > longest:
        raise _invalid("RetryConfig.minBackoff must be less than or equal to RetryConfig.maxBackoff.")


def check_task(queue: str, task: Any, now: float) -> None:
    """Raise Refused unless the Task message may be created in the queue of that name at `now`."""
    if task.name:
        _check_task_name(queue, task.name)
    _check_request(task.http_request)
    _check_retries(task.retry_config)
    if task.ByteSize() > MAX_TASK_BYTES:
        raise _invalid("Task size too large")
    if task.HasField("schedule_time") and seconds(task.schedule_time) > now + MAX_LEAD:
        moment = datetime.fromtimestamp(task.schedule_time.seconds, _PACIFIC).isoformat()
        raise _invalid(
            f"The Task.scheduleTime, {moment}, is too far in the future. "
            "Schedule time must be no more than 720h in the future."
        )
    if task.HasField("dispatch_deadline"):
        shortest, longest = DEADLINES
        if not shortest <= seconds(task.dispatch_deadline) <= longest:
            raise _invalid("Task.dispatchDeadline must be between [15s, 30m].")


def _check_task_name(queue: str, name: str) -> None:
    named_queue, separator, task_id = name.partition("/tasks/")
    if not separator or not _QUEUE_NAME.fullmatch(named_queue):
        pattern = "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>/tasks/<TASK_ID>"
        raise _invalid(f'Task name must be formatted: "{pattern}"')
    if named_queue != queue:
        raise _invalid(
            f"The queue name from request ('{queue}') must be the same as the queue name "
            f"in the named task ('{named_queue}')."
        )
    if not _TASK_ID.fullmatch(task_id):
        raise _invalid(
            f'Task ID "{task_id}" can contain only letters ([A-Za-z]), numbers ([0-9]), hyphens (-), '
            "or underscores (_). Task ID must between 1 and 500 characters."
        )


def _check_request(request: Any) -> None:
    if not request.url:
        raise _invalid("HttpRequest.url is required.")
    if not request.url.startswith(("http://", "https://")):
        raise _invalid("HttpTarget.url must start with 'http://' or 'https://'.")
    if request.body and request.http_method not in _METHODS_WITH_BODY:
        raise _invalid("HTTP request body is allowed only if the HTTP method is POST, PUT or PATCH.")
