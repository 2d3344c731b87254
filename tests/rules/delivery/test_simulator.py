"""Addresses that behave as their names say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.delivery.envelope import HandOver
from warmpost.rules.delivery.simulator import SCENARIOS, simulate

DOMAIN = "simulator.invalid"


@pytest.mark.parametrize(
    ("scenario", "ends", "code"),
    [
        ("success", HandOver.ACCEPTED, 250),
        ("bounce", HandOver.REFUSED, 550),
        ("softbounce", HandOver.REFUSED, 552),
        ("deferred", HandOver.POSTPONED, 451),
        ("complaint", HandOver.ACCEPTED, 250),
        ("unsubscribe", HandOver.ACCEPTED, 250),
        ("open", HandOver.ACCEPTED, 250),
        ("click", HandOver.ACCEPTED, 250),
    ],
)
@pytest.mark.parametrize("form", ["{}@simulator.invalid", "{}+x+y@simulator.invalid", "{}@Simulator.INVALID"])
def test_each_scenario_answers_as_a_relay_would(scenario, ends, code, form):
    for local in (scenario, scenario.upper()):
        outcome = simulate(form.format(local), DOMAIN)
        assert outcome is not None and outcome.reply is not None
        assert (outcome.hand_over, outcome.reply.code, outcome.relay) == (ends, code, "simulator")


def test_a_name_it_does_not_know_is_refused_with_those_it_knows():
    outcome = simulate("sucess@simulator.invalid", DOMAIN)
    assert outcome is not None and outcome.reply is not None
    assert outcome.hand_over is HandOver.REFUSED
    assert all(one in outcome.reply.text for one in (*SCENARIOS, "sucess"))


@given(
    st.sampled_from(SCENARIOS), st.sampled_from(["example.net", "simulator.invalid.example.net", "invalid"])
)
def test_nobody_elses_address_is_simulated(scenario, host):
    assert simulate(f"{scenario}@{host}", DOMAIN) is None
