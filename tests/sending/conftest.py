"""A workshop on an empty database."""

import pytest

from tests.sending.workshop import Workshop


@pytest.fixture
async def workshop(store):
    return await Workshop(store).open()
