"""A workshop on an empty database."""

import pytest

from tests.actions.planner import Planner
from tests.actions.workshop import Workshop


@pytest.fixture
async def workshop(store):
    return await Workshop(store).open()


@pytest.fixture
def planner(workshop):
    return Planner(workshop)
