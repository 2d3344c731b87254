"""The day a moment belongs to."""

from datetime import UTC, datetime

import pytest

from warmpost.rules.model.days import day_of


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        (datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC), "UTC", "2026-11-23"),
        (datetime(2026, 11, 23, 16, 0, tzinfo=UTC), "Asia/Shanghai", "2026-11-24"),
        (datetime(2026, 11, 23, 15, 59, tzinfo=UTC), "Asia/Shanghai", "2026-11-23"),
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), "Europe/Berlin", "2026-03-29"),
        (datetime(2026, 10, 25, 23, 30, tzinfo=UTC), "Europe/Berlin", "2026-10-26"),
        (datetime(2026, 11, 23, 4, 59, tzinfo=UTC), "America/New_York", "2026-11-22"),
    ],
)
def test_midnight_is_where_the_deployment_is(moment, zone, day):
    assert day_of(moment, zone) == day
