"""A local Cloud Scheduler: HTTP jobs fired at the times of their cron expressions, in moved time too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from infra.local.clock import MovableClock
from infra.local.cloud_tasks.http_request import Courier
from infra.local.cloud_tasks.retries import RetryPolicy

ATTEMPT_DEADLINE = 180.0
RETRIES = RetryPolicy(max_attempts=4, min_backoff=5.0, max_backoff=3600.0, max_doublings=5)

_LONGEST_TIMER = 3600.0


@dataclass(frozen=True, slots=True)
class CronJob:
    """One job: a five-field cron expression in an IANA time zone, and whom to POST to as which service account."""

    name: str
    schedule: str
    time_zone: str
    url: str
    service_account_email: str
    audience: str

    def next_run(self, after: float) -> float:
        """The first run strictly after that moment. Around a change of clocks it behaves as Debian's cron."""
        moment = datetime.fromtimestamp(after, ZoneInfo(self.time_zone))
        return next(CronSim(self.schedule, moment)).timestamp()


def read_jobs(path: Path) -> list[CronJob]:
    """The jobs of a JSON file, a list of objects with the fields of CronJob. Raises ValueError naming the fault."""
    names = {field.name for field in fields(CronJob)}
    jobs = []
    for number, entry in enumerate(json.loads(path.read_text("utf-8"))):
        if not isinstance(entry, dict) or entry.keys() != names:
            raise ValueError(f"{path}: job {number} must have exactly the fields {', '.join(sorted(names))}")
        job = CronJob(**entry)
        try:
            job.next_run(0.0)
        except (CronSimError, StopIteration, ZoneInfoNotFoundError) as error:
            raise ValueError(f"{path}: job {job.name!r}: {error or 'its schedule never comes'}") from error
        jobs.append(job)
    return jobs


@dataclass(slots=True, eq=False)
class _Run:
    """Where a job stands: its next regular run, the run in hand and when that is tried (again)."""

    job: CronJob
    regular: float
    scheduled: float
    due: float
    attempt: int = 0
    running: bool = False


class Scheduler:
    """Fires each job at each of its times; a failed run is tried three more times, unless the next run comes first."""

    def __init__(
        self, jobs: Sequence[CronJob], clock: MovableClock, courier: Courier, changed: asyncio.Event
    ) -> None:
        self.ran = 0
        self._clock = clock
        self._courier = courier
        self._changed = changed
        now = clock.timestamp()
        firsts = [(job, job.next_run(now)) for job in jobs]
        self._runs = [_Run(job, first, first, first) for job, first in firsts]
        self._timer: asyncio.TimerHandle | None = None
        self._attempts: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._wake()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for attempt in self._attempts:
            attempt.cancel()
        await asyncio.gather(*self._attempts, return_exceptions=True)

    def next_due(self) -> float | None:
        return min((run.due for run in self._runs if not run.running), default=None)

    def next_admitted(self, now: float) -> float | None:
        return self.next_due()

    def running(self) -> list[str]:
        return [run.job.name for run in self._runs if run.running]

    def waiting(self, now: float) -> int:
        return sum(not run.running and run.due <= now for run in self._runs)

    def elapse(self, jumped: float) -> None:
        self._wake()

    def _wake(self) -> None:
        """Fire what is due, and come back when the next is."""
        if self._timer is not None:
            self._timer.cancel()
        now = self._clock.timestamp()
        for run in sorted(self._runs, key=lambda run: run.due):
            if not run.running and run.due <= now:
                self._fire(run)
        due = self.next_due()
        if due is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(max(0.0, due - now), _LONGEST_TIMER), self._wake)
        self._changed.set()

    def _fire(self, run: _Run) -> None:
        if run.due >= run.regular:
            run.scheduled, run.attempt = run.regular, 0
            run.regular = run.job.next_run(run.regular)
        run.attempt += 1
        run.running = True
        self.ran += 1
        attempt = asyncio.get_running_loop().create_task(self._attempt(run))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    async def _attempt(self, run: _Run) -> None:
        job = run.job
        scheduled = datetime.fromtimestamp(run.scheduled, UTC).isoformat().replace("+00:00", "Z")
        headers = {
            "User-Agent": "Google-Cloud-Scheduler",
            "X-CloudScheduler": "true",
            "X-CloudScheduler-JobName": job.name,
            "X-CloudScheduler-ScheduleTime": scheduled,
            "Authorization": self._courier.authorization(job.service_account_email, job.audience),
        }
        answer = await self._courier.deliver("POST", job.url, headers, None, ATTEMPT_DEADLINE)
        run.running = False
        run.due = run.regular
        now = self._clock.timestamp()
        if not answer.acknowledged and not RETRIES.gives_up(run.attempt, run.scheduled, run.scheduled, now):
            run.due = min(run.regular, now + RETRIES.interval(run.attempt))
        self._wake()
