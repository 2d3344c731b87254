from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.warmup.levels import STANDARD, WarmupStanding
from warmpost.rules.warmup.reputation import (
    DayFigures,
    close_day,
    evaluate_block,
    evaluate_lowering,
    evaluate_raise,
    evaluate_raises,
    percent,
    raise_standing,
)

DAY = date(2026, 3, 1)
LEVEL_5 = 5  # 10,000 a day


def day(known=10_000, invalid=0, spam=0, other=0, **more):
    """A day on which all attempted have an outcome, unless `more` says otherwise."""
    bounced = invalid + spam + other
    figures = DayFigures(
        attempted=known,
        delivered=known - bounced,
        bounced=bounced,
        hard_bounced_unknown=invalid,
        spam_bounced=spam,
    )
    return replace(figures, **more)


def opened_day(known, bounced, opened, **more):
    delivered = known - bounced
    return day(known, invalid=bounced, tracked_delivered=delivered, opened=opened, **more)


@pytest.mark.parametrize(
    ("below", "at", "raised_at"),
    [
        pytest.param(day(6_999), day(7_000), (False, True), id="volume ≥ 70 %"),
        pytest.param(
            day(4_999, attempted=10_000), day(5_000, attempted=10_000), (False, True), id="known ≥ half"
        ),
        pytest.param(day(invalid=499), day(invalid=500), (True, False), id="invalid < 5 %"),
        pytest.param(day(other=799), day(other=800), (True, False), id="delivered > 92 %"),
        pytest.param(day(spam=249), day(spam=250), (True, False), id="spam < 2.5 %"),
        pytest.param(day(complained=9), day(complained=10), (True, False), id="complaints < 0.1 %"),
    ],
)
def test_u1_holds_up_to_each_of_its_boundaries(below, at, raised_at):
    decisions = [evaluate_raise(each, LEVEL_5) for each in (below, at)]
    assert tuple(each.changes for each in decisions) == raised_at
    assert {each.rule for each in decisions} == {"U1", ""}


@pytest.mark.parametrize(
    ("first", "second", "raised"),
    [
        pytest.param(
            opened_day(6_999, 600, 5_000), opened_day(7_000, 600, 5_000), (False, True), id="volume ≥ 70 %"
        ),
        pytest.param(
            opened_day(4_999, 400, 4_000, attempted=10_000),
            opened_day(5_000, 400, 4_000, attempted=10_000),
            (False, True),
            id="known ≥ half",
        ),
        pytest.param(
            opened_day(10_000, 999, 6_000), opened_day(10_000, 1_000, 6_000), (True, False), id="delivered"
        ),
        pytest.param(
            opened_day(11_000, 1_000, 6_000, complained=9),
            opened_day(11_000, 1_000, 6_000, complained=10),
            (True, False),
            id="complaints < 0.1 %",
        ),
        pytest.param(
            opened_day(11_000, 1_000, 5_000), opened_day(11_000, 1_000, 5_001), (False, True), id="opened"
        ),
    ],
)
def test_u2_holds_up_to_each_of_its_boundaries(first, second, raised):
    decisions = [evaluate_raise(each, LEVEL_5) for each in (first, second)]
    assert tuple(each.changes for each in decisions) == raised
    assert {each.rule for each in decisions} == {"U2", ""}


