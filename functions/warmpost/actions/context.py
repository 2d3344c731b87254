"""What a verb is given: the ports of the outside, and what this process remembers."""

from __future__ import annotations

from dataclasses import dataclass

from warmpost.actions.ports import (
    Clock,
    Encryption,
    Metering,
    Pictures,
    Probes,
    Recurrence,
    Relays,
    Resolver,
    SigningPool,
    Store,
    Tasks,
    Templates,
    WebhookClient,
)
from warmpost.actions.state.cache import Cache
from warmpost.actions.state.endpoint_slots import EndpointSlots
from warmpost.actions.state.message_store import MessageStore
from warmpost.actions.state.reader_buffer import ReaderBuffer
from warmpost.actions.state.reservations import Reserved
from warmpost.actions.state.suppression_lookup import Suppressed
from warmpost.actions.state.throttle import Throttle
from warmpost.actions.state.worker_slots import WorkerSlots
from warmpost.rules.model.days import day_of
from warmpost.rules.operations.policy import Policy


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a verb may use.

    message_store, cache, suppressed, worker_slots, reserved, throttle, endpoint_slots,
    reader_buffer: what this process remembers.
    worker: names it in leases.
    """

    clock: Clock
    metering: Metering
    store: Store
    tasks: Tasks
    templates: Templates
    signing_pool: SigningPool
    relays: Relays
    resolver: Resolver
    encryption: Encryption
    webhooks: WebhookClient
    pictures: Pictures
    probes: Probes
    recurrence: Recurrence
    message_store: MessageStore
    cache: Cache
    suppressed: Suppressed
    worker_slots: WorkerSlots
    reserved: Reserved
    throttle: Throttle
    endpoint_slots: EndpointSlots
    reader_buffer: ReaderBuffer
    policy: Policy
    worker: str

    def today(self) -> str:
        """The calendar day in the deployment's time zone."""
        return day_of(self.clock.now(), self.policy.time_zone)
