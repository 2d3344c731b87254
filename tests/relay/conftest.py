"""A relay for each module that asks for one, where Postfix may be started at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.relay.postfix import Postfix, may_run


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    """Not started yet: whom it delivers to is known only when that runs."""
    if not may_run():
        pytest.skip("Postfix can be started by root only")
    with Postfix() as relay:
        yield relay
