"""Thousands of schedules, each from a seed: whatever order things happen in and whatever fails, the promises hold.

A failing seed replays: `PYTHONPATH=functions python -m tests.simulation.replay SEED` prints what happened, step by step.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.simulation.invariants import Broken
from tests.simulation.loop import Standstill
from tests.simulation.scenarios import run_seed

SCHEDULES = 20_000
MANY_SCHEDULES = 1_000_000
STRETCH = 500


def broken_seeds(first: int) -> list[tuple[int, str]]:
    """Of a stretch of seeds those that break a promise, with which."""
    logging.disable(logging.CRITICAL)
    found = []
    for seed in range(first, first + STRETCH):
        try:
            run_seed(seed)
        except (Broken, Standstill) as broken:
            found.append((seed, str(broken)))
    return found


def hold(first: int, count: int) -> None:
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        for found in pool.map(broken_seeds, range(first, first + count, STRETCH)):
            assert not found, (
                f"replay with `PYTHONPATH=functions python -m tests.simulation.replay {found[0][0]}`: {found[:3]}"
            )


def test_promises_hold_in_every_schedule():
    hold(0, SCHEDULES)


@pytest.mark.slow
def test_promises_hold_in_a_million_schedules():
    hold(SCHEDULES, MANY_SCHEDULES)


def test_a_seed_replays_step_by_step():
    assert run_seed(13).history == run_seed(13).history


FAULTS = ("failed:", "refused:", "lost answer:", "is killed", "delivered twice", "relay fails")


def test_schedules_differ_and_meet_faults_of_every_kind():
    runs = [run_seed(seed) for seed in range(300)]
    assert len({run.history for run in runs}) > 295
    met = [words for run in runs for words in run.world.faults]
    assert [fault for fault in FAULTS if not any(fault in words for words in met)] == []
    assert any(not run.world.faults for run in runs)
