"""What is wrong with a schedule is found when it is made, not at the hour of its first run."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.harness import DOMAIN, START, address, batch_order, send_order
from tests.actions.schedule_harness import Crash, Fuse, at
from warmpost.actions.schedules.schedules import read_order
from warmpost.errors import Conflict, Invalid, NotFound, Problem, TooLarge, Unavailable
from warmpost.rules.message.message import Attachment
from warmpost.rules.model.writes import Update
from warmpost.rules.requests.requests import RecipientOrder
from warmpost.rules.schedules.schedules import Schedule

FUTURE = "2026-11-24T08:00:00Z"
STEPS = 4
"""Changes that making a schedule makes: number, order, task, schedule."""


async def refusal(planner, *arguments, **timetable):
    with pytest.raises(Problem) as refused:
        await planner.plan(*arguments, **timetable)
    assert await planner.store.find(Schedule, "schedules") == []
    assert planner.queue.made == []
    return type(refused.value), refused.value.code, refused.value.field


@pytest.mark.parametrize(
    ("start_at", "timetable", "code", "field"),
    [
        ("2026-11-23T11:59:59Z", {}, "start_in_past", "start_at"),
        ("2026-11-23T12:59:59", {"timezone": "Europe/Berlin"}, "start_in_past", "start_at"),
        ("2026-11-24T08:00:00", {}, "invalid_start_at", "start_at"),
        ("tomorrow", {}, "invalid_start_at", "start_at"),
        ("2301-01-01T00:00:00Z", {}, "invalid_start_at", "start_at"),
        (FUTURE, {"timezone": "Mars/Olympus"}, "invalid_timezone", "timezone"),
        (FUTURE, {"every": 0}, "invalid_every", "every"),
        (FUTURE, {"every": "90m"}, "invalid_every", "every"),
        (FUTURE, {"every": 24, "rrule": "FREQ=DAILY"}, "invalid_rrule", "rrule"),
        (FUTURE, {"rrule": "FREQ=MINUTELY"}, "invalid_rrule", "rrule"),
        (FUTURE, {"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "invalid_rrule", "rrule"),
        (FUTURE, {"every": 24, "until": "2026-11-24T07:59:59Z"}, "invalid_until", "until"),
        (FUTURE, {"every": 24, "until": "soon"}, "invalid_until", "until"),
        (FUTURE, {"every": 24, "until": "2027-01-01T00:00:00Z", "count": 2}, "invalid_count", "count"),
        (FUTURE, {"until": "2027-01-01T00:00:00Z"}, "unexpected_field", "until"),
        (FUTURE, {"count": 2}, "unexpected_field", "count"),
    ],
)
async def test_times_and_rules_that_cannot_work_are_refused(planner, start_at, timetable, code, field):
    assert await refusal(planner, start_at, **timetable) == (Invalid, code, field)


@pytest.mark.parametrize(
    ("order", "kind", "code", "field"),
    [
        (send_order(sender="news@other.example"), NotFound, "domain_not_found", "send.from"),
        (send_order("not an address"), Invalid, "invalid_address", "send.to[0]"),
        (send_order(tags={"": "x"}), Invalid, "invalid_tag", "send.tags."),
        (send_order(template_version=2), Invalid, "unexpected_field", "template_version"),
        (
            send_order(attachments=(Attachment("a.pdf", bytes(9_000_000)),)),
            TooLarge,
            "message_too_large",
            "send.attachments",
        ),
        (batch_order(1, sender="news@other.example"), NotFound, "domain_not_found", "batch.from"),
        (batch_order(1, template="9"), NotFound, "template_not_found", "batch.template"),
        (batch_order(1, template_version=7), NotFound, "version_not_found", "template_version"),
        (batch_order(1, list="1"), Invalid, "recipients_or_list", "batch.list"),
        (batch_order(1, list="9", recipients=None), NotFound, "list_not_found", "batch.list"),
        (batch_order(0), Invalid, "missing_field", "batch.recipients"),
        (
            batch_order(0, recipients=(RecipientOrder("a@example.net", {}),)),
            Invalid,
            "missing_variable",
            "batch.recipients[0].data.name",
        ),
        (
            batch_order(1, headers={"Bcc": "x@example.net"}),
            Invalid,
            "header_not_allowed",
            "batch.headers",
        ),
    ],
)
async def test_an_order_is_checked_as_if_it_went_out_now(planner, order, kind, code, field):
    assert await refusal(planner, FUTURE, order) == (kind, code, field)


async def test_a_domain_that_is_not_verified_yet_is_refused(planner):
    await planner.store.commit(Update(f"domains/{DOMAIN}", {"status": "pending"}))
    assert await refusal(planner, FUTURE) == (Conflict, "domain_not_verified", "batch.from")


async def test_the_first_run_is_the_first_time_that_fits_the_rule(planner):
    schedule = await planner.plan(
        "2026-11-24T08:00:00", timezone="Europe/Berlin", rrule="FREQ=WEEKLY;BYDAY=MO"
    )
    value = await planner.schedule(schedule)
    assert (value.next_run, value.start_at) == (at("2026-11-30T07:00"), at("2026-11-24T07:00"))
    assert [task.at for task in planner.triggers()] == [value.next_run]


async def test_the_end_written_in_a_rule_is_the_end_of_the_series(planner):
    schedule = await planner.plan(FUTURE, rrule="FREQ=DAILY;UNTIL=20261126T080000Z")
    value = await planner.schedule(schedule)
    assert (value.rrule, value.until) == ("FREQ=DAILY", at("2026-11-26T08:00"))


async def test_this_very_moment_is_not_in_the_past(planner):
    schedule = await planner.plan(START.isoformat())
    await planner.pass_until(START)
    assert await planner.history(schedule) == ["submitted 11-23 12:00"]


async def test_years_ahead_is_fine(planner):
    schedule = await planner.plan("2126-11-24T08:00:00Z")
    value = await planner.schedule(schedule)
    assert value.next_run == at("2126-11-24T08:00")
    assert planner.queue.made == []


async def test_the_order_is_kept_whole_however_large(planner):
    files = (Attachment("a.bin", bytes(range(256)) * 8000, "application/octet-stream"),)
    order = replace(batch_order(3), attachments=files)
    schedule = await planner.plan(FUTURE, order)
    stored = await planner.store.get(Schedule, f"schedules/{schedule}")
    assert stored.value.parts == 3
    assert await read_order(planner.store, stored) == order
    await planner.pass_until(at("2026-11-24T09:00"))
    ((number, batch),) = (await planner.batches(schedule)).items()
    message_content = await planner.services.message_store.read(
        f"batches/{number}", batch.message_content, batch.parts
    )
    assert message_content.attachments == files


async def test_the_same_key_makes_one_schedule_though_asked_side_by_side(planner):
    workers = [planner.worker(f"w{number}") for number in range(4)]
    made = await asyncio.gather(*(planner.plan(FUTURE, services=one, key="k", every=24) for one in workers))
    again = await planner.plan(FUTURE, key="k", every=24)
    assert {*made, again} == {made[0]}
    assert len(await planner.store.find(Schedule, "schedules")) == 1
    await planner.pass_until(at("2026-11-24T09:00"))
    assert len(await planner.batches(made[0])) == 1


async def test_a_repeated_request_is_answered_as_the_first_was_though_its_start_has_passed(planner):
    schedule = await planner.plan(FUTURE, key="k")
    await planner.pass_until(at("2026-11-25T09:00"))
    assert await planner.plan(FUTURE, key="k") == schedule


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
async def test_a_crash_on_the_way_leaves_no_half_schedule(planner, step, after):
    with pytest.raises(Crash):
        await planner.plan(FUTURE, services=planner.doomed(Fuse(step, after)), key="k")
    schedule = await planner.plan(FUTURE, key="k")
    await planner.pass_until(at("2026-11-24T09:00"), times=2)
    assert await planner.history(schedule) == ["submitted 11-24 08:00"]
    assert len(await planner.store.find(Schedule, "schedules")) == 1


async def test_a_queue_that_is_away_accepts_nothing(planner):
    planner.queue.room = 0
    with pytest.raises(Unavailable):
        await planner.plan(FUTURE)
    assert await planner.store.find(Schedule, "schedules") == []


async def test_a_recipient_of_two_schedules_gets_both(planner):
    first = await planner.plan(FUTURE, send_order(address(1)))
    second = await planner.plan(FUTURE, send_order(address(1)))
    await planner.pass_until(at("2026-11-24T08:00") + timedelta(seconds=1))
    runs = [*await planner.runs(first), *await planner.runs(second)]
    assert len({run.message for run in runs}) == 2
