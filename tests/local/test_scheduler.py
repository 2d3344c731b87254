from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import jwt
import pytest

from infra.local.clock import MovableClock
from infra.local.scheduler import CronJob, read_jobs
from tests.local.cloud_tasks_emulator import PARENT, Emulator, Receiver

CALLER = "scheduler@p.iam.gserviceaccount.com"


def job(schedule="0 3 * * *", time_zone="Europe/Berlin", name="daily", url="http://127.0.0.1:9/"):
    return CronJob(name, schedule, time_zone, url, CALLER, "https://daily.example")


def as_json(*jobs):
    return json.dumps([{field: getattr(job, field) for field in CronJob.__slots__} for job in jobs])


def runs(job, start, count):
    """The local wall-clock times of the next runs."""
    moment, found = start.timestamp(), []
    for _ in range(count):
        moment = job.next_run(moment)
        found.append(datetime.fromtimestamp(moment, ZoneInfo(job.time_zone)))
    return found


@pytest.fixture
async def stage(tmp_path):
    """Starts an emulator with the jobs that a function of its receiver makes."""
    clock = MovableClock(tmp_path / "clock")
    receiver = Receiver(clock)
    await receiver.start()
    started = []

    def start(*jobs):
        (tmp_path / "cron.json").write_text(as_json(*jobs))
        started.append(Emulator(tmp_path, "--cron", str(tmp_path / "cron.json")))
        return started[0]

    yield start, receiver
    for emulator in started:
        await emulator.stop()
    await receiver.stop()
    clock.close()


async def to_next_midnight(emulator):
    """So that a test of whole days begins at the start of one, UTC."""
    await emulator.advance(DAY - emulator.clock.timestamp() % DAY)


DAY = 86400


async def test_a_job_fires_at_each_of_its_times(stage):
    start, receiver = stage
    emulator = start(job("0 */6 * * *", "UTC", url=receiver.url("/daily")))
    await to_next_midnight(emulator)
    receiver.deliveries.clear()
    report = await emulator.advance(10 * DAY - 3600)
    assert report["ran"] == 39
    times = [datetime.fromtimestamp(delivery.at, UTC) for delivery in receiver.deliveries]
    assert [(time.hour, time.minute) for time in times[:5]] == [(6, 0), (12, 0), (18, 0), (0, 0), (6, 0)]
    assert len({(time.date(), time.hour) for time in times}) == 39


async def test_a_run_says_who_sends_it_and_when_it_was_due(stage):
    start, receiver = stage
    emulator = start(job("30 4 * * *", "UTC", url=receiver.url("/daily")))
    await emulator.advance(DAY)
    delivery = receiver.deliveries[0]
    assert (delivery.method, delivery.body) == ("POST", b"")
    assert delivery.headers["x-cloudscheduler"] == "true"
    assert delivery.headers["x-cloudscheduler-jobname"] == "daily"
    assert delivery.headers["x-cloudscheduler-scheduletime"].endswith("T04:30:00Z")
    assert delivery.headers["user-agent"] == "Google-Cloud-Scheduler"
    keys = jwt.PyJWKSet.from_dict(await emulator.get("/jwks"))
    token = delivery.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(
        token,
        keys[jwt.get_unverified_header(token)["kid"]],
        algorithms=["RS256"],
        audience="https://daily.example",
        issuer=emulator.url,
        options={"verify_exp": False, "verify_iat": False},  # it was made in moved time
    )
    assert claims["email"] == CALLER
    assert claims["iat"] == pytest.approx(delivery.at, abs=2)


async def test_a_failed_run_is_tried_three_more_times(stage):
    start, receiver = stage
    receiver.answers["/daily"] = 500
    emulator = start(job("0 12 * * *", "UTC", url=receiver.url("/daily")))
    await to_next_midnight(emulator)
    receiver.deliveries.clear()
    await emulator.advance(DAY - 60)
    noon = receiver.deliveries[0].at
    assert [delivery.at - noon for delivery in receiver.deliveries] == pytest.approx([0, 5, 15, 35], abs=2)
    assert {d.headers["x-cloudscheduler-scheduletime"][11:] for d in receiver.deliveries} == {"12:00:00Z"}


async def test_a_run_that_recovers_is_not_tried_again(stage):
    start, receiver = stage
    emulator = start(job("0 12 * * *", "UTC", url=receiver.url("/daily")))
    await to_next_midnight(emulator)
    receiver.deliveries.clear()
    receiver.answers["/daily"] = [503, 200]
    await emulator.advance(DAY - 60)
    assert len(receiver.deliveries) == 2


async def test_jobs_and_tasks_share_one_order(stage):
    start, receiver = stage
    emulator = start(
        job("0 12 * * *", "UTC", "noon", receiver.url("/noon")),
        job("0 18 * * *", "UTC", "evening", receiver.url("/evening")),
    )
    await to_next_midnight(emulator)
    receiver.deliveries.clear()
    client, queue = emulator.client(), f"{PARENT}/queues/q"
    await client.create_queue(parent=PARENT, queue={"name": queue})
    midnight = emulator.clock.now()
    for hours in (15, 9, 21):
        task = {
            "http_request": {"url": receiver.url(f"/{hours}")},
            "schedule_time": midnight + timedelta(hours=hours),
        }
        await client.create_task(parent=queue, task=task)
    await emulator.advance(DAY - 60)
    assert [delivery.path for delivery in receiver.deliveries] == ["/9", "/noon", "/15", "/evening", "/21"]


def test_a_daily_job_keeps_its_wall_clock_time_over_a_change_of_clocks():
    spring = runs(job("30 4 * * *"), datetime(2026, 3, 27, 12, tzinfo=UTC), 3)
    assert [run.strftime("%d %H:%M %z") for run in spring] == [
        "28 04:30 +0100",
        "29 04:30 +0200",
        "30 04:30 +0200",
    ]


def test_a_job_in_the_hour_that_is_skipped_or_repeated_runs_once_that_day():
    spring = runs(job("30 2 * * *"), datetime(2026, 3, 28, 12, tzinfo=UTC), 2)
    assert [run.day for run in spring] == [29, 30]
    autumn = runs(job("30 2 * * *"), datetime(2026, 10, 24, 12, tzinfo=UTC), 2)
    assert [run.day for run in autumn] == [25, 26]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (job(schedule="61 * * * *"), "minute"),
        (job(schedule="* * *"), "Wrong number of fields"),
        (job(schedule="0 0 30 2 *"), "daily"),
        (job(time_zone="Europe/Atlantis"), "Atlantis"),
    ],
)
def test_a_broken_job_is_named(tmp_path, broken, fault):
    (tmp_path / "cron.json").write_text(as_json(job(name="fine"), broken))
    with pytest.raises(ValueError, match=fault):
        read_jobs(tmp_path / "cron.json")


def test_a_job_without_all_fields_is_refused(tmp_path):
    (tmp_path / "cron.json").write_text('[{"name": "daily"}]')
    with pytest.raises(ValueError, match="job 0 must have exactly the fields audience, name"):
        read_jobs(tmp_path / "cron.json")
