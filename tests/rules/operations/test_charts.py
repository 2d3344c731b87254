"""Marks of charts stand where they belong, whatever the figures are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.operations.charts import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    draw_line,
    spark_line,
    stack_columns,
    ticks,
    top_of,
)

COUNTS = st.integers(0, 10**9)
NAMES = ("delivered", "sent", "bounced")
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, COUNTS)), max_size=120)


@given(st.floats(0, 1e12))
def test_the_top_of_an_axis_is_not_below_the_highest_value_nor_far_above(value):
    top = top_of(value)
    assert top >= value
    assert top <= max(4.0, 2.5 * value)


@given(ROWS)
def test_columns_stay_within_the_picture_and_their_parts_touch(rows):
    drawn = stack_columns([str(number) for number in range(len(rows))], rows, NAMES)
    assert len(drawn.columns) == len(rows)
    for column, row in zip(drawn.columns, rows, strict=True):
        assert column.x >= LEFT and column.x + drawn.width <= RIGHT + 0.2
        assert sum(mark.value for mark in column.marks) == sum(row.values())
        assert all(TOP - 0.1 <= mark.y <= BOTTOM and mark.height > 0 for mark in column.marks)
        assert [mark.y for mark in column.marks] == sorted((mark.y for mark in column.marks), reverse=True)
        assert 0 <= column.tip <= RIGHT


@given(ROWS.filter(bool))
def test_the_last_column_is_always_named(rows):
    drawn = stack_columns([""] * len(rows), rows, NAMES)
    assert drawn.columns[-1].has_tick
    assert sum(column.has_tick for column in drawn.columns) <= 15


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=90))
def test_a_spark_line_has_a_point_for_each_value_within_its_box(values):
    line = spark_line(values)
    known = [one for one in values if one is not None]
    if len(values) < 2 or not known:
        assert line == ""
        return
    points = [tuple(map(float, point.split())) for point in line.split("L")[1:]]
    assert len(points) == len(values)
    assert all(0 <= x <= 100 and 4 <= y <= 26 for x, y in points)


def test_ticks_go_from_nothing_to_the_top():
    marks = ticks(400)
    assert [mark.value for mark in marks] == [0, 100, 200, 300, 400]
    assert (marks[0].at, marks[-1].at) == (BOTTOM, TOP)


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 1000)), max_size=50))
def test_a_line_ends_where_its_last_point_is(points):
    line = draw_line(points, 30, 1000)
    if not points:
        assert line is None
        return
    assert line is not None and line.path.count("L") == len(points) - 1
    assert TOP - 0.1 <= line.end_y <= BOTTOM + 0.1 and LEFT <= line.end_x <= RIGHT
