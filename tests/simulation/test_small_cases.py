"""Small cases gone through entirely: two workers, three recipients, one fault at every moment there is, and one step that
is overtaken at every pick."""

from __future__ import annotations

import pytest

from tests.simulation.loop import ScriptedChoices
from tests.simulation.scenarios import Run, Scenario

CASES = {
    "a batch that holds what is uncertain": Scenario(recipients=3),
    "a batch that sends it again": Scenario(recipients=3, on_uncertain="resend"),
    "a single send": Scenario(recipients=0, singles=1),
}


@pytest.mark.parametrize("scenario", CASES.values(), ids=CASES.keys())
def test_one_fault_at_every_moment_breaks_no_promise(scenario):
    choices = ScriptedChoices()
    Run(scenario, choices).go()
    assert choices.moments > 30
    for moment in range(choices.moments):
        Run(scenario, ScriptedChoices(fault_at=moment)).go()


@pytest.mark.parametrize("scenario", CASES.values(), ids=CASES.keys())
def test_one_step_overtaken_at_every_pick_breaks_no_promise(scenario):
    choices = ScriptedChoices()
    Run(scenario, choices).go()
    assert choices.picks > 3
    for pick in range(choices.picks):
        Run(scenario, ScriptedChoices(overtaken=pick)).go()


@pytest.mark.slow
@pytest.mark.parametrize("scenario", CASES.values(), ids=CASES.keys())
def test_any_fault_with_any_step_overtaken_breaks_no_promise(scenario):
    choices = ScriptedChoices()
    Run(scenario, choices).go()
    for moment in range(choices.moments):
        for pick in range(choices.picks):
            Run(scenario, ScriptedChoices(fault_at=moment, overtaken=pick)).go()
