"""Bills: amounts times list prices, and what a deployment may set."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.model.test_usage import usages
from warmpost.rules.model.usage import AMOUNTS, Usage
from warmpost.rules.operations.prices import GIB, STANDARD_PRICES, UNITS, WORDS, bill, parse_prices


@given(usages, usages)
def test_the_bill_of_both_is_the_sum_of_the_bills(one, other):
    both, first, second = (bill(usage, STANDARD_PRICES) for usage in (one + other, one, other))
    assert both.total == pytest.approx(first.total + second.total)
    assert both.without_relay == pytest.approx(first.without_relay + second.without_relay)


@given(usages)
def test_a_bill_is_the_sum_of_its_items(usage):
    owed = bill(usage, STANDARD_PRICES)
    assert owed.total == pytest.approx(sum(item.sum for item in owed.items.values()))
    assert owed.total == pytest.approx(owed.without_relay + owed.items["relay_egress"].sum)
    for item in owed.items.values():
        assert item.sum == pytest.approx(item.count / item.per * item.price)


def test_every_amount_has_a_price_and_every_price_an_amount():
    assert {unit.amount for unit in UNITS.values()} == set(AMOUNTS)
    assert set(UNITS) == {one.name for one in fields(STANDARD_PRICES)} - WORDS


@pytest.mark.parametrize(
    ("usage", "total"),
    [
        (Usage(reads=100_000), 0.06),
        (Usage(writes=100_000), 0.18),
        (Usage(deletes=100_000), 0.02),
        (Usage(tasks=1_000_000), 0.40),
        (Usage(invocations=1_000_000), 0.40),
        (Usage(vcpu_us=1_000_000), 0.000024),
        (Usage(gib_us=1_000_000), 0.0000025),
        (Usage(egress=GIB), 0.12),
        (Usage(relay_egress=GIB), 0.12),
    ],
)
def test_the_standard_prices_are_those_of_the_price_lists(usage, total):
    assert bill(usage, STANDARD_PRICES).total == pytest.approx(total)


def test_a_deployment_sets_what_differs():
    mine = parse_prices('{"date": "2026-11", "region": "Belgium", "writes": 0.09, "relay_egress": 0}')
    assert mine == replace(STANDARD_PRICES, date="2026-11", region="Belgium", writes=0.09, relay_egress=0)
    assert parse_prices("{}") == STANDARD_PRICES


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "must be an object of prices"),
        ('{"wirtes": 1}', "wirtes: unknown; known are currency, region, date, reads, writes"),
        ('{"writes": -0.01}', "writes: must be a number from 0 up, not -0.01"),
        ('{"writes": "0.1"}', "writes: must be a number from 0 up"),
        ('{"writes": true}', "writes: must be a number from 0 up"),
        ('{"writes": NaN}', "writes: must be a number from 0 up"),
        ('{"writes": Infinity}', "writes: must be a number from 0 up"),
        ('{"date": 2026}', "date: must be a text of up to 100 characters"),
        ('{"currency": ""}', "currency: must be a text of up to 100 characters"),
        ('{"writes": 0.09}', "date: needed beside prices of your own"),
    ],
)
def test_a_price_list_that_cannot_be_right_is_refused_with_the_place(text, reason):
    with pytest.raises(ValueError, match=reason.replace("[", "\\[")):
        parse_prices(text)


@given(st.dictionaries(st.sampled_from(sorted(UNITS)), st.floats(0, 1e6), min_size=1))
def test_any_prices_from_zero_up_are_taken(chosen):
    mine = parse_prices(json.dumps({**chosen, "date": "2026-11"}))
    assert {name: getattr(mine, name) for name in chosen} == chosen
