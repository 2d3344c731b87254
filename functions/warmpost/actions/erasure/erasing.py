"""What the steps of an erasure share: whom it is about, and what a step says when it has done its part."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ParamSpec

from warmpost.actions.context import Services
from warmpost.actions.storage.retries import retry_on_conflict
from warmpost.errors import NotFound
from warmpost.rules.erasure.redaction import mentions
from warmpost.rules.model.derived_ids import address_hash

P = ParamSpec("P")

AT_ONCE = 20
"""Documents of a step that may be large."""


@dataclass(frozen=True)
class Erasing:
    """address: in lower case. places: (path of a batch or message, chunk or empty, position).

    after: where the step goes on.
    """

    services: Services
    address: str
    places: Sequence[tuple[str, str, int]]
    after: str

    @cached_property
    def wanted(self) -> re.Pattern[str]:
        return mentions(self.address)

    @property
    def hashed(self) -> int:
        return address_hash(self.address)


@dataclass(frozen=True, slots=True)
class StepResult:
    """erased: documents that were changed. after: where the step goes on, empty at its end. waiting: documents on their
    way that cannot be changed yet."""

    erased: int = 0
    after: str = ""
    waiting: int = 0


Step = Callable[[Erasing], Awaitable[StepResult]]


async def change(attempt: Callable[P, Awaitable[bool]], *args: P.args, **named: P.kwargs) -> bool:
    """Whether something was changed; read and decided anew where something came between."""
    try:
        return await retry_on_conflict(lambda: attempt(*args, **named))
    except NotFound:
        return False
