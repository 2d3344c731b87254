"""Fixtures of the doors that readers come to."""

import pytest

from tests.actions.workshop import Workshop, template
from tests.gateways.reading import HTML, Site
from warmpost.rules.model.writes import Put


@pytest.fixture
async def site(store):
    workshop = await Workshop(store).open()
    await store.commit(Put("templates/1", template("Hello {{ name }}", HTML)))
    site = Site(workshop)
    yield site
    await site.http.aclose()
