"""Carry over: recipients who were released on an earlier day and not sent need volume of the day they leave on.

It happens to what a block, an outage, a pause by hand or plain midnight came before. Without it a day could see its own
volume and the left-over of the day before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from warmpost.rules import progress as rules
from warmpost.rules.ledger import decide_release
from warmpost.rules.statuses import Status
from warmpost.rules.writes import Write
from warmpost.sending.claims import Claims, LeaseLostError
from warmpost.sending.ports import Services
from warmpost.sending.warmth import Weather, keep, keep_pool, look

TRIES = 10


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """waiting: positions that today has no volume for. resume_at: when to ask for them again."""

    waiting: frozenset[int] = frozenset()
    resume_at: datetime | None = None


async def carry_over(services: Services, claims: Claims, domain: str, todo: Sequence[int]) -> CarriedOver:
    """Reserves today's volume for the queued of earlier days, in the commit that notes it in the chunk's progress.

    Whoever is deferred was attempted on a day of his own. Nothing is read where nobody is late. Raises LeaseLostError
    where another worker has the chunk.
    """
    for attempt in range(TRIES):
        late = [one for one in todo if _is_late(claims.progress, one, services.today())]
        if not late:
            return CarriedOver()
        weather = await look(services, domain)
        release = decide_release(
            len(late),
            weather.allowance,
            services.clock.now(),
            weather.day,
            pool=weather.pool,
            pause=weather.pause,
            blocked=weather.blocked,
        )
        taken, waiting = late[: release.granted], late[release.granted :]
        try:
            if taken:
                moved = rules.carry(claims.progress, taken, weather.today)
                await claims.write(moved, *_reserved(weather, len(taken)))
        except LeaseLostError:
            if attempt == TRIES - 1:
                raise
            continue
        return CarriedOver(frozenset(waiting), release.resume_at)
    raise AssertionError("the last try returns or raises")


def _is_late(progress: rules.Progress, position: int, today: str) -> bool:
    return progress.status(position) is Status.QUEUED and progress.day(position) != today


def _reserved(weather: Weather, amount: int) -> list[Write]:
    warmth = replace(
        weather.warmth,
        reserved=weather.warmth.reserved + amount,
        released=weather.warmth.released + amount,
    )
    return [*keep(weather, warmth), *keep_pool(weather, amount)]
