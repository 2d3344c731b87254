from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from warmpost.rules.warmup.daily_cap import Allowance, DayVolume, Pause
from warmpost.rules.warmup.forecast import DomainToday, forecast, forecasts
from warmpost.rules.warmup.levels import WarmupStanding, parse_table
from warmpost.rules.warmup.reputation import DayFigures

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
GOOD = DayFigures(attempted=1000, delivered=990, bounced=10, hard_bounced_unknown=5)
POOR = DayFigures(attempted=1000, delivered=900, bounced=100, hard_bounced_unknown=100)
TERRIBLE = DayFigures(attempted=1000, delivered=700, bounced=300, hard_bounced_unknown=300)


def fresh(level=1, **more):
    return DomainToday(WarmupStanding(level=level), **more)


def test_a_level_that_stays_sends_its_cap_every_24_hours():
    days = forecast(1_200, fresh(), NOW, BERLIN, "level_stays")
    assert [(each.date, each.starts_at, each.sent, each.held_after) for each in days] == [
        (date(2026, 3, 2), NOW, 500, 700),
        (date(2026, 3, 3), NOW + timedelta(days=1), 500, 200),
        (date(2026, 3, 4), NOW + timedelta(days=2), 200, 0),
    ]
    assert {(each.level, each.cap, each.decisions) for each in days} == {(1, 500, ())}


def test_good_figures_rise_to_the_top_within_one_day():
    (day,) = forecast(1_000_000, fresh(), NOW, BERLIN, "figures_good")
    assert (day.sent, day.held_after, day.level, day.cap) == (1_000_000, 0, 20, 1_000_000)
    assert [each.level_after for each in day.decisions] == list(range(2, 21))


def test_a_million_on_figures_that_earn_a_raise_goes_out_as_fast():
    (day,) = forecast(1_000_000, fresh(like=GOOD), NOW, BERLIN, "figures_stay")
    assert (day.sent, day.level) == (1_000_000, 20)


def test_a_million_on_poor_figures_from_level_one_takes_two_thousand_days():
    days = forecast(1_000_000, fresh(like=POOR), NOW, BERLIN, "figures_stay")
    assert len(days) == 2_000
    assert days[-1].held_after == 0
    assert {each.level for each in days} == {1}


def test_poor_figures_cost_a_level_every_day():
    days = forecast(20_000, fresh(level=5, like=POOR), NOW, BERLIN, "figures_stay")
    assert [(each.level, each.sent) for each in days[:6]] == [
        *((5, 10_000), (4, 5_000), (3, 2_000)),
        *((2, 1_000), (1, 500), (1, 500)),
    ]
    assert days[0].decisions[0].reason == ("lowered 5→4 from 2026-03-03: 10,000 sent, invalid 10 %; rule D1")


def test_a_block_fails_what_is_left_or_holds_it_for_the_next_day():
    (failed,) = forecast(1_200, fresh(like=TERRIBLE), NOW, BERLIN, "figures_stay")
    assert (failed.sent, failed.failed, failed.held_after) == (500, 700, 0)
    assert failed.decisions[0].rule == "B1"
    held = forecast(1_200, fresh(like=TERRIBLE), NOW, BERLIN, "figures_stay", on_block="hold")
    assert [(each.sent, each.failed) for each in held] == [(500, 0), (500, 0), (200, 0)]


def test_a_block_of_today_is_waited_for_until_midnight_where_batches_hold():
    blocked = fresh(blocked="blocked: B1")
    (day,) = forecast(100, blocked, NOW, BERLIN, "level_stays", on_block="hold")
    assert day.starts_at == datetime(2026, 3, 3, tzinfo=BERLIN)
    (failed,) = forecast(100, blocked, NOW, BERLIN, "level_stays")
    assert (failed.sent, failed.failed) == (0, 100)


def test_without_any_figures_nothing_is_assumed_to_rise():
    days = forecasts(1_200, fresh(), NOW, BERLIN)
    assert days["figures_stay"] == days["level_stays"]


def test_today_goes_on_from_what_was_sent_already():
    today = DayFigures(attempted=300, delivered=300)
    days = forecast(600, fresh(figures=today, volume=DayVolume(300)), NOW, BERLIN, "figures_stay")
    assert [(each.sent, each.level) for each in days] == [(600, 3)]
    stays = forecast(600, fresh(figures=today, volume=DayVolume(300)), NOW, BERLIN, "level_stays")
    assert [each.sent for each in stays] == [200, 400]


