"""The plug pulled again and again: of parts, at random, while a batch leaves by a relay that breaks off at every step."""

import os
from collections import Counter

import pytest

from tests.chaos.chaos import TAKEN, Course, Plan, heard_of, run


def assert_all_is_well(course: Course) -> None:
    statuses, relay = course.statuses, course.relay
    taken = {recipient for recipient, _ in relay.taken}
    assert course.batch["status"] == "done"
    assert set(statuses) == {f"r{n}@inbox.example" for n in range(course.plan.recipients)}
    assert set(statuses.values()) <= TAKEN
    assert {name: n for name, n in course.batch["counts"].items() if n} == Counter(statuses.values())

    assert course.duplicates() == 0
    assert len(relay.taken) == len(taken)
    assert {to for to, status in statuses.items() if status != "uncertain"} <= taken
    unsure = {to for to, status in statuses.items() if status == "uncertain"}
    assert unsure <= relay.in_doubt | {f"r{n}@inbox.example" for n in course.killer.in_flight}

    assert max(course.volumes) <= course.plan.cap
    assert max(course.reserved) <= course.plan.cap

    told, figures = course.reporter.told, course.figures
    opened = Counter({to: n for (kind, to), n in told.items() if kind == "opened"})
    assert figures["requested"] == course.plan.recipients
    assert figures.get("uncertain", 0) == len(unsure)
    assert figures.get("bounced", 0) == Counter(statuses.values())["bounced"]
    assert figures.get("delivered", 0) == Counter(statuses.values())["delivered"]
    assert figures.get("opened_total", 0) == opened.total()
    assert figures.get("opened", 0) == len(opened) == course.opened_by
    for kind in ("delivered", "bounced"):
        assert {to for (one, to) in told if one == kind} == {
            to for to, is_now in statuses.items() if is_now == kind
        }

    assert heard_of(course.receiver) == told


async def test_few_kills_of_a_few_hundred_recipients():
    course = await run(Plan(recipients=200, kills=3, seed=1, workers=2, claim_batch=10, days=1))
    print(f"\n{course.table()}")
    assert_all_is_well(course)


@pytest.mark.chaos
async def test_two_hundred_kills_of_twenty_thousand_recipients():
    seed = int(os.environ.get("CHAOS_SEED", "1"))
    course = await run(Plan(recipients=20_000, kills=200, seed=seed))
    print(f"\n{course.table()}")
    assert_all_is_well(course)
