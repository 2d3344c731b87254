import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.warmup.levels import STANDARD, Condition, WarmupStanding, describe_table, parse_table


def test_the_twenty_levels_are_those_of_the_model():
    assert STANDARD.caps == (
        *(500, 1000, 2000, 5000, 10000, 20000, 40000, 60000, 80000, 100000),
        *(150000, 200000, 300000, 400000, 500000, 600000, 700000, 800000, 900000, 1000000),
    )
    assert (STANDARD.top, STANDARD.cap(1), STANDARD.cap(20)) == (20, 500, 1_000_000)


def test_the_standard_rules_read_as_the_model_words_them():
    assert describe_table(STANDARD) == {
        "caps": list(STANDARD.caps),
        "raise": {
            "U1": {
                "volume_of_cap": ">= 70 %",
                "known": ">= 50 %",
                "invalid": "< 5 %",
                "delivered": "> 92 %",
                "spam": "< 2.5 %",
                "complaints": "< 0.1 %",
            },
            "U2": {
                "volume_of_cap": ">= 70 %",
                "known": ">= 50 %",
                "delivered": "> 90 %",
                "complaints": "< 0.1 %",
                "opened": "> 50 %",
            },
        },
        "lower": {
            "D1": {"volume": "> 300", "invalid": "> 9 %"},
            "D2": {"volume": "> 300", "delivered": "< 65 %"},
            "D3": {"volume": "> 300", "spam": "> 5 %"},
            "D4": {"volume": "> 300", "complaints": "> 0.5 %"},
        },
        "block": {
            "B1": {"volume": "> 300", "invalid": "> 11 %"},
            "B2": {"volume": "> 300", "spam": "> 15 %"},
        },
    }


def test_what_is_described_can_be_read_again():
    assert parse_table(json.dumps(describe_table(STANDARD))) == STANDARD


@given(
    caps=st.lists(st.integers(1, 10**9), min_size=1, max_size=100, unique=True).map(sorted),
    limit=st.decimals(0, 100, places=6, allow_nan=False),
    sign=st.sampled_from([">=", "<=", ">", "<"]),
)
def test_any_table_survives_being_described(caps, limit, sign):
    rules = {"raise": {"A": {"volume_of_cap": ">=1%", "known": ">= 2%", "spam": f"{sign}{limit:f}%"}}}
    table = parse_table(json.dumps({"caps": caps, **rules}))
    assert table.raises[0].conditions[2] == Condition("spam", sign, Fraction(limit) / 100)
    assert parse_table(json.dumps(describe_table(table))) == table


def test_parts_left_out_keep_their_standard():
    table = parse_table('{"caps": [10, 20], "block": {}}')
    assert (table.caps, table.blocks) == ((10, 20), ())
    assert (table.raises, table.lowers) == (STANDARD.raises, STANDARD.lowers)


def test_a_raising_rule_silent_about_known_outcomes_still_wants_half_of_them():
    table = parse_table('{"raise": {"U1": {"volume_of_cap": "≥ 50%", "delivered": "> 80 %"}}}')
    assert describe_table(table)["raise"] == {
        "U1": {"volume_of_cap": ">= 50 %", "known": ">= 50 %", "delivered": "> 80 %"}
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "must be an object"),
        ('{"levels": []}', "levels: unknown"),
        ('{"caps": [1], "caps": [2]}', "caps: given twice"),
        ('{"caps": 500}', "caps: must be a list"),
        ('{"caps": []}', "caps: must be a list"),
        ('{"caps": [500, true]}', "caps[1]: must be a whole number"),
        ('{"caps": [500.5]}', "caps[0]: must be a whole number"),
        ('{"caps": [0, 5]}', "caps[0]: must be a whole number"),
        ('{"caps": [500, 1000000000000000000000]}', "caps[1]: must be a whole number"),
        ('{"caps": [500, 500]}', "caps[1]: must be more"),
        ('{"raise": []}', "raise: must be an object"),
        ('{"raise": {"": {}}}', "a rule's name"),
        ('{"raise": {"U1": []}}', "raise.U1: must be an object"),
        ('{"raise": {"U1": {"delivered": "> 92 %"}}}', "raise.U1: needs volume_of_cap"),
        ('{"lower": {"D1": {"volume": "> 300"}}}', "lower.D1: needs a condition on a rate"),
        ('{"lower": {"D1": {"volume_of_cap": "> 3 %", "spam": "> 5 %"}}}', "only raising rules"),
        ('{"lower": {"D1": {"bounces": "> 5 %"}}}', "lower.D1.bounces: unknown figure"),
        ('{"lower": {"D1": {"spam": 5}}}', "lower.D1.spam: must be a comparison such as '> 92 %'"),
        ('{"lower": {"D1": {"spam": "> 5"}}}', "lower.D1.spam: must be a comparison such as '> 92 %'"),
        ('{"lower": {"D1": {"spam": "= 5 %"}}}', "must be a comparison"),
        ('{"lower": {"D1": {"spam": "> ٥ %"}}}', "must be a comparison"),
        ('{"lower": {"D1": {"volume": "> 5 %", "spam": "> 5 %"}}}', "such as '> 300'"),
    ],
)
def test_a_table_that_cannot_work_is_refused_with_the_place(text, told):
    with pytest.raises(ValueError) as refused:
        parse_table(text)
    assert str(refused.value).startswith("level table: ")
    assert told in str(refused.value)


def test_a_domain_gets_its_levels_cap_unless_an_operator_set_another():
    assert WarmupStanding(level=3).cap == 2000
    assert WarmupStanding(level=3, cap_by_hand=70).cap == 70
    assert WarmupStanding(level=3, cap_by_hand=0).cap == 0
    assert WarmupStanding(level=3, cap_by_hand=70, warmup=False).cap is None
    assert WarmupStanding(level=2, table=parse_table('{"caps": [10, 20]}')).cap == 20


def test_a_level_of_a_longer_table_counts_as_the_highest_of_a_shorter_one():
    table = parse_table('{"caps": [10, 20]}')
    assert WarmupStanding(level=17, table=table).cap == 20
    assert table.within(0) == 1