def test_what_is_booked_but_not_attempted_yet_counts_towards_the_raise():
    paused = fresh(volume=DayVolume(500), pause=Pause(NOW + timedelta(hours=20), NOW, 500))
    days = forecast(400, paused, NOW, BERLIN, "figures_good")
    assert [(each.starts_at, each.sent, each.level) for each in days] == [(NOW, 400, 3)]


def test_a_running_pause_is_waited_for():
    until = NOW + timedelta(hours=20)
    paused = fresh(volume=DayVolume(500), pause=Pause(until, until - timedelta(hours=24), 500))
    assert forecast(400, paused, NOW, BERLIN, "level_stays")[0].starts_at == until


def test_an_operators_cap_holds_while_the_level_rises():
    domain = DomainToday(WarmupStanding(level=1, cap_by_hand=400))
    days = forecast(1_000, domain, NOW, BERLIN, "figures_good")
    assert [each.sent for each in days] == [400, 400, 200]
    assert days[0].level == 2


def test_a_warm_domain_sends_everything_at_once():
    (day,) = forecast(10**6, DomainToday(WarmupStanding(warmup=False)), NOW, BERLIN, "level_stays")
    assert (day.sent, day.cap) == (10**6, None)


def test_the_cap_of_a_pool_holds_too():
    pool = Allowance(100, DayVolume(60))
    days = forecast(300, fresh(pool=pool), NOW, BERLIN, "figures_good")
    assert [each.sent for each in days] == [40, 100, 100, 60]


def test_where_nothing_may_ever_leave_no_end_is_in_sight():
    assert forecast(5, DomainToday(WarmupStanding(cap_by_hand=0)), NOW, BERLIN, "level_stays") == ()
    slow = forecast(10_000, DomainToday(WarmupStanding(cap_by_hand=1)), NOW, BERLIN, "level_stays")
    assert slow[-1].held_after == 10_000 - len(slow) > 0


def test_slow_relays_delay_the_end_of_a_day_but_not_the_next_one():
    first, second = forecast(700, fresh(), NOW, BERLIN, "level_stays", per_second=2)
    assert first.ends_at == NOW + timedelta(seconds=250)
    assert second.starts_at == NOW + timedelta(hours=24)
    assert second.ends_at == second.starts_at + timedelta(seconds=100)


def test_a_night_of_25_hours_never_sends_two_caps_in_one_day():
    start = datetime(2026, 10, 25, 0, 10, tzinfo=BERLIN).astimezone(UTC)
    days = forecast(1_500, fresh(), start, BERLIN, "level_stays")
    assert [each.sent for each in days] == [500, 500, 500]
    assert days[1].starts_at == datetime(2026, 10, 26, tzinfo=BERLIN)


def test_the_forecast_follows_a_table_of_the_deployments_own():
    standing = WarmupStanding(table=parse_table('{"caps": [10, 100, 1000]}'))
    (day,) = forecast(300, DomainToday(standing), NOW, BERLIN, "figures_good")
    assert (day.level, day.cap) == (3, 1000)


@settings(max_examples=60, deadline=None)
@given(
    remaining=st.integers(0, 30_000),
    level=st.integers(1, 20),
    base=st.sampled_from([GOOD, POOR, TERRIBLE, DayFigures()]),
    moved=st.integers(0, 366 * 24 * 60),
    on_block=st.sampled_from(["fail", "hold"]),
    used=st.integers(0, 500),
    per_second=st.sampled_from([None, 3, 400]),
)
def test_a_forecast_sums_to_the_total_within_every_days_cap(
    remaining, level, base, moved, on_block, used, per_second
):
    now = NOW + timedelta(minutes=moved)
    domain = fresh(level=level, like=base, volume=DayVolume(used))
    for days in forecasts(remaining, domain, now, BERLIN, on_block=on_block, per_second=per_second).values():
        assert sum(each.sent + each.failed for each in days) == remaining
        left = remaining
        for each in days:
            left -= each.sent + each.failed
            assert each.held_after == left
            assert each.cap is not None
            assert each.sent <= each.cap
            assert 1 <= each.level <= 20
            assert each.starts_at <= each.ends_at
            assert each.starts_at.astimezone(BERLIN).date() == each.date
        assert [each.date for each in days] == sorted({each.date for each in days})


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 200_000), st.integers(1, 20))
def test_better_assumptions_never_end_later(remaining, level):
    ends = {
        name: days[-1].starts_at if days else NOW
        for name, days in forecasts(remaining, fresh(level=level, like=GOOD), NOW, BERLIN).items()
    }
    assert ends["figures_good"] <= ends["figures_stay"] <= ends["level_stays"]
