"""The deployment's choices that verbs decide by, apart from where and how it is deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from warmpost.rules.delivery.progress import CLOCKS_DIFFER
from warmpost.rules.delivery.retries import RetryPlan
from warmpost.rules.delivery.throttling import Limit
from warmpost.rules.model.relays import Pool
from warmpost.rules.operations.prices import STANDARD_PRICES, Prices
from warmpost.rules.operations.retention import Retention
from warmpost.rules.warmup.levels import STANDARD, LevelTable


@dataclass(frozen=True, slots=True)
class Policy:
    """project: part of every derived Message-ID. shared_pool: where mail leaves until a pool `shared` is created.

    claim_batch: messages a worker claims at once for each of the chunks it serves, and so what one crash can leave
    uncertain of each. lease: seconds a claim holds without a sign of life. clocks_differ: see `progress.CLOCKS_DIFFER`.
    work_limit: seconds a task works before it hands on.
    levels: caps and rules of domains that have none of their own. private_webhooks: whether customers'
    endpoints may be at inner addresses and without TLS, as on the local stack. provider_limits: of one process, see
    `throttling`. return_key: signs the return paths of messages. prices: of what is used up.
    base_url: in front of all functions. region: where they run. settings: names of those that a deployment has given.
    """

    project: str
    shared_pool: Pool
    time_zone: str = "UTC"
    simulator_domain: str = "simulator.invalid"
    spf_include: str = ""
    claim_batch: int = 125
    lease: float = 15.0
    clocks_differ: float = CLOCKS_DIFFER
    work_limit: float = 480.0
    retries: RetryPlan = field(default_factory=RetryPlan)
    levels: LevelTable = STANDARD
    private_webhooks: bool = False
    provider_limits: Mapping[str, Limit] = field(default_factory=dict)
    return_key: bytes = field(default=b"", repr=False)
    base_url: str = ""
    region: str = ""
    settings: tuple[str, ...] = field(default=(), compare=False)
    prices: Prices = STANDARD_PRICES
    retention: Retention = Retention()
