"""When a domain is looked at after its figures changed."""

import pytest

from tests.actions.harness import DOMAIN, HandClock
from warmpost.actions.warmup.day_counters import ASSESS_MARGIN, DEBOUNCE, ask_for_assessment


@pytest.mark.parametrize("second", [0.0, 0.001, 0.5, 0.999])
async def test_one_look_serves_all_changes_of_a_second(harness, second):
    await ask_for_assessment(harness.services, DOMAIN)
    harness.clock.advance(second)
    await ask_for_assessment(harness.services, DOMAIN)
    assert len(harness.queue.made) == 1


async def test_a_look_that_is_over_does_not_count_for_a_change_by_a_clock_that_is_behind(harness):
    behind = HandClock()
    slow = harness.worker("slow", clock=behind)
    await ask_for_assessment(harness.services, DOMAIN)
    [look] = harness.queue.made
    behind.advance((look.at - behind.now()).total_seconds() - 0.9 * ASSESS_MARGIN)
    await ask_for_assessment(slow, DOMAIN)
    assert len(harness.queue.made) == 2
    assert (look.at - harness.clock.now()).total_seconds() == DEBOUNCE + ASSESS_MARGIN
