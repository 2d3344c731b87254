"""A relay for each module that asks for one, where Postfix may be started at all."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.relay.postfix import MISSING, Postfix, is_installed, may_run

NEEDED = "WARMPOST_TESTS_NEED_POSTFIX"


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    """Not started yet: whom it delivers to is known only when that runs. Where NEEDED is set, nothing is skipped."""
    if not may_run():
        pytest.skip("Postfix can be started by root only")
    if not is_installed() and NEEDED not in os.environ:
        pytest.skip(MISSING)
    with Postfix() as relay:
        yield relay
