"""What happens in a schedule: people send, pause, cancel; the world goes on until nothing is left to do."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

from tests.actions.harness import DOMAIN, SENDER, START, a_request, send_order, template
from tests.simulation.invariants import check_always, check_end
from tests.simulation.loop import Choices, SeededChoices, SimulatedLoop
from tests.simulation.world import POLICY, Nature, World
from warmpost.actions.batches.control_batch import cancel_batch, pause_batch, resume_batch
from warmpost.actions.batches.send_message import send_message
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.actions.operations.daily import run_daily
from warmpost.errors import Conflict, Moved, Unavailable
from warmpost.rules.delivery.documents import Batch, Message
from warmpost.rules.identity.domains import Domain, DomainKey
from warmpost.rules.model.writes import Put
from warmpost.rules.requests.requests import BatchOrder, RecipientOrder
from warmpost.rules.warmup.documents import WarmupState

SMALL_CAPS = """{"raises_per_day": 20, "caps": [3, 6, 12, 24],
 "lower": {"D1": {"volume": "> 3", "invalid": "> 9 %"}},
 "block": {"B1": {"volume": "> 3", "invalid": "> 11 %"}, "B2": {"volume": "> 3", "spam": "> 15 %"}}}"""


MOST_DAYS = 12


@dataclass(frozen=True, slots=True)
class Scenario:
    """recipients: of a batch. singles: messages beside it. control: what a person does meanwhile.

    warmup: whether the domain is under caps as small as these batches.
    """

    recipients: int = 3
    singles: int = 0
    on_uncertain: str = "hold"
    control: str = ""
    warmup: bool = False
    workers: int = 2
    nature: Nature = Nature()


class Run:
    """One schedule of a scenario. history: what happened, in order, for whoever reads a failure."""

    def __init__(self, scenario: Scenario, choices: Choices) -> None:
        self.scenario = scenario
        self.loop = SimulatedLoop(choices)
        self.batch = ""
        self.messages: list[str] = []
        self.stopped_at: float | None = None

    def go(self) -> Run:
        """Nothing is left to chance: what is drawn elsewhere comes from a counter and a fixed seed."""
        numbers = itertools.count()
        random.seed(0)
        with (
            patch("secrets.token_hex", lambda size=8: f"{next(numbers):0{2 * size}x}"),
            patch("secrets.token_bytes", lambda size=8: next(numbers).to_bytes(size, "big")),
        ):
            self.loop.run(self._main())
        return self

    @property
    def history(self) -> str:
        return "\n".join(self.loop.history)

    async def _main(self) -> None:
        self.world = World(self.loop, self.scenario.nature, POLICY, self.scenario.workers)
        self._prepare()
        self.loop.after_each = lambda: check_always(self)
        await self._submit()
        await asyncio.gather(self.world.until_quiet(), self._control())
        self.world.is_calm = True
        await self.world.until_quiet()
        await self._days_pass()
        await check_end(self)

    def _prepare(self) -> None:
        key = DomainKey("wp1", "rsa-sha256", "public", b"sealed")
        state = WarmupState(rules=SMALL_CAPS) if self.scenario.warmup else WarmupState(warmup=False)
        self.world.documents.commit(
            [
                Put(f"domains/{DOMAIN}", Domain(DOMAIN, "verified", (key,), (), START)),
                Put(f"warmup/{DOMAIN}", state),
                Put("templates/1", template("Hello", "<p>Dear reader</p>")),
            ]
        )

    async def _submit(self) -> None:
        """Nothing fails before a person is answered: what doors do then has tests of its own."""
        self.world.is_calm, services = True, self.world.outside
        for number in range(self.scenario.singles):
            order = send_order(f"s{number}@example.net")
            self.messages.append((await send_message(services, order, a_request())).id)
        if self.scenario.recipients:
            people = tuple(
                RecipientOrder(f"r{number}@example.net", {}) for number in range(self.scenario.recipients)
            )
            batch_order = BatchOrder(
                sender=SENDER,
                template="1",
                recipients=people,
                on_uncertain=self.scenario.on_uncertain,  # type: ignore[arg-type]
            )
            self.batch = (await submit_batch(services, batch_order, a_request())).id
        self.world.is_calm = False

    async def _control(self) -> None:
        if not self.scenario.control:
            return
        services = self.world.outside
        verbs: dict[str, Callable[..., Any]] = {
            "pause": pause_batch,
            "resume": resume_batch,
            "cancel": cancel_batch,
        }
        for name in self.scenario.control.split():
            for _ in range(self.loop.choices.pick(30, "moment")):
                await self.loop.step("person", "waits")
            try:
                await self._insist(partial(verbs[name], services, self.batch))
            except Conflict:
                return  # it is done already
            if name in ("pause", "cancel"):
                self.stopped_at = self.loop.time()

    async def _insist(self, call: Callable[[], Any]) -> None:
        while True:
            try:
                await call()
                return
            except (Unavailable, Moved):
                await asyncio.sleep(1)

    async def _days_pass(self) -> None:
        """The daily run takes up what was left lying by whoever ended in between, and what waited for a new day."""
        for _ in range(MOST_DAYS):
            if self._is_at_rest():
                return
            await asyncio.sleep(timedelta(days=1).total_seconds())
            await run_daily(self.world.outside)
            await self.world.until_quiet()

    def _is_at_rest(self) -> bool:
        documents = self.world.documents
        batch = documents.get(Batch, f"batches/{self.batch}") if self.batch else None
        messages = [documents.get(Message, f"messages/{one}") for one in self.messages]
        ended = batch is None or batch.value.status.has_ended
        return ended and all(one is None or one.value.progress.finished for one in messages)


SCENARIOS = (
    Scenario(),
    Scenario(on_uncertain="resend"),
    Scenario(recipients=0, singles=2),
    Scenario(recipients=5, control="cancel"),
    Scenario(control="pause resume"),
    Scenario(recipients=5, warmup=True),
    Scenario(recipients=4, singles=1, nature=Nature(busy_counters=10.0)),
    Scenario(recipients=0, singles=2, nature=Nature(skew=25.0)),
    Scenario(on_uncertain="resend", nature=Nature(skew=25.0)),
)


def run_seed(seed: int, scenario: Scenario | None = None) -> Run:
    """Everything follows from the seed: the scenario where none is given, how many faults there are, and each choice."""
    chosen = scenario or SCENARIOS[seed % len(SCENARIOS)]
    choices = SeededChoices(seed, faults=seed % 5, hurried=chosen.control == "cancel")
    return Run(chosen, choices).go()
