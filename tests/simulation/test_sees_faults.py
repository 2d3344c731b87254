"""The simulation can see: faults that the code once had are put back one by one, and each is found in the normal run."""

from __future__ import annotations

import asyncio

from tests.simulation.invariants import Broken
from tests.simulation.scenarios import Scenario, run_seed
from tests.simulation.test_seeded_schedules import SCHEDULES
from warmpost.actions.delivery import deliver, leases, turn_record, worker_events


def first_broken(words: str, scenario: Scenario | None = None) -> int:
    """The first seed that breaks this promise."""
    for seed in range(SCHEDULES):
        try:
            run_seed(seed, scenario)
        except Broken as broken:
            if words in str(broken):
                return seed
    raise AssertionError(f"not found in {SCHEDULES:,} schedules: {words}")


CANCELLED = Scenario(recipients=5, control="cancel")


async def nothing(*unused: object, **named: object) -> None:
    return None


def test_a_failed_read_that_throws_away_what_the_relay_said(monkeypatch):
    monkeypatch.setattr(turn_record.TurnRecord, "save", nothing)
    assert first_broken("though the relay answered") < SCHEDULES


def test_answers_that_are_committed_together_with_busy_counters(monkeypatch):
    monkeypatch.setattr(leases.Lease, "record", nothing)
    monkeypatch.setattr(turn_record.TurnRecord, "save", nothing)
    assert first_broken("though the relay answered") < SCHEDULES


def test_a_first_claim_batch_that_leaves_without_asking(monkeypatch):
    """Claims take their time here: a cancel that comes meanwhile is what is not asked for."""
    asks, claims = deliver._Turn._may_send, leases.Lease.claim

    async def slowly(lease, *arguments):
        await asyncio.sleep(0.3)
        await claims(lease, *arguments)

    async def from_the_second_on(turn):
        return await asks(turn) if turn.record.unrecorded else True

    monkeypatch.setattr(leases.Lease, "claim", slowly)
    monkeypatch.setattr(deliver._Turn, "_may_send", from_the_second_on)
    assert first_broken("after the batch was cancelled", CANCELLED) < SCHEDULES


def test_a_message_that_is_handed_over_before_it_is_claimed(monkeypatch):
    monkeypatch.setattr(leases.Lease, "claim", nothing)
    assert first_broken("was taken 2 times") < SCHEDULES


def test_figures_that_are_added_without_a_mark_of_it(monkeypatch):
    book = worker_events.book

    def unmarked(services, delivery, progress):
        return progress, book(services, delivery, progress)[1]

    monkeypatch.setattr(turn_record, "book", unmarked)
    assert first_broken("figures differ") < SCHEDULES
