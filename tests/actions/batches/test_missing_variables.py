"""A batch to a list in which somebody lacks what the template needs names who, and goes when that is put right."""

from __future__ import annotations

import pytest

from tests.actions.harness import address
from warmpost.actions.lists.change_recipients import change_recipient
from warmpost.actions.lists.import_recipients import import_recipients
from warmpost.actions.lists.manage_lists import create_list
from warmpost.errors import Invalid
from warmpost.rules.lists.csv_import import JsonRows


async def submit(planner, people):
    number = (await create_list(planner.services, "readers")).id
    await import_recipients(planner.services, number, JsonRows(people))
    template = await planner.template("Dear {{ name }} of {{ city }}")
    return number, template


async def refused(planner, number, template) -> Invalid:
    with pytest.raises(Invalid) as told:
        await planner.harness.submit_list(number, template=template)
    return told.value


async def test_the_rows_that_lack_a_variable_are_counted_and_named(planner):
    people = [(address(n), {"name": "N"} | ({"city": "Rome"} if n % 10 else {})) for n in range(1, 300)]
    number, template = await submit(planner, people)
    told = await refused(planner, number, template)
    assert (told.code, told.field) == ("missing_variable", "data.city")
    assert (
        "which 29 of 299 recipients lack: r10@example.net (row 10), r20@example.net (row 20)" in told.message
    )
    assert "and 9 more" in told.message


async def test_a_row_that_was_changed_lets_the_batch_go(planner):
    number, template = await submit(
        planner, [(address(1), {"name": "N", "city": "R"}), (address(2), {"name": "M"})]
    )
    assert "1 of 2" in (await refused(planner, number, template)).message
    await change_recipient(planner.services, number, address(2), {"city": "Oslo"})
    batch = await planner.harness.submit_list(number, template=template)
    assert (await planner.harness.batch(batch)).total == 2


async def test_a_value_for_all_lets_the_batch_go(planner):
    number, template = await submit(planner, [(address(2), {"name": "M"})])
    await planner.harness.submit_list(number, template=template, data={"city": "somewhere"})
