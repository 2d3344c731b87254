"""A harness on an empty database."""

import pytest

from tests.actions.harness import Harness
from tests.actions.schedule_harness import Planner


@pytest.fixture
async def harness(store):
    return await Harness(store).open()


@pytest.fixture
def planner(harness):
    return Planner(harness)
