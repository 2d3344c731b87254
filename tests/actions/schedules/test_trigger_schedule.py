"""A run's time has come: it is submitted once, whatever happens to tasks and workers."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.actions.harness import DOMAIN, START, address, batch_order, send_order, template
from tests.actions.schedule_harness import at
from warmpost.actions.schedules.control_schedule import resume_schedule
from warmpost.actions.templates.manage_templates import change_template
from warmpost.rules.delivery.chunks import pack_all
from warmpost.rules.identity.domains import Domain
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.writes import Delete, Put, Update
from warmpost.rules.schedules.schedules import LATE, MOST_FAILURES
from warmpost.rules.warmup.documents import WarmupState

HOUR = timedelta(hours=1)


async def test_a_batch_for_later_is_submitted_at_its_time_and_not_before(planner):
    schedule = await planner.plan("2026-11-24T09:00:00+01:00")
    await planner.pass_until(at("2026-11-24T07:59:59"))
    assert await planner.runs(schedule) == []
    await planner.pass_until(at("2026-11-24T08:00:00"))
    assert await planner.history(schedule) == ["submitted 11-24 08:00"]
    value = await planner.schedule(schedule)
    assert (value.state, value.next_run, value.last_run) == ("ended", None, at("2026-11-24T08:00"))
    assert (value.counts, value.check_at) == ({"submitted": 1}, None)


async def test_a_message_for_later_knows_its_schedule_and_is_known_by_it(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z", send_order(address(1), address(2)))
    await planner.pass_until(at("2026-11-25T00:00"))
    (run,) = await planner.runs(schedule)
    message = await planner.harness.message(run.message)
    assert (run.status, message.schedule, message.run) == ("submitted", schedule, run.run)
    assert [task.body["message"] for task in planner.queue.of("deliver")] == [run.message]


@pytest.mark.parametrize(
    ("zone", "start", "runs"),
    [
        ("Europe/Berlin", "2027-03-27T02:30", ["27 02:30 +1", "28 03:00 +2", "29 02:30 +2"]),
        ("Europe/Berlin", "2027-10-30T02:30", ["30 02:30 +2", "31 02:30 +2", "01 02:30 +1"]),
        ("America/New_York", "2027-03-13T02:30", ["13 02:30 -5", "14 03:00 -4", "15 02:30 -4"]),
        ("America/New_York", "2027-11-06T01:30", ["06 01:30 -4", "07 01:30 -4", "08 01:30 -5"]),
        ("Europe/Berlin", "2027-03-27T09:00", ["27 09:00 +1", "28 09:00 +2", "29 09:00 +2"]),
        ("America/New_York", "2027-11-06T09:00", ["06 09:00 -4", "07 09:00 -5", "08 09:00 -5"]),
    ],
)
@pytest.mark.parametrize("rule", [{"every": "1d", "count": 3}, {"rrule": "FREQ=DAILY;COUNT=3"}])
async def test_wall_time_is_kept_across_the_change_of_clocks(planner, zone, start, runs, rule):
    planner.clock.move_to(at(start, zone) - timedelta(days=1))
    schedule = await planner.plan(start, timezone=zone, **rule)
    await planner.pass_until(at(start, zone) + timedelta(days=5), times=2)
    batches = sorted((await planner.batches(schedule)).values(), key=lambda one: one.created_at)
    local = [one.created_at.astimezone(ZoneInfo(zone)) for one in batches]
    assert [f"{one:%d %H:%M} {one.utcoffset() // HOUR:+d}" for one in local] == runs
    assert [one.run for one in batches] == [one.created_at for one in batches]


async def test_a_series_in_hours_runs_every_so_many_hours_through_the_change(planner):
    planner.clock.move_to(at("2027-03-27T12:00"))
    schedule = await planner.plan("2027-03-27T20:00:00", timezone="Europe/Berlin", every=6, count=4)
    await planner.pass_until(at("2027-03-30T00:00"))
    assert await planner.history(schedule) == [
        "submitted 03-27 19:00",
        "submitted 03-28 01:00",
        "submitted 03-28 07:00",
        "submitted 03-28 13:00",
    ]


async def test_a_run_forty_days_ahead_is_queued_when_the_queue_takes_it_and_fires_on_time(planner):
    schedule = await planner.plan("2027-01-02T08:00:00Z")
    assert planner.triggers() == []
    await planner.pass_until(at("2027-01-02T07:59:59"))
    assert len(planner.queue.of("trigger")) == 1
    await planner.pass_until(at("2027-01-02T08:00:00"))
    (batch,) = (await planner.batches(schedule)).values()
    assert batch.created_at == at("2027-01-02T08:00")


async def test_a_series_with_runs_far_apart_goes_on_by_itself(planner):
    schedule = await planner.plan(
        "2026-12-24T18:00:00", timezone="Europe/Berlin", rrule="FREQ=YEARLY;COUNT=3"
    )
    await planner.pass_until(at("2029-01-01T00:00"))
    runs = [f"{one.run:%Y-%m-%d}" for one in await planner.runs(schedule)]
    assert runs == ["2026-12-24", "2027-12-24", "2028-12-24"]
    assert len(planner.queue.of("trigger")) == 3
    assert (await planner.schedule(schedule)).state == "ended"


async def test_every_run_is_a_batch_of_its_own_though_the_one_before_is_still_held(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z", every=1, count=3, name="Digest")
    await planner.pass_until(at("2026-11-24T12:00"))
    batches = await planner.batches(schedule)
    assert [one.status for one in batches.values()] == ["sending"] * 3
    assert {one.name for one in batches.values()} == {"Digest"}


async def test_after_a_silence_only_the_latest_run_is_sent_and_the_others_are_recorded(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z", every=1)
    planner.clock.move_to(at("2026-11-24T10:20"))
    await planner.pass_until(at("2026-11-24T10:30"), times=2)
    assert await planner.history(schedule) == [
        "missed 11-24 08:00",
        "missed 11-24 09:00",
        "submitted 11-24 10:00",
    ]
    value = await planner.schedule(schedule)
    assert (value.next_run, value.counts) == (at("2026-11-24T11:00"), {"missed": 2, "submitted": 1})


async def test_a_single_run_that_was_missed_is_sent_late(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z")
    planner.clock.move_to(at("2026-12-01T10:20"))
    await planner.pass_until(at("2026-12-01T10:30"))
    assert await planner.history(schedule) == ["submitted 11-24 08:00"]


@pytest.mark.parametrize(("late", "status"), [(LATE, "submitted"), (LATE + timedelta(seconds=1), "missed")])
async def test_where_missed_runs_are_skipped_five_minutes_late_is_on_time(planner, late, status):
    schedule = await planner.plan("2026-11-24T08:00:00Z", every=1, missed="skip")
    planner.clock.move_to(at("2026-11-24T08:00") + late)
    await planner.pass_until(at("2026-11-24T09:00"))
    assert await planner.history(schedule) == [f"{status} 11-24 08:00", "submitted 11-24 09:00"]


async def test_a_skipped_only_run_ends_the_schedule_with_nothing_sent(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z", missed="skip")
    planner.clock.move_to(at("2026-11-24T12:00"))
    await planner.pass_until(at("2026-11-24T12:00"))
    (run,) = await planner.runs(schedule)
    value = await planner.schedule(schedule)
    assert (run.status, run.code, value.state, value.last_run) == ("missed", "missed", "ended", None)


async def test_a_year_of_silence_fills_no_history(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z", every=1)
    planner.clock.move_to(at("2027-11-24T08:00"))
    await planner.pass_until(at("2027-11-24T08:01"), daily=False)
    runs = await planner.runs(schedule)
    assert len(runs) == 52
    assert (runs[0].first, runs[0].runs) == (at("2026-11-24T08:00"), 365 * 24 - 50)
    assert (await planner.schedule(schedule)).counts == {"missed": 365 * 24, "submitted": 1}


async def test_a_list_is_read_when_the_run_starts(planner):
    number = await planner.harness.list_of(2)
    order = replace(batch_order(0), list=number, recipients=None)
    schedule = await planner.plan("2026-11-24T08:00:00Z", order, every=24, count=2)
    await planner.pass_until(at("2026-11-24T09:00"))
    (more,) = pack_all([Recipient(address(n), {"name": "N"}) for n in range(5)], 0)
    kept = RecipientList("list", 5, 1, ("name",), START)
    await planner.store.commit(Put(f"lists/{number}/pages/000000", more), Put(f"lists/{number}", kept))
    await planner.pass_until(at("2026-11-25T09:00"))
    batches = sorted((await planner.batches(schedule)).values(), key=lambda one: one.created_at)
    assert [one.total for one in batches] == [2, 5]


@pytest.mark.parametrize(("pinned", "versions"), [(0, [1, 2]), (1, [1, 1])])
async def test_a_template_is_read_when_the_run_starts_unless_a_version_is_pinned(planner, pinned, versions):
    template = await planner.template("first {{ name }}")
    order = replace(batch_order(1, template=template), template_version=pinned)
    schedule = await planner.plan("2026-11-24T08:00:00Z", order, every=24, count=2)
    await planner.pass_until(at("2026-11-24T09:00"))
    await change_template(planner.services, template, {"text": "second {{ name }}"})
    await planner.pass_until(at("2026-11-25T09:00"))
    found = sorted((await planner.batches(schedule)).items(), key=lambda one: one[1].created_at)
    message_store = [
        await planner.services.message_store.read(f"batches/{number}", one.message_content, one.parts)
        for number, one in found
    ]
    assert [one.template_version for _, one in found] == versions
    assert [one.content.text for one in message_store] == [
        ["", "first {{ name }}", "second {{ name }}"][version] for version in versions
    ]


async def without_template(planner, template):
    await planner.store.commit(Delete(f"templates/{template}"))


async def with_empty_list(planner, template):
    await planner.store.commit(Update("lists/1", {"count": 0}))


async def with_unverified_domain(planner, template):
    await planner.store.commit(Update(f"domains/{DOMAIN}", {"status": "pending"}))


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (without_template, "template_not_found"),
        (with_empty_list, "list_empty"),
        (with_unverified_domain, "domain_not_verified"),
    ],
)
async def test_a_run_that_cannot_be_submitted_is_recorded_and_the_series_goes_on(planner, trouble, code):
    template = await planner.template("{{ name }}")
    number = await planner.harness.list_of(1)
    order = replace(batch_order(0, template=template), list=number, recipients=None)
    schedule = await planner.plan("2026-11-24T08:00:00Z", order, every=24)
    kept = await planner.store.get(Domain, f"domains/{DOMAIN}")
    await trouble(planner, template)
    await planner.pass_until(at("2026-11-24T09:00"), times=2)
    (run,) = await planner.runs(schedule)
    assert (run.status, run.code, run.batch) == ("failed", code, "")
    assert run.reason
    assert run.field
    value = await planner.schedule(schedule)
    assert (value.state, value.next_run, value.counts) == ("active", at("2026-11-25T08:00"), {"failed": 1})
    if code == "domain_not_verified":
        await planner.store.commit(Put(f"domains/{DOMAIN}", kept.value))
        await planner.pass_until(at("2026-11-25T09:00"))
        assert await planner.history(schedule) == ["failed 11-24 08:00", "submitted 11-25 08:00"]


async def test_a_message_refused_at_the_days_cap_is_recorded_as_failed(planner):
    schedule = await planner.plan("2026-11-24T08:00:00Z", send_order())
    await planner.store.commit(Put(f"warmup/{DOMAIN}", WarmupState(cap=0)))
    await planner.pass_until(at("2026-11-24T09:00"))
    (run,) = await planner.runs(schedule)
    assert (run.status, run.code) == ("failed", "daily_cap_reached")


async def test_a_schedule_whose_runs_fail_in_a_row_stops_itself_with_the_reason(planner):
    number = await planner.template("{{ name }}")
    made = await planner.plan("2026-11-24T08:00:00Z", batch_order(1, template=number), every=24)
    await planner.store.commit(Delete(f"templates/{number}"))
    await planner.pass_until(at("2026-12-20T00:00"))
    value = await planner.schedule(made)
    assert (value.state, value.failures, value.counts) == ("paused", MOST_FAILURES, {"failed": MOST_FAILURES})
    assert value.failure == f"There is no template with the id or name {number!r}."
    assert value.held_run == at("2026-11-29T08:00")
    await planner.store.commit(Put(f"templates/{number}", template("Hello", "x")))
    after = await resume_schedule(planner.services, made)
    assert (after.value.state, after.value.failures) == ("active", 0)
    await planner.pass_until(at("2026-12-22T00:00"))
    value = await planner.schedule(made)
    assert (value.state, value.failure, value.counts["submitted"]) == ("active", "", 2)
