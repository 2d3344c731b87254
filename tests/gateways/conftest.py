"""Fixtures of the doors that readers come to."""

import pytest

from tests.actions.harness import Harness, template
from tests.gateways.mail_reader import HTML, Site
from warmpost.rules.model.writes import Put


@pytest.fixture
async def site(store):
    harness = await Harness(store).open()
    await store.commit(Put("templates/1", template("Hello {{ name }}", HTML)))
    site = Site(harness)
    yield site
    await site.http.aclose()
