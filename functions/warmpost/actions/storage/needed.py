"""What schedules cannot do without is not deleted under them."""

from __future__ import annotations

from warmpost.actions.ports import Store
from warmpost.errors import Conflict
from warmpost.rules.model.writes import Stored
from warmpost.rules.schedules.schedules import Schedule

MOST_NAMED = 5


async def schedules_that_need(store: Store, path: str, limit: int | None = None) -> list[Stored[Schedule]]:
    """Those that have not ended, whose runs use the document at `path`."""
    return await store.find(Schedule, "schedules", ("needs", "array_contains", path), limit=limit)


async def refuse_while_scheduled(store: Store, what: str, path: str) -> None:
    """what: the kind of thing, such as `template`. Raises Conflict `<what>_in_use` with the schedules' numbers."""
    needing = await schedules_that_need(store, path, MOST_NAMED + 1)
    if needing:
        raise Conflict(
            f"{what}_in_use",
            f"This {what} is needed by {name_some('schedule', [one.id for one in needing])}; end them first.",
        )


def name_some(what: str, ids: list[str]) -> str:
    """`schedule 4`, `batches 4, 7 and more`."""
    named = ", ".join(ids[:MOST_NAMED])
    plural = ("es" if what.endswith("ch") else "s") * (len(ids) > 1)
    return f"{what}{plural} {named}{' and more' * (len(ids) > MOST_NAMED)}"