def bad_day(attempted):
    return {
        "D1": day(attempted, invalid=attempted // 10),
        "D2": day(attempted, other=attempted // 2),
        "D3": day(attempted, spam=attempted // 10),
        "D4": day(attempted, complained=attempted // 10),
    }


@pytest.mark.parametrize("rule", ["D1", "D2", "D3", "D4"])
def test_lowering_needs_more_than_300_messages(rule):
    assert not evaluate_lowering(bad_day(300)[rule], 5, DAY).changes
    lowered = evaluate_lowering(bad_day(301)[rule], 5, DAY)
    assert (lowered.kind, lowered.rule, lowered.level_after) == ("lowered", rule, 4)


@pytest.mark.parametrize(
    ("rule", "kept", "lowered"),
    [
        ("D1", day(1000, invalid=90), day(1000, invalid=91)),
        ("D2", day(1000, other=350), day(1000, other=351)),
        ("D3", day(1000, spam=50), day(1000, spam=51)),
        ("D4", day(1000, complained=5), day(1000, complained=6)),
    ],
)
def test_lowering_begins_just_beyond_each_boundary(rule, kept, lowered):
    assert not evaluate_lowering(kept, 5, DAY).changes
    assert evaluate_lowering(lowered, 5, DAY).rule == rule


@pytest.mark.parametrize(
    ("rule", "kept", "blocked"),
    [
        ("B1", day(1000, invalid=110), day(1000, invalid=111)),
        ("B2", day(1000, spam=150), day(1000, spam=151)),
        ("B1", day(300, invalid=200), day(301, invalid=200)),
        ("B2", day(300, spam=200), day(301, spam=200)),
    ],
)
def test_a_block_begins_just_beyond_each_boundary(rule, kept, blocked):
    assert not evaluate_block(kept, DAY).changes
    decision = evaluate_block(blocked, DAY)
    assert (decision.kind, decision.rule, decision.effective_on) == ("blocked", rule, DAY)


def test_a_raise_tells_its_figures():
    figures = day(1_450, invalid=12, other=30)
    assert evaluate_raise(figures, 3).reason == (
        "raised 3→4: 1,450 of 2,000 sent (72.5 %), outcome known 100 %, invalid 0.8 %, delivered 97.1 %, "
        "spam bounces 0 %, complaints 0 %; rule U1"
    )


def test_a_lowering_tells_its_figures_and_its_day():
    lowered = evaluate_lowering(day(1_200, invalid=113), 4, DAY)
    assert lowered.reason == "lowered 4→3 from 2026-03-02: 1,200 sent, invalid 9.4 %; rule D1"
    assert lowered.effective_on == date(2026, 3, 2)


def test_a_block_tells_its_figures():
    reason = evaluate_block(day(400, spam=100), DAY).reason
    assert reason == "blocked for the rest of 2026-03-01: 400 sent, spam bounces 25 %; rule B2"


def test_a_kept_level_tells_what_is_missing():
    kept = evaluate_raise(day(900, complained=2), 3)
    assert kept.reason == (
        "kept at 3: U1 lacks sent of the daily maximum >= 70 % (now 45 %), complaints < 0.1 % (now 0.2 %); "
        "U2 lacks sent of the daily maximum >= 70 % (now 45 %), complaints < 0.1 % (now 0.2 %), "
        "opened > 50 % (now unknown)"
    )
    unmet = [(each.rule, each.condition, each.now, each.needed) for each in kept.readings if not each.holds]
    assert unmet[:2] == [("U1", "volume_of_cap", "45 %", ">= 70 %"), ("U1", "complaints", "0.2 %", "< 0.1 %")]
    assert len(kept.readings) == 11


def test_a_figure_next_to_its_limit_is_not_rounded_onto_it():
    assert percent(Fraction(49_999, 1_000_000), Fraction(5, 100)) == "4.9999 %"
    assert percent(Fraction(5, 100), Fraction(5, 100)) == "5 %"
    assert percent(Fraction(1, 3), Fraction(5, 100)) == "33.3 %"


def test_one_day_can_raise_through_several_levels_until_the_volume_is_too_small():
    raised = evaluate_raises(day(1_450), 1)
    assert [(each.level_before, each.level_after) for each in raised] == [(1, 2), (2, 3), (3, 4)]


def test_nothing_raises_above_the_highest_level():
    kept = evaluate_raise(day(2_000_000), 20)
    assert (kept.kind, kept.reason) == ("kept", "kept at 20: the highest level")
    assert len(evaluate_raises(day(2_000_000), 1)) == 19


def test_nothing_lowers_below_level_one():
    kept = evaluate_lowering(day(400, invalid=100), 1, DAY)
    assert (kept.kind, kept.rule, kept.level_after) == ("kept", "D1", 1)
    assert kept.reason == "kept at 1, the lowest level: 400 sent, invalid 25 %; rule D1"


def test_what_a_silent_relay_accepted_counts_as_delivered():
    assert evaluate_raise(DayFigures(attempted=500, accepted_unreported=500), 1).changes
    assert not evaluate_raise(DayFigures(attempted=500, accepted_unreported=249), 1).changes


def test_a_day_without_mail_changes_nothing():
    assert not evaluate_raise(DayFigures(), 1).changes
    assert not evaluate_lowering(DayFigures(attempted=1000), 5, DAY).changes
    assert not evaluate_block(DayFigures(attempted=1000), DAY).changes


def test_a_domain_without_warm_up_keeps_its_level():
    warm = WarmupStanding(level=3, warmup=False)
    assert raise_standing(warm, day(5_000)) == ()
    assert close_day(warm, day(5_000, invalid=5_000), DAY).kind == "kept"
    assert [each.level_after for each in raise_standing(WarmupStanding(level=3), day(2_000))] == [4]
    assert close_day(WarmupStanding(level=3), day(5_000, invalid=5_000), DAY).level_after == 2


@st.composite
def any_day(draw):
    invalid, spam, other, delivered, unknown, silent = (
        draw(st.integers(0, 10 ** draw(st.integers(0, 6)))) for _ in range(6)
    )
    reached = delivered + silent
    tracked = draw(st.integers(0, reached))
    return DayFigures(
        attempted=invalid + spam + other + reached + unknown,
        delivered=delivered,
        accepted_unreported=silent,
        bounced=invalid + spam + other,
        hard_bounced_unknown=invalid,
        spam_bounced=spam,
        complained=draw(st.integers(0, reached)),
        tracked_delivered=tracked,
        opened=draw(st.integers(0, tracked)),
    )


@given(any_day(), st.integers(1, 20))
def test_a_raise_agrees_with_whole_number_arithmetic(f, level):
    reached = f.delivered + f.accepted_unreported
    known = reached + f.bounced
    enough = 10 * f.attempted >= 7 * STANDARD.cap(level) and 2 * known >= f.attempted and known > 0
    calm = reached > 0 and 1000 * f.complained < reached
    u1 = enough and calm and 20 * f.hard_bounced_unknown < known and 100 * reached > 92 * known
    u1 = u1 and 40 * f.spam_bounced < known
    u2 = enough and calm and 10 * reached > 9 * known and 2 * f.opened > f.tracked_delivered
    decision = evaluate_raise(f, level)
    assert decision.changes == (level < 20 and (u1 or u2))


@given(any_day(), st.integers(1, 20), st.integers(1, 1000))
def test_a_worse_day_never_raises_more_nor_lowers_or_blocks_less(figures, level, more):
    worse = [replace(figures, complained=figures.complained + more)]
    turned = min(more, figures.delivered)
    lost = {"delivered": figures.delivered - turned, "bounced": figures.bounced + turned}
    tracked = min(figures.tracked_delivered, lost["delivered"] + figures.accepted_unreported)
    lost |= {"tracked_delivered": tracked, "opened": min(figures.opened, tracked)}
    worse.append(replace(figures, **lost, hard_bounced_unknown=figures.hard_bounced_unknown + turned))
    worse.append(replace(figures, **lost, spam_bounced=figures.spam_bounced + turned))
    for each in worse[:1]:
        assert len(evaluate_raises(each, level)) <= len(evaluate_raises(figures, level))
    for each in worse:
        if evaluate_block(figures, DAY).changes:
            assert evaluate_block(each, DAY).changes
        if evaluate_lowering(figures, level, DAY).rule:
            assert evaluate_lowering(each, level, DAY).rule


@given(any_day(), st.integers(-5, 40))
def test_levels_never_leave_the_table_and_move_by_one(figures, level):
    raised = evaluate_raises(figures, level)
    lowered = evaluate_lowering(figures, level, DAY)
    for each in (*raised, lowered):
        assert each.level_before is not None
        assert each.level_after is not None
        assert 1 <= each.level_before <= 20
        assert 1 <= each.level_after <= 20
        assert abs(each.level_after - each.level_before) == (1 if each.changes else 0)
    assert [each.level_after for each in raised[:-1]] == [each.level_before for each in raised[1:]]


@given(any_day(), st.integers(1, 20))
def test_readings_agree_with_the_decision(figures, level):
    decision = evaluate_raise(figures, level)
    rules = {each.rule for each in decision.readings}
    holding = {name for name in rules if all(each.holds for each in decision.readings if each.rule == name)}
    assert bool(holding and level < 20) == decision.changes
    assert not decision.rule or decision.rule in holding
